"""Several processes that train one network, as torchrun starts them.

    torchrun --nproc_per_node=2 -m -- avatar train CAPTURE --run RUN

(Without "--" some torchruns take --run for one of their own options.)

Every process takes its share of each batch; the gradients' mean is what one process would have
found for the whole batch. Process 0 alone writes. Alone, all of this does nothing.
"""

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor
from torch import distributed as dist

from ..errors import AvatarError


@contextmanager
def together() -> Iterator[None]:
    """Join the processes that torchrun started, over gloo on CPUs and NCCL on GPUs."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield
        return
    on_gpu = torch.cuda.is_available()
    if on_gpu:
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    dist.init_process_group("cpu:gloo,cuda:nccl" if on_gpu else "gloo")
    yield
    # Not after an error: the others may be waiting for this process, which has to end to tell them.
    dist.destroy_process_group()
    time.sleep(0.2)  # gloo's threads let go of the last sum: while Python ends they would abort it


def rank() -> int:
    """Number of this process, from 0, also before they have joined."""
    return int(os.environ.get("RANK", "0"))


def world() -> int:
    """How many processes there are."""
    return dist.get_world_size() if dist.is_initialized() else 1


def wait() -> None:
    """Until all processes are here.

    Raises:
        AvatarError: if one has ended; so do all that talk to others.
    """
    largest([0.0])


def largest(values: Sequence[float]) -> list[float]:
    """The largest that any process gives, number by number: all go on with the same ones."""
    if world() == 1:
        return list(values)
    shared = torch.tensor(values, dtype=torch.float64)
    with _told():
        dist.all_reduce(shared, dist.ReduceOp.MAX)
    return shared.tolist()


def average(tensors: Sequence[Tensor]) -> None:
    """Put the mean over the processes into tensors of one kind, in place."""
    if world() == 1:
        return
    flat = torch.cat([tensor.reshape(-1) for tensor in tensors])
    with _told():
        dist.all_reduce(flat)
    flat /= world()
    parts = flat.split([tensor.numel() for tensor in tensors])
    for tensor, part in zip(tensors, parts, strict=True):
        tensor.copy_(part.view_as(tensor))


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        raise AvatarError(
            "Another process of this training has ended, and its own message says why: the same "
            "command goes on from what was saved."
        ) from error
