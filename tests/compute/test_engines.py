"""Engines give the same results alone, in parallel and resumed, and survive failing runs, dead workers and signals."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pandas as pd
import psutil
import pytest
import torch
from compared_records import check_same, traces
from conftest import train_suite

from bench.compute import execution
from bench.compute.checkpoints import History, restore, save
from bench.compute.engines import retries
from bench.compute.engines.in_process import in_process
from bench.compute.engines.local import local
from bench.compute.engines.retries import attempt
from bench.compute.events import Event
from bench.compute.execution import execute
from bench.compute.interruption import handling_signals
from bench.compute.settings import Settings
from bench.compute.training.pack import Pack
from bench.errors import ResultsError
from bench.plan.runs import Run, plan_runs
from bench.plan.suite import load_suite
from bench.records.listing import record_paths
from bench.records.record import read_metadata
from bench.report import write_report


@pytest.fixture(autouse=True)
def signals_are_handled() -> Iterator[None]:
    """Handle SIGINT even if these tests run in the background, where the shell makes processes ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def alone(runs: list[Run]) -> list[list[Run]]:
    """Return packs of one run each."""
    return [[run] for run in runs]


def execute_alone(run: Run, settings: Settings, stopping: Callable[[], bool] = lambda: False) -> list[Event]:
    """Execute a pack of one run and return its events."""
    return list(execute([run], settings, stopping))


def ends(events: Iterable[Event]) -> list[str]:
    return [event.state for event in events if event.state != "progress"]


def notice(events: list[Event]) -> str:
    """Return the notice of the first event."""
    assert events[0].progress is not None
    return events[0].progress.notice


@pytest.mark.slow
def test_one_worker_two_workers_and_none_give_the_same_records(
    tiny_runs: list[Run], tiny_results: Path, tmp_path: Path
) -> None:
    for count in (1, 2):
        folder = tmp_path / f"with {count}"
        events = list(local(alone(tiny_runs), [Settings(folder=folder, workers=count)] * count))
        assert ends(events) == ["recorded"] * 4
        assert any(event.progress and event.progress.steps_per_second > 0 for event in events)
        check_same(folder, tiny_results)


def test_a_run_gives_the_same_results_alone_and_seeds_differ(
    tiny_runs: list[Run], tiny_results: Path, tmp_path: Path
) -> None:
    list(in_process([tiny_runs[2:3]], [Settings(folder=tmp_path / "alone")]))
    everything, alone = traces(tiny_results), traces(tmp_path / "alone")
    among = everything[everything["run"] == tiny_runs[2].id].reset_index(drop=True)
    pd.testing.assert_frame_equal(among, alone, check_exact=True)
    other = everything[everything["run"] == tiny_runs[3].id]["value"].reset_index(drop=True)
    assert (other != alone["value"]).mean() > 0.5


@pytest.mark.parametrize("stop_after", [1, 2, 3, 5])
def test_a_stopped_run_resumes_bit_by_bit(
    tiny_runs: list[Run], tiny_results: Path, tmp_path: Path, stop_after: int
) -> None:
    """Adam, the average, streams and penalties all resume; the chunks end at steps 40, 50, 80, 100 and 120."""
    for run in tiny_runs:
        settings = Settings(folder=tmp_path / "stopped")
        asked = 0

        def stopping() -> bool:
            nonlocal asked
            asked += 1
            return asked >= stop_after

        done = ends(execute_alone(run, settings, stopping)) == ["recorded"]
        assert done == settings.record(run).exists() == (stop_after == 5)
        if not done:
            assert settings.checkpoint(run).exists()
            events = execute_alone(run, settings)
            assert ends(events) == ["recorded"]
            assert "resumes from step" in notice(events)
            assert read_metadata(settings.record(run)).environment.model_dump()["resumed"] == 1
        assert not settings.checkpoint(run).exists()
    check_same(tmp_path / "stopped", tiny_results)


def test_checkpoints_are_saved_at_the_requested_interval(
    tiny_runs: list[Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved = []
    monkeypatch.setattr(execution, "save", lambda *args: saved.append(args))
    execute_alone(tiny_runs[0], Settings(folder=tmp_path, checkpoint_every=0))
    assert len(saved) == 5
    saved.clear()
    execute_alone(tiny_runs[1], Settings(folder=tmp_path))
    assert saved == []


@pytest.mark.parametrize("share", [0.0, 0.3, 0.99, 1.0])
def test_a_truncated_or_changed_checkpoint_restarts_the_run_with_a_notice(
    tiny_runs: list[Run], tiny_results: Path, tmp_path: Path, share: float
) -> None:
    settings = Settings(folder=tmp_path / "cut")
    run = tiny_runs[0]
    assert ends(execute_alone(run, settings, lambda: True)) == ["stopped"]
    path = settings.checkpoint(run)
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1  # one bit
    path.write_bytes(raw[: int(share * len(raw))])
    events = execute_alone(run, settings)
    assert ends(events) == ["recorded"]
    assert "truncated or damaged; the run restarts" in notice(events)
    expected = traces(tiny_results)
    pd.testing.assert_frame_equal(
        traces(tmp_path / "cut"), expected[expected["run"] == run.id].reset_index(drop=True), check_exact=True
    )


def test_a_full_disk_while_a_checkpoint_is_written(
    tiny_runs: list[Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("bench.files.os.fsync", full)
    settings = Settings(folder=tmp_path)
    with pytest.raises(ResultsError, match=r"checkpoint .* cannot be written: No space left on device"):
        execute_alone(tiny_runs[0], settings, lambda: True)
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and path.name != "suite.toml"]


def test_a_run_whose_code_fails_does_not_stop_the_others(
    tiny_runs: list[Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(runs: list[Run], *rest: Any) -> Iterator[Event]:
        if tiny_runs[1] in runs:
            raise RuntimeError("shapes do not fit")
        return execute(runs, *rest)

    monkeypatch.setattr(retries, "execute", broken)
    events = list(in_process(alone(tiny_runs), [Settings(folder=tmp_path)]))
    assert ends(events) == ["recorded", "failed", "recorded", "recorded"]
    (failed,) = [event for event in events if event.state == "failed"]
    assert failed.run == tiny_runs[1]
    assert failed.text.startswith("RuntimeError: shapes do not fit\nTraceback")


def kill_the_worker() -> None:
    """Kill a worker, if one is alive: the event may have been sent by one that is dead already."""
    for child in psutil.Process().children():
        with suppress(psutil.ZombieProcess, psutil.NoSuchProcess):
            if "spawn_main" in " ".join(child.cmdline()):
                child.send_signal(signal.SIGKILL)
                return


def test_a_dead_worker_is_replaced_and_its_run_reported(tiny_runs: list[Run], tmp_path: Path) -> None:
    killed: list[Run] = []
    states = {}
    for event in local(alone(tiny_runs), [Settings(folder=tmp_path)]):
        if event.state == "progress" and not killed:
            killed.append(event.run)
            kill_the_worker()
        elif event.state != "progress":
            states[event.run.id] = (event.state, event.text)
    assert states.pop(killed[0].id) == ("failed", "the worker process died (signal SIGKILL)")
    assert [state for state, _ in states.values()] == ["recorded"] * 3


@pytest.mark.slow
def test_runs_of_a_dead_worker_are_retried_in_smaller_packs(
    tiny_runs: list[Run], tiny_results: Path, tmp_path: Path
) -> None:
    """Every worker that starts the first run is killed."""
    states, notices = {}, []
    for event in local([tiny_runs[:2], tiny_runs[2:]], [Settings(folder=tmp_path / "killed")]):
        if event.progress is not None and event.progress.notice:
            notices.append((event.run, event.progress.notice))
        elif event.state == "progress" and event.run == tiny_runs[0]:
            kill_the_worker()
        elif event.state != "progress":
            states[event.run.id] = (event.state, event.text)
    died = "the worker process died (signal SIGKILL)"
    assert notices == [(run, f"a pack of 2 failed ({died}); retrying in a pack of 1") for run in tiny_runs[:2]]
    assert states.pop(tiny_runs[0].id) == ("failed", died)
    assert [state for state, _ in states.values()] == ["recorded"] * 3
    everything = traces(tiny_results)
    others = everything[everything["run"] != tiny_runs[0].id].reset_index(drop=True)
    pd.testing.assert_frame_equal(traces(tmp_path / "killed"), others, check_exact=True)


@pytest.mark.slow
def test_an_error_that_affects_all_runs_stops_them_all(tiny_runs: list[Run], tmp_path: Path) -> None:
    (tmp_path / "records").write_text("a file where a folder should be")
    with pytest.raises(ResultsError, match="cannot be written"):
        list(local(alone(tiny_runs), [Settings(folder=tmp_path)] * 2))


SLOW = """
name = "slow"
seeds = 2
[matrix]
loss = ["wgan-gp", "hinge"]
dataset = [{ name = "ring", points = 1000 }]
architecture = ["mlp"]
[training]
steps = 600
batch_size = 32
ema = 0.99
[evaluation]
every = 200
samples = 200
metrics = ["modes", "frechet"]
"""


def start(suite: str, folder: Path, *words: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "bench", "run", suite, "--results", str(folder), "--checkpoint-every", "0.2"]
    return subprocess.Popen(
        [*command, *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )


def wait_for_a_checkpoint_and_records(
    process: subprocess.Popen[str], folder: Path, runs: list[Run], count: int
) -> None:
    """Wait until ``count`` runs have records and another one has a checkpoint before its step 400 of 600.

    A run that is nearly done could end before it notices a signal.
    """
    settings, limit = Settings(folder=folder), time.monotonic() + 300
    while process.poll() is None and time.monotonic() < limit:
        waiting = [run for run in runs if not settings.record(run).exists()]
        steps = [restore(settings.checkpoint(run), run).history.step for run in waiting]
        if len(runs) - len(waiting) >= count and any(0 < step < 400 for step in steps):
            return
        time.sleep(0.05)
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    output, _ = process.communicate()
    raise AssertionError(f"no record and checkpoint within 300 s, or before its end: {output}")


@pytest.fixture(scope="module")
def slow_results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results folder of the slow suite, trained without interruption."""
    return train_suite(SLOW, tmp_path_factory.mktemp("whole"))


PACKED = ("--pack", "2", "--workers", "1")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (signal.SIGKILL, ()),
        (signal.SIGINT, ()),
        (signal.SIGTERM, ()),
        (signal.SIGKILL, PACKED),
        (signal.SIGINT, PACKED),
    ],
)
def test_an_interrupted_suite_resumes_with_the_same_results(
    write_suite: Callable[[str], str], slow_results: Path, tmp_path: Path, kind: signal.Signals, words: tuple[str, ...]
) -> None:
    suite = write_suite(SLOW)
    runs = plan_runs(load_suite(suite))
    first = start(suite, tmp_path / "broken", *words)
    wait_for_a_checkpoint_and_records(first, tmp_path / "broken" / "slow", runs, 2 if words else 1)
    os.killpg(first.pid, kind)
    output, _ = first.communicate(timeout=300)
    assert first.returncode == (-signal.SIGKILL if kind is signal.SIGKILL else 130), output
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "broken").rglob("records/*.parquet")}
    assert 0 < len(before) < 4
    if kind is not signal.SIGKILL:
        assert f"stopped with {len(before)} of 4 runs recorded; run the same command to resume" in output
        assert "Traceback" not in output

    second = start(suite, tmp_path / "broken", *words)
    output, _ = second.communicate(timeout=300)
    assert second.returncode == 0, output
    assert f"{len(before)} already recorded" in output
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert any(read_metadata(path).environment.model_dump()["resumed"] for path in record_paths(tmp_path / "broken"))
    check_same(tmp_path / "broken" / "slow", slow_results)
    assert not list((tmp_path / "broken").rglob("*.pt"))
    assert not list((tmp_path / "broken").rglob("*.partial"))


def test_a_diverged_run_killed_before_publication_ends_at_the_same_step(
    tmp_path: Path, write_suite: Callable[[str], str]
) -> None:
    text = SLOW.replace('["wgan-gp", "hinge"]', '["wasserstein"]').replace(
        "ema = 0.99", 'optimizer = { name = "sgd", lr = 1e30 }'
    )
    run = plan_runs(load_suite(write_suite(text)))[0]
    assert ends(execute_alone(run, Settings(folder=tmp_path / "whole"))) == ["recorded"]

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(execution, "publish", die)
        with pytest.raises(KeyboardInterrupt):
            execute_alone(run, Settings(folder=tmp_path / "killed", checkpoint_every=0))
    assert ends(execute_alone(run, Settings(folder=tmp_path / "killed"))) == ["recorded"]
    check_same(tmp_path / "killed", tmp_path / "whole")
    record = read_metadata(record_paths(tmp_path / "killed")[0])
    assert record.ending.status == "diverged"
    assert record.timing.steps_per_second is None
    report = write_report(tmp_path / "killed", formats=("png",))  # a report with only failures is valid
    assert report.formatted["ring (points=1000)"]["failures"].tolist()[0] == "1 diverged"


def test_an_interruption_in_process_saves_a_checkpoint(tiny_runs: list[Run], tmp_path: Path) -> None:
    asked = iter([False, False, True, True, True])
    events = list(in_process(alone(tiny_runs), [Settings(folder=tmp_path)], lambda: next(asked)))
    assert ends(events) == ["stopped"]
    assert len(list(tmp_path.rglob("*.pt"))) == 1


def test_the_second_signal_exits_immediately(capfd: pytest.CaptureFixture[str]) -> None:
    with handling_signals() as interruption:
        signal.raise_signal(signal.SIGINT)
        assert interruption()
        assert capfd.readouterr().err.startswith("\nganbench: stopping; saving a checkpoint of each active run")
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGTERM)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_checkpoints_are_kept_if_memory_runs_out_while_loading(
    tiny_runs: list[Run], tiny_results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, pack = Settings(folder=tmp_path / "full"), tiny_runs[:2]
    asked = iter(range(100))
    assert ends(list(attempt(pack, settings, lambda: next(asked) >= 2))) == ["stopped"] * 2
    load = Pack.load_state_dicts

    def limited(self: Pack, states: list[dict[str, Any]]) -> None:
        if len(states) > 1:
            raise torch.OutOfMemoryError("CUDA out of memory")
        load(self, states)

    monkeypatch.setattr(Pack, "load_state_dicts", limited)
    events = list(attempt(pack, settings, lambda: False))
    assert ends(events) == ["recorded"] * 2
    assert sum("resumes from step 80" in each.progress.notice for each in events if each.progress) == 2
    everything = traces(tiny_results)
    expected = everything[everything["run"].isin([run.id for run in pack])].reset_index(drop=True)
    pd.testing.assert_frame_equal(traces(tmp_path / "full"), expected, check_exact=True)


def test_wall_seconds_include_everything(tiny_runs: list[Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    evaluate = execution._evaluate

    def slow(*args: Any) -> None:
        time.sleep(0.1)
        evaluate(*args)

    monkeypatch.setattr(execution, "_evaluate", slow)
    settings = Settings(folder=tmp_path)
    assert ends(execute_alone(tiny_runs[0], settings)) == ["recorded"]
    timing = read_metadata(settings.record(tiny_runs[0])).timing
    assert timing.wall_seconds > timing.training_seconds + timing.evaluation_seconds + 0.4  # four evaluations


@pytest.mark.gpu
@pytest.mark.parametrize("optimizer", ["adam", "rmsprop", "optimistic-adam"])
def test_a_stopped_pack_on_cuda_resumes_with_similar_losses(tiny: str, tmp_path: Path, optimizer: str) -> None:
    pack = plan_runs(load_suite(tiny), settings={"optimizer": {"name": optimizer}})[:2]
    for folder, stops in ((tmp_path / "whole", 100), (tmp_path / "stopped", 1)):
        asked = iter(range(100))
        settings = Settings(folder=folder, device="cuda:0")
        list(attempt(pack, settings, lambda stops=stops, asked=asked: next(asked) >= stops))  # type: ignore[misc]
        list(attempt(pack, settings, lambda: False))
    whole, stopped = (traces(tmp_path / name) for name in ("whole", "stopped"))
    losses = [frame[frame["measure"].isin(["critic_loss", "generator_loss"])]["value"] for frame in (whole, stopped)]
    pd.testing.assert_series_equal(*losses, rtol=1e-2)


@pytest.mark.gpu
def test_a_run_on_cuda_can_be_stopped_and_resumed(tiny_runs: list[Run], tmp_path: Path) -> None:
    settings = Settings(folder=tmp_path, device="cuda:0")
    assert ends(execute_alone(tiny_runs[0], settings, lambda: True)) == ["stopped"]
    assert ends(execute_alone(tiny_runs[0], settings)) == ["recorded"]
    record = read_metadata(settings.record(tiny_runs[0]))
    assert record.environment.device == "cuda:0"
    assert record.timing.peak_memory_bytes


def test_restore_refuses_the_checkpoint_of_another_run(tiny_runs: list[Run], tmp_path: Path) -> None:
    path = tmp_path / "x.pt"
    save(path, tiny_runs[0], {}, History(step=7, trace=[]))
    restored = restore(path, tiny_runs[1])
    assert (restored.history.step, restored.state, "another run" in restored.notice) == (0, None, True)
    assert not path.exists()


def test_a_checkpoint_of_different_code_is_put_aside_and_the_run_restarts(
    tiny_runs: list[Run], tiny_results: Path, tmp_path: Path
) -> None:
    settings, run = Settings(folder=tmp_path / "other"), tiny_runs[0]
    assert ends(execute_alone(run, settings, lambda: True)) == ["stopped"]
    restored = restore(settings.checkpoint(run), run)
    assert restored.state is not None
    del restored.state["players"]["generator"]
    save(settings.checkpoint(run), run, restored.state, restored.history)
    events = list(in_process([[run]], [settings]))
    assert ends(events) == ["recorded"]
    assert "does not fit this version of ganbench; the run restarts" in notice(events)
    assert settings.checkpoint(run).with_suffix(".damaged").is_file()
    expected = traces(tiny_results)
    pd.testing.assert_frame_equal(
        traces(tmp_path / "other"), expected[expected["run"] == run.id].reset_index(drop=True), check_exact=True
    )
