"""The one file that says how a training goes: a section a stage, every value with its default."""

import json
import math
from dataclasses import asdict, dataclass, field, fields, is_dataclass, replace
from pathlib import Path
from typing import Any

from ..errors import AvatarError
from ..files import replacing
from ..identity import Identity
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
"""What may change while a run goes on."""
GROWS = ("steps", "minutes")
"""What may grow while a run goes on."""
NOBODY = "none"
"""Where a training starts that starts from random weights."""


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
    """Where from, how long, and a section a stage, in their order."""

    start: str = "mira"
    """The identity to start from: a name, folder or Hub repository; "none": random weights."""
    minutes: float = 0.0
    """Time for the whole training, divided over its stages; 0: the steps count."""
    oracle: OracleStage = field(default_factory=OracleStage)
    synthetic: Augmentation = field(default_factory=Augmentation)
    renderer: RendererStage = field(default_factory=RendererStage)

    def __post_init__(self):
        if not 0 <= self.minutes:
            raise ValueError(f"expected minutes above 0, got {self.minutes:g}")

    def fitted(self, start: Identity | None) -> "TrainingConfig":
        """With the networks of the identity to start from, whose weights have to fit.

        Raises:
            AvatarError: if other networks are asked for.
        """
        config = self
        if start is not None:
            config = config._with_network("renderer", start.config.network)
            if start.has_oracle:
                config = config._with_network("oracle", start.config.oracle)
        return config

    def _with_network(self, stage: str, network: Any) -> "TrainingConfig":
        section, default = getattr(self, stage), getattr(type(self)(), stage)
        asked, plain, given = (
            _without(asdict(part), LEFT_OUT) for part in (section.network, default.network, network)
        )
        if asked not in (plain, given):
            raise AvatarError(
                f"The {stage}'s network is that of {self.start}, where the training starts: leave "
                "it out of the configuration, or use --start none."
            )
        return replace(self, **{stage: replace(section, network=network)})

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


def begun(run: Path) -> TrainingConfig | None:
    """What a run was begun with, None where none was.

    Raises:
        AvatarError: if its file is damaged.
    """
    path = run / FILE
    return TrainingConfig.read(path) if path.exists() else None


def settle(run: Path, config: TrainingConfig) -> None:
    """Write down what a run is trained by.

    Args:
        run: folder of the run, made if need be.
        config: what is asked for, see ``fitted``.

    Raises:
        AvatarError: if the run was begun with other values; steps and minutes may grow.
    """
    before = begun(run)
    if before is not None:
        _check_goes_on(before, config, run)
    run.mkdir(parents=True, exist_ok=True)
    with replacing(run / FILE) as temporary:
        temporary.write_text(config.to_json() + "\n", encoding="utf-8")


def _check_goes_on(begun: TrainingConfig, config: TrainingConfig, run: Path) -> None:
    before, after = (_flat(_without(asdict(part), LEFT_OUT)) for part in (begun, config))
    for key, value in after.items():
        last = key.rpartition(".")[2]
        grows = last in GROWS and value > before[key]
        if value != before[key] and not grows and last not in FREE:
            raise AvatarError(
                f"The run in {run} was begun with {key} = {json.dumps(before[key])}, not "
                f"{json.dumps(value)}: only steps and minutes may grow; choose another --run "
                "folder."
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
