"""What a person sees while a suite runs: the whole matrix, and every run in flight."""

from __future__ import annotations

from collections.abc import Callable

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, Task, TaskID, TextColumn, TimeElapsedColumn
from rich.text import Text

from bench.command.show_plan import duration
from bench.compute.events import Event
from bench.compute.events import Progress as Steps
from bench.plan.runs import Run
from bench.plan.work import units_per_step
from bench.running import Summary


class Display:
    """Bars on a terminal; elsewhere (a log file, CI) a line per run that ends."""

    def __init__(self, console: Console):
        self._console = console
        self._bar_of: dict[str, TaskID] = {}  # run → the bar of its pack
        self._summary: Summary | None = None
        self._told = 0  # of its notices, which grow
        self._ended = 0
        self._progress = Progress(
            _Description(lambda: self._summary is not None and self._summary.stopping()),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}", style="cyan"),
            TextColumn("{task.fields[left]}", style="dim"),
            TimeElapsedColumn(),
            console=console,
            disable=not console.is_terminal,
            transient=True,
        )

    def __enter__(self) -> Display:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._tell_notices()
        self._progress.stop()

    def begin(self, summary: Summary) -> None:
        """The whole matrix: how much of it is there already."""
        self._tell_notices()  # of the suite before, where there was one
        self._summary, self._told = summary, 0
        already = f"{len(summary.already)} of them recorded already in {summary.folder}"
        self._console.print(f"{len(summary.runs)} runs, {already}", highlight=False, markup=False, soft_wrap=True)
        self._tell_notices()
        already_there = {run.id for run in summary.already}
        self._work_left = {
            run.id: _work(run, run.training.steps) for run in summary.runs if run.id not in already_there
        }
        self._all_work = sum(self._work_left.values())
        self._waiting = len(summary.runs) - len(summary.already)
        self._matrix = self._progress.add_task(
            "[bold]runs", total=len(summary.runs), completed=len(summary.already), rate="", left=""
        )

    def watch(self, event: Event) -> None:
        """One event of a run, after what has come to be told meanwhile."""
        self._tell_notices()
        if event.state == "progress" and event.progress is not None:
            self._go_on(event.run, event.progress)
            return
        name = event.run.id
        bar = self._bar_of.pop(name, None)
        if bar is not None and bar not in self._bar_of.values():
            self._progress.remove_task(bar)
        if event.state == "recorded":
            self._work_left[name] = 0
            self._ended += 1
            self._progress.advance(self._matrix)
        if event.state == "failed":
            first = event.text.partition("\n")[0]
            self._console.print(Text(f"failed: {event.run}: {first}", style="red"))
        elif not self._console.is_terminal:
            ended = f"{event.state}: {event.run} ({self._ended} of {self._waiting})"
            self._console.print(ended, highlight=False, markup=False, soft_wrap=True)

    def _tell_notices(self) -> None:
        for notice in self._summary.notices[self._told :] if self._summary else ():
            self._console.print(notice, highlight=False, markup=False, soft_wrap=True)
            self._told += 1

    def _go_on(self, run: Run, progress: Steps) -> None:
        """Moves the bar of a run, which is that of its pack."""
        if run.id not in self._bar_of:
            self._all_work -= _work(run, progress.step)  # done before, if it goes on from a checkpoint
            more = f" and {progress.pack - 1} more as one program" if progress.pack > 1 else ""
            self._bar_of[run.id] = self._bar_of.get(progress.first) or self._progress.add_task(
                escape(f"  {run}{more}"), total=run.training.steps, rate="", left=""
            )
        rate, left = progress.steps_per_second, run.training.steps - progress.step
        self._work_left[run.id] = _work(run, left)
        self._progress.update(
            self._bar_of[run.id],
            completed=progress.step,
            rate=f"{rate:,.0f} steps/s" + (" each" if progress.pack > 1 else "") if rate else "",
            left=f"{duration(progress.pack * left / rate)} left" if rate else "",
        )
        self._tell_time_left()

    def _tell_time_left(self) -> None:
        """From the share of all work that is done since the start."""
        task = self._progress.tasks[0]
        left = sum(self._work_left.values())
        done = self._all_work - left
        if done > 0 and task.elapsed:
            self._progress.update(self._matrix, left=f"about {duration(left * task.elapsed / done)} left")


class _Description(TextColumn):
    """What a bar is of; the first says that an end was asked for, which waits for the chunks in flight."""

    def __init__(self, stopping: Callable[[], bool]):
        super().__init__("{task.description}")
        self._stopping = stopping

    def render(self, task: Task) -> Text:
        if task.id == 0 and self._stopping():
            return Text("stopping, checkpoints first", style="bold yellow")
        return super().render(task)


def _work(run: Run, steps: int) -> float:
    return steps * units_per_step(run.training.model_dump())
