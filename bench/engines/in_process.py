"""Runs one after another in this process: for notebooks, debuggers and tests."""

from __future__ import annotations

import traceback
from collections.abc import Iterator, Sequence

from bench.engines import Event
from bench.environment import threads
from bench.errors import GanbenchError
from bench.execution import Progress, Settings, execute
from bench.planning import Run


def in_process(runs: Sequence[Run], workers: Sequence[Settings]) -> Iterator[Event]:
    """Executes all runs with the first settings; progress is reported once a run is done."""
    settings = workers[0]
    with threads(settings.threads):
        for run in runs:
            reports: list[Progress] = []
            try:
                execute(run, settings, reports.append, lambda: False)
            except GanbenchError:
                raise
            except Exception as error:
                yield Event(run, "failed", text=f"{type(error).__name__}: {error}\n{traceback.format_exc()}")
                continue
            yield from (Event(run, "progress", report) for report in reports if report.notice)
            yield Event(run, "recorded")
