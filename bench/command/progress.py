"""Progress of a suite: one bar for all runs, and one for every pack that is training."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import IO, Any, cast

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, Task, TaskID, TextColumn, TimeElapsedColumn
from rich.text import Text

from bench.command.show_plan import duration
from bench.compute.events import Event
from bench.compute.events import Progress as Steps
from bench.escaping import as_label, as_message
from bench.plan.grouping import units_per_step
from bench.plan.runs import Run
from bench.records.addresses import place_of
from bench.summary import Summary


class Display:
    """Progress bars on a terminal; elsewhere (a log file, CI), or without ``bars``, one line per run that ends."""

    def __init__(self, console: Console, *, bars: bool = True):
        self._bars = bars and console.is_terminal
        console.file = cast("IO[str]", _Unfailing(console.file))
        self._console = console
        self._bar_of: dict[str, TaskID] = {}  # run → the bar of its pack
        self._summary: Summary | None = None
        self._notices_shown = 0
        self._faults_shown: set[str] = set()
        self._ended = 0
        self._progress = Progress(
            _Description(lambda: self._summary),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}", style="cyan"),
            TextColumn("{task.fields[left]}", style="dim"),
            TimeElapsedColumn(),
            console=console,
            disable=not self._bars,
            transient=True,
        )

    def __enter__(self) -> Display:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._show_notices()
        self._progress.stop()

    def begin(self, summary: Summary) -> None:
        """Show the number of runs, and how many of them are already recorded."""
        self._show_notices()  # those of the previous suite
        self._summary, self._notices_shown, self._ended = summary, 0, 0
        places = {run.search.phase for run in summary.runs if run.search}
        count = " ".join([str(len(summary.runs)), *places, "run" if len(summary.runs) == 1 else "runs"])
        line = f"{count}, {len(summary.already)} already recorded in {place_of(summary.folder)}"
        self._console.print(line, highlight=False, markup=False, soft_wrap=True)
        self._show_notices()
        recorded = {run.id for run in summary.already}
        self._work_left = {run.id: _work(run, run.training.steps) for run in summary.runs if run.id not in recorded}
        self._total_work = sum(self._work_left.values())
        self._waiting = len(summary.runs) - len(summary.already)
        for task in self._progress.task_ids:  # of the previous suite, or of the tuning runs
            self._progress.remove_task(task)
        self._matrix = self._progress.add_task(
            "[bold]runs", total=len(summary.runs), completed=len(summary.already), rate="", left=""
        )

    def watch(self, event: Event) -> None:
        """Show an event of a run, after any new notices."""
        self._show_notices()
        if event.state == "progress" and event.progress is not None:
            self._update_bar(event.run, event.progress)
            return
        run = event.run.id
        bar = self._bar_of.pop(run, None)
        if bar is not None and bar not in self._bar_of.values():
            self._progress.remove_task(bar)
        if event.state == "recorded":
            self._work_left[run] = 0
            self._ended += 1
            self._progress.advance(self._matrix)
        if event.fault and event.text in self._faults_shown:
            return
        self._faults_shown |= {event.text} if event.fault else set()
        if event.state == "failed":
            first = event.text.partition("\n")[0]
            about = "" if event.fault else f"{event.run}: "  # a fault of a plug-in concerns all runs that use it
            self._console.print(Text(as_message(f"error: {about}{first}"), style="red"), soft_wrap=True)
        elif not self._bars:
            ended = f"{event.state}: {event.run} ({self._ended} of {self._waiting})"
            self._console.print(ended, highlight=False, markup=False, soft_wrap=True)

    def _show_notices(self) -> None:
        for notice in self._summary.notices[self._notices_shown :] if self._summary else ():
            self._console.print(notice, highlight=False, markup=False, soft_wrap=True)
            self._notices_shown += 1

    def _update_bar(self, run: Run, progress: Steps) -> None:
        """Update the bar of a run, which its pack shares."""
        if run.id not in self._bar_of:
            self._total_work -= _work(run, progress.step)  # done earlier, if the run resumes from a checkpoint
            more = f" and {progress.pack - 1} more in one pack" if progress.pack > 1 else ""
            self._bar_of[run.id] = self._bar_of.get(progress.first) or self._progress.add_task(
                escape(f"  {as_label(run, 400)}{more}"), total=run.training.steps, rate="", left=""
            )
        rate, left = progress.steps_per_second, run.training.steps - progress.step
        self._work_left[run.id] = _work(run, left)
        self._progress.update(
            self._bar_of[run.id],
            completed=progress.step,
            rate=f"{rate:,.0f} steps/s" + (" per run" if progress.pack > 1 else "") if rate else "",
            left=f"{duration(progress.pack * left / rate)} left" if rate else "",
        )
        self._update_time_left()

    def _update_time_left(self) -> None:
        """Estimate the remaining time from the fraction of the work done since the start."""
        task = self._progress.tasks[0]
        left = sum(self._work_left.values())
        done = self._total_work - left
        if done > 0 and task.elapsed:
            self._progress.update(self._matrix, left=f"about {duration(left * task.elapsed / done)} left")


class _Unfailing:
    """A stream for text that is lost if nobody can read it: a closed terminal, a pipe that ended. Runs go on."""

    def __init__(self, stream: IO[str]):
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        with suppress(OSError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError):
            self._stream.flush()


class _Description(TextColumn):
    """The name of a bar. The first bar says what is done before training, and after an interrupt."""

    def __init__(self, summary: Callable[[], Summary | None]):
        super().__init__("{task.description}")
        self._summary = summary

    def render(self, task: Task) -> Text:
        summary = self._summary()
        if task.id == 0 and summary is not None and summary.stopping():
            return Text("stopping: saving checkpoints", style="bold yellow")
        if task.id == 0 and summary is not None and summary.activity:
            return Text(summary.activity, style="bold")
        return super().render(task)


def _work(run: Run, steps: int) -> float:
    return steps * units_per_step(run.training.model_dump())
