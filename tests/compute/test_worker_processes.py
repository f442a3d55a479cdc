"""Worker processes start before torch is loaded, only as many as are needed for certain, and none is left behind."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from bench.compute.engines import worker_processes
from bench.compute.engines.worker_processes import Reserve, count_to_start
from bench.compute.settings import Settings, core_count
from bench.plan.runs import Run, plan_runs
from bench.plan.suite import load_suite


def test_processes_can_start_before_torch_is_loaded() -> None:
    code = "import sys, bench.compute.engines.worker_processes; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"


@pytest.fixture(scope="module")
def ring() -> list[Run]:
    return plan_runs(load_suite("ring"), seeds=2)  # two kinds of packs, several minutes of training


def test_as_many_start_as_will_have_work(ring: list[Run], tiny_runs: list[Run]) -> None:
    assert count_to_start("cpu", None, 1, ring) == min(len(ring), core_count())
    assert count_to_start("cpu", 3, 1, ring) == 3
    assert count_to_start("cpu", 3, 1, ring[:2]) == 2
    assert count_to_start("cpu", None, 10**6, ring) == 1
    assert count_to_start("cpu", 0, 1, ring) == 0
    small = tiny_runs[:1]
    assert count_to_start("cpu", None, 1, small) == 0  # it trains in the process of the command
    assert count_to_start("cpu", 1, 1, small) == 1


def test_none_start_where_there_may_be_a_gpu(ring: list[Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(worker_processes, "ACCELERATORS", (str(tmp_path / "driver"),))
    assert count_to_start("auto", 2, 1, ring) == 2
    (tmp_path / "driver").touch()
    assert count_to_start("auto", 2, 1, ring) == 0
    assert count_to_start("cuda", 2, 1, ring) == 0
    assert count_to_start("cpu", 2, 1, ring) == 2


def test_processes_that_were_not_taken_end(tmp_path: Path) -> None:
    with Reserve(2) as reserve:
        (left, _), (started, _) = reserve._waiting
        taken, pipe = reserve.take(Settings(folder=tmp_path))
        assert taken is started
        assert left.is_alive()
    assert left.exitcode is not None
    assert taken.exitcode is None
    pipe.close()  # a worker ends when its parent does
    taken.join(60)
    assert taken.exitcode == 0
