"""What a frame costs a network: arithmetic and memory traffic, counted from its layers."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.ConvTranspose2d, nn.Linear)
NORMS = (nn.InstanceNorm2d,)


@dataclass(frozen=True)
class Cost:
    """Of one frame."""

    flops: int
    """Two for each multiplication that is added."""
    values: int
    """Numbers of maps that are read or written."""
    weights: int
    """Numbers of weights that are read, once for a whole batch."""

    def bytes(self, itemsize: int, batch: int = 1) -> float:
        """Memory traffic a frame.

        Args:
            itemsize: bytes of a number.
            batch: frames that share one reading of the weights.
        """
        return itemsize * (self.values + self.weights / batch)


def cost_of(network: nn.Module, *inputs: Tensor) -> Cost:
    """Count a network's work for inputs of one frame.

    Maps are counted layer by layer: a convolution reads its input once and writes its output once,
    a norm reads twice (statistics, then values) and writes once; activations are taken to be part
    of the norms. Sums, resizing and pasting are left out.

    Args:
        network: with all of its parameters and inputs on one device; "meta" costs nothing.
        inputs: what it is called with.
    """
    values = weights = 0

    def count(layer: nn.Module, given: tuple[Tensor, ...], made: Tensor) -> None:
        nonlocal values, weights
        reads = 2 if isinstance(layer, NORMS) else 1
        values += reads * given[0].numel() + made.numel()
        weights += sum(parameter.numel() for parameter in layer.parameters())

    layers = [m for m in network.modules() if isinstance(m, CONVOLUTIONS + NORMS)]
    hooks = [layer.register_forward_hook(count) for layer in layers]
    try:
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            network(*inputs)
    finally:
        for hook in hooks:
            hook.remove()
    return Cost(counter.get_total_flops(), values, weights)
