"""Engines run the renderer: OpenVINO and numba on CPUs, PyTorch on GPUs."""

from typing import Protocol

import numpy as np
import torch

from ..errors import RenderError
from ..identity import Identity

ENGINES = ("auto", "torch", "openvino", "lite")
"""What ``make_engine`` knows: PyTorch, OpenVINO with numba, or the identity's lite renderer; "auto"
is PyTorch on a GPU, else what ``cpu_kind`` says."""


class Engine(Protocol):
    """Drawings and feature windows to pictures; may be called from several threads at once.

    On a CPU a frame's picture does not depend, by a single bit, on what else is in its batch.
    """

    name: str
    """What it runs on, for people: "openvino", "torch (cuda, float16)"."""
    batch: int
    """How many frames a call should bring for full speed."""

    def encode(self, drawings: np.ndarray) -> np.ndarray:
        """What the network makes of drawings, whatever is said: it may be kept and used again.

        Args:
            drawings: (B, 512, 512) uint8.

        Returns:
            Latents, (B, ...).
        """

    def decode(self, latents: np.ndarray, windows: np.ndarray) -> np.ndarray:
        """Render a batch of any size.

        Args:
            latents: (B, ...) of ``encode``.
            windows: (B, window, k) float32, frames i-3 .. i+2.

        Returns:
            (B, 512, 512, 3) uint8 RGB.
        """

    def __call__(self, drawings: np.ndarray, windows: np.ndarray) -> np.ndarray:
        """Encode and decode."""


def make_engine(identity: Identity, kind: str = "auto") -> Engine:
    """Build an engine for an identity.

    Raises:
        RenderError: for an unknown kind, or one that is not installed or not there.
    """
    if kind not in ENGINES:
        raise RenderError(f"There is no engine {kind!r}; choose one of: {', '.join(ENGINES)}.")
    cuda = torch.cuda.is_available()
    if kind == "auto":
        kind = "torch" if cuda else cpu_kind(identity)
    if kind in ("lite", "openvino") and not _has_openvino():
        raise RenderError(
            f"The engine {kind} needs OpenVINO, which cannot be loaded: pip install openvino."
        )
    if kind == "lite":
        from .lite import LiteEngine

        return LiteEngine(identity)
    if kind == "openvino":
        from .cpu import CpuEngine

        return CpuEngine(identity)
    from .gpu import GpuEngine

    if cuda:
        return GpuEngine(identity.renderer)
    return GpuEngine(identity.renderer, "cpu", torch.float32)


def cpu_kind(identity: Identity) -> str:
    """What renders an identity on a CPU: its lite renderer, if it has one."""
    if not _has_openvino():
        return "torch"
    return "openvino" if identity.lite() is None else "lite"


def _has_openvino() -> bool:
    """Whether it is there and works: it may be installed without what it needs of the system."""
    try:
        import openvino  # noqa: F401
    except ImportError:
        return False
    return True
