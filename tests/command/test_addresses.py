"""Commands on results at an address: each works, from a machine that shares only the store, or refuses in one line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

import bench
from bench.command import main, watching
from bench.command.watching import watch_report
from bench.errors import ResultsError
from bench.plan.runs import Run, plan_runs
from bench.plan.suite import load_suite
from bench.records.addresses import address_of, mirror_of
from bench.records.mirror import Mirror
from bench.records.record import read_metadata
from bench.records.remote import Remote, remote
from bench.records.unfinished import note_failure, note_plan
from bench.report import Report
from bench.running import RunOptions, train_runs

IN_PROCESS = RunOptions(workers=0, pack="off", device="cpu")
TABLE = (
    "dataset,architecture,loss,seed,step,fid\nc10,dcgan,hinge,0,9,40\nc10,dcgan,hinge,1,9,50\nc10,dcgan,hinge,2,9,5\n"
)
ROLES = [f"--map={name}={name}" for name in ("dataset", "architecture", "loss", "seed", "step", "fid")]


@pytest.fixture(params=["in_memory", "s3"])
def results(request: pytest.FixtureRequest) -> str:
    """An empty address for all results."""
    return f"{request.getfixturevalue(request.param)}/results"


@pytest.fixture
def move(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """A function after which this process is on another machine, which shares the store and nothing else."""

    def go() -> None:
        monkeypatch.setenv("GANBENCH_DATA", str(tmp_path / "another machine"))

    return go


def ganbench(*words: object) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words], env={"COLUMNS": "200"})


def line_of(result: Result) -> str:
    """Return the one line of a refusal."""
    assert result.exit_code == 2, result.output
    (line,) = result.stderr.splitlines()
    return line


def put(folder: Path, address: str) -> Remote:
    """Copy the records of a folder to a store, as another machine would."""
    store = remote(address)
    for path in (folder / "records").iterdir():
        store.write(f"records/{path.name}", path.read_bytes())
    return store


def test_status_says_the_same_from_every_machine(
    results: str, tiny: str, tiny_results: Path, move: Callable[[], None]
) -> None:
    """Two of ten runs are recorded; others have a lease, a checkpoint, an error, or nothing yet."""
    runs = plan_runs(load_suite(tiny), seeds=5)
    for path in sorted((tiny_results / "records").iterdir())[2:]:
        path.unlink()
    store = put(tiny_results, f"{results}/tiny")
    recorded = {read_metadata(path).run for path in (tiny_results / "records").iterdir()}
    left = [run for run in runs if run.id not in recorded]
    here = mirror_of(store.address)
    note_plan(here, runs, beside=False)
    note_failure(here, left[0], "ValueError: no such thing\nTraceback: …")
    store.write(f"checkpoints/{left[1].id}.pt", b"")
    note_plan(mirror_of(f"{results}/planned"), runs[:1], beside=False)
    with Mirror.at(here).leases().hold([left[2].id]):
        move()
        answer = json.loads(ganbench("status", store.address, "--format", "json").stdout)
        text = ganbench("status", f"{results}/tiny").output
    (suite,) = answer
    found = {run["run"]: run["standing"] for run in suite["runs"]}
    assert suite["folder"] == store.address
    assert [found[run.id] for run in left[:4]] == ["failed", "interrupted", "running", "waiting"]
    assert "10 runs: 2 recorded, 1 running, 1 interrupted, 5 waiting, 1 failed" in text
    assert f"failed {left[0]}: ValueError: no such thing" in text
    several = ganbench("status", results).output.splitlines()
    assert [line.split()[:2] for line in several[1:3]] == [["planned", "1"], ["tiny", "10"]]


def test_an_owner_that_has_been_silent_for_long_trains_nothing(
    in_memory: str, tiny_runs: list[Run], move: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when the machine was lost."""
    folder = mirror_of(f"{in_memory}/tiny")
    note_plan(folder, tiny_runs, beside=False)
    entry = Remote.entry
    with Mirror.at(folder).leases().hold([tiny_runs[0].id]):
        move()
        assert "1 running, 3 waiting" in ganbench("status", f"{in_memory}/tiny").output

        def hour_ago(store: Remote, name: str) -> object:
            found = entry(store, name)
            return found and found._replace(modified=found.modified - 3600)

        monkeypatch.setattr(Remote, "entry", hour_ago)
        assert "4 runs: 4 waiting" in ganbench("status", f"{in_memory}/tiny").output


def test_a_command_leaves_its_plan_in_the_store_until_all_is_recorded(results: str, tiny_runs: list[Run]) -> None:
    folder, seen = mirror_of(f"{results}/tiny"), []
    store = remote(f"{results}/tiny")
    options = RunOptions(workers=0, pack="off", device="cpu", watch=lambda event: seen.append(store.entries()))
    train_runs(tiny_runs[:1], folder, options)
    assert ".unfinished.json" in seen[0]
    assert list(store.entries()) == store.names("records")


def test_status_of_nothing_is_refused(results: str) -> None:
    assert line_of(ganbench("status", results)) == f"ganbench: {results} holds no results: neither records nor a plan"


def test_a_watched_report_follows_the_store_until_training_ends(
    results: str, tiny_results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three records, a fourth, a pause between packs, and the end."""
    last = max((tiny_results / "records").iterdir())
    content = last.read_bytes()
    last.unlink()
    store = put(tiny_results, f"{results}/tiny")
    mirror = mirror_of(store.address)
    training = [True, True, False, True, False, False, False]
    monkeypatch.setattr(watching, "active_runs", lambda folder: {"a run"} if training.pop(0) else set())
    page, written, looks = tmp_path / "report.html", list[int](), list[int]()

    def write() -> Report:
        written.append(len(list((mirror / "records").iterdir())))
        page.write_text("<html><head></head></html>")
        return Report([], [], page, {})

    def pause(seconds: float) -> None:
        looks.append(len(training))
        if len(looks) == 2:
            store.write(f"records/{last.name}", content)

    watch_report(store.address, write, pause)
    assert written == [3, 4, 4]
    assert training == []


def test_a_living_lease_in_the_store_is_training(results: str, tiny_runs: list[Run], move: Callable[[], None]) -> None:
    folder = mirror_of(f"{results}/tiny")
    assert not watching._is_training(f"{results}/tiny")
    with Mirror.at(folder).leases().hold([tiny_runs[0].id]):
        move()
        assert watching._is_training(f"{results}/tiny")
    assert not watching._is_training(f"{results}/tiny")


def test_watching_needs_a_folder_for_the_report(
    in_memory: str, tiny_results: Path, tmp_path: Path, no_figures: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tiny_results, f"{in_memory}/tiny")
    assert line_of(ganbench("report", f"{in_memory}/tiny", "--watch")).endswith("for its report with --output DIR")

    def interrupt(seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(watching.watch_report, "__defaults__", (interrupt,))
    result = ganbench("report", f"{in_memory}/tiny", "--watch", "--output", tmp_path / "report")
    assert result.exit_code == 0, result.output
    assert f"4 runs in {tmp_path / 'report' / 'report.html'}" in result.output


def test_imported_runs_are_in_the_store_and_not_recorded_twice(
    results: str, tmp_path: Path, move: Callable[[], None]
) -> None:
    (tmp_path / "log.csv").write_text(TABLE)
    words = ("import", tmp_path / "log.csv", "--suite", "theirs", *ROLES, "--results", results)
    first = ganbench(*words)
    assert f"in {results}/theirs/records; next: ganbench report {results}/theirs --output report" in first.output
    store = remote(f"{results}/theirs")
    before = list(store.entries())
    assert [name.partition("/")[0] for name in before] == ["records"] * 3
    move()
    assert line_of(ganbench(*words)).startswith(
        f"ganbench: 3 of 3 runs are already recorded, the first as {results}/theirs/records/c10-dcgan-hinge-s0-"
    )
    (tmp_path / "log.csv").write_text(TABLE.replace(",40", ",30"))
    assert ganbench(*words, "--replace").exit_code == 0
    assert list(store.entries()) == before
    assert bench.load(f"{results}/theirs").set_index("seed")["fid_final"].to_dict() == {0: 30, 1: 50, 2: 5}


def test_an_import_whose_server_fails_says_what_is_recorded(
    in_memory: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "log.csv").write_text(TABLE)
    words = ("import", tmp_path / "log.csv", "--suite", "theirs", *ROLES, "--results", in_memory)
    create = Remote.create

    def refuse(store: Remote, name: str, content: bytes) -> bool:
        if "-s1-" in name:
            raise ResultsError(f"{name} cannot be written: no connection")
        return create(store, name, content)

    with monkeypatch.context() as patch:
        patch.setattr(Remote, "create", refuse)
        line = line_of(ganbench(*words))
    assert "no connection; 1 of 3 runs are recorded; run the same command with --replace to record all" in line
    assert len(remote(f"{in_memory}/theirs").entries()) == 1
    assert ganbench(*words, "--replace").exit_code == 0
    assert len(bench.load(f"{in_memory}/theirs")) == 3
    assert not [
        path for path in mirror_of(f"{in_memory}/theirs").rglob("*") if path.is_file() and path.suffix != ".parquet"
    ]


def test_a_recorder_publishes_in_the_store(results: str, move: Callable[[], None]) -> None:
    about = {"suite": "mine", "dataset": "d", "architecture": "a", "loss": "l", "seed": 0, "steps": 1}

    def recorded(fid: float, **options: bool) -> Path:
        with bench.Recorder(results, **about, **options) as recorder:  # type: ignore[arg-type]
            recorder.log(1, fid=fid)
        return recorder.path

    path = recorded(3.0)
    store = remote(f"{results}/mine")
    assert list(store.entries()) == [f"records/{path.name}"]
    assert address_of(path) == f"{store.address}/records/{path.name}"
    move()
    with pytest.raises(ResultsError, match=f"already recorded as {results}/mine/records/{path.name}; replace=True"):
        recorded(4.0)
    recorded(5.0, replace=True)
    assert bench.load(f"{results}/mine")["fid_final"].tolist() == [5.0]


def test_two_recorders_of_one_run_leave_the_first_record(in_memory: str) -> None:
    about = {"suite": "mine", "dataset": "d", "architecture": "a", "loss": "l", "seed": 0, "steps": 1}
    with pytest.raises(ResultsError, match="was meanwhile recorded by another process as memory://"):
        with bench.Recorder(in_memory, **about) as slow:  # type: ignore[arg-type]
            with bench.Recorder(in_memory, **about) as quick:  # type: ignore[arg-type]
                quick.log(1, fid=1.0)
            slow.log(1, fid=2.0)
    assert bench.load(f"{in_memory}/mine")["fid_final"].tolist() == [1.0]


def test_measures_are_recorded_in_the_store(results: str, tmp_path: Path, move: Callable[[], None]) -> None:
    samples = tmp_path / "samples-10.npy"
    np.save(samples, np.random.default_rng(0).standard_normal((50, 2)).astype("f4"))
    words = ("measure", samples, "--against", "ring", "--metrics", "modes", "--record", "mine", "--results", results)
    words = (*words, "--set", "architecture=a", "--set", "loss=l", "--set", "seed=0")
    first = ganbench(*words)
    (name,) = remote(f"{results}/mine").entries()
    assert f"as {results}/mine/{name}; next: ganbench report {results}/mine --output report" in first.stderr
    move()
    assert line_of(ganbench(*words)).endswith(f"already recorded as {results}/mine/{name}; use --replace to replace it")
    assert ganbench(*words, "--replace").exit_code == 0
    assert len(bench.load(f"{results}/mine")) == 1


def test_timings_are_in_the_store_and_compared_from_there(
    results: str, tiny: str, tmp_path: Path, move: Callable[[], None]
) -> None:
    cell = ("--only", "loss=non-saturating", "--rounds", "3", "--steps", "1", "--device", "cpu")
    timed = ganbench("time", tiny, "--results", results, *cell)
    assert f"wrote {results}/tiny/timings.json" in timed.output
    assert list(remote(f"{results}/tiny").entries()) == ["timings.json"]
    move()
    compared = ganbench("compare", "--speed", *[f"{results}/tiny"] * 2, "--allow", "load", "--format", "json")
    answer = json.loads(compared.stdout)
    assert (answer["baseline"], len(answer["cells"])) == (f"{results}/tiny", 1)


def test_samples_are_drawn_from_weights_in_the_store(
    results: str, tiny_runs: list[Run], tmp_path: Path, move: Callable[[], None]
) -> None:
    from dataclasses import replace

    run = tiny_runs[0]
    train_runs([run], mirror_of(f"{results}/tiny"), replace(IN_PROCESS, keep=("weights",)))
    train_runs(tiny_runs[1:2], mirror_of(f"{results}/tiny"), IN_PROCESS)
    move()
    names = (run.id[:6], f"{results}/tiny/records/{run.file_name}")
    weights = f"{results}/tiny/{remote(f'{results}/tiny').names('weights')[0]}"
    drawn = []
    for number, name in enumerate((*names, weights)):
        path = tmp_path / f"{number}.npy"
        words = ("sample", name, "--results", results, "--count", 3, "--device", "cpu", "--output", path)
        assert ganbench(*words).exit_code == 0
        drawn.append(np.load(path).tolist())
    assert drawn == [drawn[0]] * 3
    other = f"{results}/tiny/records/{tiny_runs[1].file_name}"
    assert line_of(ganbench("sample", other)).startswith(f"ganbench: {other} has no weights; they are written only by")
    gone = f"{results}/tiny/records/none.parquet"
    assert line_of(ganbench("sample", gone)) == f"ganbench: there is no record {gone}"
    assert line_of(ganbench("sample", "ffff0000", "--results", results)).startswith(
        f"ganbench: {results} has no record"
    )


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("measure s3://b/x.npy --against ring", "this is an address; copy the samples to this machine first"),
        ("measure x.npy --against s3://b/images", "this is an address; copy the images to this machine first"),
        ("import s3://b/log.csv --suite theirs", "s3://b/log.csv is an address; copy the tables to this machine first"),
        ("report s3://b/r --output s3://b/x", "s3://b/x is an address; give a path on this machine"),
        ("sample 1234 --output s3://b/x.npy", "s3://b/x.npy is an address; give a path on this machine"),
        ("run quick --tensorboard s3://b/x", "s3://b/x is an address; give a path on this machine"),
    ],
)
def test_files_at_an_address_are_refused(
    words: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = ganbench(*words.split())
    assert result.exit_code == 2
    assert result.stderr.splitlines()[-1].endswith(message)
    assert list(tmp_path.iterdir()) == []
