"""Suites run on a Slurm of one node: interrupted jobs go on, drivers restart, refusals are one line."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import slurm_cluster
from compared_records import check_same
from conftest import train_suite

import bench
from bench.compute.engines import slurm_driver
from bench.compute.events import Event
from bench.errors import DeviceError
from bench.records.listing import record_paths
from bench.records.record import read_metadata

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

LONG = """
name = "long"
seeds = 2
[matrix]
loss = ["non-saturating"]
dataset = [{ name = "ring", points = 1000 }]
architecture = [{ name = "mlp", width = 16, depth = 1, label = "mlp" }]
[training]
steps = 1200
batch_size = 16
latent = 4
[evaluation]
every = 200
samples = 200
metrics = ["modes"]
"""


@pytest.fixture(scope="module")
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A cluster of one node; its commands find it through SLURM_CONF."""
    if slurm_cluster.missing():
        pytest.skip(f"no {slurm_cluster.missing()}: apt-get install slurm-wlm munge")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(slurm_driver, "POLL", 0.2)
        patch.setattr(slurm_driver, "ASK", 2.0)
        with slurm_cluster.cluster(tmp_path_factory.mktemp("slurm")) as configuration:
            patch.setenv("SLURM_CONF", str(configuration))
            yield configuration


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train_suite(LONG, tmp_path_factory.mktemp("expected"))


def jobs(*states: str) -> list[str]:
    answer = subprocess.run(["squeue", "-r", "-h", "-o", "%i %T"], capture_output=True, text=True, check=True)
    pairs = [line.split() for line in answer.stdout.splitlines()]
    return [name for name, state in pairs if state in (states or ("PENDING", "RUNNING"))]


def wait_until_nothing_runs() -> None:
    """Check that no job is left. One that has reported its last run takes a moment to end."""
    deadline = time.monotonic() + 60
    while jobs():
        assert time.monotonic() < deadline, jobs()
        time.sleep(0.2)


@pytest.mark.parametrize(
    "interrupt",
    [["scontrol", "requeue"], ["scancel", "--signal=USR2"]],
    ids=["requeued by an administrator", "signalled before its time limit"],
)
def test_a_suite_runs_and_an_interrupted_job_goes_on(
    slurm: Path, expected: Path, tmp_path: Path, write_suite: Callable[[str], str], interrupt: list[str]
) -> None:
    hit: list[str] = []

    def watch(event: Event) -> None:
        if not hit and event.progress is not None and 200 <= event.progress.step < 900:
            hit.append(jobs("RUNNING")[0])
            subprocess.run([*interrupt, hit[0]], check=True)

    options = {"results": tmp_path / "slurm", "report": "none", "pack": "off", "checkpoint_every": 600.0}
    asked = {"partition": "main", "time": 30, "account": "gan"}
    summary = bench.run(write_suite(LONG), engine="slurm", slurm=asked, watch=watch, **options)  # type: ignore[arg-type]
    assert len(hit) == 1
    assert len(summary.recorded) == 2
    check_same(summary.folder, expected)
    resumed = [read_metadata(path).environment.resumed for path in record_paths(summary.folder)]
    assert sorted(resumed) == [0, 1]
    assert not (summary.folder / "slurm").exists()
    wait_until_nothing_runs()


def test_a_driver_that_was_killed_finds_its_jobs(
    slurm: Path, expected: Path, tmp_path: Path, write_suite: Callable[[str], str]
) -> None:
    folder = tmp_path / "slurm" / "long"
    command = [
        *(sys.executable, "-m", "bench", "run", write_suite(LONG), "--engine", "slurm", "--time", "30"),
        *("--results", str(tmp_path / "slurm"), "--report", "none", "--pack", "off"),
    ]
    first = subprocess.Popen(command, start_new_session=True)
    deadline = time.monotonic() + 300
    while len(list(folder.glob("slurm/*.json"))) < 2:
        assert time.monotonic() < deadline
        assert first.poll() is None
        time.sleep(0.1)
    first.send_signal(signal.SIGKILL)
    first.wait()
    submitted = {path.stem for path in folder.glob("slurm/*.json")}
    assert set(jobs()) == submitted
    second = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    seen = set(submitted)
    while second.poll() is None:
        seen |= set(jobs())
        time.sleep(0.5)
    assert second.returncode == 0
    assert seen == submitted
    check_same(folder, expected)


def test_a_stop_cancels_what_waits_and_saves_what_runs(
    slurm: Path, expected: Path, tmp_path: Path, write_suite: Callable[[str], str]
) -> None:
    command = [
        *(sys.executable, "-m", "bench", "run", write_suite(LONG), "--engine", "slurm", "--workers", "1"),
        *("--results", str(tmp_path / "slurm"), "--report", "none", "--pack", "off"),
    ]
    first = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 300
    while not jobs("RUNNING"):
        assert time.monotonic() < deadline
        assert first.poll() is None
        time.sleep(0.1)
    (running,) = jobs("RUNNING")
    first.send_signal(signal.SIGINT)
    assert first.wait(300) == 130
    assert set(jobs()) <= {running}
    wait_until_nothing_runs()
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
    check_same(tmp_path / "slurm" / "long", expected)


def test_a_refusal_is_one_line(slurm: Path, tmp_path: Path, write_suite: Callable[[str], str]) -> None:
    with pytest.raises(DeviceError, match=r"^Slurm refuses the jobs: .*invalid partition specified: nowhere") as raised:
        options = {"results": tmp_path / "slurm", "report": "none", "pack": "off"}
        bench.run(write_suite(LONG), engine="slurm", slurm={"partition": "nowhere"}, **options)  # type: ignore[arg-type]
    assert "\n" not in str(raised.value)
    assert os.environ["SLURM_CONF"] == str(slurm)
