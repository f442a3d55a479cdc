"""What a job of Slurm does: it trains packs, and comes back after a preemption or a time-out.

Shortly before its time limit, and when it is preempted, Slurm sends a signal to a job. Training then stops after the
next steps with checkpoints, as after Ctrl-C, and only then does submitit's own handler queue the job again: a handler
that interrupts a step would save half of it.
"""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.compute.engines.event_lines import EventWriter
from bench.compute.engines.local import local
from bench.compute.engines.retries import attempt
from bench.compute.engines.slurm_queue import this_job
from bench.compute.environment import keep_freed_memory, limited_threads
from bench.compute.events import Event
from bench.compute.settings import Settings
from bench.errors import GanbenchError
from bench.plan.runs import Run

if TYPE_CHECKING:
    from submitit.core.utils import DelayedSubmission

PATIENCE = 3  # interruptions without a step in between, after which runs fail
LOOK = 1.0  # seconds between two looks for a stop
TOO_SHORT = "interrupted {times} times before a single chunk of steps was done; a job needs more time (--time)"


@dataclass
class Carrier:
    """The work of a job: call it once per start.

    Attributes:
        packs: The packs, one for each worker.
        workers: The settings of the workers: one, or one per GPU of the job.
        folder: Where jobs and the driver leave files for each other.
        steps: The steps done by all runs when the job was last interrupted.
        idle: How often in a row it was interrupted without any steps.
    """

    packs: list[list[Run]]
    workers: list[Settings]
    folder: Path
    steps: int = -1
    idle: int = 0
    _reached: dict[str, int] = field(default_factory=dict)

    def __call__(self) -> None:
        """Train, and write events until all runs have ended or the job is interrupted."""
        keep_freed_memory()
        job, left = this_job(), {run.id: run for pack in self.packs for run in pack}
        stop = _Stop(self.folder / f"{job}.stop")
        with EventWriter(self.folder / f"{job}.events") as events:
            with noted_signals() as interrupted:
                try:
                    for event in self._train(lambda: bool(interrupted) or stop()):
                        self._note(event)
                        if event.state == "stopped" and not stop():
                            continue  # it goes on in the next job
                        if event.state != "progress":
                            left.pop(event.run.id, None)
                        events.add(event)
                except Exception as error:
                    events.end(error)
                    if isinstance(error, GanbenchError):
                        return
                    raise
            if not interrupted or not left or stop():
                events.end()
                return
            if self._gives_up():
                text = TOO_SHORT.format(times=self.idle)
                for run in left.values():
                    events.add(Event(run, "failed", text=text))
                events.end()
                return
        if preemption_signal() in interrupted:
            signal.raise_signal(preemption_signal())  # submitit queues the job again, and ends this process
        sys.exit(128 + signal.SIGTERM)  # whoever sent the signal decides what comes next

    def checkpoint(self) -> DelayedSubmission:
        """Return what the next job does; checkpoints have been saved already."""
        from submitit.core.utils import DelayedSubmission

        return DelayedSubmission(Carrier(self.packs, self.workers, self.folder, self.steps, self.idle))

    def _train(self, stopping: Callable[[], bool]) -> Iterator[Event]:
        if len(self.packs) > 1:
            yield from local(self.packs, self.workers, stopping)
            return
        with limited_threads(self.workers[0].threads):
            yield from attempt(self.packs[0], self.workers[0], stopping)

    def _note(self, event: Event) -> None:
        if event.progress is not None:
            self._reached[event.run.id] = event.progress.step
        elif event.state != "stopped":
            self._reached[event.run.id] = event.run.training.steps

    def _gives_up(self) -> bool:
        """Return whether interruptions keep all runs from making progress."""
        reached = sum(self._reached.values())
        self.idle, self.steps = self.idle + 1 if reached <= self.steps else 0, reached
        return self.idle >= PATIENCE


class _Stop:
    """Whether the driver has asked a job to stop, with a file that is looked for once a second."""

    def __init__(self, path: Path):
        self._path, self._looked, self._asked = path, 0.0, False

    def __call__(self) -> bool:
        if not self._asked and time.monotonic() - self._looked > LOOK:
            self._asked, self._looked = self._path.exists(), time.monotonic()
        return self._asked


def preemption_signal() -> int:
    """Return the signal that submitit lets Slurm send before the time limit."""
    from submitit import JobEnvironment

    return int(JobEnvironment._usr_sig())


@contextmanager
def noted_signals() -> Iterator[list[int]]:
    """Yield a list that signals of Slurm are added to inside the block, instead of what they did before."""
    noted: list[int] = []

    def note(number: int, _: Any) -> None:
        noted.append(number)

    numbers = (signal.SIGTERM, preemption_signal())
    before = {number: signal.signal(number, note) for number in numbers}
    try:
        yield noted
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
