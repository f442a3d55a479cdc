"""docs/scarce.md says how scarce data are measured; its tables are those of the records, once the suite is recorded."""

from __future__ import annotations

from pathlib import Path

import bench
from bench.evidence.statistics import t_interval
from bench.plan.matrix import cells
from bench.plan.suite import load_suite

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "scarce.md").read_text()
RECORDED = ROOT / "results" / "scarce" / "table.md"


def rows_by_heading(text: str) -> dict[str, list[list[str]]]:
    """Return the rows of the table below each heading such as ``## 10 per class``, the header first."""
    found: dict[str, list[list[str]]] = {}
    for section in text.split("\n## ")[1:]:
        heading, _, rest = section.partition("\n")
        lines = [line for line in rest.splitlines() if line.startswith("|")]
        if heading.endswith("per class"):
            found[heading] = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return found


def test_the_tables_are_those_of_the_records() -> None:
    shown = rows_by_heading(PAGE)
    if not RECORDED.is_file():
        assert "not recorded yet" in PAGE
        assert not shown
        return
    assert "not recorded yet" not in PAGE
    recorded = rows_by_heading(RECORDED.read_text())
    assert list(shown) == list(recorded) == ["10 per class", "30 per class", "100 per class"]
    for heading, (header, _, *rows) in shown.items():
        columns, _, *all_rows = recorded[heading]
        at = [columns.index(name) for name in header]
        assert rows == [[row[i] for i in at] for row in all_rows], heading


def test_no_gain_is_above_zero() -> None:
    """The largest upper end that the page names is that of the gains without augmentation."""
    ends = {"gain": [], "gain_beside_augmentation": []}  # type: dict[str, list[float]]
    for _, cell in bench.load(RECORDED.parent).groupby(["dataset", "loss"]):
        for name, highest in ends.items():
            mean, half, count = t_interval(100 * cell[f"{name}_final"].to_numpy(float))
            assert count == 5
            assert mean - half <= 0
            highest.append(mean + half)
    assert len(ends["gain"]) == 9
    assert f"The largest upper end of a gain is {max(ends['gain']):.1f} points." in " ".join(PAGE.split())


def test_the_page_describes_the_suite() -> None:
    suite = load_suite("scarce")
    planned = cells(suite)
    counts = {cell.training.dataset.options.model_dump()["examples_per_class"] for cell in planned}
    assert counts == {10, 30, 100}
    assert len(suite.seeds) >= 5
    assert all(cell.training.conditional for cell in planned)
    for loss in {str(cell.axes["loss"]) for cell in planned}:
        assert f"`{loss}`" in PAGE
    assert "1,000 labelled images" in PAGE
    assert suite.evaluation.samples == 1000
