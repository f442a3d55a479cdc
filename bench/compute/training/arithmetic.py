"""How a device calculates while a run trains: TF32 and the choice of algorithms on a GPU, tiny numbers on a CPU."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from bench.compute.environment import tf32
from bench.plan.specification import Training


@contextmanager
def arithmetic(training: Training, device: torch.device) -> Iterator[None]:
    """Let a device calculate inside the block as training needs it.

    On CUDA, the shapes of training are fixed, so cuDNN tries its algorithms once and keeps the fastest. With
    ``deterministic``, it keeps those that give the same bits each time. On a CPU, subnormal numbers count as zero.
    """
    if device.type == "cpu":
        with without_subnormals():
            yield
        return
    if device.type != "cuda":
        yield
        return
    cudnn, deterministic = torch.backends.cudnn, training.deterministic
    before = cudnn.benchmark, torch.are_deterministic_algorithms_enabled()
    cudnn.benchmark = not deterministic
    torch.use_deterministic_algorithms(deterministic)
    try:
        with tf32(training.tf32, device):
            yield
    finally:
        cudnn.benchmark = before[0]
        torch.use_deterministic_algorithms(before[1])


@contextmanager
def without_subnormals() -> Iterator[None]:
    """Count numbers below 1.2e-38 (float32) as zero inside the block, if the CPU can; it is slow with them.

    The moments of a unit that has died decay to such numbers and stay there: the rounding of the smallest ones undoes
    the decay. Adam divides by a root to which it adds 1e-8, so they never move a weight. The mode belongs to this
    thread: if torch has several, the others keep the mode with which they started, and are merely slower.
    """
    before = flushes_subnormals()
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(before)


def flushes_subnormals() -> bool:
    """Return whether subnormal numbers count as zero in this thread."""
    return not (torch.full((1,), torch.finfo(torch.float32).tiny) * 0.5).item()
