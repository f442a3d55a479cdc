"""docs/translation.md: its table is that of the records."""

from __future__ import annotations

from pathlib import Path

import bench

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "translation.md").read_text()
RECORDED = (ROOT / "results" / "translation" / "table.md").read_text()


def split(row: str) -> list[str]:
    return [cell.strip() for cell in row.strip().strip("|").split("|")]


def recorded_rows(dataset: str) -> dict[str, dict[str, str]]:
    """Return the rows of the recorded table of a dataset, by loss."""
    part = RECORDED.partition(f"\n## {dataset}\n")[2].partition("\n## ")[0]
    header, _, *rows = [split(line) for line in part.splitlines() if line.startswith("|")]
    return {row[0]: dict(zip(header, row, strict=True)) for row in rows}


def test_the_table_is_that_of_the_records() -> None:
    text = PAGE.partition("| data | loss |")
    header, _, *rows = [split(line) for line in (text[1] + text[2]).partition("\n\n")[0].splitlines()]
    assert {row[0] for row in rows} == set(bench.load(ROOT / "results" / "translation")["dataset"])
    for dataset, loss, *values in rows:
        recorded = recorded_rows(dataset)[loss]
        assert values == [recorded.get(column, "") for column in header[2:]], (dataset, loss)


def test_all_runs_are_stable() -> None:
    runs = bench.load(ROOT / "results" / "translation")
    assert "**All 42 runs are stable**" in PAGE
    assert (len(runs), set(runs["outcome"])) == (42, {"stable"})


def test_the_critic_of_pix2pix_adds_nothing() -> None:
    """The intervals of L1 alone overlap with those of each loss."""
    for dataset in ("low-resolution-digits", "low-resolution-fashion-mnist"):
        rows = recorded_rows(dataset)
        alone = rows.pop("L1 alone")
        for measure in ("answer error final", "FD final"):
            low, high = ends(alone[measure])
            for loss in ("non-saturating", "least-squares", "wgan-gp"):
                other_low, other_high = ends(rows[loss][measure])
                assert low <= other_high and other_low <= high, (dataset, loss, measure)  # noqa: PT018


def ends(entry: str) -> tuple[float, float]:
    low, high = entry.strip("*").partition("[")[2].rstrip("]").split(", ")
    return float(low), float(high)
