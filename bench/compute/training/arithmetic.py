"""How a GPU calculates while a run trains: whether with TF32, and which algorithms it may choose."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from bench.compute.environment import tf32
from bench.plan.specification import Training


@contextmanager
def arithmetic(training: Training, device: torch.device) -> Iterator[None]:
    """Let CUDA calculate inside the block as a run asks for; on other devices there is nothing to choose.

    The shapes of training are fixed, so cuDNN tries its algorithms once and keeps the fastest. With ``deterministic``,
    it keeps those that give the same bits each time.
    """
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
