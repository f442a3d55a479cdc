"""The command: what it prints and writes, and its one-line error messages."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import bench
from bench.command import main
from bench.records.listing import record_paths


@pytest.fixture
def invoke(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(main, list(arguments), catch_exceptions=False)

    return run


def refused(result: Result, *words: str) -> None:
    """Check for a one-line error with exit status 2."""
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    assert result.stderr.startswith("ganbench: ")
    assert result.stderr.count("\n") == 1
    for word in words:
        assert word in result.stderr


def test_list_names_everything_with_one_line_each(invoke: Callable[..., Result]) -> None:
    from bench.catalogue import TABLES, entries
    from bench.plan.suite import suite_files

    output = invoke("list").output
    for name in [*suite_files(), *(name for kind in TABLES for name in entries(kind))]:
        (line, *_) = [line for line in output.splitlines() if line.startswith(f"  {name} ")]
        assert len(line.split(maxsplit=1)) == 2, f"{name} has no summary"


def test_plan_counts_and_trains_nothing(invoke: Callable[..., Result], tiny: str, tmp_path: Path) -> None:
    result = invoke("plan", tiny)
    assert result.exit_code == 0
    text = " ".join(result.output.split())
    assert "2 cells, 4 runs, 0 recorded" in text
    assert "480 generator steps, 7,680 samples seen by the critic" in text
    assert sorted(path.name for path in tmp_path.iterdir()) == ["suite.toml"]


def test_plan_estimates_from_what_was_measured(invoke: Callable[..., Result], tiny: str, tiny_results: Path) -> None:
    text = " ".join(invoke("plan", tiny, "--seeds", "3", "--results", str(tiny_results.parent)).output.split())
    assert "2 cells, 6 runs, 4 recorded" in text
    assert "unknown" not in text


def test_run_trains_reports_and_then_has_nothing_to_do(tiny: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "bench", "run", tiny, "--workers", "1"]
    first = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert first.returncode == 0, first.stderr
    assert "4 runs, 0 already recorded in results/tiny" in first.stderr
    runs = [
        f"{loss} · ring (points=1000) · mlp · seed {seed}" for loss in ("wgan-gp", "non-saturating") for seed in (0, 1)
    ]
    for number, run in enumerate(runs, 1):  # the most work first
        assert f"recorded: {run} ({number} of 4)" in first.stderr
    folder = tmp_path / "results" / "tiny"
    for name in ("table.md", "table.csv", "table.tex", "figures/modes.png"):
        assert (folder / name).stat().st_size > 100
    for line in ("wrote results/tiny/table.md", "wrote results/tiny/report.html", "figures in results/tiny/figures"):
        assert line in first.stdout
    assert "non-saturating" in first.stdout
    before = {path: path.stat().st_mtime_ns for path in record_paths(folder)}
    second = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert second.returncode == 0
    assert "4 already recorded" in second.stderr
    assert "already up to date: results/tiny/table.md, " in second.stdout
    assert "wrote" not in second.stdout
    assert second.stdout.partition("\nmean [")[0] == first.stdout.partition("\nmean [")[0]
    assert {path: path.stat().st_mtime_ns for path in record_paths(folder)} == before


@pytest.mark.usefixtures("no_figures")
def test_a_truncated_record_is_trained_again_with_a_notice(tiny: str, tiny_results: Path) -> None:
    path = record_paths(tiny_results)[0]
    whole = bench.load(tiny_results).drop(columns="record")
    path.write_bytes(path.read_bytes()[:-100])
    summary = bench.run(tiny, results=tiny_results.parent, workers=0)
    aside = path.with_suffix(".damaged")
    assert summary.notices == [
        f"{path} was truncated or damaged and has been renamed to {aside.name}; its run is trained again"
    ]
    assert aside.is_file()
    assert len(summary.recorded) == 1
    again = bench.load(tiny_results).drop(columns="record")
    stable = [name for name in whole if "second" not in name and "memory" not in name]
    assert whole[stable].equals(again[stable])


@pytest.mark.usefixtures("no_figures")
def test_failed_runs_are_reported_and_retried(
    invoke: Callable[..., Result], tiny: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bench.compute.engines import in_process, retries

    real = retries.execute

    def broken(runs, *rest):  # type: ignore[no-untyped-def]
        if any(run.seed == 1 for run in runs):
            raise RuntimeError("a fault in the code")
        return real(runs, *rest)

    monkeypatch.setattr(retries, "execute", broken)
    monkeypatch.setattr("bench.compute.engines.choice.choose_engine", lambda *_: in_process.in_process)
    result = invoke("run", tiny)
    assert result.exit_code == 1
    assert "2 of 4 runs have no record; run the same command to retry them" in result.stderr
    assert result.stderr.count("RuntimeError: a fault in the code") >= 2
    assert "non-saturating" in result.stdout  # the others are in the table
    monkeypatch.setattr(retries, "execute", real)
    assert invoke("run", tiny).exit_code == 0


@pytest.mark.usefixtures("no_figures")
def test_selection_by_seeds_settings_and_only(tiny: str, tmp_path: Path) -> None:
    summary = bench.run(
        tiny, results=tmp_path, workers=0, seeds=[5], settings={"steps": 30}, filters={"loss": {"wgan-gp"}}
    )
    frame = bench.load(summary.folder)
    assert frame[["loss", "seed", "steps_done"]].to_numpy().tolist() == [["wgan-gp", 5, 30]]


MISTAKES = {
    "unknown suite": (["run", "quik"], ["'quik'", "did you mean 'quick'"]),
    "unknown loss": (["run", "quick", "--set", "loss=hing"], ["unknown loss 'hing'", "did you mean 'hinge'"]),
    "misspelt key": (["run", "quick", "--set", "stepz=3"], ["'stepz'", "did you mean 'steps'"]),
    "misspelt option": (["run", "quick", "--set", "optimizer.lrr=3"], ["'lrr'", "did you mean 'lr'"]),
    "wrong type": (["run", "quick", "--set", "steps=many"], ["steps", "'many'"]),
    "setting without value": (["run", "quick", "--set", "steps"], ["expected KEY=VALUE"]),
    "setting of too many parts": (["run", "quick", "--set", "steps.x=3"], ["steps"]),
    "an axis that is not there": (["run", "quick", "--only", "los=hinge"], ["did you mean 'loss'"]),
    "a value that is not there": (["run", "quick", "--only", "loss=hing"], ["did you mean 'hinge'"]),
    "only without value": (["run", "quick", "--only", "loss"], ["expected AXIS=VALUE"]),
    "seeds twice": (["run", "quick", "--seeds", "0,1,0"], ["seed 0 is listed twice"]),
    "seeds of words": (["run", "quick", "--seeds", "some"], ["--seeds some", "10-19"]),
    "seeds backwards": (["run", "quick", "--seeds", "5-3"], ["at least one seed"]),
    "unknown device": (["run", "quick", "--device", "gpu"], ["--device gpu", "available: cpu"]),
    "an architecture that cannot make the data": (
        ["run", "ring", "--set", "architecture=dcgan"], ["'dcgan'", "square images", "samples of shape (2,)"]),
    "nothing to report": (["report", "nowhere"], ["no results folder nowhere"]),
    "no records to report": (["report", "."], ["holds no records"]),
}  # fmt: skip


@pytest.mark.parametrize("case", MISTAKES)
def test_a_mistake_is_one_line_and_nothing_is_written(invoke: Callable[..., Result], tmp_path: Path, case: str) -> None:
    arguments, words = MISTAKES[case]
    refused(invoke(*arguments), *words)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--pack", "0", "expected a number of runs (8), auto or off, not '0'"),
        ("--pack", "many", "expected a number of runs (8), auto or off, not 'many'"),
        ("--memory", "0", "0.0 is not in the range x>0"),
    ],
)
def test_invalid_pack_options(
    invoke: Callable[..., Result], tmp_path: Path, option: str, value: str, message: str
) -> None:
    result = invoke("run", "quick", option, value)
    assert result.exit_code == 2
    assert result.stderr.splitlines()[-1].startswith(f"Error: Invalid value for '{option}': {message}")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("no_figures")
@pytest.mark.parametrize(("pack", "size"), [("off", 1), ("3", 2)])
def test_the_size_of_packs_is_recorded_and_changes_no_number(
    invoke: Callable[..., Result], tiny: str, tiny_results: Path, monkeypatch: pytest.MonkeyPatch, pack: str, size: int
) -> None:
    """Two pack keys with two runs each, on one worker."""
    from bench.compute.engines.in_process import in_process

    monkeypatch.setattr("bench.compute.engines.choice.choose_engine", lambda *_: in_process)
    result = invoke("run", tiny, "--results", "others", "--workers", "1", "--pack", pack)
    assert result.exit_code == 0, result.output
    alone, found = (bench.load(folder).set_index("run").sort_index() for folder in (tiny_results, "others/tiny"))
    assert found["pack"].tolist() == [size] * 4
    about_the_machine = ("second", "memory", "pack", "record")
    stable = [name for name in alone if not any(word in name for word in about_the_machine)]
    assert len(stable) > 20
    assert found[stable].equals(alone[stable])


def test_no_cuda(invoke: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    for device in ("cuda", "cuda:3"):
        refused(invoke("run", "quick", "--device", device), f"--device {device}", "no such device", "cpu")
    assert list(tmp_path.iterdir()) == []


def test_a_missing_dataset(invoke: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANBENCH_DATA", str(tmp_path / "data"))
    refused(invoke("plan", "cifar10"), "dataset 'cifar10' not found", "cifar-10-python.tar.gz")
    assert list(tmp_path.iterdir()) == []


def test_a_suite_file_with_a_mistake(invoke: Callable[..., Result], write_suite: Callable[[str], str]) -> None:
    path = write_suite('name = "x"\nseeds = [1, 1]\n[matrix]\nloss = []\n[evaluation]\nmetrics = ["modes"]\n')
    refused(invoke("run", path), path, "loss: the axis is empty")


def test_a_results_folder_that_cannot_be_written(invoke: Callable[..., Result], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    refused(invoke("run", "quick", "--results", "file"), "results folder file/quick cannot be written")
    if os.geteuid() == 0:  # root can write everywhere except to /proc
        refused(invoke("run", "quick", "--results", "/proc/x"), "results folder /proc/x/quick cannot be written")
    else:
        (tmp_path / "closed").mkdir(mode=0o500)
        refused(invoke("run", "quick", "--results", "closed"), "closed/quick cannot be written: Permission denied")


def test_a_full_disk_is_one_line(
    invoke: Callable[..., Result], tiny: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bench.compute.engines.in_process import in_process

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("bench.files.os.fsync", full)
    monkeypatch.setattr("bench.compute.engines.choice.choose_engine", lambda *_: in_process)
    result = invoke("run", tiny)
    assert result.exit_code == 2
    last = result.stderr.splitlines()[-1]
    assert last.startswith("ganbench: record results/tiny/records/")
    assert last.endswith("cannot be written: No space left on device")
    assert "Traceback" not in result.output
    left = [path.name for path in (tmp_path / "results").rglob("*") if path.is_file()]
    assert set(left) <= {".unfinished.json"}  # what ganbench status reads, written without a sync


def test_help_needs_neither_torch_nor_pandas() -> None:
    code = (
        "import sys; sys.argv = ['ganbench', '--help']\n"
        "from bench.command import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "sys.exit(bool({'torch', 'pandas', 'numpy', 'pydantic', 'rich'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert "Usage: ganbench" in done.stdout


def imported(modules: set[str], *arguments: str) -> bool:
    """Return whether the command, in its own process, imports any of these modules."""
    code = (
        f"import sys; sys.argv = ['ganbench', *{arguments!r}]\n"
        "from bench.command import main\n"
        "try: main()\n"
        "except SystemExit as end: assert not end.code\n"
        f"print(sorted({modules!r} & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True)
    return done.stderr.splitlines()[-1] != "[]"


def test_out_of_memory_is_one_line(invoke: Callable[..., Result], tiny: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr("bench.plan.runs.plan_runs", full)
    result = invoke("plan", tiny)
    assert (result.exit_code, result.stderr) == (
        2,
        "ganbench: out of memory; all records written so far are complete\n",
    )


def test_a_complete_suite_leaves_nothing_to_train(invoke: Callable[..., Result], tiny: str, tiny_results: Path) -> None:
    text = " ".join(invoke("plan", tiny, "--results", str(tiny_results.parent)).stdout.split())
    assert text.endswith("Nothing to train.")


def test_plan_needs_neither_torch_nor_pandas(tiny: str, tiny_results: Path) -> None:
    for suite in (tiny, "digits"):
        assert not imported(
            {"torch", "pandas", "scipy", "sklearn"}, "plan", suite, "--results", str(tiny_results.parent)
        )


@pytest.mark.usefixtures("no_figures")
def test_a_complete_suite_needs_no_torch(tiny: str, tiny_results: Path) -> None:
    bench.run(tiny, results=tiny_results.parent, workers=0)
    assert not imported({"torch", "scipy", "matplotlib"}, "run", tiny, "--results", str(tiny_results.parent))
