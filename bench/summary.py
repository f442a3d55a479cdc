"""The state of a suite while it runs, and the options with which it runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from bench.plan.runs import Run
from bench.records.unfinished import note_failure
from bench.report import Report

if TYPE_CHECKING:  # not needed where nothing is trained
    from bench.compute.events import Event
    from bench.compute.interruption import Interruption


@dataclass
class Summary:
    """The state of a suite while it runs, and its result.

    Attributes:
        folder: The suite's results folder.
        runs: All planned runs.
        already: The runs that had a record before.
        recorded: The runs whose record was published now.
        failed: The error of each run whose code failed.
        faults: What is wrong with a plug-in → the runs that use it; they are among ``failed``.
        notices: Notices for the user: images found in a folder, unsound combinations, damaged records and checkpoints.
        report: The report if tables and figures were written or are up to date, else None.
        report_problem: Why the report could not be written, or "".
        stopping: Returns whether a stop was requested.
        activity: What is done before training starts, while that takes time; otherwise "".
    """

    folder: Path
    runs: list[Run]
    already: list[Run] = field(default_factory=list)
    recorded: list[Run] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    faults: dict[str, list[Run]] = field(default_factory=dict)
    notices: list[str] = field(default_factory=list)
    report: Report | None = None
    report_problem: str = ""
    stopping: Callable[[], bool] = lambda: False
    activity: str = ""

    @property
    def missing(self) -> int:
        """The number of runs without a record."""
        return len(self.runs) - len(self.already) - len(self.recorded)

    def add(self, event: Event) -> None:
        """Add what an event reports."""
        progress = event.progress
        if event.state == "recorded":
            self.recorded.append(event.run)
        elif event.state == "failed":
            self.failed[str(event.run)] = event.text
            if event.fault:
                self.faults.setdefault(event.text, []).append(event.run)
        elif progress is not None and progress.affected:
            others = f" and {progress.affected - 1} more" if progress.affected > 1 else ""
            notice = progress.notice if progress.general else f"{event.run}{others}: {progress.notice}"
            self.notices += [notice] if notice not in self.notices else []

    def follow(self, events: Iterable[Event], watch: Callable[[Event], None], interruption: Interruption) -> None:
        """Add events and pass them on; if ``watch`` fails, ask for a stop, after which its error is raised.

        Args:
            events: What the engine reports. All are followed to the end, so that runs save their checkpoints.
            watch: Receives every event.
            interruption: Asks for the stop.
        """
        problem: Exception | None = None
        for event in events:
            self.add(event)
            if event.state == "failed":
                note_failure(self.folder, event.run, event.text)
            try:
                if problem is None:
                    watch(event)
            except Exception as error:
                problem = error
                interruption.stop()
        if problem is not None:
            raise problem

    def followed_by(self, later: Summary) -> Summary:
        """Return the summary of these runs and of later ones in the same folder."""
        lists = ("runs", "already", "recorded")
        joined = {name: getattr(self, name) + getattr(later, name) for name in lists}
        faults = {text: self.faults.get(text, []) + later.faults.get(text, []) for text in self.faults | later.faults}
        return replace(later, **joined, failed=self.failed | later.failed, faults=faults)


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """How to train runs; see ``run_suite`` for the meaning of each option."""

    device: str = "auto"
    workers: int | None = None
    threads: int = 1
    checkpoint_every: float = 60.0
    timeout: float | None = None
    pack: int | Literal["auto", "off"] = "auto"
    memory: float | None = None
    inception_weights: Path | None = None
    keep: tuple[str, ...] = ()
    tensorboard: Path | None = None
    engine: Literal["local", "ray", "slurm"] = "local"
    address: str | None = None
    slurm: Mapping[str, Any] | None = None
    begin: Callable[[Summary], None] = lambda summary: None
    watch: Callable[[Event], None] = lambda event: None
