"""Real samples where training wants them: one tensor on the device, or a file too large for that."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache

import numpy as np
import torch
from torch import Tensor

from bench.catalogue import find
from bench.datasets import Data
from bench.specification import Choice

MEMORY_SHARE = 0.5  # of the free memory: a memory-mapped folder below it is loaded, a larger one stays mapped


@cache
def load_data(dataset: Choice) -> Data:
    """The arrays of a dataset, loaded once a process."""
    data: Data = find("dataset", dataset.name).load(dataset.options)
    return data


def reals_on(data: Data, device: torch.device) -> Callable[[Tensor], Tensor]:
    """Indices → real samples on the device, images as floats in [−1, 1]; the data lies there as one tensor.

    A memory-mapped folder that is too large stays where it is, and each batch is read from it.
    """
    mapped = isinstance(data.train, np.memmap)
    if mapped and data.train.nbytes > MEMORY_SHARE * _free_memory(device):
        everything = torch.from_numpy(data.train)
    else:
        everything = torch.from_numpy(np.array(data.train)).to(device)
    if everything.dtype != torch.uint8:
        return lambda indices: everything[indices.to(everything.device)]
    return lambda indices: everything[indices.to(everything.device)].to(device).float() / 127.5 - 1


def _free_memory(device: torch.device) -> int:
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    if "SC_AVPHYS_PAGES" not in os.sysconf_names:
        return 0  # not known: the file stays mapped, and the system decides what it keeps in memory
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_AVPHYS_PAGES")
