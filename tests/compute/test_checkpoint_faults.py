"""Faults around checkpoints: those that cannot be used, records that cannot be published, terminals that close."""

from __future__ import annotations

import hashlib
import io
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch

import bench
from bench.compute import execution
from bench.compute.checkpoints import LAYOUT, restore
from bench.compute.engines.in_process import in_process
from bench.compute.engines.retries import attempt
from bench.compute.execution import execute
from bench.compute.interruption import HANG_UP, handling_signals
from bench.compute.settings import Settings
from bench.errors import ResultsError
from bench.plan.runs import Run
from bench.records.record import paths_by_run, read_metadata
from bench.running import RunOptions, train_runs


def trace_of(folder: Path, run: Run) -> pd.DataFrame:
    traces = bench.traces(folder).drop(columns="seconds")
    return traces[traces["run"] == run.id].reset_index(drop=True)


def ends(events: Sequence[Any]) -> list[str]:
    return [event.state for event in events if event.state != "progress"]


def notices(events: Sequence[Any]) -> list[str]:
    return [event.progress.notice for event in events if event.progress and event.progress.notice]


@pytest.fixture
def trained_steps(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """The last step of every chunk that is trained from now on, with the number of runs."""
    steps: list[tuple[int, int]] = []
    train = execution.train

    def counting(*args: Any, **kwargs: Any) -> Iterator[Any]:
        for measurements in train(*args, **kwargs):
            steps.append((measurements[0].step, len(measurements)))
            yield measurements

    monkeypatch.setattr(execution, "train", counting)
    return steps


def test_a_record_that_cannot_be_written_costs_no_training(
    tiny_runs: list[Run],
    tiny_results: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    trained_steps: list[tuple[int, int]],
) -> None:
    def refuse(path: Path, *_: Any) -> None:
        raise ResultsError(f"record {path} cannot be written: Permission denied")

    settings, pack = Settings(folder=tmp_path / "refused"), tiny_runs[:2]
    with monkeypatch.context() as patch:
        patch.setattr(execution, "publish", refuse)
        with pytest.raises(ResultsError, match="Permission denied"):
            list(in_process([pack], [settings]))
    assert trained_steps == [(40, 2), (50, 2), (80, 2), (100, 2), (120, 2)]
    assert ends(list(in_process([pack], [settings]))) == ["recorded"] * 2
    assert len(trained_steps) == 5
    assert not list((settings.folder / "checkpoints").iterdir())
    for run in pack:
        pd.testing.assert_frame_equal(trace_of(settings.folder, run), trace_of(tiny_results, run), check_exact=True)


def test_a_fault_while_one_record_is_written_does_not_touch_the_others(
    tiny_runs: list[Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trained_steps: list[tuple[int, int]]
) -> None:
    settings, pack = Settings(folder=tmp_path), tiny_runs[:2]
    publish = execution.publish

    def faulty(path: Path, *rest: Any) -> None:
        if path == settings.record(pack[0]):
            raise UnicodeEncodeError("utf-8", "\udce9", 0, 1, "surrogates not allowed")
        publish(path, *rest)

    monkeypatch.setattr(execution, "publish", faulty)
    events = list(attempt(pack, settings, lambda: False))
    assert sorted(ends(events)) == ["failed", "recorded"]
    assert len(trained_steps) == 5  # once
    assert settings.checkpoint(pack[0]).is_file()
    assert paths_by_run(tmp_path).keys() == {pack[1].id}


def test_a_diverged_run_whose_record_cannot_be_written_is_published_by_the_next_call(
    tiny_runs: list[Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trained_steps: list[tuple[int, int]]
) -> None:
    settings, pack = Settings(folder=tmp_path), tiny_runs[:2]
    evaluate, publish = execution._evaluate, execution.publish
    full = True

    def diverging(active: Any, measurement: Any, shared: Any) -> None:
        evaluate(active, measurement, shared)
        if active.run == pack[0] and active.history.step == 80:
            active.history.diverged = "samples"

    def failing(*args: Any) -> None:
        if full:
            raise ResultsError("the disk is full")
        publish(*args)

    monkeypatch.setattr(execution, "_evaluate", diverging)
    monkeypatch.setattr(execution, "publish", failing)
    with pytest.raises(ResultsError, match="the disk is full"):
        list(in_process([pack], [settings]))
    full = False
    trained_steps.clear()
    assert ends(list(in_process([pack], [settings]))) == ["recorded"] * 2
    assert trained_steps == [(100, 1), (120, 1)]
    ending = read_metadata(settings.record(pack[0])).ending
    assert (ending.status, ending.step, ending.place) == ("diverged", 80, "samples")


def signed(content: bytes) -> bytes:
    return hashlib.sha256(content).digest() + content


def changed(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], None]:
    """Write a checkpoint again with something changed and the digest that belongs to it."""

    def write(path: Path) -> None:
        checkpoint = torch.load(io.BytesIO(path.read_bytes()[32:]), weights_only=True)
        change(checkpoint)
        buffer = io.BytesIO()
        torch.save(checkpoint, buffer)
        path.write_bytes(signed(buffer.getvalue()))

    return write


def as_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def as_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()
    (path / "file").write_text("")


def wrong_size(checkpoint: dict[str, Any]) -> None:
    state = checkpoint["state"]["critic_optimizer"]
    state["exp_avg"] = state["exp_avg"][:-32]


def other_precision(checkpoint: dict[str, Any]) -> None:
    state = checkpoint["state"]["critic_optimizer"]
    state["exp_avg_sq"] = state["exp_avg_sq"].double()


def wrong_layer(checkpoint: dict[str, Any]) -> None:
    generator = checkpoint["state"]["players"]["generator"]
    name = next(iter(generator))
    generator[name] = generator[name][:-1]


UNUSABLE: dict[str, Callable[[Path], Any]] = {
    "no torch file": lambda path: path.write_bytes(signed(b"garbage" * 100)),
    "a pickled command": lambda path: path.write_bytes(signed(b"cos\nsystem\n(S'exit 1'\ntR.")),
    "empty": lambda path: path.write_bytes(b""),
    "a pipe": as_pipe,
    "a folder": as_folder,
    "of an earlier version": changed(lambda checkpoint: checkpoint.update(layout=LAYOUT - 1)),
    "of a later version": changed(lambda checkpoint: checkpoint.update(layout=LAYOUT + 1)),
    "no state": changed(lambda checkpoint: checkpoint.pop("state")),
    "a later history": changed(lambda checkpoint: checkpoint["history"].update(layers=3)),
    "steps beyond the end": changed(lambda checkpoint: checkpoint["history"].update(step=10**6)),
    "a trace of other rows": changed(lambda checkpoint: checkpoint["history"]["trace"].append({"fid": 1.0})),
    "another layer": changed(wrong_layer),
    "another optimiser": changed(wrong_size),
    "an optimiser of another precision": changed(other_precision),
    "no streams": changed(lambda checkpoint: checkpoint["state"].pop("streams")),
}


@pytest.mark.parametrize("kind", UNUSABLE)
def test_a_checkpoint_that_cannot_be_used_is_put_aside_and_its_run_restarts(
    tiny_runs: list[Run], tiny_results: Path, tmp_path: Path, kind: str
) -> None:
    settings, pack = Settings(folder=tmp_path / "unusable"), tiny_runs[:2]
    asked = iter(range(100))
    assert ends(list(execute(pack, settings, lambda: next(asked) >= 1))) == ["stopped"] * 2
    UNUSABLE[kind](settings.checkpoint(pack[0]))
    events = list(in_process([pack], [settings]))
    assert ends(events) == ["recorded"] * 2
    restarted, resumed = notices(events)
    assert restarted.startswith(f"checkpoint {settings.checkpoint(pack[0])} cannot be used: ")
    assert "; the run restarts, and it is kept as " in restarted
    assert resumed == "resumes from step 50"
    assert settings.checkpoint(pack[0]).with_suffix(".damaged").exists()
    for run in pack:
        pd.testing.assert_frame_equal(trace_of(settings.folder, run), trace_of(tiny_results, run), check_exact=True)


def test_a_checkpoint_that_the_system_cannot_read_is_kept(
    tiny_runs: list[Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, run = Settings(folder=tmp_path), tiny_runs[0]
    assert ends(list(execute([run], settings, lambda: True))) == ["stopped"]

    def failing(path: Path) -> bytes:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("bench.compute.checkpoints.read_regular", failing)
    with pytest.raises(ResultsError, match="cannot be read: Input/output error"):
        restore(settings.checkpoint(run), run)
    assert settings.checkpoint(run).is_file()


@pytest.mark.usefixtures("no_figures")
def test_checkpoints_of_recorded_runs_are_removed(tiny_runs: list[Run], tiny_results: Path) -> None:
    settings = Settings(folder=tiny_results)
    (tiny_results / "checkpoints").mkdir(exist_ok=True)
    names = [settings.checkpoint(tiny_runs[0]), settings.checkpoint(tiny_runs[1]).with_suffix(".damaged-2")]
    other = settings.folder / "checkpoints" / "0123456789abcdef.pt"
    for path in (*names, other):
        path.write_text("left by a killed process")
    train_runs(tiny_runs, tiny_results, RunOptions(workers=0))
    assert list((tiny_results / "checkpoints").iterdir()) == [other]


def test_a_run_that_was_recorded_meanwhile_is_not_trained(
    tiny_runs: list[Run], tiny_results: Path, trained_steps: list[tuple[int, int]]
) -> None:
    settings = Settings(folder=tiny_results)
    settings.record(tiny_runs[0]).unlink()
    events = list(in_process([tiny_runs[:2]], [settings]))
    assert ends(events) == ["recorded"] * 2
    assert trained_steps[0] == (40, 1)


def test_a_hang_up_requests_a_stop_and_never_more(capfd: pytest.CaptureFixture[str]) -> None:
    """The kernel and the shell both send it, and a shutdown sends it after SIGTERM."""
    assert HANG_UP is not None
    before = signal.signal(HANG_UP, signal.SIG_DFL)
    try:
        with handling_signals() as interruption:
            signal.raise_signal(HANG_UP)
            signal.raise_signal(HANG_UP)
            assert interruption()
            with pytest.raises(KeyboardInterrupt):
                signal.raise_signal(signal.SIGTERM)
        with handling_signals():
            signal.raise_signal(signal.SIGTERM)
            signal.raise_signal(HANG_UP)
    finally:
        signal.signal(HANG_UP, before)


def test_a_fault_of_the_display_lets_runs_save_their_checkpoints(tiny_runs: list[Run], tmp_path: Path) -> None:
    def failing(event: Any) -> None:
        if event.progress is not None and event.progress.step:
            raise OSError(5, "Input/output error")

    with pytest.raises(OSError, match="Input/output error"):
        train_runs(tiny_runs[:2], tmp_path, RunOptions(workers=0, pack="off", watch=failing))
    assert [path.stem for path in (tmp_path / "checkpoints").iterdir()] == [tiny_runs[0].id]


LONG = """
name = "long"
seeds = 1
[matrix]
loss = ["hinge"]
dataset = [{ name = "ring", points = 500 }]
architecture = [{ name = "mlp", width = 8, depth = 1 }]
[training]
steps = 1000000
batch_size = 8
latent = 4
[evaluation]
every = 100
samples = 64
metrics = ["modes"]
"""


def start(suite: Path, results: Path, **streams: Any) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "bench", "run", str(suite), "--results", str(results), "--workers", "1"]
    return subprocess.Popen([*command, "--device", "cpu", "--checkpoint-every", "1e9"], **streams)


def wait_until(condition: Callable[[], object], process: subprocess.Popen[bytes]) -> None:
    limit = time.monotonic() + 120
    while not condition():
        assert process.poll() is None, "it ended"
        assert time.monotonic() < limit
        time.sleep(0.05)


@pytest.mark.slow
@pytest.mark.parametrize("how", ["hang-up", "closed terminal", "closed pipe and hang-up", "killed"])
def test_a_closed_terminal_leaves_checkpoints(tmp_path: Path, how: str) -> None:
    """Without it, all since the last checkpoint was lost: here, everything."""
    suite = tmp_path / "long.toml"
    suite.write_text(LONG)
    terminal = how == "closed terminal"
    parent, child = pty.openpty() if terminal else os.pipe()
    prepare = (lambda: _control(child)) if terminal else os.setsid
    process = start(suite, tmp_path, stdout=child, stderr=child, preexec_fn=prepare)
    os.close(child)
    read = bytearray()
    os.set_blocking(parent, False)

    def trains() -> bool:
        with suppress(BlockingIOError):
            read.extend(os.read(parent, 1 << 16))
        return (tmp_path / "long" / ".running").exists()

    wait_until(trains, process)
    time.sleep(8)  # the worker has started and trains
    if "closed" in how:
        os.close(parent)
    if "hang-up" in how:
        process.send_signal(signal.SIGHUP)
    if how == "killed":
        process.kill()
    process.wait(timeout=60)
    limit = time.monotonic() + 60
    checkpoints = tmp_path / "long" / "checkpoints"
    while not list(checkpoints.glob("*.pt")) and time.monotonic() < limit:
        time.sleep(0.1)
    assert len(list(checkpoints.glob("*.pt"))) == 1
    if "closed" not in how:
        os.close(parent)


def _control(terminal: int) -> None:
    """Make a terminal the controlling one of this process, which hears when it closes."""
    import fcntl
    import termios

    os.setsid()
    fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)
