"""Ray carries packs: lost nodes, workers and drivers cost at most the steps since a checkpoint; GPUs can be shared."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from compared_records import check_same
from conftest import train_suite

import bench
from bench.compute.engines import on_ray
from bench.compute.engines.choice import connected
from bench.compute.engines.on_ray import RayCluster
from bench.compute.events import Event, Progress
from bench.compute.settings import Settings
from bench.errors import DeviceError, SuiteError
from bench.plan.runs import Run, plan_runs
from bench.plan.suite import load_suite
from bench.records.listing import record_paths
from bench.records.record import read_metadata

LONG = """
name = "long"
seeds = 2
[matrix]
loss = ["non-saturating"]
dataset = [{ name = "ring", points = 1000 }]
architecture = [{ name = "mlp", width = 16, depth = 1, label = "mlp" }]
[training]
steps = 6000
batch_size = 16
latent = 4
[evaluation]
every = 200
samples = 200
metrics = ["modes"]
"""


@pytest.fixture
def nodes() -> Iterator[Any]:
    """A cluster whose head has no CPUs, so that all packs train on nodes that tests add."""
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    yield cluster
    cluster.shutdown()


@pytest.fixture
def long_results(tmp_path: Path) -> Path:
    (tmp_path / "expected").mkdir()
    return train_suite(LONG, tmp_path / "expected")


def long_runs(tmp_path: Path, seeds: int = 2) -> list[Run]:
    path = tmp_path / "long.toml"
    path.write_text(LONG)
    return plan_runs(load_suite(str(path)), seeds=seeds)


def is_well_on_its_way(event: Event) -> bool:
    return event.progress is not None and 1000 <= event.progress.step < 4000


def carriers(node: Any) -> list[psutil.Process]:
    """Return the processes of a node that train packs."""
    (raylet,) = [process.process.pid for process in node.all_processes["raylet"]]
    children = psutil.Process(raylet).children(recursive=True)
    return [child for child in children if "_carry" in " ".join(child.cmdline())]


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["a node is removed", "a worker is killed"])
def test_a_pack_goes_on_from_its_checkpoint(nodes: Any, long_results: Path, tmp_path: Path, fault: str) -> None:
    workers = [nodes.add_node(num_cpus=1) for _ in range(2)]
    runs, ends, done = long_runs(tmp_path), [], False
    settings = [Settings(folder=tmp_path / "ray", checkpoint_every=0.0)] * 2
    with RayCluster(nodes.address) as cluster:
        for event in cluster.engine([[run] for run in runs], settings):
            if event.state != "progress":
                ends.append((event.run.id, event.state))
            elif not done and is_well_on_its_way(event):
                done = True
                if fault == "a node is removed":
                    nodes.remove_node(workers[0], allow_graceful=False)
                else:
                    carriers(workers[0])[0].kill()
    assert sorted(ends) == sorted((run.id, "recorded") for run in runs)
    check_same(tmp_path / "ray", long_results)
    resumed = [read_metadata(path).environment.resumed for path in record_paths(tmp_path / "ray")]
    assert sum(resumed) == 1  # from a checkpoint, not from the beginning


@pytest.mark.slow
def test_after_the_driver_is_killed_only_what_is_missing_runs(nodes: Any, long_results: Path, tmp_path: Path) -> None:
    nodes.add_node(num_cpus=1)
    long_runs(tmp_path)
    command = [
        *(sys.executable, "-m", "bench", "run", str(tmp_path / "long.toml"), "--engine", "ray", "--address"),
        *(nodes.address, "--results", str(tmp_path / "ray"), "--report", "none", "--pack", "off"),
    ]
    first = subprocess.Popen([*command, "--checkpoint-every", "0"], start_new_session=True)
    folder = tmp_path / "ray" / "long"
    deadline = time.monotonic() + 300
    while not list((folder / "records").glob("*.parquet")):
        assert time.monotonic() < deadline
        assert first.poll() is None
        time.sleep(0.2)
    first.send_signal(signal.SIGKILL)
    first.wait()
    kept = {path.name: path.read_bytes() for path in record_paths(folder)}
    second = subprocess.run(command, capture_output=True, text=True, check=True)
    assert f"2 runs, {len(kept)} already recorded" in second.stderr
    assert {path.name: path.read_bytes() for path in record_paths(folder)}.items() >= kept.items()
    check_same(folder, long_results)


def hold(pack: list[Run], settings: Settings, channel: Any) -> None:
    """Stand in for training: tell when it begins and ends."""
    import ray

    for run in pack:
        ray.get(channel.send.remote((run.id, "progress", Progress(0, time.time()), "", False)))
        time.sleep(2)
        gpus = ray.get_runtime_context().get_accelerator_ids()["GPU"]
        ray.get(channel.send.remote((run.id, "recorded", Progress(int(gpus[0]), time.time()), "", False)))


@pytest.mark.slow
def test_two_packs_share_a_gpu_and_a_third_waits(nodes: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The GPU is one that Ray is only told of."""
    import ray

    ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])  # workers cannot import tests
    monkeypatch.setattr(on_ray, "_carry", hold)
    nodes.add_node(num_cpus=4, num_gpus=1)
    runs = long_runs(tmp_path, seeds=3)
    with RayCluster(nodes.address) as cluster:
        workers = cluster.workers(Settings(folder=tmp_path), "auto", 2, 3)
        assert [worker.device for worker in workers] == ["cuda:0"] * 2
        events = list(cluster.engine([[run] for run in runs], workers))
    assert [event.text for event in events if event.state == "failed"] == []
    began = sorted(event.progress.steps_per_second for event in events if event.state == "progress" and event.progress)
    ended = sorted(event.progress.steps_per_second for event in events if event.state == "recorded" and event.progress)
    assert began[1] < ended[0]
    assert began[2] > ended[0]
    assert {event.progress.step for event in events if event.progress} == {0}


@pytest.mark.slow
def test_a_suite_runs_on_ray_as_it_does_locally(tiny: str, tiny_results: Path, tmp_path: Path) -> None:
    events: list[Event] = []
    summary = bench.run(tiny, results=tmp_path / "ray", engine="ray", report="none", watch=events.append)
    assert len(summary.recorded) == 4
    assert any(event.progress and event.progress.steps_per_second for event in events)
    check_same(summary.folder, tiny_results)
    assert not os.environ.get("RAY_ADDRESS")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("device", "threads", "workers", "message"),
    [
        ("cuda", 1, None, "--device cuda: the Ray cluster has 2 CPUs and 0 GPUs; available: auto, cpu, cuda"),
        ("cpu", 3, None, "--threads 3: the Ray cluster has 2 CPUs"),
        ("cpu", 1, 0, "--workers 0: engine 'ray' trains in processes of the cluster, not in this one"),
    ],
)
def test_what_a_cluster_cannot_do(
    nodes: Any, tmp_path: Path, device: str, threads: int, workers: int | None, message: str
) -> None:
    nodes.add_node(num_cpus=2)
    with RayCluster(nodes.address) as cluster, pytest.raises((DeviceError, SuiteError)) as raised:
        cluster.workers(Settings(folder=tmp_path, threads=threads), device, workers, 4)
    assert str(raised.value) == message


def test_engines_and_addresses_that_do_not_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    with (
        pytest.raises(SuiteError, match="engine 'slurp': expected 'local', 'ray' or 'slurm'"),
        connected("slurp", None),
    ):
        pass
    with pytest.raises(SuiteError, match="address 'auto': only applies with engine 'ray'"), connected("local", "auto"):
        pass
    monkeypatch.setattr(on_ray, "find_spec", lambda name: None)
    with pytest.raises(SuiteError, match=r"engine 'ray' needs the package ray: pip install 'ganbench\[ray\]'"):
        RayCluster()


@pytest.mark.slow
def test_an_address_without_a_cluster() -> None:
    with pytest.raises(DeviceError, match=r"--address 127\.0\.0\.1:1: no Ray cluster there"):
        RayCluster("127.0.0.1:1")
