"""What an identity says about itself in ``config.json``: read with suspicion, written in full."""

import json
import re
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

from .errors import BundleError
from .face.drawing import DrawingStyle
from .face.keypoints import GROUPS
from .face.mashing import FaceGeometry
from .nets.oracle import OracleConfig
from .nets.renderer import RendererConfig
from .speech.features import Features, Visemes, read_features
from .timing import parse_fps

FORMAT = 1
"""Version of the bundle's layout; a reader refuses any other."""
CONFIG = "config.json"
MAX_BYTES = 1_000_000

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
"""What identities and clips may be called: nothing that could leave its folder."""


@dataclass(frozen=True)
class IdentityConfig:
    """What ``config.json`` says."""

    name: str
    """Letters, digits, hyphen and underscore."""
    fps: Fraction = Fraction(25)
    network: RendererConfig = field(default_factory=RendererConfig)
    style: DrawingStyle = field(default_factory=DrawingStyle)
    features: Features = field(default_factory=Visemes)
    """What the network listens to."""
    licence: str = ""
    consent: dict[str, Any] = field(default_factory=dict)
    """Whose face this is, and the record of their consent."""
    training: dict[str, Any] = field(default_factory=dict)
    """How the weights came about: data, steps, scores."""
    default_background: str = ""
    """What stands behind the person in the training pictures."""
    default_clip: str = ""
    """The clip to play when none is asked for; empty: the first by name."""
    geometry: FaceGeometry | None = None
    """The rest face and the camera, which mashing needs."""
    oracle: OracleConfig | None = None
    """What the bundle's oracle is built of, where it has one."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        network = self.network.to_dict()
        optional = {"geometry": self.geometry, "oracle": self.oracle}
        return {
            "format": FORMAT,
            "name": self.name,
            "fps": str(self.fps),
            "features": self.features.to_dict(),
            "mouth_box": network.pop("mouth_box"),
            "keypoint_groups": {group: list(points) for group, points in GROUPS.items()},
            "drawing": self.style.to_dict(),
            "network": network,
            "licence": self.licence,
            "consent": self.consent,
            "training": self.training,
            "default_background": self.default_background,
            "default_clip": self.default_clip,
            **{key: part.to_dict() for key, part in optional.items() if part is not None},
        }

    @classmethod
    def from_dict(cls, values: Any) -> "IdentityConfig":
        """Read what ``to_dict`` wrote.

        Raises:
            BundleError: for another format version, a missing key, or a value of the wrong kind.
        """
        if not isinstance(values, dict):
            raise BundleError(f"{CONFIG} should hold an object, not {_kind(values)}.")
        if values.get("format") != FORMAT:
            raise BundleError(
                f"{CONFIG} has format version {str(values.get('format'))[:20]!r}, "
                f"but this software reads version {FORMAT}."
            )
        name = _take(values, "name", str)
        if not NAME.fullmatch(name):
            raise BundleError(f"{CONFIG} has a name that cannot be a folder's: {name[:70]!r}.")
        groups = {group: list(points) for group, points in GROUPS.items()}
        if _take(values, "keypoint_groups", dict) != groups:
            raise BundleError(f"{CONFIG} groups the 68 keypoints in another way.")
        try:
            features = read_features(_take(values, "features", dict))
            fps = parse_fps(_take(values, "fps", str))
            network = RendererConfig.from_dict(_network_arguments(values))
            style = _style(_take(values, "drawing", dict))
            geometry, oracle = _geometry(values), _oracle(values, network)
        except (ValueError, ArithmeticError) as error:
            raise BundleError(f"{CONFIG} cannot be used: {error}.") from error
        if network.k != features.k:
            raise BundleError(f"{CONFIG} asks for {network.k} features, not {features.k}.")
        texts = ("licence", "default_background", "default_clip")
        records = ("consent", "training")
        return cls(
            name, fps, network, style, features,
            **{key: _take(values, key, str) for key in texts},
            **{key: _take(values, key, dict) for key in records},
            geometry=geometry, oracle=oracle,
        )  # fmt: skip

    @classmethod
    def load(cls, path: Path) -> "IdentityConfig":
        """Read ``config.json``.

        Raises:
            BundleError: if it is missing, no JSON, or cannot be used.
        """
        try:
            if path.stat().st_size > MAX_BYTES:
                raise BundleError(f"{CONFIG} is too large to be a configuration.")
            values = json.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise BundleError(f"The bundle {path.parent} is missing {CONFIG}.") from error
        except (ValueError, RecursionError) as error:
            raise BundleError(f"{CONFIG} is not valid JSON.") from error
        return cls.from_dict(values)


def _take(values: dict[str, Any], key: str, kind: type) -> Any:
    if key not in values:
        raise BundleError(f"{CONFIG} is missing {key!r}.")
    if not isinstance(values[key], kind):
        raise BundleError(
            f"{CONFIG} should have a {kind.__name__} for {key!r}, not {_kind(values[key])}."
        )
    return values[key]


def _kind(value: Any) -> str:
    return type(value).__name__


def _network_arguments(values: dict[str, Any]) -> dict[str, Any]:
    """The renderer's arguments, their types checked against its defaults'."""
    arguments, defaults = _take(values, "network", dict), RendererConfig().to_dict()
    _check_kinds("network", arguments, defaults)
    box = _take(values, "mouth_box", list)
    if len(box) != 4 or any(type(value) is not int for value in box):
        raise ValueError(f"mouth_box should be four whole numbers, not {str(box)[:60]}")
    return arguments | {"mouth_box": box}


def _check_kinds(part: str, arguments: dict[str, Any], defaults: dict[str, Any]) -> None:
    for key, value in arguments.items():
        if key in defaults and type(value) is not type(defaults[key]):
            raise ValueError(f"{part} {key} should be {_kind(defaults[key])}, not {_kind(value)}")


def _geometry(values: dict[str, Any]) -> FaceGeometry | None:
    return FaceGeometry.from_dict(_take(values, "geometry", dict)) if "geometry" in values else None


def _oracle(values: dict[str, Any], network: RendererConfig) -> OracleConfig | None:
    """The oracle's arguments; its pictures are pasted where the renderer's mouth box is."""
    if "oracle" not in values:
        return None
    arguments = _take(values, "oracle", dict)
    _check_kinds("oracle", arguments, OracleConfig().to_dict())
    for key, value in arguments.items():
        if type(value) is list and any(type(number) is not int for number in value):
            raise ValueError(f"oracle {key} should hold whole numbers, not {str(value)[:60]}")
    oracle = OracleConfig.from_dict(arguments)
    if tuple(oracle.mouth_box) != tuple(network.mouth_box):
        raise ValueError("oracle has another mouth_box than the identity")
    return oracle


def _style(values: dict[str, Any]) -> DrawingStyle:
    width, radius = values.get("line_width"), values.get("iris_radius")
    if type(width) is not int or type(radius) not in (int, float) or len(values) != 2:
        raise ValueError("drawing should have line_width and iris_radius")
    if not (1 <= width <= 32 and 0 < radius < 1):
        raise ValueError("drawing has a line_width outside 1..32 or an iris_radius outside 0..1")
    return DrawingStyle(width, float(radius))
