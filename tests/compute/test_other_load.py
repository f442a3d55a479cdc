"""The CPU time of other processes while something is timed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bench.compute import other_load


def counters(path: Path, busy: float, idle: float = 1e6) -> None:
    """Write the counters of a machine: busy seconds, half of them in user code, a quarter as steal."""
    ticks = os.sysconf("SC_CLK_TCK")
    user, system, steal = (int(share * busy * ticks) for share in (0.5, 0.25, 0.25))
    path.write_text(f"cpu  {user} 0 {system} {int(idle * ticks)} 5 0 0 {steal} 0 0\ncpu0 1 2 3\n")


def test_other_load_is_the_busy_time_of_the_machine_without_this_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "stat"
    monkeypatch.setattr(other_load, "PROC_STAT", path)
    clock, own = [100.0], [7.0]
    monkeypatch.setattr(other_load.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(other_load.os, "times", lambda: os.times_result((own[0], 1.0, 0.0, 0.0, clock[0])))
    counters(path, 400)
    load = other_load.OtherLoad()
    clock[0], own[0] = 110.0, 17.0  # this process was busy for all ten seconds
    counters(path, 430)
    assert load.cores() == pytest.approx(2.0)
    counters(path, 408)  # counters are rounded: never below 0
    assert load.cores() == 0


def test_other_load_is_unknown_where_the_system_does_not_say_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "stat"
    monkeypatch.setattr(other_load, "PROC_STAT", path)
    for text in (None, "", "cpu\n", "cpu  0 0 0 0 0 0 0 0\n", "cpu a b\n"):
        if text is not None:
            path.write_text(text)
        assert other_load.OtherLoad().cores() is None
