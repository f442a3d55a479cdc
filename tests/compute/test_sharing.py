"""Several drivers on one results folder: every run is trained once, whoever dies."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from bench.compute.engines.in_process import in_process
from bench.compute.events import Event
from bench.compute.settings import Settings
from bench.compute.sharing import execute_shared
from bench.plan.runs import Run
from bench.records.record import paths_by_run
from bench.running import RunOptions, train_runs

DRIVER = """
import sys
import bench

trained = set()

def watch(event):
    progress = event.progress
    if progress and progress.losses and event.run.id not in trained:
        trained.add(event.run.id)
        print(event.run.id, flush=True)

if __name__ == "__main__":
    suite, results = sys.argv[1:]
    bench.run(suite, results=results, workers=0, pack="off", device="cpu", report="none", watch=watch, checkpoint_every=0)
"""


def ends(events: Sequence[Event]) -> list[tuple[str, str]]:
    return [(event.run.id, event.state) for event in events if event.state != "progress"]


def test_runs_that_others_hold_are_waited_for_and_then_trained_or_found_recorded(
    tiny_runs: list[Run], tiny_results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(folder=tiny_results)
    recorded, given_up, free = tiny_runs[:3]
    kept = settings.record(recorded).rename(tiny_results / "kept")
    for run in (given_up, free):
        settings.record(run).unlink()
    notices: list[str] = []
    other = settings.leases().hold([recorded.id, given_up.id])
    other.__enter__()

    def meanwhile(seconds: float, stopping: Callable[[], bool]) -> None:
        kept.rename(settings.record(recorded))
        other.__exit__(None, None, None)

    monkeypatch.setattr("bench.compute.sharing._wait", meanwhile)
    packs = [[recorded], [given_up, free]]
    events = list(execute_shared(in_process, packs, [settings], lambda: False, notices.append))
    assert ends(events) == [(free.id, "recorded"), (recorded.id, "recorded"), (given_up.id, "recorded")]
    (notice,) = notices
    assert notice.startswith("waiting for 2 runs in training elsewhere (process ")
    assert not [event for event in events if event.run.id == recorded.id and event.progress]


def test_a_stop_ends_the_wait(tiny_runs: list[Run], tmp_path: Path) -> None:
    settings = Settings(folder=tmp_path)
    asked = iter([False, False, False, True])
    with settings.leases().hold([tiny_runs[0].id]):
        events = list(execute_shared(in_process, [[tiny_runs[0]]], [settings], lambda: next(asked, True)))
    assert events == []


def test_a_lease_that_cannot_be_written_stops_the_suite_with_one_line(tiny_runs: list[Run], tmp_path: Path) -> None:
    (tmp_path / ".leases").write_text("")
    with pytest.raises(Exception, match=r"\.leases/.* cannot be written: (File exists|Not a directory)") as raised:
        train_runs(tiny_runs[:1], tmp_path, RunOptions(workers=0, pack="off"))
    assert "\n" not in str(raised.value)


@pytest.mark.slow
def test_eight_drivers_train_every_run_once_and_one_of_them_is_killed(
    write_suite: Any, tiny: str, tmp_path: Path
) -> None:
    suite = Path(tiny).read_text().replace("seeds = 2", "seeds = 8").replace("steps = 120", "steps = 300")
    path = write_suite(suite)
    script = tmp_path / "driver.py"
    script.write_text(DRIVER)
    command = [sys.executable, str(script), path, str(tmp_path / "results")]
    drivers = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(8)]
    assert drivers[0].stdout is not None
    killed_at = drivers[0].stdout.readline().strip()  # it trains this run
    drivers[0].send_signal(signal.SIGKILL)
    written = [driver.communicate(timeout=600) for driver in drivers]
    assert [driver.returncode for driver in drivers[1:]] == [0] * 7, [errors for _, errors in written]
    trained = Counter("".join(output for output, _ in written[1:]).split())
    folder = tmp_path / "results" / "tiny"
    records = paths_by_run(folder)
    assert len(records) == 16
    assert set(trained) | {killed_at} >= records.keys()
    assert max(trained.values()) == 1
    assert not list(folder.rglob("*.partial"))
    assert not list((folder / ".leases").iterdir())
    assert [path.stem for path in (folder / "checkpoints").iterdir()] == []
