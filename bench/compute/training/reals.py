"""Real samples where training wants them: one tensor on the device, or a file too large for that."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bench.catalogue import find
from bench.catalogue.datasets import Data
from bench.plan.specification import Choice

MEMORY_SHARE = 0.25  # of the device's free memory: a memory-mapped folder below it is loaded, a larger one stays mapped


@cache
def load_data(dataset: Choice) -> Data:
    """The arrays of a dataset, loaded once a process."""
    data: Data = find("dataset", dataset.name).load(dataset.options)
    return data


def reals_on(split: NDArray[np.generic], device: torch.device) -> Callable[[Tensor], Tensor]:
    """Indices into a split → real samples on the device, images as floats in [−1, 1]; it lies there as one tensor.

    A memory-mapped folder that is too large stays where it is, and each batch is read from it; so does every one on
    the CPU, where the workers share what the system holds of it in memory.
    """
    mapped = isinstance(split, np.memmap)
    if mapped and (device.type == "cpu" or split.nbytes > MEMORY_SHARE * _free_memory(device)):
        everything = torch.from_numpy(split)
    else:
        everything = torch.from_numpy(np.array(split)).to(device)
    if everything.dtype != torch.uint8:
        return lambda indices: everything[indices.to(everything.device)]
    return lambda indices: everything[indices.to(everything.device)].to(device).float() / 127.5 - 1


def _free_memory(device: torch.device) -> int:
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    return int(torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory())
