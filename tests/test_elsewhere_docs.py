"""What docs/elsewhere.md shows works as it stands: its script runs, its tables are imported, reports are written."""

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
from bench.cli import main
from bench.report import write_report

TEXT = (Path(__file__).parent.parent / "docs" / "elsewhere.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", TEXT, flags=re.S)


def test_the_script_publishes_its_runs(tmp_path: Path) -> None:
    (script,) = blocks("python")
    (tmp_path / "script.py").write_text(script)
    command, environment = [sys.executable, "-W", "error", "script.py"], {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "outcome_reason" in done.stdout
    runs = bench.load(tmp_path / "results")
    assert len(runs) == 6
    assert (runs["steps_done"] == 200).all()
    report = write_report(tmp_path / "results" / "my-ring")
    (table,) = report.formatted.values()
    assert table["n"].tolist()[:2] == ["3", "3"]
    assert "My own loop" in (tmp_path / "results" / "my-ring" / "table.md").read_text()


def imported(name: str, table: str, command: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(folder)
    Path(name).write_text(table)
    words = shlex.split(command.replace("\\\n", " "))
    assert words[:3] == ["ganbench", "import", name]
    done = CliRunner().invoke(main, words[1:])
    assert done.exit_code == 0, done.output
    return folder / "results" / words[words.index("--suite") + 1]


def test_the_wide_table_is_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = imported("log.csv", blocks("csv")[0], blocks("bash")[0], tmp_path, monkeypatch)
    runs = bench.load(folder)
    assert runs.groupby("loss")["outcome"].apply(list).to_dict() == {
        "hinge": ["converged", "relapsed"],
        "wgan-gp": ["converged", "diverged"],
    }
    assert (bench.traces(folder).query("step == 50000")["images"] == 64 * 50000).all()
    report = write_report(folder)
    (table,) = report.formatted.values()
    others = table.set_index("loss")["other outcomes"]
    assert (others["hinge"], others["wgan-gp"]) == ("1 relapsed", "1 diverged")


def test_the_long_table_is_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = imported("long.tsv", blocks("tsv")[0], blocks("bash")[1], tmp_path, monkeypatch)
    runs = bench.load(folder)
    assert runs["outcome"].tolist() == ["converged", "never-learned"]
    assert runs["modes_final"].tolist() == [8, 1]
    write_report(folder)
