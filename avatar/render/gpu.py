"""The engine for CUDA: half precision, channels last, a CUDA graph for each batch size.

Half precision is float16: over Mira's frames it moves no pixel by more than 1.3 levels of 255,
bfloat16 by up to 36, because every map is normalised and none comes near float16's limits. The
norms' means and variances are summed in float32 by PyTorch's kernels.

No GPU was at hand: all but the CUDA calls themselves was run and tested, on a CPU.
"""

import copy
import threading
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from ..nets.pixels import levels
from ..nets.renderer import LATENT, SIZE, Renderer
from ..nets.split import Decode, Encode

LARGEST = 64
"""Frames in the largest CUDA graph; larger calls are cut."""
WARM_UP = 3
"""Runs before a graph is captured: libraries choose their kernels in them."""


class GpuEngine:
    """An ``Engine`` (see ``engine.py``) for CUDA; on a CPU it runs the same network slowly."""

    def __init__(
        self,
        renderer: Renderer,
        device: str = "cuda",
        dtype: torch.dtype = torch.float16,
        compiled: bool = False,
    ):
        """Copy the network to the device.

        Args:
            renderer: stays where it is.
            device: where it runs.
            dtype: of weights and maps.
            compiled: let ``torch.compile`` fuse norms and activations first. It needs Triton; what
                it gains is for ``avatar benchmark`` to tell.
        """
        short = str(dtype).removeprefix("torch.") + (", compiled" if compiled else "")
        self.name = f"torch ({device}, {short})"
        self.batch = 16 if torch.device(device).type == "cuda" else 2
        halves = copy.deepcopy(nn.ModuleList([Encode(renderer), Decode(renderer)]))
        halves.eval().requires_grad_(False)
        halves.to(device=device, dtype=dtype, memory_format=torch.channels_last)
        encode, decode = halves

        def encoded(drawings: Tensor) -> Tensor:
            return encode(drawings).float()

        def decoded(latents: Tensor, windows: Tensor) -> Tensor:
            return levels(decode(latents.to(dtype), windows.to(dtype)))

        if compiled:
            encoded, decoded = (torch.compile(f, dynamic=False) for f in (encoded, decoded))
        config = renderer.config
        drawing = torch.zeros(1, SIZE, SIZE, dtype=torch.uint8, device=device)
        latent = torch.zeros(1, decode.fuse.out_channels, LATENT, LATENT, device=device)
        window = torch.zeros(1, config.window, config.k, device=device)
        self._encode = _Runner(encoded, [drawing])
        self._decode = _Runner(decoded, [latent, window])
        self._lock = threading.Lock()  # the buffers have one user at a time

    def __call__(self, drawings: np.ndarray, windows: np.ndarray) -> np.ndarray:
        """See ``Engine``."""
        return self.decode(self.encode(drawings), windows)

    def encode(self, drawings: np.ndarray) -> np.ndarray:
        """See ``Engine``: (B, 512, 512) uint8 to (B, 64, 32, 32) float32."""
        with self._lock:
            return self._encode(drawings)

    def decode(self, latents: np.ndarray, windows: np.ndarray) -> np.ndarray:
        """See ``Engine``: to (B, 512, 512, 3) uint8 RGB."""
        with self._lock:
            return self._decode(latents, windows)

    def on_device(self, size: int) -> Callable[[], None]:
        """The network alone, to be timed: ``size`` frames that never leave the device."""
        halves = self._encode.ready(size), self._decode.ready(size)

        @torch.inference_mode()
        def work() -> None:
            with self._lock:
                for half in halves:
                    half.run()
                if torch.cuda.is_available():
                    torch.cuda.synchronize()

        return work


class _Runner:
    """Runs a function of tensors on arrays, through buffers that never move."""

    def __init__(self, function: Callable[..., Tensor], examples: list[Tensor]):
        self._function = function
        self._examples = examples  # one frame each
        self._kept: dict[int, Fixed] = {}

    @torch.inference_mode()
    def __call__(self, *arrays: np.ndarray) -> np.ndarray:
        count = len(arrays[0])
        parts = [
            self._part([a[i : i + LARGEST] for a in arrays]) for i in range(0, count, LARGEST)
        ]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    @torch.inference_mode()
    def ready(self, size: int) -> "Fixed":
        """The run for a batch size, captured when it is first asked for."""
        if size not in self._kept:
            inputs = [e.expand(size, *e.shape[1:]).clone() for e in self._examples]
            self._kept[size] = fixed(self._function, inputs)
        return self._kept[size]

    def _part(self, arrays: list[np.ndarray]) -> np.ndarray:
        count = len(arrays[0])
        ready = self.ready(1 << (count - 1).bit_length())  # few sizes, so few graphs
        pinned = ready.inputs[0].is_cuda
        for buffer, array in zip(ready.inputs, arrays, strict=True):
            given = torch.from_numpy(np.ascontiguousarray(array))
            buffer[:count].copy_(given.pin_memory() if pinned else given, non_blocking=pinned)
        found = ready.run()[:count]
        result = torch.empty(found.shape, dtype=found.dtype, pin_memory=pinned)
        result.copy_(found, non_blocking=pinned)
        if pinned:
            torch.cuda.current_stream().synchronize()
        return result.numpy()


@dataclass(frozen=True)
class Fixed:
    """A function whose inputs, and on CUDA its output, have fixed places."""

    inputs: list[Tensor]
    run: Callable[[], Tensor]


def fixed(function: Callable[..., Tensor], inputs: list[Tensor]) -> Fixed:
    """Ready to be run on what is in its inputs: on CUDA, captured as a graph."""
    if not inputs[0].is_cuda:
        return Fixed(inputs, lambda: function(*inputs))
    graph = torch.cuda.CUDAGraph()
    aside = torch.cuda.Stream()
    aside.wait_stream(torch.cuda.current_stream())
    with torch.backends.cudnn.flags(enabled=True, benchmark=True):
        with torch.cuda.stream(aside):
            for _ in range(WARM_UP):
                function(*inputs)
        torch.cuda.current_stream().wait_stream(aside)
        # Other threads may go on using the device meanwhile.
        with torch.cuda.graph(graph, capture_error_mode="thread_local"):
            output = function(*inputs)

    def replay() -> Tensor:
        graph.replay()
        return output

    return Fixed(inputs, replay)
