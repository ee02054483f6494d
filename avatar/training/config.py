"""The one file that says how a training goes: a section a stage, every value with its default."""

import json
import math
from dataclasses import asdict, dataclass, field, fields, is_dataclass, replace
from pathlib import Path
from typing import Any

from ..errors import AvatarError
from ..files import replacing
from ..nets.oracle import OracleConfig
from ..nets.renderer import RendererConfig
from .augment import Augmentation
from .oracle import OracleTraining
from .renderer import RendererTraining

FILE = "config.json"
"""In the run folder: how the run was started."""
LEFT_OUT = ("mouth_box", "k", "mouth_decoder", "classical")
"""What no file may change: the capture and its features decide two, ablations the others."""
FREE = ("log_every", "sample_every", "save_every")
"""What may change while a run goes on, beside steps that grow."""


@dataclass(frozen=True)
class OracleStage:
    """The mouth and the head network that draw synthetic pictures."""

    network: OracleConfig = field(default_factory=OracleConfig)
    training: OracleTraining = field(default_factory=OracleTraining)


@dataclass(frozen=True)
class RendererStage:
    """The network that the bundle is for."""

    network: RendererConfig = field(default_factory=RendererConfig)
    training: RendererTraining = field(default_factory=RendererTraining)


@dataclass(frozen=True)
class TrainingConfig:
    """A section a stage, in their order."""

    oracle: OracleStage = field(default_factory=OracleStage)
    synthetic: Augmentation = field(default_factory=Augmentation)
    renderer: RendererStage = field(default_factory=RendererStage)

    def to_json(self) -> str:
        """What ``read`` reads."""
        return json.dumps(_without(asdict(self), LEFT_OUT), indent=2)

    @classmethod
    def read(cls, path: Path) -> "TrainingConfig":
        """Read a file; what it leaves out is as by default.

        Raises:
            AvatarError: if it is missing or no JSON, for an unknown key or a value that cannot be.
        """
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise AvatarError(f"{path} is missing or no JSON: {error}.") from error
        return _changed(cls(), values, path.name)


def settle(run: Path, wanted: TrainingConfig | None) -> TrainingConfig:
    """What a run is trained by: what it was begun with, and it is written down if that is now.

    Args:
        run: folder of the run, made if need be.
        wanted: what is asked for; None: as it was begun, or the defaults.

    Raises:
        AvatarError: if the run was begun with other values; steps may grow.
    """
    path = run / FILE
    begun = TrainingConfig.read(path) if path.exists() else None
    config = wanted or begun or TrainingConfig()
    if begun is not None:
        _check_goes_on(begun, config, run)
    run.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary:
        temporary.write_text(config.to_json() + "\n", encoding="utf-8")
    return config


def _check_goes_on(begun: TrainingConfig, config: TrainingConfig, run: Path) -> None:
    before, after = (_flat(asdict(part)) for part in (begun, config))
    for key, value in after.items():
        last = key.rpartition(".")[2]
        grows = last == "steps" and value > before[key]
        if value != before[key] and not grows and last not in FREE:
            raise AvatarError(
                f"The run in {run} was begun with {key} = {json.dumps(before[key])}, not "
                f"{json.dumps(value)}: only steps may grow; choose another --run folder."
            )


def _changed(default: Any, value: Any, key: str) -> Any:
    """The default with a file's value in its place, of the same kind.

    Args:
        default: a dataclass, whose fields may be given or not, or a plain value.
        value: what the file says.
        key: where it says so, for the sentence.
    """
    if not is_dataclass(default):
        return _plain(default, value, key)
    if not isinstance(value, dict):
        raise AvatarError(f"{key} should be an object, not {json.dumps(value)[:60]}.")
    known = [part.name for part in fields(default) if part.name not in LEFT_OUT]
    for name in value:
        if name not in known:
            raise AvatarError(f"{key} knows no {name!r}; it knows: {', '.join(known)}.")
    changes = {n: _changed(getattr(default, n), v, f"{key}: {n}") for n, v in value.items()}
    try:
        return replace(default, **changes)
    except ValueError as error:
        raise AvatarError(f"{key} cannot be used: {error}.") from error


def _plain(default: Any, value: Any, key: str) -> Any:
    kind = list if isinstance(default, tuple) else type(default)
    if kind is float and type(value) is int:
        value = float(value)
    wrong = (
        type(value) is not kind
        or kind is float and not math.isfinite(value)
        or kind is list and not all(type(v) is int for v in value)
    )  # fmt: skip
    if wrong:
        raise AvatarError(f"{key} should be like {json.dumps(default)}, not {json.dumps(value)}.")
    return type(default)(value)


def _without(values: dict[str, Any], left_out: tuple[str, ...]) -> dict[str, Any]:
    return {
        key: _without(value, left_out) if isinstance(value, dict) else value
        for key, value in values.items()
        if key not in left_out
    }


def _flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested values by dotted keys."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = value
    return flat
