"""A queue of jobs on this machine, through submitit's local executor, which behaves as Slurm does to a job."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any, ClassVar

import psutil
from submitit import LocalExecutor

HOUR = 60


class LocalQueue:
    """Starts jobs at once. What it knows outlives the driver, as in Slurm."""

    jobs: ClassVar[dict[str, Any]] = {}
    ends: ClassVar[dict[str, str]] = {}  # what states() says of some jobs

    def __init__(self, folder: Path, parameters: dict[str, Any]):
        self._executor = LocalExecutor(folder)
        self._executor.update_parameters(timeout_min=HOUR)

    def submit(self, functions: Sequence[Callable[[], None]]) -> list[str]:
        submitted = [self._executor.submit(function) for function in functions]
        self.jobs.update({job.job_id: job for job in submitted})
        return [job.job_id for job in submitted]

    def states(self) -> dict[str, str]:
        states = {name: job.state.replace("FINISHED", "FAILED") for name, job in self.jobs.items()}
        return {**states, **self.ends}

    @classmethod
    def forget(cls) -> None:
        """Wait for the processes of all jobs, and forget them."""
        for job in cls.jobs.values():
            job._process.wait()
        cls.jobs.clear()

    def cancel(self, jobs: Collection[str], *, waiting: bool = False) -> None:
        for name in () if waiting else jobs:
            for process in worker_processes(name):
                process.kill()


def worker_processes(job: str) -> list[psutil.Process]:
    """Return the processes of a job that train."""
    try:
        return psutil.Process(int(job)).children()
    except psutil.NoSuchProcess:
        return []
