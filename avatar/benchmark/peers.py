"""Networks that one might pick instead, with random weights, in the same turns as ours.

Each may use what ours may: PyTorch and OpenVINO on a CPU (there also in bfloat16, if the CPU has
it), a CUDA graph in float16 on a GPU. Their tensors are ready before the clock starts, and stay
where they are; ours begins and ends with bytes in the computer's memory.
"""

import copy
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from statistics import median
from typing import Any

import torch
from torch import Tensor, nn

from ..baselines.speed import call_times, turns
from ..nets.pix2pixhd import GlobalGenerator
from ..nets.wav2lip import COLUMNS, MELS, Wav2Lip
from ..nets.wav2lip import SIZE as FACE
from ..render.gpu import fixed
from .stand import Stand


@dataclass(frozen=True)
class Peer:
    """A network to compare with."""

    name: str
    renders: str
    """What one frame of it is."""
    build: Callable[[], nn.Module]
    shapes: tuple[tuple[int, ...], ...]
    """Of its inputs for one frame."""
    batch: int
    """Frames of its larger calls."""

    def inputs(self, batch: int) -> list[Tensor]:
        """Noise of the right shape."""
        return [torch.rand(batch, *shape) for shape in self.shapes]


PEERS = (
    Peer("Wav2Lip's generator", f"a face, {FACE}x{FACE}, to be pasted back", Wav2Lip,
         ((1, MELS, COLUMNS), (6, FACE, FACE)), batch=16),
    # 217 GMAC: one frame keeps all cores busy, and takes seconds.
    Peer("Pix2PixHD's global generator", "the whole picture, 512x512", GlobalGenerator,
         ((3, 512, 512),), batch=1),
)  # fmt: skip


def compare_peers(stand: Stand) -> list[dict[str, Any]]:
    """A row of plain values for each peer on each runtime, beside ours in the same turns.

    ``ratio`` is how many times as many frames a second ours makes, each at its better batch size.
    """
    return [row for peer in PEERS for row in _compared(peer, stand)]


def _compared(peer: Peer, stand: Stand) -> Iterator[dict[str, Any]]:
    engine = stand.avatar.engine
    work = {
        (engine.name, batch): partial(engine, *stand.inputs(batch)) for batch in (1, engine.batch)
    }
    ours = list(work)
    torch.manual_seed(0)
    network = peer.build().eval().requires_grad_(False)
    theirs = {
        (runtime, batch): prepare(network, peer.inputs(batch))
        for runtime, prepare in _runtimes().items()
        for batch in (1, peer.batch)
    }
    found = turns({key: partial(call_times, call) for key, call in (work | theirs).items()})
    rates = {
        (runtime, batch): median(batch * len(each) / sum(each) for each in times)
        for (runtime, batch), times in found.items()
    }
    own = max(rates[key] for key in ours)
    for runtime in _runtimes():
        single, several = rates[runtime, 1], rates[runtime, peer.batch]
        yield {
            "network": peer.name, "renders": peer.renders, "runtime": runtime,
            "parameters": sum(p.numel() for p in network.parameters()),
            "fps_batch_1": single, "batch": peer.batch, "fps_batch": several,
            "ours": engine.name, "ours_fps": own, "ratio": own / max(single, several),
        }  # fmt: skip


def _runtimes() -> dict[str, Callable[[nn.Module, list[Tensor]], Callable[[], object]]]:
    """What runs here: each takes a network and its inputs and gives what is to be timed."""
    found = {"torch (cpu)": _torch}
    if find_spec("openvino"):
        import openvino as ov

        able = ov.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        for precision in ("f32", "bf16") if "BF16" in able else ("f32",):
            found[f"openvino ({precision})"] = partial(_openvino, precision=precision)
    if torch.cuda.is_available():
        found["torch (cuda, float16)"] = _cuda
    return found


def _torch(network: nn.Module, inputs: list[Tensor]) -> Callable[[], object]:
    network.to(memory_format=torch.channels_last)
    run = fixed(network, inputs).run
    return torch.inference_mode()(run)


def _cuda(network: nn.Module, inputs: list[Tensor]) -> Callable[[], object]:
    half = copy.deepcopy(network).to("cuda", torch.float16, memory_format=torch.channels_last)
    with torch.inference_mode():
        run = fixed(half, [each.to("cuda", torch.float16) for each in inputs]).run

    def call() -> None:
        run()
        torch.cuda.synchronize()

    return call


def _openvino(network: nn.Module, inputs: list[Tensor], precision: str) -> Callable[[], object]:
    """All cores work on one call: a batch shares one reading of these many weights."""
    import openvino as ov

    with warnings.catch_warnings():  # tracing warns of what is meant: all shapes are fixed
        warnings.simplefilter("ignore")
        shapes = [tuple(each.shape) for each in inputs]
        model = ov.convert_model(network, example_input=tuple(inputs), input=shapes)
    options = {"INFERENCE_PRECISION_HINT": precision, "PERFORMANCE_HINT": "LATENCY"}
    request = ov.Core().compile_model(model, "CPU", options).create_infer_request()
    return partial(request.infer, [each.numpy() for each in inputs])
