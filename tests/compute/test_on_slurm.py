"""Jobs of Slurm carry packs: interrupted jobs go on from checkpoints, lost ones are tried again, drivers can restart."""

from __future__ import annotations

import os
import signal
from collections.abc import Collection, Iterator
from pathlib import Path

import pytest
from compared_records import check_same
from conftest import train_suite
from local_jobs import LocalQueue, worker_processes

import bench
from bench.compute.engines import on_slurm, slurm_driver, slurm_parameters
from bench.compute.engines.choice import connected
from bench.compute.engines.event_lines import EventWriter
from bench.compute.engines.on_slurm import SlurmCluster
from bench.compute.engines.slurm_carrier import Carrier
from bench.compute.engines.slurm_jobs import JobFiles
from bench.compute.engines.slurm_parameters import checked, minutes
from bench.compute.engines.worker_processes import Reserve
from bench.compute.events import Event, Progress
from bench.compute.interruption import FOR_JOBS
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
steps = 1200
batch_size = 16
latent = 4
[evaluation]
every = 200
samples = 200
metrics = ["modes"]
"""


@pytest.fixture(autouse=True)
def local_jobs(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let jobs be processes of this machine, and look for their events often."""
    monkeypatch.setattr(on_slurm, "SlurmQueue", LocalQueue)
    monkeypatch.setattr(slurm_driver, "POLL", 0.1)
    monkeypatch.setattr(slurm_driver, "ASK", 0.5)
    yield
    LocalQueue.forget()


def long_runs(tmp_path: Path) -> list[Run]:
    path = tmp_path / "long.toml"
    path.write_text(LONG)
    return plan_runs(load_suite(str(path)))


@pytest.fixture(scope="module")
def long_results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train_suite(LONG, tmp_path_factory.mktemp("expected"))


def is_well_on_its_way(event: Event) -> bool:
    return event.progress is not None and 200 <= event.progress.step < 900


def job_of(folder: Path, run: Run) -> str:
    """Return the job that carries a run."""
    return next(path.stem for path in (folder / "slurm").glob("*.json") if run.id in path.read_text())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "starts"),
    [(signal.SIGUSR2, "the job is queued again"), (signal.SIGKILL, "the driver submits another job")],
)
def test_a_pack_goes_on_from_its_checkpoint(
    long_results: Path, tmp_path: Path, number: signal.Signals, starts: str
) -> None:
    runs, ends, hit = long_runs(tmp_path), [], ""
    settings = [Settings(folder=tmp_path / "slurm", checkpoint_every=0.0 if number == signal.SIGKILL else 600.0)]
    with SlurmCluster({}) as cluster:
        for event in cluster.engine([runs], settings):
            if event.state != "progress":
                ends.append((event.run.id, event.state))
            elif not hit and is_well_on_its_way(event):
                hit = job_of(tmp_path / "slurm", runs[0])
                worker_processes(hit)[0].send_signal(number)
    assert sorted(ends) == sorted((run.id, "recorded") for run in runs)
    check_same(tmp_path / "slurm", long_results)
    assert [read_metadata(path).environment.resumed for path in record_paths(tmp_path / "slurm")] == [1, 1]
    assert len(LocalQueue.jobs) == (1 if starts == "the job is queued again" else 3)  # after SIGKILL in halves
    logs = [path.name for path in (tmp_path / "slurm").glob("slurm/*")]
    assert logs == ([] if starts == "the job is queued again" else [f"{hit}_0_log.err"])


@pytest.mark.slow
def test_a_driver_that_starts_again_follows_the_jobs_of_the_first(long_results: Path, tmp_path: Path) -> None:
    runs, settings = long_runs(tmp_path), [Settings(folder=tmp_path / "slurm")]
    files = JobFiles(tmp_path / "slurm")
    with SlurmCluster({}) as cluster:
        queue = cluster._queue(settings[0])
        first = slurm_driver.Driver(queue, files, settings[0], 1, runs)
        first._submit([[run] for run in runs], starts=1)  # and then the driver is killed
        states = [event.state for event in cluster.engine([runs], settings)]
    assert states.count("recorded") == 2
    assert len(LocalQueue.jobs) == 2
    check_same(tmp_path / "slurm", long_results)
    assert not files.folder.exists()


class Paper:
    """A queue that only notes what it is asked; jobs are in the states that a test gives them, one answer each."""

    def __init__(self, *answers: dict[str, str]):
        self.answers, self.asked = list(answers), list[str]()

    def submit(self, functions: list[object]) -> list[str]:
        return [f"7_{number}" for number, _ in enumerate(functions)]

    def states(self) -> dict[str, str]:
        self.asked.append("states")
        return self.answers.pop(0)

    def cancel(self, jobs: Collection[str], *, waiting: bool = False) -> None:
        self.asked.append(f"cancel {' '.join(jobs)}{', waiting' if waiting else ''}")


def end_of(job: str, folder: Path) -> None:
    with EventWriter(folder / "slurm" / f"{job}.events") as events:
        events.end()


def test_files_of_a_job_stay_until_it_has_left_the_queue(
    tiny_runs: list[Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The job has reported its last run, and takes two more answers of Slurm to end; then it writes a last file."""
    files, settings = JobFiles(tmp_path), Settings(folder=tmp_path)
    queue = Paper({}, {"7_0": "RUNNING"}, {"7_0": "COMPLETING"}, {})
    driver = slurm_driver.Driver(queue, files, settings, 1, tiny_runs[:1])
    there: list[list[str]] = []

    def pause(seconds: float) -> None:
        there.append(sorted(path.name for path in files.folder.iterdir()))
        (files.folder / "7_0_0_result.pkl").touch()

    monkeypatch.setattr(slurm_driver.time, "sleep", pause)
    events = driver.events([tiny_runs[:1]], lambda: False)
    monkeypatch.setattr(queue, "submit", lambda functions: end_of("7_0", tmp_path) or ["7_0"])
    files.folder.mkdir()
    assert list(events) == []
    assert there == [["7_0.events"], ["7_0.events", "7_0_0_result.pkl"]]
    assert not files.folder.exists()


def test_a_job_that_does_not_end_is_left_to_the_next_driver(
    tiny_runs: list[Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next one does not follow it, and deletes its files when it has ended."""
    monkeypatch.setattr(slurm_driver, "ENDING", 0.3)
    files, settings = JobFiles(tmp_path), Settings(folder=tmp_path)
    files.folder.mkdir()
    files.add("7_0", [tiny_runs[:1]])
    end_of("7_0", tmp_path)
    first = slurm_driver.Driver(Paper(*[{"7_0": "RUNNING"}] * 99), files, settings, 1, tiny_runs[:1])
    assert list(first.events([], lambda: False)) == []
    assert [path.name for path in files.folder.iterdir()] == ["7_0.events"]
    queue = Paper({"7_0": "RUNNING"}, {})
    second = slurm_driver.Driver(queue, files, settings, 1, tiny_runs[:1])
    assert list(second.events([], lambda: False)) == []
    assert not files.folder.exists()


def test_jobs_that_wait_are_cancelled_before_others_stop(tiny_runs: list[Run], tmp_path: Path) -> None:
    """Otherwise the end of a job lets the next one of its array begin."""
    files = JobFiles(tmp_path)
    queue, asked = Paper(), []
    driver = slurm_driver.Driver(queue, files, Settings(folder=tmp_path), 1, tiny_runs)
    driver._submit([[run] for run in tiny_runs[:2]], starts=1)
    files.ask_to_stop = asked.append  # type: ignore[method-assign]
    queue.cancel = lambda jobs, **_: asked.append(sorted(jobs))  # type: ignore[method-assign]
    driver._stop()
    assert asked == [["7_0", "7_1"], "7_0", "7_1"]


def test_a_job_that_another_driver_submits_meanwhile_is_left_alone(
    tiny_runs: list[Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is submitted after Slurm has been asked for the states of jobs, so they say nothing of it."""
    files = JobFiles(tmp_path)
    files.folder.mkdir()
    queue = Paper()
    monkeypatch.setattr(queue, "states", lambda: files.add("8_0", [tiny_runs[:1]]) and {})
    list(slurm_driver.Driver(queue, files, Settings(folder=tmp_path), 1, tiny_runs[:1]).events([], lambda: False))
    assert [path.name for path in files.folder.iterdir()] == ["8_0.json"]


def test_what_is_recorded_meanwhile_is_not_submitted(tiny_runs: list[Run], tiny_results: Path) -> None:
    """As when the jobs of a driver that was killed end while the next one starts."""
    with SlurmCluster({}) as cluster:
        events = list(cluster.engine([tiny_runs], [Settings(folder=tiny_results)]))
    assert sorted((event.run.id, event.state) for event in events) == sorted((run.id, "recorded") for run in tiny_runs)
    assert not LocalQueue.jobs


@pytest.mark.slow
def test_a_cancelled_job_is_not_submitted_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs, ends = long_runs(tmp_path), {}
    with SlurmCluster({}) as cluster:
        for event in cluster.engine([runs[:1], runs[1:]], [Settings(folder=tmp_path / "slurm")] * 2):
            if event.state != "progress":
                ends[event.run.id] = (event.state, event.text)
            elif event.run == runs[0] and len(LocalQueue.jobs) == 2 and is_well_on_its_way(event):
                job = job_of(tmp_path / "slurm", runs[0])
                worker_processes(job)[0].kill()
                monkeypatch.setitem(LocalQueue.ends, job, "CANCELLED")
    assert ends[runs[0].id] == ("failed", f"Slurm job {job} ended (CANCELLED)")
    assert ends[runs[1].id] == ("recorded", "")
    assert len(LocalQueue.jobs) == 2


@pytest.mark.slow
def test_a_suite_runs_on_slurm_as_it_does_locally(tiny: str, tiny_results: Path, tmp_path: Path) -> None:
    """Also the sizes of packs are measured by a job."""
    events: list[Event] = []
    options = {"results": tmp_path / "slurm", "report": "none", "watch": events.append, "workers": 1}
    summary = bench.run(tiny, engine="slurm", slurm={"time": "0:30:00"}, **options)
    assert len(summary.recorded) == 4
    evaluated = [event.progress.evaluated for event in events if event.progress and event.progress.evaluated]
    assert {each.step for each in evaluated} == {0, 40, 80, 120}
    assert {each.samples.shape[1:] for each in evaluated} == {(2,)}
    assert all("fd" in each.values or "frechet" in " ".join(each.values) for each in evaluated)
    check_same(summary.folder, tiny_results)
    assert not (summary.folder / "slurm").exists()


def test_interruptions_that_leave_no_time_for_steps_end(tiny_runs: list[Run], tmp_path: Path) -> None:
    """The second start gets to step 50; the next three get no further."""
    carrier = Carrier([tiny_runs], [Settings(folder=tmp_path)], tmp_path)
    given_up = []
    for step in (0, 50, 50, 50, 50):
        carrier = carrier.checkpoint().function
        carrier._note(Event(tiny_runs[0], "progress", Progress(step, 1.0)))
        given_up.append(carrier._gives_up())
    assert given_up == [False, False, False, False, True]


def test_signals_of_slurm_do_not_end_worker_processes(tmp_path: Path) -> None:
    """Slurm sends them to all processes of a job, but only the first one is to act on them."""
    with Reserve(1) as reserve:
        process, _ = reserve.take(Settings(folder=tmp_path))
        assert process.pid is not None
        for number in FOR_JOBS:
            os.kill(process.pid, number)
        process.join(0.5)
        alive = process.is_alive()
        process.kill()
        process.join()
    assert alive


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"partiton": "gpu"}, "--slurm partiton: no such parameter; did you mean 'partition'?"),
        ({"nodes": 2}, "--slurm nodes: cannot be set, because each job is one process on one node"),
        ({"array_parallelism": "many"}, "--slurm array_parallelism=many: expected a whole number"),
        ({"setup": "module load cuda"}, 'expected a list of texts, such as ["module load cuda"]'),
        ({"time": "soon"}, "--time 'soon': expected minutes (90), hours (8:00:00) or days (1-12:00:00)"),
        ({"time": 0}, "--time 0: a job needs at least a minute"),
    ],
)
def test_parameters_that_slurm_does_not_have(given: dict[str, object], message: str) -> None:
    with pytest.raises(SuiteError) as raised:
        SlurmCluster(given)
    assert message in str(raised.value)


def test_time_limits_are_minutes_as_sbatch_reads_them() -> None:
    """From the manual of sbatch: minutes, minutes:seconds, hours:minutes:seconds, days-hours, days-hours:minutes."""
    texts = ["90", "90:30", "8:00:00", "1-12", "1-12:30", "1-12:30:01", 15]
    assert [minutes(text) for text in texts] == [90, 91, 480, 2160, 2190, 2191, 15]


def test_jobs_can_be_queued_again_whatever_else_is_asked_for() -> None:
    assert checked({})["additional_parameters"] == {"requeue": True}
    asked = checked({"additional_parameters": {"reservation": "gan"}})
    assert asked["additional_parameters"] == {"requeue": True, "reservation": "gan"}


@pytest.mark.parametrize(
    ("device", "workers", "message"),
    [
        ("cuda", None, "--device cuda: jobs have no GPUs; ask for them with --gpus-per-node 1"),
        ("mps", None, "--device mps: engine 'slurm' has auto, cpu and cuda"),
        ("cpu", 0, "--workers 0: engine 'slurm' trains in jobs, not in this process"),
    ],
)
def test_what_jobs_cannot_do(tmp_path: Path, device: str, workers: int | None, message: str) -> None:
    with SlurmCluster({}) as cluster, pytest.raises((DeviceError, SuiteError)) as raised:
        cluster.workers(Settings(folder=tmp_path), device, workers, 4)
    assert str(raised.value) == message


def test_a_job_with_four_gpus_carries_four_packs(tiny_runs: list[Run], tmp_path: Path) -> None:
    with SlurmCluster({"gpus_per_node": 4}) as cluster:
        workers = cluster.workers(Settings(folder=tmp_path), "auto", None, 100)
        assert (len(workers), workers[0].device) == (64, "cuda:0")
        assert cluster._gpus_for(workers[0].device) == 4
    carried = []

    class Carried(Paper):
        def submit(self, functions: list[object]) -> list[str]:
            carried.extend(functions)
            return super().submit(functions)

    driver = slurm_driver.Driver(Carried(), JobFiles(tmp_path), workers[0], 4, tiny_runs)  # type: ignore[arg-type]
    driver._submit([[run] for run in [*tiny_runs, tiny_runs[0]]], starts=1)
    assert [[worker.device for worker in each.workers] for each in carried] == [
        ["cuda:0", "cuda:1", "cuda:2", "cuda:3"],
        ["cuda:0"],
    ]


def test_slurm_needs_submitit_and_is_not_asked_by_other_engines(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SuiteError, match="partition: only applies with engine 'slurm'"):
        with connected("local", None, {"partition": "gpu"}):
            pass
    monkeypatch.setattr(slurm_parameters, "find_spec", lambda name: None)
    with pytest.raises(SuiteError, match=r"engine 'slurm' needs the package submitit: pip install 'ganbench\[slurm\]'"):
        SlurmCluster({})
