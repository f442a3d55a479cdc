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
    assert "**All 18 runs of CycleGAN are stable**" in PAGE
    assert "All 24 runs count as stable" in " ".join(PAGE.split())
    assert runs.groupby("family")["outcome"].agg([len, "nunique"]).to_numpy().tolist() == [[18, 1], [24, 1]]
    assert set(runs["outcome"]) == {"stable"}


def test_the_critic_of_pix2pix_adds_nothing() -> None:
    """The means of each loss differ from those of L1 alone by less than 2%."""
    for dataset in ("low-resolution-digits", "low-resolution-fashion-mnist"):
        rows = recorded_rows(dataset)
        for measure in ("answer error final", "FD final"):
            alone = float(rows["L1 alone"][measure].split()[0])
            for loss in ("non-saturating", "least-squares", "wgan-gp"):
                assert abs(float(rows[loss][measure].split()[0]) / alone - 1) < 0.02, (dataset, loss, measure)


def test_errors_are_those_of_the_runs() -> None:
    errors = bench.load(ROOT / "results" / "translation").set_index(["dataset", "loss"])["answer_error_final"]
    points, digits = errors["moved-points"], errors["inverted-digits"]
    gradient_penalty, others = points["wgan-gp"], points.drop("wgan-gp")
    shown = [f"{of.min():.3f} to {of.max():.3f}" for of in (gradient_penalty, others)]
    assert f"({shown[0]}) than all others ({shown[1]})" in " ".join(PAGE.split())
    assert f"by {100 * digits.min():.1f} to {100 * digits.max():.1f}% of the grey range" in " ".join(PAGE.split())
