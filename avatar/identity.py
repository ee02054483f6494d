"""The identity bundle: one person's network, motion clips and papers, from a folder or the Hub.

Loading reads JSON and safetensors only: nothing in a bundle is unpickled or run, sizes are checked
against what the configuration asks for before memory is taken, and every weight must fit.
"""

import hashlib
import json
import logging
import os
import secrets
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from . import hub
from .errors import BundleError, ClipError
from .face.clip import Clip
from .face.seen import SeenDrawings
from .files import replacing
from .identity_config import CONFIG, NAME, IdentityConfig
from .nets.lite import Lite
from .nets.oracle import Oracle
from .nets.renderer import Renderer

__all__ = [
    "Clips", "Identity", "IdentityConfig", "list_identities", "load_identity", "read_bundle",
    "save_identity", "save_lite",
]  # fmt: skip

_LOGGER = logging.getLogger(__name__)

WEIGHTS, ORACLE, CLIPS = "renderer.safetensors", "oracle.safetensors", "clips"
LITE = "lite.safetensors"
SEEN, PREVIEW, CARD = "seen.safetensors", "preview.webp", "README.md"


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
        try:
            with safe_open(path, framework="pt") as file:
                teacher = (file.metadata() or {}).get("teacher")
        except (SafetensorError, OSError) as error:
            raise BundleError(f"{path.name} is damaged or cut short; fetch it again.") from error
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
    raise BundleError(
        f"There is no identity {str(source)!r}: give a folder, a Hub repository such as "
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


def save_identity(
    folder: str | Path,
    config: IdentityConfig,
    renderer: Renderer,
    clips: Iterable[Clip],
    *,
    lite: Lite | None = None,
    oracle: Oracle | None = None,
    seen: SeenDrawings | None = None,
    preview: np.ndarray | None = None,
    card: str = "",
    overwrite: bool = False,
) -> Path:
    """Write a bundle, whole or not at all.

    Args:
        folder: where; its parents are made as needed.
        config: what ``config.json`` says.
        renderer: the trained network, built from ``config.network``.
        clips: head motion at the identity's frame rate.
        lite: the lite renderer that this renderer taught.
        oracle: the trained oracle, built from ``config.oracle``; stored in half precision.
        seen: drawings that stand for all that the network was trained on.
        preview: (H, W, 3) uint8 RGB still.
        card: text of the model card, ``README.md``.
        overwrite: replace what stands at ``folder``.

    Returns:
        The folder.

    Raises:
        BundleError: if the folder exists and may not be replaced, or the parts do not fit.
    """
    folder = Path(folder)
    if folder.exists() and not overwrite:
        raise BundleError(f"{folder} exists already; choose another name or allow replacing it.")
    temporary = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}")
    try:
        (temporary / CLIPS).mkdir(parents=True)
        text = json.dumps(config.to_dict(), indent=2, ensure_ascii=False)
        (temporary / CONFIG).write_text(text + "\n", encoding="utf-8")
        _write_weights(temporary / WEIGHTS, config.name, renderer.state_dict())
        if lite is not None:
            weights, teacher = lite.state_dict(), digest(renderer)
            _write_weights(temporary / LITE, config.name, weights, teacher=teacher)
        if oracle is not None:
            halves = {key: value.half() for key, value in oracle.state_dict().items()}
            _write_weights(temporary / ORACLE, config.name, halves)
        if seen is not None:
            seen.save(temporary / SEEN)
        for clip in clips:
            clip.save(temporary / CLIPS / f"{clip.name}.safetensors")
        (temporary / CARD).write_text(card, encoding="utf-8")
        if preview is not None:
            _save_preview(temporary / PREVIEW, preview)
        written = read_bundle(temporary)  # what cannot be loaded must not replace what can
        written.seen()
        if oracle is not None:
            written.oracle()
        _swap(temporary, folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return folder


def save_lite(identity: Identity, lite: Lite) -> Path:
    """Put a lite renderer into an identity's bundle, in the place of an earlier one.

    Returns:
        Its file.

    Raises:
        BundleError: if the bundle is not to be written to.
    """
    check_own(identity)
    path = identity.folder / LITE
    with replacing(path) as temporary:
        teacher = digest(identity.renderer)
        _write_weights(temporary, identity.name, lite.state_dict(), teacher=teacher)
    return path


def check_own(identity: Identity) -> None:
    """Raise BundleError for a bundle that cannot be added to: the Hub's copy, or a locked one."""
    if identity.revision is not None:
        raise BundleError(
            f"{identity.name} is a copy of the Hub's, which stays as it is: copy {identity.folder} "
            "and name the copy."
        )
    if not os.access(identity.folder, os.W_OK):
        raise BundleError(f"The bundle {identity.folder} cannot be written to.")


def digest(network: torch.nn.Module) -> str:
    """Tells one network's weights from another's."""
    result = hashlib.sha256()
    for name, tensor in network.state_dict().items():
        result.update(name.encode() + tensor.cpu().numpy().tobytes())
    return result.hexdigest()


def _swap(new: Path, folder: Path) -> None:
    """Put ``new`` in the place of ``folder``, which may exist."""
    if not folder.exists():
        os.replace(new, folder)
        return
    old = new.with_name(f"{new.name}.old")
    os.replace(folder, old)
    try:
        os.replace(new, folder)
    except OSError:
        os.replace(old, folder)
        raise
    shutil.rmtree(old, ignore_errors=True)


def _save_preview(path: Path, picture: np.ndarray) -> None:
    import cv2

    cv2.imwrite(str(path), picture[..., ::-1], [cv2.IMWRITE_WEBP_QUALITY, 85])


def _shelves() -> list[Path]:
    return [Path("checkpoints"), Path(__file__).resolve().parent.parent / "checkpoints"]


def _local_folder(source: str | Path) -> Path | None:
    if isinstance(source, Path) or Path(source).is_dir():
        return Path(source)
    if NAME.fullmatch(source):
        return next((s / source for s in _shelves() if (s / source / CONFIG).is_file()), None)
    return None


def _write_weights(
    path: Path, name: str, weights: Mapping[str, torch.Tensor], **told: str
) -> None:
    contiguous = {key: value.contiguous() for key, value in weights.items()}
    save_file(contiguous, path, metadata={"format": "pt", "name": name, **told})


def _read_weights(
    path: Path, expected: Mapping[str, torch.Tensor], types: tuple[str, ...] = ("F32",)
) -> dict[str, torch.Tensor]:
    """Read exactly the expected tensors, as float32.

    Names, shapes and types are checked before any is read.
    """
    try:
        with safe_open(path, framework="pt") as file:
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
    except FileNotFoundError as error:
        raise BundleError(f"The bundle {path.parent} is missing {path.name}.") from error
    except (SafetensorError, OSError) as error:
        raise BundleError(f"{path.name} is damaged or cut short; fetch it again.") from error
    for name, tensor in weights.items():
        if not torch.isfinite(tensor).all():
            raise BundleError(f"{path.name} holds NaN or infinite numbers in {name}.")
    return weights
