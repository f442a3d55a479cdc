"""A report is written again only if one of its inputs or files differs."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from made_runs import LOSSES, record

import bench.report.stamp
from bench.plan.suite import Suite, parse_suite
from bench.report import Report
from bench.report.stamp import LIBRARIES, refresh_report

SUITE = {
    "name": "made",
    "seeds": 2,
    "matrix": {"loss": ["minimax", "hinge"]},
    "training": {"steps": 120, "dataset": "ring", "architecture": "mlp"},
    "evaluation": {"metrics": ["modes"]},
}


def suite(**changed: object) -> Suite:
    return parse_suite({**SUITE, **changed}, "a suite of made runs")


def report(folder: Path, of: Suite | None = None, cells: tuple[str, ...] = ("ring-hinge",)) -> Report:
    return refresh_report(folder, cells, of or suite(), ("png",))


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("results") / "made"
    for loss in LOSSES:
        for seed in range(2):
            record(folder.parent, loss, seed, [1.0, 0.5, 0.1 + 0.01 * seed, 0.1])
    assert report(folder).anew
    return folder


@pytest.fixture
def folder(once: Path, tmp_path: Path) -> Path:
    """A copy of it, with other modification times and the same bytes."""
    return Path(shutil.copytree(once, tmp_path / "made", copy_function=shutil.copy))


def state(folder: Path) -> dict[Path, tuple[int, bytes]]:
    return {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in folder.rglob("*") if path.is_file()}


def test_an_up_to_date_report_is_not_written_again(folder: Path) -> None:
    before = state(folder)
    standing = report(folder)
    assert state(folder) == before
    assert not standing.anew
    shutil.rmtree(folder / "figures")
    made = report(folder)
    assert made.anew
    assert (made.tables, made.figures, made.page) == (standing.tables, standing.figures, standing.page)
    assert made.formatted.keys() == standing.formatted.keys()
    for title, frame in made.formatted.items():
        pd.testing.assert_frame_equal(frame, standing.formatted[title])
    assert {path: content for path, (_, content) in state(folder).items()} == {
        path: content for path, (_, content) in before.items()
    }


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def change_number(path: Path) -> None:
    """Change a number in a table that the terminal would show."""
    text = path.read_text()
    place = re.search(r"\d\.(\d)", text[text.index('"formatted"') :])
    assert place is not None
    start = text.index('"formatted"') + place.start(1)
    path.write_text(text[:start] + str(9 - int(text[start])) + text[start + 1 :])


def as_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


CHANGES: dict[str, Callable[[Path], object]] = {
    "a figure is gone": lambda folder: next(folder.glob("figures/*.png")).unlink(),
    "a figure is cut short": lambda folder: cut_short(next(folder.glob("figures/*.png"))),
    "a table was edited": lambda folder: (folder / "table.md").write_text("mine"),
    "the page is gone": lambda folder: (folder / "report.html").unlink(),
    "a run was added": lambda folder: record(folder.parent, "hinge", 2, [1.0, 0.5, 0.2, 0.1]),
    "a run is gone": lambda folder: next(folder.glob("records/*hinge*1.parquet")).unlink(),
    "a record is another": lambda folder: shutil.copy(*sorted(folder.glob("records/*.parquet"))[:2]),
    "timings were added": lambda folder: (folder / "timings.json").write_text("{}"),
    "the stamp is gone": lambda folder: (folder / ".report.json").unlink(),
    "the stamp is cut short": lambda folder: cut_short(folder / ".report.json"),
    "a number in the stamp is another": lambda folder: change_number(folder / ".report.json"),
    "the stamp is a folder": lambda folder: as_folder(folder / ".report.json"),
    "the stamp is nested too deeply": lambda folder: (folder / ".report.json").write_text("[" * 100_000),
    "the stamp is another JSON value": lambda folder: (folder / ".report.json").write_text("[]"),
}


class WrittenError(Exception):
    """Raised instead of writing the report."""


@pytest.fixture
def no_writing(monkeypatch: pytest.MonkeyPatch) -> None:
    def written(*_: Any, **__: Any) -> None:
        raise WrittenError

    monkeypatch.setattr(bench.report.stamp, "write_report", written)


@pytest.mark.usefixtures("no_writing")
@pytest.mark.parametrize("change", CHANGES)
def test_a_change_in_the_folder_makes_it_again(folder: Path, change: str) -> None:
    CHANGES[change](folder)
    with pytest.raises(WrittenError):
        report(folder)


@pytest.mark.usefixtures("no_writing")
@pytest.mark.parametrize(
    "changed",
    [
        {"outcome": {"never_learned": 0.4}},
        {"compare": {"metric": "fd"}},
        {"reference": [{"source": "a paper", "values": {"fd": 1.0}}]},
    ],
    ids=str,
)
def test_other_thresholds_or_published_numbers_make_it_again(folder: Path, changed: dict[str, object]) -> None:
    assert not report(folder, suite()).anew
    with pytest.raises(WrittenError):
        report(folder, suite(**changed))


@pytest.mark.usefixtures("no_writing")
def test_other_cells_or_formats_make_it_again(folder: Path) -> None:
    with pytest.raises(WrittenError):
        report(folder, cells=("ring-minimax",))
    with pytest.raises(WrittenError):
        refresh_report(folder, ("ring-hinge",), suite(), ("png", "pdf"))


@pytest.mark.usefixtures("no_writing")
@pytest.mark.parametrize("library", LIBRARIES)
def test_another_version_of_a_library_makes_it_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch, library: str
) -> None:
    known = bench.report.stamp.version
    monkeypatch.setattr(bench.report.stamp, "version", lambda name: "0" if name == library else known(name))
    with pytest.raises(WrittenError):
        report(folder)


@pytest.mark.usefixtures("no_writing")
def test_other_code_makes_it_again(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = Path(shutil.copytree(Path(bench.__file__).parent, tmp_path / "bench"))
    monkeypatch.setattr(bench.report.stamp, "__file__", str(package / "report" / "stamp.py"))
    assert not report(folder).anew
    script = package / "report" / "page" / "charts.js"
    script.write_text(f"{script.read_text()}\n")
    with pytest.raises(WrittenError):
        report(folder)


@pytest.mark.usefixtures("no_writing")
def test_an_installed_package_and_a_checkout_agree(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = Path(shutil.copytree(Path(bench.__file__).parent, tmp_path / "bench"))
    shutil.rmtree(package / "suites", ignore_errors=True)
    monkeypatch.setattr(bench.report.stamp, "__file__", str(package / "report" / "stamp.py"))
    assert not report(folder).anew  # in a checkout the suites are outside the package
    (package / "suites").mkdir()
    (package / "suites" / "ring.toml").write_text('name = "ring"\n')
    assert not report(folder).anew  # in a wheel they are inside
