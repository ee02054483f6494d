"""The arms of an ablation that were trained, ready to be measured."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file

from ..errors import AvatarError
from ..face.clip import Clip
from ..identity import Identity, IdentityConfig
from ..nets.oracle import Oracle, OracleConfig
from ..nets.renderer import Renderer, RendererConfig
from ..speech.features import Visemes, read_features
from .oracle import Draw
from .subject import Subject

FACTS, RENDERER, WHOLE = "arm.json", "renderer.safetensors", "whole.safetensors"


@dataclass(frozen=True)
class TrainedArm:
    """A folder with weights and what ``arm.json`` says of them."""

    folder: Path
    facts: dict[str, Any]

    @property
    def name(self) -> str:
        """The arm's name, which is its folder's."""
        return self.folder.name

    @property
    def renders(self) -> bool:
        """Whether it is a renderer; otherwise it is an oracle's."""
        return (self.folder / RENDERER).is_file()

    def subject(self, clips: Mapping[str, Clip]) -> Subject:
        """The arm's renderer, ready to be measured.

        Args:
            clips: of its person, which tell the engine what is usual.

        Raises:
            AvatarError: if its files are damaged or do not fit.
        """
        with self._checked():
            network = RendererConfig.from_dict(self.facts["network"])
            heard = self.facts.get("features")
            features = read_features(heard) if heard else Visemes()
            renderer = Renderer(network)
            renderer.load_state_dict(load_file(self.folder / RENDERER))
        made_up = IdentityConfig(self.name, network=network, features=features)
        renderer.eval().requires_grad_(False)
        return Subject.of(Identity(made_up, renderer, clips, self.folder))

    def whole_oracle(self) -> Draw:
        """The head network that draws all by itself (Fig. 3), as ``score_oracle`` takes it.

        Raises:
            AvatarError: if its files are damaged or do not fit.
        """
        with self._checked():
            network = Oracle(OracleConfig.from_dict(self.facts["oracle"])).head.eval()
            network.load_state_dict(load_file(self.folder / WHOLE))
        return lambda drawing, _: network((drawing * 2 - 1).expand(-1, 3, -1, -1))

    @contextmanager
    def _checked(self) -> Iterator[None]:
        try:
            yield
        except (OSError, SafetensorError, RuntimeError, KeyError, ValueError, TypeError) as error:
            raise AvatarError(
                f"The arm {self.folder} is damaged: delete it and train it again."
            ) from error


def find_arms(folder: Path) -> dict[str, TrainedArm]:
    """Arms under a folder whose training has ended.

    Raises:
        AvatarError: if what one says of itself is damaged.
    """
    arms = {}
    for path in sorted(folder.glob(f"*/{FACTS}")):
        if not any((path.parent / weights).is_file() for weights in (RENDERER, WHOLE)):
            continue
        try:
            arms[path.parent.name] = TrainedArm(path.parent, json.loads(path.read_text("utf-8")))
        except (OSError, ValueError) as error:
            raise AvatarError(f"{path} is damaged: delete it and train the arm again.") from error
    return arms
