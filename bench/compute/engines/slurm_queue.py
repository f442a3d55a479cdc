"""The queue of Slurm: submits jobs through submitit, and asks what became of them."""

from __future__ import annotations

import io
import os
import subprocess
from collections.abc import Callable, Collection, Sequence
from contextlib import redirect_stderr
from pathlib import Path
from typing import Any, Protocol

from bench.compute.engines.slurm_parameters import Parameters
from bench.errors import DeviceError

ARRAY = 1000  # jobs of one array; Slurm's own limit is 1001 unless a site has changed it
TIMEOUTS = 1_000_000  # how often submitit queues a job again; jobs without progress end themselves
ANSWER = 60.0  # seconds to wait for Slurm
ALIVE = {
    *("PENDING", "CONFIGURING", "RUNNING", "COMPLETING", "SUSPENDED", "STOPPED", "SIGNALING", "RESIZING", "STAGE_OUT"),
    *("REQUEUED", "REQUEUE_FED", "REQUEUE_HOLD", "SPECIAL_EXIT", "RESV_DEL_HOLD"),
}


class Queue(Protocol):
    """Where jobs wait and run."""

    def submit(self, functions: Sequence[Callable[[], None]]) -> list[str]:
        """Submit a job for each function; return the names of the jobs."""
        ...

    def states(self) -> dict[str, str] | None:
        """Return the states of all jobs that are known, by name; None if there is no answer."""
        ...

    def cancel(self, jobs: Collection[str], *, waiting: bool = False) -> None:
        """Cancel jobs; with ``waiting``, only those that have not begun."""
        ...


class SlurmQueue:
    """The queue of the Slurm cluster that this machine can submit to.

    Args:
        folder: Where submitit keeps what it passes to jobs, and their logs; the nodes must see it.
        parameters: See ``slurm_parameters.checked``.

    Raises:
        DeviceError: Slurm's commands are not on this machine.
    """

    def __init__(self, folder: Path, parameters: Parameters):
        from submitit import SlurmExecutor

        try:
            self._executor: Any = SlurmExecutor(folder, max_num_timeout=TIMEOUTS)
        except RuntimeError:
            raise DeviceError(
                "engine 'slurm': srun is not on this machine; run the command where sbatch works"
            ) from None
        self._executor.update_parameters(**parameters)

    def submit(self, functions: Sequence[Callable[[], None]]) -> list[str]:
        """Submit arrays of jobs.

        Raises:
            DeviceError: Slurm refuses them.
        """
        from submitit.core.utils import FailedJobError, FailedSubmissionError

        jobs: list[str] = []
        for first in range(0, len(functions), ARRAY):
            try:
                with redirect_stderr(io.StringIO()):  # submitit prints the error before it raises it
                    jobs += [job.job_id for job in self._executor.submit_array(functions[first : first + ARRAY])]
            except (FailedJobError, FailedSubmissionError) as error:
                self.cancel(jobs)
                raise DeviceError(f"Slurm refuses the jobs: {_on_one_line(str(error))}") from None
        return jobs

    def states(self) -> dict[str, str] | None:
        """Return the states of the user's jobs: those that wait and run, and those that ended in the last minutes."""
        try:
            command = ["squeue", "--me", "--array", "--noheader", "--states=all", "--format=%i %T"]
            lines = subprocess.run(command, capture_output=True, text=True, check=True, timeout=ANSWER).stdout
        except (OSError, subprocess.SubprocessError):  # the controller may be busy, or just starting again
            return None
        return dict(line.split(maxsplit=1) for line in lines.splitlines() if " " in line.strip())

    def cancel(self, jobs: Collection[str], *, waiting: bool = False) -> None:
        """Cancel jobs; those that have ended meanwhile do not matter."""
        chosen = ["--state=PENDING"] if waiting else []
        every = sorted(jobs)
        for first in range(0, len(every), ARRAY):
            command = ["scancel", "--quiet", *chosen, *every[first : first + ARRAY]]
            subprocess.run(command, capture_output=True, check=False, timeout=ANSWER)


def is_alive(state: str) -> bool:
    """Return whether a job in this state waits, runs or will run again."""
    return state in ALIVE


def this_job() -> str:
    """Return the name of the job that this process belongs to."""
    from submitit import JobEnvironment

    return str(JobEnvironment().job_id)


def _on_one_line(text: str) -> str:
    lines = [line.removeprefix("sbatch: ").removeprefix("error: ") for line in text.splitlines() if line.strip()]
    return "; ".join(lines) or os.strerror(0)
