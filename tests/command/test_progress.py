"""The progress display."""

from __future__ import annotations

import io
from pathlib import Path

from rich.console import Console

from bench.command.progress import Display
from bench.compute.events import Event, Progress
from bench.plan.runs import Run
from bench.running import Summary


def test_notices_are_shown_as_they_come(tiny_runs: list[Run], tmp_path: Path) -> None:
    """In a log file: each notice once, before the next event, and also if the display is closed first."""
    log = io.StringIO()
    summary = Summary(tmp_path, tiny_runs, notices=["a record was damaged"])
    with Display(Console(file=log, width=200)) as display:
        display.begin(summary)
        assert log.getvalue().splitlines()[1:] == ["a record was damaged"]
        summary.notices.append("the pack was halved")
        display.watch(Event(tiny_runs[0], "progress", Progress(50, 10.0)))
        display.watch(Event(tiny_runs[0], "recorded"))
        summary.notices.append("a worker died")
    assert log.getvalue().splitlines()[2:] == [
        "the pack was halved",
        f"recorded: {tiny_runs[0]} (1 of 4)",
        "a worker died",
    ]


def test_a_terminal_says_that_it_is_stopping(tiny_runs: list[Run], tmp_path: Path) -> None:
    screen = io.StringIO()
    summary = Summary(tmp_path, tiny_runs)
    with Display(Console(file=screen, width=100, force_terminal=True)) as display:
        display.begin(summary)
        display._progress.refresh()
        assert "stopping" not in screen.getvalue()
        summary.stopping = lambda: True
        display._progress.refresh()
    assert "stopping: saving checkpoints" in screen.getvalue()
