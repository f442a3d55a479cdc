"""Follows the jobs of a suite: submits packs, passes events on, and decides what happens to packs of lost jobs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from bench.compute.engines.event_lines import Content, as_error, as_event
from bench.compute.engines.retries import retry_event
from bench.compute.engines.slurm_carrier import Carrier
from bench.compute.engines.slurm_jobs import Job, JobFiles
from bench.compute.engines.slurm_queue import Queue, is_alive
from bench.compute.events import Event
from bench.compute.settings import Settings
from bench.errors import DeviceError, GanbenchError
from bench.plan.grouping import split_in_half
from bench.plan.runs import Run

STARTS = 3  # how often a pack is submitted whose job ended without a fault of its own
POLL = 1.0  # seconds between two looks for events
ASK = 15.0  # seconds between two questions to Slurm, which has other users
MISSED = 2  # answers without a job after which it counts as lost, because its last events may arrive later
SILENCE = 5  # answers that may fail in a row before the driver starts
ENDING = 60.0  # seconds to wait at the end for jobs that have said their last word, until they have left the queue
INNOCENT = {"", "TIMEOUT", "PREEMPTED", "NODE_FAIL", "BOOT_FAIL", "DEADLINE", "COMPLETED"}  # not the fault of the code


class Driver:
    """Follows the jobs that carry some runs.

    Args:
        queue: Where jobs wait and run.
        files: The files of the jobs.
        settings: The settings of each worker.
        each: How many packs a job carries: one per GPU.
        runs: The runs.
        ending: Other jobs that have been ended, and may still be in the queue.
    """

    def __init__(
        self,
        queue: Queue,
        files: JobFiles,
        settings: Settings,
        each: int,
        runs: Sequence[Run],
        ending: Iterable[str] = (),
    ):
        self._queue, self._files, self._settings = queue, files, settings
        self._ending = dict.fromkeys(ending, False)  # jobs that carry nothing any more → whether to keep their log
        self._each, self._left = each, {run.id: run for run in runs}
        self._jobs: dict[str, Job] = {}
        self._error: GanbenchError | None = None
        self._stopping, self._asked = False, time.monotonic()

    def events(self, packs: Sequence[Sequence[Run]], stopping: Callable[[], bool]) -> Iterator[Event]:
        """Yield the events of all jobs until they have ended; see ``Engine``."""
        try:
            known = self._files.names()  # before Slurm is asked: another driver may submit jobs meanwhile
            states = self._first_states()
            self._jobs = {job.name: job for job in self._files.queued(self._left, states)}
            over = [name for name in known if not (is_alive(states.get(name, "")) and self._files.carries(name))]
            self._ending.update(dict.fromkeys(over, False))
            self._clear(states)
            carried = {run.id for job in self._jobs.values() for pack in job.packs for run in pack}
            yield from self._recorded_meanwhile([run for pack in packs for run in pack if run.id not in carried])
            waiting = [[run for run in pack if run.id in self._left.keys() - carried] for pack in packs]
            self._submit([pack for pack in waiting if pack], starts=1)
            while self._jobs:
                if not self._stopping and (self._error is not None or stopping()):
                    self._stop()
                for job in list(self._jobs.values()):
                    for content in job.events.take():
                        yield from self._passed_on(job, content)
                yield from self._lost_jobs()
                if self._jobs:
                    time.sleep(POLL)
            self._wait_for_ends()
        finally:
            self._queue.cancel(self._jobs)  # none is left unless the driver itself was interrupted or failed
            self._files.tidy()
        if self._error is not None:
            raise self._error

    def _first_states(self) -> dict[str, str]:
        """Return the states of all jobs, to find those of an earlier driver."""
        for _ in range(SILENCE):
            states = self._queue.states()
            if states is not None:
                return states
            time.sleep(POLL)
        raise DeviceError("Slurm does not answer: squeue failed several times")

    def _submit(self, packs: Sequence[Sequence[Run]], starts: int) -> None:
        """Submit packs, as many in each job as it has GPUs."""
        groups = [packs[first : first + self._each] for first in range(0, len(packs), self._each)]
        carriers = [
            Carrier([list(pack) for pack in group], self._workers(len(group)), self._files.folder) for group in groups
        ]
        if carriers:
            for name, group in zip(self._queue.submit(carriers), groups, strict=True):
                self._jobs[name] = self._files.add(name, group, starts)

    def _workers(self, count: int) -> list[Settings]:
        if self._settings.device == "cpu":
            return [self._settings] * count
        return [replace(self._settings, device=f"cuda:{index}") for index in range(count)]

    def _stop(self) -> None:
        """Let no other job begin, and ask those that run to save checkpoints.

        In this order: when a job has stopped, the next one of its array would begin.
        """
        self._stopping = True
        self._queue.cancel(self._jobs, waiting=True)
        for name in self._jobs:
            self._files.ask_to_stop(name)

    def _passed_on(self, job: Job, content: Content) -> Iterator[Event]:
        """Yield the event of a line, or see to the end of the job."""
        if "end" not in content:
            run = self._left.get(content["run"])  # a job that was queued again tells once more of runs that had ended
            if run is not None:
                if content["state"] != "progress":
                    del self._left[run.id]
                yield as_event(content, run)
            return
        error = as_error(content)
        self._error = self._error or error
        if content["end"] and error is None:
            reason = f"{content['end']}: {' '.join(content['text'].split())}"
            yield from self._retry(job, "FAILED", reason)
        else:
            self._forget(job)

    def _lost_jobs(self) -> Iterator[Event]:
        """Ask Slurm, and see to the jobs that have ended without a word."""
        if time.monotonic() - self._asked < ASK:
            return
        states, self._asked = self._queue.states(), time.monotonic()
        if states is None:
            return
        self._clear(states)
        for job in list(self._jobs.values()):
            state = states.get(job.name, "")
            job.missed = 0 if is_alive(state) else job.missed + 1
            if job.missed >= MISSED:
                what = f"ended ({state})" if state else "is no longer known to Slurm"
                yield from self._retry(job, state, f"Slurm job {job.name} {what}")

    def _retry(self, job: Job, state: str, reason: str) -> Iterator[Event]:
        """Submit what a lost job has left over again, whole or in smaller parts; a single run may fail."""
        packs = [[run for run in pack if run.id in self._left] for pack in job.packs]
        yield from self._recorded_meanwhile([run for pack in packs for run in pack])
        packs = [rest for pack in packs if (rest := [run for run in pack if run.id in self._left])]
        size = sum(map(len, packs))
        self._forget(job, keep_log=size > 0)
        if self._stopping or not packs:
            return
        if state.startswith("CANCELLED"):
            yield from (Event(self._left.pop(run.id), "failed", text=reason) for pack in packs for run in pack)
            return
        if state in INNOCENT and job.starts < STARTS:
            self._submit(packs, job.starts + 1)
        elif size == 1:
            log = self._files.log(job.name)
            text = f"{reason}; its log: {log}" if log.exists() else reason
            yield Event(self._left.pop(packs[0][0].id), "failed", text=text)
            return
        else:
            packs = packs if len(packs) > 1 else split_in_half(packs[0])
            for pack in packs:  # each in a job of its own
                self._submit([pack], job.starts)
        yield from (retry_event(pack, size, reason) for pack in packs)

    def _recorded_meanwhile(self, runs: Sequence[Run]) -> Iterator[Event]:
        """Yield the ends of runs that were recorded by a job whose last events were lost, or by another driver's."""
        for run in runs:
            if self._settings.is_recorded(run):
                yield Event(self._left.pop(run.id), "recorded")

    def _forget(self, job: Job, *, keep_log: bool = False) -> None:
        """Follow a job no longer. Its files stay until it has left the queue, because it may write one when it ends."""
        del self._jobs[job.name]
        self._files.end(job.name)
        self._ending[job.name] = keep_log

    def _clear(self, states: Mapping[str, str]) -> None:
        """Delete the files of jobs that have left the queue."""
        for name, keep_log in list(self._ending.items()):
            if not is_alive(states.get(name, "")):
                self._files.remove(name, keep_log=keep_log)
                del self._ending[name]

    def _wait_for_ends(self) -> None:
        """Wait until all jobs have left the queue; if that takes too long, the next driver deletes their files."""
        until = time.monotonic() + ENDING
        while self._ending and time.monotonic() < until:
            states = self._queue.states()
            if states is not None:
                self._clear(states)
            if self._ending:
                time.sleep(POLL)
