"""Runs one after another in this process: for notebooks, debuggers and tests."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator, Sequence

from bench.engines import Event
from bench.environment import threads
from bench.errors import GanbenchError
from bench.execution import Progress, Settings, execute
from bench.planning import Run


def in_process(
    runs: Sequence[Run], workers: Sequence[Settings], stopping: Callable[[], bool] = lambda: False
) -> Iterator[Event]:
    """Executes all runs with the first settings; what there is to say of one is said once it ends."""
    settings = workers[0]
    for run in runs:
        if stopping():
            return
        reports: list[Progress] = []
        try:
            with threads(settings.threads):
                done = execute(run, settings, reports.append, stopping)
        except GanbenchError:
            raise
        except Exception as error:
            yield Event(run, "failed", text=f"{type(error).__name__}: {error}\n{traceback.format_exc()}")
            continue
        yield from (Event(run, "progress", report) for report in reports if report.notice)
        yield Event(run, "recorded" if done else "stopped")
