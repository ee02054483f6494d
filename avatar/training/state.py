"""What a killed training needs to go on: a folder of small files, written whole or not at all."""

import json
import re
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.optim import Optimizer

from ..errors import AvatarError

SHARD_BYTES = 12 << 20
"""Largest file of a saved state: some machines only hand back small files."""


def saved_states(run: Path) -> list[Path]:
    """Saved states, oldest first."""
    states = [path for path in run.glob("state_*") if re.fullmatch(r"state_\d+", path.name)]
    return sorted(states, key=step_of)


def step_of(state: Path) -> int:
    """The step that a state was saved after."""
    return int(state.name.partition("_")[2])


def write_state(run: Path, facts: dict[str, Any], tensors: dict[str, Tensor]) -> None:
    """Write a new state beside the old one, then delete the old one.

    A state that stands is never touched: with the same step it is the same.

    Args:
        run: folder of the run.
        facts: plain values; ``step`` names the state.
        tensors: by name, on any device.

    Raises:
        OSError, SafetensorError: if it cannot be written; older ones stand, nothing else is left.
    """
    folder = run / f"state_{facts['step']:08d}"
    if folder.exists():
        return
    temporary = run / f".state.{secrets.token_hex(4)}"
    try:
        temporary.mkdir()
        for i, shard in enumerate(_shards(tensors)):
            save_file(shard, temporary / f"{i:03d}.safetensors")
        (temporary / "state.json").write_text(json.dumps(facts), encoding="utf-8")
        temporary.replace(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    for old in saved_states(run):
        if old != folder:
            shutil.rmtree(old, ignore_errors=True)


def read_state(folder: Path, device: torch.device) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Facts and tensors as they were written.

    Raises:
        OSError, ValueError, SafetensorError: if it is damaged.
    """
    facts = read_facts(folder)
    tensors: dict[str, Tensor] = {}
    for shard in sorted(folder.glob("*.safetensors")):
        tensors |= load_file(shard, device=str(device))
    return facts, tensors


def read_facts(folder: Path) -> dict[str, Any]:
    """The facts alone.

    Raises:
        OSError, ValueError: if they are damaged.
    """
    return json.loads((folder / "state.json").read_text(encoding="utf-8"))


def learnt(
    average: nn.Module, networks: dict[str, nn.Module], optimisers: dict[str, Optimizer]
) -> dict[str, Tensor]:
    """All that was learnt so far, by name: the weights, their average, and what Adam remembers."""
    tensors = {f"average/{k}": v for k, v in average.state_dict().items()}
    for name, network in networks.items():
        tensors |= {f"{name}/{k}": v for k, v in network.state_dict().items()}
        for index, values in optimisers[name].state_dict()["state"].items():
            tensors |= {f"adam/{name}/{index}/{k}": v for k, v in values.items()}
    return tensors


def restore(
    tensors: dict[str, Tensor],
    average: nn.Module,
    networks: dict[str, nn.Module],
    optimisers: dict[str, Optimizer],
) -> None:
    """Give back what ``learnt`` gave.

    Raises:
        KeyError, RuntimeError, ValueError: if it is of other networks.
    """
    average.load_state_dict(_group(tensors, "average/"))
    for name, network in networks.items():
        network.load_state_dict(_group(tensors, f"{name}/"))
        optimiser, moments = optimisers[name], {}
        for key, value in _group(tensors, f"adam/{name}/").items():
            index, _, kind = key.partition("/")
            # Adam counts its steps on the CPU.
            moments.setdefault(int(index), {})[kind] = value.cpu() if kind == "step" else value
        groups = optimiser.state_dict()["param_groups"]
        optimiser.load_state_dict({"state": moments, "param_groups": groups})


def unwritten(run: Path, step: int, error: Exception) -> AvatarError:
    """What to tell when a step could not be saved: which state stands."""
    states = saved_states(run)
    kept = f"the state of step {step_of(states[-1])} stands" if states else "none was saved yet"
    return AvatarError(
        f"Step {step} of {run} could not be written ({error}); {kept}: make room and start again."
    )


def forget_unfinished(run: Path) -> None:
    """Delete what a process left that was killed while it saved."""
    for unfinished in run.glob(".state.*"):
        shutil.rmtree(unfinished, ignore_errors=True)


def _group(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}


def _shards(tensors: dict[str, Tensor]) -> Iterator[dict[str, Tensor]]:
    shard: dict[str, Tensor] = {}
    size = 0
    for name, tensor in tensors.items():
        if shard and size + tensor.nbytes > SHARD_BYTES:
            yield shard
            shard, size = {}, 0
        shard[name] = tensor.detach().cpu().contiguous()
        size += tensor.nbytes
    yield shard
