"""One step down the gradient, which all processes do alike or none does."""

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from . import distributed


class NotFiniteError(ArithmeticError):
    """A loss or gradient is not a number: the batch changes nothing."""


def descend(name: str, network: nn.Module, optimiser: Optimizer, loss: Tensor, rate: float) -> None:
    """Improve a network by a loss, whose gradient is averaged over all processes and clipped.

    Args:
        name: what the network is called in errors.
        network: its parameters are the optimiser's.
        optimiser: makes the step.
        loss: (), that of this process.
        rate: of learning.

    Raises:
        NotFiniteError: if the loss or its gradient is not a number; nothing has changed.
    """
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    gradients = [p.grad for p in network.parameters() if p.grad is not None]
    whole = loss.detach().float().reshape(1)
    distributed.average([*gradients, whole])  # all see what one does that is not a number
    if not torch.isfinite(whole):
        raise NotFiniteError(f"the loss of {name} is not a number")
    if not torch.isfinite(nn.utils.clip_grad_norm_(network.parameters(), 1.0)):
        raise NotFiniteError(f"the gradient of {name} is not a number")
    for group in optimiser.param_groups:
        group["lr"] = rate
    optimiser.step()
