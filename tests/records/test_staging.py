"""An import that is killed at any moment loses no record from sight, and the next command tidies up after it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import killed_import
import pytest
from killed_import import FIXED, bring_in

import bench
from bench.errors import ResultsError
from bench.files import HOSTNAME
from bench.records.external import staging
from bench.records.external.import_table import import_table
from bench.records.external.staging import sweep_staging
from bench.records.listing import record_paths

OLD = "seed,step,fid\n0,10,40\n1,10,41\n"
NEW = "seed,step,fid\n0,10,20\n1,10,21\n2,10,22\n"
GIVEN: dict[str, Any] = {"suite": "theirs", **FIXED}


def finals(results: Path) -> list[float]:
    return [float(value) for value in bench.load(results).sort_values("seed")["fid_final"]]


def left_behind(results: Path) -> list[str]:
    return [path.name for path in results.rglob("*") if path.is_file() and path.suffix != ".parquet"] + [
        path.name for path in results.rglob(".*")
    ]


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Results folders, each after an import that died at another moment; the last one survived."""
    folder = tmp_path_factory.mktemp("killed")
    for name, text in (("old.csv", OLD), ("new.csv", NEW)):
        (folder / name).write_text(text)
    bring_in(folder / "old.csv", folder / "before")
    (folder / "after").mkdir()
    words = [killed_import.__file__, folder / "before", folder / "new.csv", folder / "after"]
    subprocess.run([sys.executable, *map(str, words)], check=True, timeout=120)
    return sorted((folder / "after").iterdir())


def test_every_record_is_in_sight_at_every_moment(killed: list[Path]) -> None:
    seen = [finals(results) for results in killed]
    assert seen[0] == [40, 41]
    assert [20, 41] in seen
    assert [20, 21] in seen
    assert seen[-1] == [20, 21, 22]
    assert all(len(values) in (2, 3) for values in seen)
    assert {values[0] for values in seen} == {40, 20}
    assert {values[1] for values in seen} == {41, 21}
    assert sum(bool(left_behind(results)) for results in killed) > 10


@pytest.mark.parametrize("command", ["import", "recorder", "run"])
def test_the_next_command_tidies_up(killed: list[Path], tmp_path: Path, command: str) -> None:
    for results in killed[:: 1 if command == "import" else 5]:
        copy = tmp_path / results.name
        subprocess.run(["cp", "-r", str(results), str(copy)], check=True)
        before = finals(copy)
        if command == "import":
            bring_in(results.parent.parent / "new.csv", copy)
            assert finals(copy) == [20, 21, 22]
        elif command == "recorder":
            bench.Recorder(copy, **GIVEN, seed=9)
            assert finals(copy) == before
        else:
            sweep_staging(copy / "theirs")
            assert finals(copy) == before
        assert not [name for name in left_behind(copy) if command != "run" or ".import-" in name]


def test_a_living_import_is_left_alone(tmp_path: Path) -> None:
    for name in (f".import-{HOSTNAME}.{os.getpid()}.x", f".import-elsewhere.{2**22 + 1}.x", ".import-notes.a.b"):
        (tmp_path / name).mkdir()
    (tmp_path / f".import-{HOSTNAME}.{2**22 + 1}.x").mkdir()
    sweep_staging(tmp_path)
    assert len(list(tmp_path.iterdir())) == 3


def test_a_record_that_an_older_version_moved_away_is_put_back(tmp_path: Path) -> None:
    (tmp_path / "old.csv").write_text(OLD)
    bring_in(tmp_path / "old.csv", tmp_path / "results")
    record = record_paths(tmp_path / "results")[0]
    folder = record.parent.parent / ".import-abc123"
    folder.mkdir()
    record.rename(folder / f"{record.name}.before")
    assert len(finals(tmp_path / "results")) == 1
    sweep_staging(record.parent.parent)
    assert finals(tmp_path / "results") == [40, 41]
    assert folder.exists()  # its import may be alive
    os.utime(folder, (0, 0))
    sweep_staging(record.parent.parent)
    assert not folder.exists()


def test_an_error_in_the_middle_takes_everything_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "old.csv").write_text(OLD)
    (tmp_path / "new.csv").write_text("seed,step,fid\n2,10,22\n0,10,20\n1,10,21\n")
    bring_in(tmp_path / "old.csv", tmp_path / "results")
    before = {path: path.read_bytes() for path in record_paths(tmp_path / "results")}
    last, move = max(before).name, Path.replace

    def stuck(self: Path, target: Path) -> Path:
        if self.name == last and target.parent.name == "records":
            raise OSError(28, "No space left on device")
        return move(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", stuck)
        with pytest.raises(ResultsError, match="No space left on device"):
            bring_in(tmp_path / "new.csv", tmp_path / "results")
    assert {path: path.read_bytes() for path in record_paths(tmp_path / "results")} == before
    assert left_behind(tmp_path / "results") == []


@pytest.mark.parametrize("links", [True, False])
def test_a_record_of_another_process_is_not_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: bool
) -> None:
    """Another process records a run between the check and the move."""
    (tmp_path / "new.csv").write_text(NEW)
    publish = staging.publish

    def late(path: Path, *given: Any, **options: Any) -> None:
        publish(path, *given, **options)
        if "-s1-" in path.name:
            with bench.Recorder(tmp_path, **GIVEN, seed=1) as log:
                log.log(10, fid=99.0)

    def refuse(*_: Any) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(staging, "publish", late)
    if not links:
        monkeypatch.setattr(os, "link", refuse)
    given = {"suite": "theirs", "mapped": killed_import.MAPPED, "fixed": FIXED}
    with pytest.raises(ResultsError, match="was meanwhile recorded by another process"):
        import_table(tmp_path / "new.csv", results=tmp_path, **given)
    assert finals(tmp_path) == [99]


def test_without_hard_links_records_are_replaced_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(os, "link", refuse)
    for name, text in (("old.csv", OLD), ("new.csv", NEW)):
        (tmp_path / name).write_text(text)
        bring_in(tmp_path / name, tmp_path / "results")
    assert finals(tmp_path / "results") == [20, 21, 22]
    assert left_behind(tmp_path / "results") == []
