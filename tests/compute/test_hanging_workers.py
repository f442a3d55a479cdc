"""A worker that hangs is ended after a time-out; its runs are retried or fail, and others are not affected."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import bench
from bench.compute.engines.local import local
from bench.compute.settings import Settings
from bench.errors import SuiteError
from bench.plan.runs import Run


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="needs SIGSTOP")
def test_a_worker_that_hangs_is_ended_and_its_runs_are_retried_one_by_one(
    tiny_runs: list[Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    later, monotonic = [0.0], time.monotonic
    monkeypatch.setattr("bench.compute.engines.local.time.monotonic", lambda: monotonic() + later[0])
    states, notices = {}, []
    for event in local([tiny_runs[:2], tiny_runs[2:]], [Settings(folder=tmp_path, timeout=3600.0)]):
        if event.progress is not None and event.progress.notice.startswith("a pack"):
            notices.append(event.progress.notice)
        elif event.state == "progress" and event.run == tiny_runs[0]:
            for worker in multiprocessing.active_children():
                assert worker.pid is not None
                os.kill(worker.pid, signal.SIGSTOP)  # it is there, and does nothing
            later[0] += 3601.0
        elif event.state != "progress":
            states[event.run.id] = (event.state, event.text)
    ended = "the worker process was ended, because it made no progress for 3600 s"
    assert notices == [f"a pack of 2 failed ({ended}); retrying in a pack of 1"] * 2
    assert states.pop(tiny_runs[0].id) == ("failed", ended)
    assert [state for state, _ in states.values()] == ["recorded"] * 3


@pytest.mark.parametrize("options", [{"workers": 0}, {"engine": "ray"}])
def test_a_timeout_needs_worker_processes(
    write_suite: Callable[[str], str], tiny: str, options: dict[str, object]
) -> None:
    with pytest.raises(SuiteError, match="timeout: only applies to worker processes of this machine"):
        bench.run(tiny, timeout=60.0, **options)
