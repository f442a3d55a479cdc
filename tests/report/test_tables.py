"""Layouts of tables: pivots, bold entries, means, the runs behind an entry, LaTeX that compiles."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from made_runs import record

from bench.errors import ResultsError
from bench.evidence.results import Evidence, read_evidence
from bench.report.tables import Layout, format_table, summarise_cells, write_tables
from bench.report.tables.entries import format_number
from bench.report.tables.layout import lay_out

RESULTS = Path(__file__).parents[2] / "results"


@pytest.fixture(scope="module")
def gate() -> Evidence:
    return read_evidence(RESULTS / "gate")


def only(evidence: Evidence, layout: Layout, **options: bool) -> pd.DataFrame:
    (table,) = lay_out(evidence, layout, **options)
    return format_table(evidence, table)


def test_axes_that_are_neither_rows_nor_columns_split_the_table(pair: Evidence, gate: Evidence) -> None:
    assert [table.title for table in lay_out(pair, Layout())] == ["ring", "digits"]
    by_architecture = lay_out(pair, Layout(rows=("loss",), columns=("dataset",)))
    assert [table.title for table in by_architecture] == ["mlp", "dcgan"]
    apart = lay_out(gate, Layout(rows=("loss",), columns=("dataset",), measures=("fd",), values="final"))
    assert [table.title for table in apart] == ["r1", "wgan-gp"]
    across = lay_out(gate, Layout(rows=("loss",), columns=("penalty",), measures=("fd",), values="final"))
    assert [column.place for column in across[0].columns[::2]] == [("r1",), ("wgan-gp",)]
    whole = lay_out(gate, Layout(rows=("dataset", "loss"), columns=("penalty",), measures=("modes",)))
    assert len(whole) == 1
    assert len([row for row in whole[0].rows if row.kind == "cell"]) == 2


def test_an_entry_never_mixes_different_experiments(gate: Evidence) -> None:
    for layout in (Layout(rows=("loss",)), Layout(rows=("penalty",), columns=("loss",)), Layout(columns=("loss",))):
        for table in lay_out(gate, layout):
            for row in table.rows:
                for entry in row.entries.values():
                    assert len({gate.metadata[run].cell for run in entry.runs}) <= 1


def test_the_json_names_the_runs_behind_every_entry(pair: Evidence, tmp_path: Path) -> None:
    write_tables(pair, tmp_path, Layout(rows=("loss",), columns=("dataset",), measures=("fd",), values="final"))
    tables = json.loads((tmp_path / "table.json").read_text())
    assert [table["label"] for table in tables] == ["tab:pair-mlp", "tab:pair-dcgan"]
    shown = [e for table in tables for e in table["entries"] if e["shows"] == "FD final"]
    assert len(shown) == 4 * 2 + 4
    for entry in shown:
        runs = pair.runs.set_index("run").loc[entry["runs"]]
        assert len(runs) == 3
        assert set(runs["loss"]) == {entry["row"]["loss"]}
        assert set(runs["dataset"]) == {entry["column"]["dataset"]}
        expected = math.exp(np.log(runs["fd_final"]).mean())
        assert float(entry["text"].split()[0]) == pytest.approx(expected, rel=0.006)  # three digits


def test_an_unknown_axis_or_measure_is_named(pair: Evidence) -> None:
    for layout, text in (
        (Layout(rows=("los",)), "no axis 'los' in these records; did you mean 'loss'"),
        (Layout(columns=("datasets",)), "did you mean 'dataset'"),
        (Layout(measures=("fdd",)), "no measure 'fdd' in these records; did you mean 'fd'"),
        (Layout(rows=("loss",), columns=("loss",)), "choose rows or columns, not both"),
    ):
        with pytest.raises(ResultsError, match=re.escape(text)):
            lay_out(pair, layout)


def test_values_are_those_asked_for(pair: Evidence) -> None:
    for values, kinds in (("final", {"final"}), ("best", {"best"}), ("both", {"final", "best"})):
        (table, *_) = lay_out(pair, Layout(values=values))
        assert {column.which for column in table.columns if column.measure == "fd"} == kinds


def made(evidence: Evidence, change: Callable[[pd.DataFrame], pd.DataFrame], dataset: str = "digits") -> Evidence:
    """The records of one dataset with other numbers."""
    return replace(evidence, runs=change(evidence.runs[evidence.runs["dataset"] == dataset].copy()))


def bold_rows(evidence: Evidence, measure: str = "fd") -> set[tuple[str, ...]]:
    (table,) = lay_out(evidence, Layout(measures=(measure,), values="final"))
    return {row.labels for row in table.rows for c, entry in row.entries.items() if c.which and entry.bold}


def test_bold_is_the_best_and_what_is_not_shown_to_be_worse(pair: Evidence) -> None:
    spread = np.tile([0.9, 1.0, 1.1], 8)

    def far(runs: pd.DataFrame) -> pd.DataFrame:
        level = np.repeat([1.0, 1.05, 10, 20, 30, 40, 50, 60], 3)
        return twice(runs.assign(fd_final=level * spread, outcome="stable"))

    first, second = [tuple(runs[["loss", "architecture"]].iloc[0]) for _, runs in cells_of(pair)][:2]
    assert bold_rows(made(pair, far)) == {first, second}

    def failing(runs: pd.DataFrame) -> pd.DataFrame:
        gone = np.arange(48) % 24 < 2
        lost = far(runs).assign(fd_final=lambda frame: frame["fd_final"].mask(gone))
        return lost.assign(outcome=np.where(gone, "diverged", lost["outcome"]))

    assert bold_rows(made(pair, failing)) == {second}  # the surviving third of the runs is not the best
    collapsed = made(pair, lambda runs: far(runs).assign(outcome="collapsed"))
    assert bold_rows(collapsed) == {first, second}
    lost = made(pair, lambda runs: failing(runs).assign(outcome="collapsed"))
    assert bold_rows(lost) == {second}


def test_bold_compares_no_cells_of_different_datasets(tmp_path: Path) -> None:
    """On the second dataset everything is three times worse, and its best cell is bold all the same."""
    for dataset, level in (("ring", 1.0), ("grid", 3.0)):
        for loss, factor in (("minimax", 0.01), ("hinge", 0.05)):
            for seed in range(4):
                values = (30.0, 20.0, 15.0, level * factor * (1 + 0.01 * seed))
                record(tmp_path, loss, seed, values, dataset=dataset)
    evidence = read_evidence(tmp_path)
    (table,) = lay_out(evidence, Layout(rows=("dataset", "loss"), measures=("fd",), values="final"))
    bold = {row.labels for row in table.rows for c, entry in row.entries.items() if c.which and entry.bold}
    assert bold == {("ring", "minimax"), ("grid", "minimax")}
    (table,) = lay_out(evidence, Layout(rows=("dataset",), columns=("loss",), measures=("fd",), values="final"))
    assert not any(entry.bold for row in table.rows for entry in row.entries.values())


def test_bold_is_not_for_cells_that_fail_or_vary_much(pair: Evidence) -> None:
    """The second cell is not significantly worse than the first, but its mean is far outside the first one's interval."""
    spread = np.concatenate([[0.99, 1.0, 1.01], [0.1, 1.0, 10.0], np.ones(18)])

    def varying(runs: pd.DataFrame) -> pd.DataFrame:
        level = np.repeat([1.0, 1.5, 10, 20, 30, 40, 50, 60], 3)
        return twice(runs.assign(fd_final=level * spread, outcome="stable"))

    first, second = [tuple(runs[["loss", "architecture"]].iloc[0]) for _, runs in cells_of(pair)][:2]
    assert bold_rows(made(pair, varying)) == {first}

    def failing(runs: pd.DataFrame) -> pd.DataFrame:
        frame = varying(runs)
        return frame.assign(outcome=np.where(np.arange(48) % 24 < 2, "collapsed", "stable"))

    assert bold_rows(made(pair, failing)) == {second}


def twice(runs: pd.DataFrame) -> pd.DataFrame:
    """With six runs per cell a test can tell."""
    return pd.concat([runs, runs], ignore_index=True)


def cells_of(evidence: Evidence) -> list[tuple[object, pd.DataFrame]]:
    here = evidence.runs[evidence.runs["dataset"] == "digits"]
    return list(here.groupby(["loss", "architecture"], sort=False))


def test_bold_where_more_is_better(pair: Evidence) -> None:
    def modes(runs: pd.DataFrame) -> pd.DataFrame:
        level = np.repeat([9.0, 9.0, 1, 1, 1, 1, 1, 1], 3)
        return twice(runs.assign(modes_final=level * np.tile([0.9, 1.0, 1.1], 8), outcome="stable"))

    assert len(bold_rows(made(pair, modes), "modes")) == 2
    assert bold_rows(made(pair, lambda runs: twice(runs.assign(modes_final=10.0, outcome="stable"))), "modes") == {
        tuple(runs[["loss", "architecture"]].iloc[0]) for _, runs in cells_of(pair)
    }


def test_positive_distances_have_geometric_means_and_others_means(pair: Evidence) -> None:
    (table, *_) = lay_out(pair, Layout())
    assert table.geometric == ["kl", "fd"]
    zero = made(pair, lambda runs: runs.assign(fd_final=[0.0, *runs["fd_final"][1:]]))
    assert lay_out(zero, Layout(measures=("fd",)))[0].geometric == []
    assert only(zero, Layout(measures=("fd",)))["FD final"].str.contains(r"^\S+ \[").any()  # within the bounds


def test_reference_rows_are_in_the_column_of_their_dataset(pair: Evidence) -> None:
    layout = Layout(rows=("loss", "architecture"), columns=("dataset",), measures=("fd",), values="final")
    table = only(pair, layout).set_index("loss")
    for dataset in ("ring", "digits"):
        there = pair.runs[pair.runs["dataset"] == dataset]
        assert float(table.loc["real data", f"{dataset}: FD final"]) == pytest.approx(
            there["fd_real"].iloc[0], rel=0.01
        )
    in_rows = only(pair, Layout(rows=("dataset", "loss", "architecture"), measures=("fd",), values="final"))
    assert in_rows["dataset"].tolist()[-4:] == [
        "untrained, ring",
        "untrained, digits",
        "real data, ring",
        "real data, digits",
    ]


def test_numbers_keep_the_zeros_that_are_significant() -> None:
    assert [format_number(value, 1, ".3g") for value in (12.0, 0.0049, 1240.4, 137.2, 1e-7, 0.0)] == [
        "12.0", "0.00490", "1,240", "137", "1.00·10⁻⁷", "0.00",
    ]  # fmt: skip
    assert format_number(0.9912, 100, ".1f") == "99.1"
    assert format_number(math.nan, 1, ".3g") == ""


def test_the_csv_has_every_number(pair: Evidence) -> None:
    numbers = summarise_cells(pair, "digits")
    runs = pair.runs[(pair.runs["dataset"] == "digits") & (pair.runs["loss"] == "hinge")]
    runs = runs[runs["architecture"] == "dcgan"]
    row = numbers[(numbers["loss"] == "hinge") & (numbers["architecture"] == "dcgan")].iloc[0]
    assert row["fd_final"] == pytest.approx(runs["fd_final"].mean())
    assert row["fd_final_median"] == runs["fd_final"].median()
    assert row["fd_final_geometric"] == pytest.approx(math.exp(np.log(runs["fd_final"]).mean()))
    assert row["fd_final_low"] < row["fd_final_geometric"] < row["fd_final_high"]
    assert row["failed"] == (runs["outcome"] != "stable").sum()
