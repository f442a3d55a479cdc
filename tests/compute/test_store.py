"""Suites whose results are at an address: records and checkpoints go there, and another machine goes on from them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from click.testing import CliRunner

import bench
from bench.command import main
from bench.compute.checkpoints import History, save, step_of
from bench.compute.engines.in_process import in_process
from bench.compute.publication import bring_checkpoint
from bench.compute.settings import Settings
from bench.errors import ResultsError
from bench.plan.runs import Run
from bench.records import leases
from bench.records.addresses import mirror_of
from bench.records.record import paths_by_run, read_metadata
from bench.records.remote import Remote, remote
from bench.running import RunOptions, train_runs

IN_PROCESS = RunOptions(workers=0, pack="off", device="cpu")


def traces(results: Any) -> pd.DataFrame:
    return bench.traces(results).drop(columns="seconds")


def settings_at(address: str) -> Settings:
    return Settings(mirror_of(address), address=address)


@pytest.fixture
def other_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on, this process is on another machine: it shares the store with the first one and nothing else."""
    monkeypatch.setenv("GANBENCH_DATA", str(tmp_path / "other machine"))


def test_a_suite_in_a_store_gives_the_bits_of_one_in_a_folder(in_memory: str, tiny: str, tiny_results: Path) -> None:
    again = CliRunner().invoke(main, ["plan", tiny, "--results", in_memory])
    assert f"in {in_memory}/tiny" in again.output
    summary = bench.run(tiny, results=in_memory, workers=0, pack="off", device="cpu", report="none")
    assert summary.missing == 0
    pd.testing.assert_frame_equal(traces(f"{in_memory}/tiny"), traces(tiny_results), check_exact=True)
    store = remote(f"{in_memory}/tiny")
    assert sorted(store.entries()) == store.names("records")
    assert len(store.names("records")) == 4
    assert not [path for path in summary.folder.rglob("*") if path.is_file() and path.suffix != ".parquet"]


@pytest.mark.usefixtures("other_machine")
def test_a_stopped_run_goes_on_elsewhere_with_the_same_bits(
    in_memory: str, tiny_runs: list[Run], tiny_results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = f"{in_memory}/tiny"
    with monkeypatch.context() as first_machine:
        first_machine.setenv("GANBENCH_DATA", str(tmp_path / "first machine"))
        states = [
            event.state for event in in_process([tiny_runs[:2]], [settings_at(address)], iter([False, True]).__next__)
        ]
        assert states[-2:] == ["stopped"] * 2
        assert sorted(remote(address).names("checkpoints")) == sorted(
            f"checkpoints/{run.id}.pt" for run in tiny_runs[:2]
        )
        assert not list(mirror_of(address).rglob("*.pt"))
    summary = train_runs(tiny_runs[:2], mirror_of(address), IN_PROCESS)
    assert summary.missing == 0
    resumed = [read_metadata(path).environment.resumed for path in paths_by_run(summary.folder).values()]
    assert resumed == [1, 1]
    assert remote(address).names("checkpoints") == []
    whole = traces(tiny_results)
    expected = whole[whole["run"].isin([run.id for run in tiny_runs[:2]])].reset_index(drop=True)
    pd.testing.assert_frame_equal(traces(address), expected, check_exact=True)


def test_a_checkpoint_that_could_not_be_sent_stays_here_and_the_furthest_is_used(
    in_memory: str, tiny_runs: list[Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, run = settings_at(f"{in_memory}/tiny"), tiny_runs[0]
    path, mirror = settings.checkpoint(run), settings.mirror

    def refuse(self: Remote, name: str, content: bytes) -> None:
        raise ResultsError(f"{self.address}/{name} cannot be written: no connection")

    def saved(step: int) -> bytes:
        save(path, run, {}, History(step=step, trace=[]))
        return path.read_bytes()

    here = saved(80)
    with monkeypatch.context() as patch:
        patch.setattr(Remote, "write", refuse)
        with pytest.raises(ResultsError, match="no connection"):
            mirror.hand_over([path])
    remote(settings.address).write(f"checkpoints/{run.id}.pt", there := saved(40))
    path.write_bytes(here)
    bring_checkpoint(path, mirror)
    assert step_of(path.read_bytes()) == 80
    path.write_bytes(here[:-1])  # damaged
    bring_checkpoint(path, mirror)
    assert path.read_bytes() == there
    path.unlink()
    bring_checkpoint(path, mirror)
    assert step_of(path.read_bytes()) == 40
    mirror.remove(path)
    assert remote(settings.address).names("checkpoints") == []
    bring_checkpoint(path, mirror)
    assert not path.exists()


def test_a_damaged_checkpoint_of_a_store_restarts_the_run_with_a_notice(in_memory: str, tiny_runs: list[Run]) -> None:
    address, run = f"{in_memory}/tiny", tiny_runs[0]
    remote(address).write(f"checkpoints/{run.id}.pt", b"garbage")
    summary = train_runs([run], mirror_of(address), IN_PROCESS)
    assert summary.missing == 0
    (notice,) = summary.notices
    assert "cannot be used: it is truncated or damaged; the run restarts" in notice
    assert (summary.folder / "checkpoints" / f"{run.id}.damaged").read_bytes() == b"garbage"


def test_a_store_that_cannot_be_reached_while_a_record_is_published_costs_no_training(
    in_memory: str, tiny_runs: list[Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    address, run = f"{in_memory}/tiny", tiny_runs[0]
    folder = mirror_of(address)
    create, write = Remote.create, Remote.write

    def refuse(self: Remote, name: str, content: bytes) -> bool:
        if name.startswith((".leases/", "checkpoints/.")):
            return create(self, name, content)
        raise ResultsError(f"{self.address}/{name} cannot be written: no connection")

    def refuse_writing(self: Remote, name: str, content: bytes) -> None:
        if not name.startswith(".leases/"):
            raise ResultsError(f"{self.address}/{name} cannot be written: no connection")
        write(self, name, content)

    with monkeypatch.context() as patch:
        patch.setattr(Remote, "create", refuse)
        patch.setattr(Remote, "write", refuse_writing)
        with pytest.raises(ResultsError, match=f"{address}/records/.* cannot be written: no connection"):
            train_runs([run], folder, IN_PROCESS)
    assert step_of((folder / "checkpoints" / f"{run.id}.pt").read_bytes()) == 120
    assert paths_by_run(folder) == {}
    assert train_runs([run], folder, IN_PROCESS).missing == 0
    assert [read_metadata(path).environment.resumed for path in paths_by_run(folder).values()] == [1]


@pytest.mark.usefixtures("other_machine")
def test_what_runs_keep_is_in_the_store(
    in_memory: str, tiny_runs: list[Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataclasses import replace

    from bench.compute.kept_files import with_steps

    run, address = tiny_runs[0], f"{in_memory}/tiny"
    options = replace(IN_PROCESS, keep=("weights", "state"))
    with monkeypatch.context() as first_machine:
        first_machine.setenv("GANBENCH_DATA", str(tmp_path / "first machine"))
        short = with_steps(run, 80)
        assert train_runs([short], mirror_of(address), options).missing == 0
    longer = train_runs([run], mirror_of(address), options)
    assert longer.missing == 0
    assert bench.generator(short.id, results=in_memory).step == 80
    assert len(remote(address).names("states")) == 2
    remote(address).write(f"checkpoints/{run.id}.pt", b"left by a killed process")
    assert train_runs([run], mirror_of(address), options).notices == []
    assert remote(address).names("checkpoints") == []
    (resumed,) = [
        read_metadata(path).environment.resumed for path in paths_by_run(longer.folder).values() if run.id in path.name
    ]
    assert resumed == 1


@pytest.fixture
def quick_expiry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "EXPIRY", 1.0)


@pytest.mark.slow
@pytest.mark.usefixtures("quick_expiry")
def test_a_suite_killed_on_one_machine_goes_on_from_its_checkpoint_on_another(
    s3: str, tiny: str, tiny_runs: list[Run], tmp_path: Path
) -> None:
    """Two working folders, one store. The machines cannot see whether a process of the other one is alive."""
    path = Path(tiny)
    path.write_text(path.read_text().replace("seeds = 2", "seeds = 1").replace("steps = 120", "steps = 1200"))
    store = remote(f"{s3}/tiny")
    first = tmp_path / "first"
    first.mkdir()
    command = [sys.executable, "-m", "bench", "run", str(path), "--results", s3, "--workers", "1", "--pack", "off"]
    environment = os.environ | {"GANBENCH_DATA": str(first / "data")}
    process = subprocess.Popen(
        [*command, "--device", "cpu", "--checkpoint-every", "0"], cwd=first, env=environment, start_new_session=True
    )
    limit = time.monotonic() + 300
    while not (checkpoints := store.names("checkpoints")):
        assert process.poll() is None
        assert time.monotonic() < limit
        time.sleep(0.1)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    summary = bench.run(str(path), results=s3, workers=0, pack="off", device="cpu", report="none")
    assert summary.missing == 0
    metadata = {run: read_metadata(path) for run, path in paths_by_run(summary.folder).items()}
    (checkpoint,) = checkpoints
    assert metadata[Path(checkpoint).stem].environment.resumed >= 1
    assert store.names("checkpoints") == []
    uninterrupted = bench.run(str(path), results=tmp_path / "local", workers=0, pack="off", device="cpu", report="none")
    pd.testing.assert_frame_equal(traces(f"{s3}/tiny"), traces(uninterrupted.folder), check_exact=True)
