"""Slurm carries packs to the nodes of a cluster: each job trains one pack, or one per GPU that it has.

Records, checkpoints and events are written to the results folder, which all nodes must see. Jobs outlive the driver: if
it is started again, it follows those that still wait or run, and submits only what is in none of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, ParamSpec, TypeVar

from bench.compute.engines.slurm_calls import Calls
from bench.compute.engines.slurm_driver import Driver
from bench.compute.engines.slurm_jobs import JobFiles
from bench.compute.engines.slurm_parameters import check_installed, checked, gpus_of
from bench.compute.engines.slurm_queue import Queue, SlurmQueue
from bench.compute.events import Event
from bench.compute.settings import Settings
from bench.errors import DeviceError, SuiteError
from bench.plan.runs import Run

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")
WORKERS = 16  # jobs at the same time, unless the user says otherwise


class SlurmCluster:
    """The Slurm cluster that this machine can submit to. Leaving the block leaves jobs as they are.

    Args:
        given: What to ask Slurm for; see ``slurm_parameters.checked``.

    Raises:
        SuiteError: submitit is not installed, or a parameter is not valid.
    """

    runs_elsewhere = True
    devices_of_a_name = WORKERS  # each job has the memory of its own share of a node

    def __init__(self, given: Mapping[str, Any]):
        check_installed()
        self._parameters = checked(given)
        self._gpus = gpus_of(self._parameters)
        self._calls: Calls | None = None
        self._ended: list[str] = []  # jobs of calls
        self._worker: Settings | None = None

    def __enter__(self) -> SlurmCluster:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def workers(self, common: Settings, device: str, requested: int | None, runs: int) -> list[Settings]:
        """Return the settings of each worker, of which there are no more than runs.

        Args:
            common: What all workers share.
            device: "auto", "cpu" or "cuda".
            requested: The number of packs that train at the same time, if Slurm has room. [default: 16]
            runs: The number of runs to train.

        Raises:
            SuiteError: No workers were asked for.
            DeviceError: Jobs have no such device, or Slurm is not on this machine.
        """
        if requested == 0:
            raise SuiteError("--workers 0: engine 'slurm' trains in jobs, not in this process")
        if device not in ("auto", "cpu", "cuda"):
            raise DeviceError(f"--device {device}: engine 'slurm' has auto, cpu and cuda")
        if device == "cuda" and not self._gpus:
            raise DeviceError("--device cuda: jobs have no GPUs; ask for them with --gpus-per-node 1")
        each = self._gpus if device != "cpu" else 0
        count = max(1, min(runs, requested or WORKERS * max(1, each)))
        weights = common.inception_weights.resolve() if common.inception_weights else None
        settings = replace(
            common,
            folder=common.folder.resolve(),  # jobs may have other working directories
            device="cuda:0" if each else "cpu",
            inception_weights=weights,
            workers=count,
        )
        self.devices_of_a_name, self._worker = count, settings
        return [settings] * count

    def call(
        self, function: Callable[Parameters, Result], *arguments: Parameters.args, **options: Parameters.kwargs
    ) -> Result:
        """Return what a function of a module returns on a node; see ``Calls.call`` for the errors."""
        if self._calls is None:
            assert self._worker is not None  # without workers there is nothing to ask
            self._calls = Calls(self._queue(self._worker), JobFiles(self._worker.folder).folder)
        return self._calls.call(function, *arguments, **options)

    def close(self) -> None:
        """End the job of ``call``, which frees its GPU."""
        if self._calls is not None and (job := self._calls.close()):
            self._ended.append(job)
        self._calls = None

    def engine(
        self, packs: Sequence[Sequence[Run]], workers: Sequence[Settings], stopping: Callable[[], bool] = lambda: False
    ) -> Iterator[Event]:
        """Execute packs in jobs; if a job is lost, its packs are tried again, then in halves (see ``Engine``)."""
        self.close()
        settings, runs = workers[0], [run for pack in packs for run in pack]
        queue, files, gpus = self._queue(settings), JobFiles(settings.folder), self._gpus_for(settings.device)
        yield from Driver(queue, files, settings, gpus, runs, self._ended).events(packs, stopping)

    def _queue(self, worker: Settings) -> Queue:
        gpus = self._gpus_for(worker.device)
        usual = {
            "job_name": "ganbench",
            "cpus_per_task": worker.threads * gpus,
            "array_parallelism": -(-worker.workers // gpus),
        }
        return SlurmQueue(JobFiles(worker.folder).folder, {**usual, **self._parameters})

    def _gpus_for(self, device: str) -> int:
        return 1 if device == "cpu" else max(1, self._gpus)
