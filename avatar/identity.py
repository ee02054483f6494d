"""The identity bundle: one person's network, motion clips and papers, from a folder or the Hub.

Loading reads JSON and safetensors only: nothing in a bundle is unpickled or run, sizes are checked
against what the configuration asks for before memory is taken, and every weight must fit.
"""

import hashlib
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open

from . import hub
from .errors import BundleError, ClipError
from .face.clip import Clip
from .face.seen import SeenDrawings
from .identity_config import CONFIG, NAME, IdentityConfig
from .nets.lite import Lite
from .nets.oracle import Oracle
from .nets.renderer import Renderer

__all__ = [
    "Clips", "Identity", "IdentityConfig", "list_identities", "load_identity", "read_bundle",
]  # fmt: skip

_LOGGER = logging.getLogger(__name__)

WEIGHTS, ORACLE, CLIPS = "renderer.safetensors", "oracle.safetensors", "clips"
LITE = "lite.safetensors"
SEEN, PREVIEW = "seen.safetensors", "preview.webp"


class Clips(Mapping[str, Clip]):
    """The clips of a bundle by name; each is read when it is first asked for."""

    def __init__(self, folder: Path, fps: Fraction):
        self._fps = fps
        self._paths = {
            path.stem: path
            for path in sorted(folder.glob("*.safetensors"))
            if NAME.fullmatch(path.stem)
        }
        self._loaded: dict[str, Clip] = {}

    def __getitem__(self, name: str) -> Clip:
        if name not in self._loaded:
            clip = replace(Clip.load(self._paths[name]), name=name)
            if clip.fps != self._fps:
                raise ClipError(
                    f"The clip {name} has {clip.fps} frames a second, its identity {self._fps}."
                )
            self._loaded[name] = clip
        return self._loaded[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._paths)

    def __len__(self) -> int:
        return len(self._paths)


@dataclass(frozen=True)
class Identity:
    """A person who can be rendered."""

    config: IdentityConfig
    renderer: Renderer
    """In evaluation mode, on the CPU."""
    clips: Mapping[str, Clip]
    folder: Path
    revision: str | None = None
    """Commit of the Hub repository that the bundle came from."""

    @property
    def name(self) -> str:
        """The identity's name."""
        return self.config.name

    @property
    def preview(self) -> Path | None:
        """A still picture, where the bundle has one."""
        path = self.folder / PREVIEW
        return path if path.is_file() else None

    @property
    def has_oracle(self) -> bool:
        """Whether frames can be mashed and drawn: oracle, rest face and camera are at hand."""
        parts = self.config.oracle, self.config.geometry
        return None not in parts and (self.folder / ORACLE).is_file()

    def oracle(self) -> Oracle:
        """The network that draws any mouth in any pose, read when it is first asked for.

        In evaluation mode, on the CPU, float32.

        Raises:
            BundleError: if the bundle has none, or it is damaged.
        """
        return self._oracle

    @cached_property
    def _oracle(self) -> Oracle:
        if not self.has_oracle:
            raise BundleError(
                f"The bundle {self.name} has no oracle ({ORACLE} and, in {CONFIG}, its arguments "
                "and the face's geometry), so it cannot mash: take a bundle that was trained with "
                "one, or train one with `python -m avatar train CAPTURE --run RUN`."
            )
        with torch.device("meta"):  # no memory is taken before the file is known to fit
            oracle = Oracle(self.config.oracle)
        weights = _read_weights(self.folder / ORACLE, oracle.state_dict(), ("F16", "F32"))
        oracle.load_state_dict(weights, assign=True)
        return oracle.eval().requires_grad_(False)

    def lite(self) -> Lite | None:
        """The smaller network that draws nearly the same, read when it is first asked for.

        In evaluation mode, on the CPU. None where the bundle has none that this renderer taught.

        Raises:
            BundleError: if it is damaged.
        """
        return self._lite

    @cached_property
    def _lite(self) -> Lite | None:
        path = self.folder / LITE
        if not path.is_file():
            return None
        with _opened(path) as file:
            teacher = (file.metadata() or {}).get("teacher")
        if teacher != digest(self.renderer):
            _LOGGER.info("%s has a lite renderer of another teacher", self.name)
            return None
        lite = Lite(self.config.network)
        lite.load_state_dict(_read_weights(path, lite.state_dict()))
        return lite.eval().requires_grad_(False)

    def seen(self) -> SeenDrawings | None:
        """The drawings that the network was trained on, read when they are first asked for.

        None where the bundle has none, or no rest face.

        Raises:
            BundleError: if they are damaged.
        """
        return self._seen

    @cached_property
    def _seen(self) -> SeenDrawings | None:
        path, geometry = self.folder / SEEN, self.config.geometry
        if geometry is None or not path.is_file():
            return None
        return SeenDrawings.load(path, geometry)

    def clip(self, name: str | None = None) -> Clip:
        """The clip of that name, or the default one.

        Raises:
            ClipError: if there is none, naming those that there are, or if it is damaged.
        """
        name = name or self.config.default_clip or next(iter(self.clips))
        if name not in self.clips:
            raise ClipError(f"There is no clip {name!r}; there are: {', '.join(self.clips)}.")
        return self.clips[name]


def list_identities() -> list[str]:
    """Names that ``load_identity`` finds in a ``checkpoints`` folder here or beside the package."""
    return sorted({
        folder.name
        for shelf in _shelves()
        if shelf.is_dir()
        for folder in shelf.iterdir()
        if NAME.fullmatch(folder.name) and (folder / CONFIG).is_file()
    })  # fmt: skip


def load_identity(
    source: str | Path, revision: str | None = None, progress: hub.Progress | None = None
) -> Identity:
    """Load a bundle.

    Args:
        source: a name under ``checkpoints/``, a folder, or a Hub repository ("org/name").
        revision: branch, tag or commit of the Hub repository; other sources have none.
        progress: told about the download, in bytes.

    Raises:
        BundleError: if it cannot be found or fetched, or is incomplete or malformed.
    """
    folder = _local_folder(source)
    if folder is not None:
        if revision is not None:
            raise BundleError(f"A revision is for Hub repositories, but {source} is a folder.")
        return read_bundle(folder)
    if isinstance(source, str) and hub.REPO_ID.fullmatch(source):
        folder = hub.fetch_bundle(source, revision, progress)
        return replace(read_bundle(folder), revision=folder.name)
    known = ", ".join(list_identities()) or "none"
    problem = f"There is no identity {source!r}" if source else "No identity is named"
    raise BundleError(
        f"{problem}: give a folder, a Hub repository such as "
        f"'org/name', or one of the built-in names ({known})."
    )


def read_bundle(folder: str | Path) -> Identity:
    """Load the bundle in ``folder``; see ``load_identity``."""
    folder = Path(folder).absolute()  # some of it is read later, wherever the process is by then
    config = IdentityConfig.load(folder / CONFIG)
    clips = Clips(folder / CLIPS, config.fps)
    if not clips:
        raise BundleError(f"The bundle {folder.name} is missing {CLIPS}/*.safetensors.")
    if config.default_clip and config.default_clip not in clips:
        missing = f"{CLIPS}/{config.default_clip}.safetensors"
        raise BundleError(f"The bundle {folder.name} is missing {missing}.")
    renderer = Renderer(config.network)
    renderer.load_state_dict(_read_weights(folder / WEIGHTS, renderer.state_dict()))
    return Identity(config, renderer.eval().requires_grad_(False), clips, folder)


def digest(network: torch.nn.Module) -> str:
    """Tells one network's weights from another's."""
    result = hashlib.sha256()
    for name, tensor in network.state_dict().items():
        result.update(name.encode() + tensor.cpu().numpy().tobytes())
    return result.hexdigest()


def _shelves() -> list[Path]:
    return [Path("checkpoints"), Path(__file__).resolve().parent.parent / "checkpoints"]


def _local_folder(source: str | Path) -> Path | None:
    if isinstance(source, Path) or (source and Path(source).is_dir()):
        return Path(source)
    if NAME.fullmatch(source):
        return next((s / source for s in _shelves() if (s / source / CONFIG).is_file()), None)
    return None


def _read_weights(
    path: Path, expected: Mapping[str, torch.Tensor], types: tuple[str, ...] = ("F32",)
) -> dict[str, torch.Tensor]:
    """Read exactly the expected tensors, as float32.

    Names, shapes and types are checked before any is read.
    """
    with _opened(path) as file:
        names = set(file.keys())
        if names != set(expected):
            odd = sorted(names ^ set(expected))[0]
            problem = "has an unknown" if odd in names else "lacks the"
            raise BundleError(f"{path.name} {problem} weight {odd[:80]!r}.")
        for name, tensor in expected.items():
            part = file.get_slice(name)
            if part.get_shape() != list(tensor.shape) or part.get_dtype() not in types:
                raise BundleError(
                    f"{path.name} has {name} as {part.get_dtype()} {part.get_shape()}, "
                    f"but the network needs {' or '.join(types)} {list(tensor.shape)}."
                )
        weights = {name: file.get_tensor(name).float() for name in expected}
    for name, tensor in weights.items():
        if not torch.isfinite(tensor).all():
            raise BundleError(f"{path.name} holds NaN or infinite numbers in {name}.")
    return weights


@contextmanager
def _opened(path: Path) -> Iterator[safe_open]:
    """A bundle's weights; what is wrong with the file is raised as a BundleError."""
    try:
        with safe_open(path, framework="pt") as file:
            yield file
    except FileNotFoundError as error:
        raise BundleError(f"The bundle {path.parent} is missing {path.name}.") from error
    except (SafetensorError, OSError) as error:
        raise BundleError(f"{path.name} is damaged or cut short; fetch it again.") from error
