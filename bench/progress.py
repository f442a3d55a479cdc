"""What a person sees while a suite runs: the whole matrix, and every run in flight."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.text import Text

from bench.engines import Event
from bench.running import Summary
from bench.terminal import duration


class Display:
    """Bars on a terminal; elsewhere (a log file, CI) a line per run that ends."""

    def __init__(self, console: Console):
        self._console = console
        self._tasks: dict[str, TaskID] = {}
        self._total: dict[str, int] = {}
        self._ended = 0
        self._progress = Progress(
            TextColumn("{task.description}"),
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
        self._progress.stop()

    def begin(self, summary: Summary) -> None:
        """The whole matrix: how much of it is there already."""
        already = f"{len(summary.already)} of them recorded already in {summary.folder}"
        self._console.print(f"{len(summary.runs)} runs, {already}", highlight=False, markup=False, soft_wrap=True)
        self._steps_left = {run.id: run.training.steps for run in summary.runs} | {run.id: 0 for run in summary.already}
        self._all_steps = sum(self._steps_left.values())
        self._waiting = len(summary.runs) - len(summary.already)
        self._matrix = self._progress.add_task(
            "[bold]runs", total=len(summary.runs), completed=len(summary.already), rate="", left=""
        )

    def watch(self, event: Event) -> None:
        """One event of a run."""
        name = event.run.id
        if event.state == "progress" and event.progress is not None:
            if name not in self._tasks:
                self._tasks[name] = self._progress.add_task(
                    escape(f"  {event.run}"), total=event.run.training.steps, rate="", left=""
                )
            rate = event.progress.steps_per_second
            left = event.run.training.steps - event.progress.step
            self._steps_left[name] = left
            self._progress.update(
                self._tasks[name],
                completed=event.progress.step,
                rate=f"{rate:,.0f} steps/s" if rate else "",
                left=f"{duration(left / rate)} left" if rate else "",
            )
            self._tell_time_left()
            return
        if name in self._tasks:
            self._progress.remove_task(self._tasks.pop(name))
        if event.state == "recorded":
            self._steps_left[name] = 0
            self._ended += 1
            self._progress.advance(self._matrix)
        if event.state == "failed":
            first = event.text.partition("\n")[0]
            self._console.print(Text(f"failed: {event.run}: {first}", style="red"))
        elif not self._console.is_terminal:
            ended = f"{event.state}: {event.run} ({self._ended} of {self._waiting})"
            self._console.print(ended, highlight=False, markup=False, soft_wrap=True)

    def _tell_time_left(self) -> None:
        """From the share of all generator steps that is done since the start."""
        task = self._progress.tasks[0]
        done = self._all_steps - sum(self._steps_left.values())
        if done and task.elapsed:
            left = (self._all_steps - done) * task.elapsed / done
            self._progress.update(self._matrix, left=f"about {duration(left)} left")
