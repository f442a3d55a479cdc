"""The kinds of devices that workers train on, and how much memory the packs of a worker may take on each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch

from bench.compute import environment
from bench.compute.process_apart import Apart
from bench.compute.settings import Settings

MEMORY_SHARE = 0.8  # share of the available memory that packs may use


class Kind(NamedTuple):
    """Workers on devices of the same model.

    Attributes:
        name: The model of the device, with the number of threads and the version of torch.
        worker: The settings of the first of them.
        limit: The memory limit of each worker's packs in bytes, or None if there is none.
    """

    name: str
    worker: Settings
    limit: float | None


def device_kinds(workers: Sequence[Settings], memory: float | None, apart: Apart) -> list[Kind]:
    """Return the kinds of devices that workers use, each with the smallest limit of its devices.

    Args:
        workers: The settings of the workers.
        memory: The memory limit of each worker's packs, in GB. [default: an equal share of 80% of the available memory]
        apart: The place that asks GPUs, or all devices if workers run elsewhere.
    """
    kinds: dict[str, Kind] = {}
    for name in dict.fromkeys(worker.device for worker in workers):
        alike = [worker for worker in workers if worker.device == name]
        kind = _kind(alike[0], -(-len(alike) // apart.devices_of_a_name), memory, apart)
        first = kinds.setdefault(kind.name, kind)
        kinds[kind.name] = first._replace(limit=_smaller(first.limit, kind.limit))
    return list(kinds.values())


def _kind(worker: Settings, workers: int, memory: float | None, apart: Apart) -> Kind:
    device = torch.device(worker.device)
    if (
        device.type == "cuda" or apart.runs_elsewhere
    ):  # asking here would leave a context on the device, which others may not share
        model, limit = apart.call(_describe, device, workers, memory)
    else:
        model, limit = _describe(device, workers, memory)
    threads = f"{worker.threads} thread{'s' * (worker.threads > 1)}"
    return Kind(f"{model}, {threads}, torch {torch.__version__}", worker, limit)


def _describe(device: torch.device, workers: int, memory: float | None) -> tuple[str, float | None]:
    return environment.device_name(device), _memory_limit(device, workers, memory)


def _smaller(one: float | None, other: float | None) -> float | None:
    return min((each for each in (one, other) if each is not None), default=None)


def _memory_limit(device: torch.device, workers: int, memory: float | None) -> float | None:
    """Return the memory limit of each worker's packs in bytes, or None if there is none."""
    if memory is not None:
        return memory * 1e9
    available = environment.available_memory(device)
    return None if available is None else MEMORY_SHARE * available / workers
