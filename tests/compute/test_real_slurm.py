"""Suites run on a Slurm of one node: interrupted jobs go on, drivers restart, refusals are one line."""

from __future__ import annotations

import json
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
from bench.compute.engines.on_slurm import SlurmCluster
from bench.compute.events import Event
from bench.compute.settings import Settings
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
    slurm: Path, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, write_suite: Callable[[str], str]
) -> None:
    """Runs are so long that none ends before the stop is noticed, also on a busy machine."""
    text = LONG.replace("steps = 1200", "steps = 6000")
    folder = tmp_path / "slurm" / "long"
    command = [
        *(sys.executable, "-m", "bench", "run", write_suite(text), "--engine", "slurm", "--workers", "1"),
        *("--results", str(tmp_path / "slurm"), "--report", "none", "--pack", "off"),
    ]
    first = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 300
    while not any(has_begun(path) for path in folder.glob("slurm/*.events")):
        assert time.monotonic() < deadline
        assert first.poll() is None
        time.sleep(0.1)
    first.send_signal(signal.SIGINT)
    assert first.wait(300) == 130
    wait_until_nothing_runs()
    (saved,) = folder.glob("checkpoints/*.pt")  # the other run had not begun
    assert not list(folder.glob("records/*"))
    assert not (folder / "slurm").exists()
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
    check_same(folder, train_suite(text, tmp_path_factory.mktemp("expected")))
    metadata = [read_metadata(path) for path in record_paths(folder)]
    assert {each.run: each.environment.resumed for each in metadata} == {
        each.run: int(each.run == saved.stem) for each in metadata
    }


def has_begun(events: Path) -> bool:
    """Return whether a job has told of steps of training."""
    return '"step": 50' in events.read_text()


@pytest.mark.parametrize("count", [1, 2])
def test_a_job_gets_the_gpus_that_it_asks_for(slurm: Path, tmp_path: Path, count: int) -> None:
    """Three jobs on a node with two GPUs: jobs at the same time have different ones."""
    with SlurmCluster({"gpus_per_node": count}) as cluster:
        (settings, *_) = cluster.workers(Settings(folder=tmp_path), "auto", None, 3)
        queue = cluster._queue(settings)

    def tell() -> None:
        began = time.time()
        time.sleep(3)
        about = [os.environ["CUDA_VISIBLE_DEVICES"], os.environ["SLURM_CPUS_PER_TASK"], began, time.time()]
        (tmp_path / f"{os.getpid()}.json").write_text(json.dumps(about))

    names = queue.submit([tell] * 3)
    wait_until_nothing_runs()
    told = [json.loads(path.read_text()) for path in tmp_path.glob("*.json")]
    assert len(told) == len(names) == 3
    assert {len(devices.split(",")) for devices, *_ in told} == {count}
    assert {cpus for _, cpus, *_ in told} == {str(count)}
    assert {device for devices, *_ in told for device in devices.split(",")} == {"0", "1"}
    for one, _, began, ended in told:
        for other, _, other_began, other_ended in told:
            if (one, began) != (other, other_began) and began < other_ended and other_began < ended:
                assert not {*one.split(",")} & {*other.split(",")}


def test_a_refusal_is_one_line(slurm: Path, tmp_path: Path, write_suite: Callable[[str], str]) -> None:
    with pytest.raises(DeviceError, match=r"^Slurm refuses the jobs: .*invalid partition specified: nowhere") as raised:
        options = {"results": tmp_path / "slurm", "report": "none", "pack": "off"}
        bench.run(write_suite(LONG), engine="slurm", slurm={"partition": "nowhere"}, **options)  # type: ignore[arg-type]
    assert "\n" not in str(raised.value)
    assert os.environ["SLURM_CONF"] == str(slurm)


def test_a_node_whose_gpus_torch_does_not_find_is_one_line(
    slurm: Path, tmp_path: Path, write_suite: Callable[[str], str]
) -> None:
    """As with a build of torch for CPUs."""
    hidden = {"use_srun": False, "setup": ["export CUDA_VISIBLE_DEVICES="]}
    with pytest.raises(DeviceError, match=r"^cuda:0: torch finds no GPU on ") as raised:
        bench.run(
            write_suite(LONG),
            engine="slurm",
            slurm={"gpus_per_node": 1, **hidden},
            results=tmp_path / "slurm",
            report="none",
            pack="off",
        )
    assert "\n" not in str(raised.value)
    assert not (tmp_path / "slurm" / "long" / "slurm").exists()
