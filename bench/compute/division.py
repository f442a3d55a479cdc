"""Divides runs into packs for workers, by measurements of what is fastest on this machine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Literal

from bench.compute.contracts.dry_check import Findings, dry_check
from bench.compute.engines import Cluster
from bench.compute.gpu_sharing import workers_per_gpu
from bench.compute.pack_tuning import pack_sizer
from bench.compute.process_apart import Apart, ProcessApart
from bench.compute.settings import Settings, worker_settings
from bench.plan.grouping import divide
from bench.plan.runs import Run


@dataclass(frozen=True)
class Division:
    """Who trains what.

    Attributes:
        packs: The packs, in the order in which they start.
        workers: The settings of each worker.
        findings: What is wrong with the plug-ins of some runs, which are in no pack.
    """

    packs: list[list[Run]]
    workers: list[Settings]
    findings: Findings

    @classmethod
    def of(
        cls,
        runs: Sequence[Run],
        common: Settings,
        devices: Sequence[str],
        workers: int | None,
        pack: int | Literal["auto", "off"],
        memory: float | None,
        notify: Callable[[str], None],
        cluster: Cluster | None = None,
    ) -> Division:
        """Return the fastest division.

        Args:
            runs: The runs to train.
            common: What the settings of all workers have in common.
            devices: The devices to train on.
            workers: The number of workers. [default: one for each CPU core, or as many as is fastest for each GPU]
            pack: The largest number of runs in a pack, "auto" or "off".
            memory: The memory limit of each worker's packs, in GB.
            notify: Called with messages for the user.
            cluster: The cluster that the runs train on. [default: this machine]

        Raises:
            DeviceError: The cluster has no such device.
            SuiteError: ``pack`` or ``memory`` is invalid.
        """
        with ExitStack() as stack:
            if cluster is None:
                apart: Apart = stack.enter_context(ProcessApart())
                crew = worker_settings(common, devices, workers, len(runs))
            else:
                apart, crew = cluster, cluster.workers(common, devices[0], workers, len(runs))
            size = pack_sizer(pack, crew, memory, notify, apart)
            findings = dry_check(runs, crew[0] if cluster is None else replace(crew[0], device="cpu"), notify)
            sound = findings.sound(runs)
            limited = findings.limited(size, notify)
            if workers is None and cluster is None and crew[0].device.startswith("cuda"):
                each = workers_per_gpu(sound, crew, limited, apart, notify)
                if each > 1:
                    notify(f"{each} workers share each GPU: together they train faster")
                    crew = worker_settings(common, devices, each * len(devices), len(runs))
                    limited = findings.limited(pack_sizer(pack, crew, memory, notify, apart), notify)
            packs = divide(sound, limited, len(crew))
        return cls(packs, crew, findings)
