"""The examples in docs/import.md work: the script runs, the tables are imported, and reports are written."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

import bench
from bench.command import main
from bench.report import write_report

TEXT = (Path(__file__).parent.parent / "docs" / "import.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", TEXT, flags=re.S)


@pytest.fixture(scope="module")
def script_results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("script")
    (script,) = blocks("python")
    (folder / "script.py").write_text(script)
    command, environment = [sys.executable, "-W", "error", "script.py"], {**os.environ, "OMP_NUM_THREADS": "1"}
    process = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert process.returncode == 0, process.stderr
    assert "outcome_reason" in process.stdout
    return folder / "results" / "my-ring"


def test_the_script_records_its_runs(script_results: Path) -> None:
    runs = bench.load(script_results)
    assert len(runs) == 6
    assert (runs["steps_done"] == 200).all()
    assert (runs["modes_real"] == 8).all()
    assert set(bench.traces(script_results)["measure"]) == {"modes", "mode_distance", "critic_loss"}


@pytest.mark.slow
def test_the_script_has_a_report(script_results: Path) -> None:
    assert_reported(script_results, "My own loop")


def assert_reported(folder: Path, title: str) -> None:
    report = write_report(folder, formats=("png",))
    assert all(path.is_file() for path in (*report.tables, *report.figures))
    assert len(report.figures) > 2
    assert title in (folder / "table.md").read_text()


def imported(name: str, table: str | None, command: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(folder)
    if table is not None:
        Path(name).write_text(table)
    words = shlex.split(command.replace("\\\n", " "))
    assert words[:3] == ["ganbench", "import", name]
    result = CliRunner().invoke(main, words[1:])
    assert result.exit_code == 0, result.output
    return folder / "results" / words[words.index("--suite") + 1]


def test_the_wide_table_is_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = imported("log.csv", blocks("csv")[0], blocks("bash")[0], tmp_path, monkeypatch)
    runs = bench.load(folder)
    assert runs.groupby("loss")["outcome"].apply(list).to_dict() == {
        "hinge": ["stable", "relapsed"],
        "wgan-gp": ["stable", "diverged"],
    }
    assert (bench.traces(folder).query("step == 50000")["images"] == 64 * 50000).all()
    assert_reported(folder, "theirs")


def test_the_long_table_is_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = imported("long.tsv", blocks("tsv")[0], blocks("bash")[1], tmp_path, monkeypatch)
    runs = bench.load(folder)
    assert runs["outcome"].tolist() == ["stable", "never-learned"]
    assert runs["modes_final"].tolist() == [8, 1]
    assert_reported(folder, "theirs-long")


RUNS = [("hinge", 0), ("hinge", 1), ("wgan-gp", 0)]


def test_columns_of_a_dashboard_are_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = imported("wide.csv", blocks("csv")[1], blocks("bash")[2], tmp_path, monkeypatch)
    runs = bench.load(folder)
    assert runs["outcome_reason"].tolist() == ["", "ended at step 1,000 of 3,000"]
    assert_reported(folder, "from-columns")


def test_files_of_a_dashboard_are_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for loss, seed in RUNS:
        run = tmp_path / "charts" / f"{loss}-s{seed}"
        run.mkdir(parents=True)
        for name, last in (("fid", 23.9), ("d_loss", 0.6)):
            rows = f"1619761818.9,0,400\n1619761914.9,1000,41.2\n1619762009.9,2000,{last}\n"
            (run / f"{name}.csv").write_text(f"Wall time,Step,Value\n{rows}")
    folder = imported("charts/{loss}-s{seed}/*.csv", None, blocks("bash")[3], tmp_path, monkeypatch)
    runs = bench.load(folder)
    assert list(zip(runs["loss"], runs["seed"], strict=True)) == RUNS
    assert runs["fid_final"].tolist() == [23.9] * 3
    assert bench.traces(folder).query("measure == 'critic_loss'")["seconds"].tolist() == [0, 96, 191] * 3


def test_event_files_are_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("tensorboard")
    from torch.utils.tensorboard import SummaryWriter

    for loss, seed in RUNS:
        with SummaryWriter(tmp_path / "logs" / f"{loss}-s{seed}") as writer:
            for step in (0, 1000):
                writer.add_scalar("metrics/fid", 400 - step / 10, step)
                writer.add_scalar("loss/D", 0.5, step)
    folder = imported("logs/{loss}-s{seed}", None, blocks("bash")[4], tmp_path, monkeypatch)
    assert bench.load(folder)["fid_final"].tolist() == [300] * 3
