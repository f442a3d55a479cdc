"""Chooses the engine for some packs, and connects to its cluster."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

from bench.compute.engines import Cluster, Engine
from bench.compute.engines.in_process import in_process
from bench.compute.engines.local import local
from bench.compute.engines.worker_processes import Reserve
from bench.compute.settings import Settings, is_small
from bench.errors import SuiteError
from bench.plan.runs import Run

ENGINES = ("local", "ray", "slurm")


@contextmanager
def connected(engine: str, address: str | None, slurm: Mapping[str, Any] | None = None) -> Iterator[Cluster | None]:
    """Yield the cluster that an engine needs, or None for "local".

    Args:
        engine: "local", "ray" or "slurm".
        address: The address of the Ray cluster.
        slurm: What to ask Slurm for.

    Raises:
        SuiteError: There is no such engine, it needs a package that is not installed, or an option is of another one.
        DeviceError: No cluster has this address.
    """
    if engine not in ENGINES:
        raise SuiteError(f"engine {engine!r}: expected {', '.join(map(repr, ENGINES[:-1]))} or {ENGINES[-1]!r}")
    if address is not None and engine != "ray":
        raise SuiteError(f"address {address!r}: only applies with engine 'ray'")
    if slurm and engine != "slurm":
        raise SuiteError(f"{next(iter(slurm))}: only applies with engine 'slurm'")
    if engine == "local":
        yield None
    elif engine == "ray":
        from bench.compute.engines.on_ray import RayCluster

        with RayCluster(address) as ray:
            yield ray
    else:
        from bench.compute.engines.on_slurm import SlurmCluster

        with SlurmCluster(slurm or {}) as cluster:
            yield cluster


def choose_engine(
    packs: Sequence[Sequence[Run]],
    workers: Sequence[Settings],
    requested: int | None,
    reserve: Reserve,
    cluster: Cluster | None = None,
) -> Engine:
    """Return the engine that executes packs.

    Args:
        packs: The packs.
        workers: The settings of the workers.
        requested: The number of workers that the user asked for; 0 for this process, None for the default.
        reserve: Processes for workers, if they have started already.
        cluster: The cluster to train on. [default: this machine]
    """
    if cluster is not None:
        return cluster.engine
    is_one_small = len(packs) == 1 and workers[0].device == "cpu" and is_small(packs[0])
    can_wait = workers[0].timeout is None  # a process cannot end itself when it hangs
    here = requested == 0 or (requested is None and is_one_small and can_wait)
    return in_process if here else partial(local, reserve=reserve)
