"""How near the GPU engine comes to what its GPU can do.

The limits are measured in the same run, by a copy and a product of matrices, not taken from a data
sheet; what a frame costs is counted from the network's layers. No GPU was at hand: on CUDA this
was never run, all of it but CUDA is tested on a CPU.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import Any

import torch
from torch import nn

from ..baselines.speed import call_times, turns
from ..nets.cost import Cost, cost_of
from ..nets.renderer import SIZE, Renderer, RendererConfig
from ..nets.split import Decode, Encode
from ..render.gpu import LARGEST, GpuEngine
from .stand import Stand

BATCHES = (1, 16, LARGEST)
DTYPE = torch.float16
COPIED = 2**30
"""Bytes of the copy: many times any cache."""
SIDE = 8192
"""Of the square matrices."""


@dataclass(frozen=True)
class Limits:
    """What a device was seen to do."""

    bandwidth: float
    """Bytes read and written a second, by a copy."""
    compute: float
    """Additions and multiplications a second, by a product of matrices."""

    @classmethod
    def of(cls, device: str, copied: int = COPIED, side: int = SIDE) -> "Limits":
        """Measure them."""
        source = torch.zeros(copied, dtype=torch.uint8, device=device)
        target = torch.empty_like(source)
        matrix = torch.rand(side, side, device=device).to(DTYPE)
        best = {
            "copy": lambda: target.copy_(source),
            "product": lambda: matrix @ matrix,
        }
        found = turns({name: partial(call_times, _finished(work)) for name, work in best.items()})
        least = {name: min(min(times) for times in each) for name, each in found.items()}
        return cls(2 * copied / least["copy"], 2 * side**3 / least["product"])


def time_gpu(stand: Stand) -> dict[str, Any] | None:
    """The GPU engine at several batch sizes, in plain values; None without a GPU."""
    if not torch.cuda.is_available():
        return None
    engine = GpuEngine(stand.identity.renderer, "cuda", DTYPE)
    return measured(engine, stand, Limits.of("cuda"))


def measured(engine: GpuEngine, stand: Stand, limits: Limits) -> dict[str, Any]:
    """An engine beside the limits of its device.

    ``fps_on_device`` is of the network alone, encode and decode, with frames that never leave the
    device; ``fps`` of calls with their transfers.
    """
    cost = frame_cost(stand.identity.renderer.config)
    work = {}
    for batch in BATCHES:
        work[batch, "fps_on_device"] = engine.on_device(batch)
        work[batch, "fps"] = partial(engine, *stand.inputs(batch))
    found = turns({key: partial(call_times, call) for key, call in work.items()})
    rates = {
        (batch, what): median(batch * len(each) / sum(each) for each in times)
        for (batch, what), times in found.items()
    }
    return {
        "engine": engine.name,
        "bandwidth_limit": limits.bandwidth,
        "compute_limit": limits.compute,
        "flops_a_frame": cost.flops,
        "batches": [
            {
                "batch": batch,
                "fps": rates[batch, "fps"],
                "fps_on_device": (rate := rates[batch, "fps_on_device"]),
                "bytes_a_frame": (traffic := cost.bytes(DTYPE.itemsize, batch)),
                "bandwidth_share": rate * traffic / limits.bandwidth,
                "compute_share": rate * cost.flops / limits.compute,
            }
            for batch in BATCHES
        ],
    }


def frame_cost(config: RendererConfig) -> Cost:
    """Of both halves of the network, for one frame."""
    with torch.device("meta"):
        renderer = Renderer(config).eval()
        drawing = torch.empty(1, SIZE, SIZE, dtype=torch.uint8)
        window = torch.empty(1, config.window, config.k)
        return cost_of(_Whole(renderer), drawing, window)


class _Whole(nn.Module):
    """Both halves, as the engine runs them."""

    def __init__(self, renderer: Renderer):
        super().__init__()
        self.encode, self.decode = Encode(renderer), Decode(renderer)

    def forward(self, drawing: torch.Tensor, window: torch.Tensor) -> torch.Tensor:
        return self.decode(self.encode(drawing), window)


def _finished(work: Callable[[], object]) -> Callable[[], None]:
    """The work, until the device is done with it."""

    def call() -> None:
        work()
        if torch.cuda.is_available():
            torch.cuda.synchronize()

    return call
