"""The same results in any form: one table, one column per run, one file per run or per measure, all at once or one by one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bench
from bench.records.external.import_table import import_table

FIXED = {"dataset": "c10", "architecture": "dcgan"}
MEASURES = ("fid", "critic_loss")
VALUE = st.sampled_from(["", "", "400", "41.5", "30", "1e300", "nan", "inf"])
RUNS = st.dictionaries(
    st.tuples(st.sampled_from(["hinge", "wgan-gp"]), st.integers(0, 2)),
    st.dictionaries(st.sampled_from([0, 1, 500, 1000, 1001, 2000, 2001]), st.tuples(VALUE, VALUE), min_size=1),
    min_size=1,
    max_size=4,
)
Runs = dict[tuple[str, int], dict[int, tuple[str, str]]]


def write(path: Path, lines: list[str]) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text("\n".join(lines) + "\n")


def one_table(runs: Runs, folder: Path) -> list[tuple[str, list[tuple[str, str]], dict[str, Any]]]:
    lines = [
        f"{loss},{seed},{step},{','.join(cells)}" for (loss, seed), rows in runs.items() for step, cells in rows.items()
    ]
    write(folder / "all.csv", ["loss,seed,step,fid,critic_loss", *lines])
    return [("all.csv", [(name, name) for name in ("loss", "seed", "step", *MEASURES)], {})]


def long_form(runs: Runs, folder: Path) -> list[Any]:
    lines = [
        f"{loss},{seed},{step},{name},{cell}"
        for (loss, seed), rows in runs.items()
        for step, cells in rows.items()
        for name, cell in zip(MEASURES, cells, strict=True)
    ]
    write(folder / "long.csv", ["loss,seed,step,measure,value", *lines])
    return [("long.csv", [(name, name) for name in ("loss", "seed", "step", "measure", "value")], {})]


def one_column_per_run(runs: Runs, folder: Path) -> list[Any]:
    steps = sorted({step for rows in runs.values() for step in rows})
    header = [f"{loss}-s{seed} - {name}" for loss, seed in runs for name in MEASURES]
    lines = [
        ",".join((str(step), *(cell for rows in runs.values() for cell in rows.get(step, ("", ""))))) for step in steps
    ]
    write(folder / "wide.csv", [",".join(("Step", *header)), *lines])
    return [("wide.csv", [("Step", "step"), ("{loss}-s{seed} - {measure}", "value")], {})]


def one_column_at_a_time(runs: Runs, folder: Path) -> list[Any]:
    one_column_per_run(runs, folder)
    return [
        (
            "wide.csv",
            [("Step", "step"), *((f"{loss}-s{seed} - {name}", name) for name in MEASURES)],
            {"loss": loss, "seed": seed},
        )
        for loss, seed in runs
    ]


def one_file_per_run(runs: Runs, folder: Path) -> list[Any]:
    for (loss, seed), rows in runs.items():
        lines = [f"{step},{','.join(cells)}" for step, cells in rows.items()]
        write(folder / "runs" / f"{loss}-s{seed}.csv", ["step,fid,critic_loss", *lines])
    return [("runs/{loss}-s{seed}.csv", [(name, name) for name in ("step", *MEASURES)], {})]


def one_file_per_measure(runs: Runs, folder: Path) -> list[Any]:
    for (loss, seed), rows in runs.items():
        for number, name in enumerate(MEASURES):
            lines = [f"{step},{cells[number]}" for step, cells in rows.items()]
            write(folder / f"{loss}-s{seed}" / f"{name}.csv", ["Step,Value", *lines])
    return [("{loss}-s{seed}/{measure}.csv", [("Step", "step"), ("Value", "value")], {})]


FORMS = (long_form, one_column_per_run, one_column_at_a_time, one_file_per_run, one_file_per_measure)


def results(runs: Runs, form: Any, folder: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    for pattern, mapped, fixed in form(runs, folder):
        import_table(folder / pattern, suite="s", mapped=mapped, fixed={**FIXED, **fixed}, results=folder / "results")
    found = bench.load(folder / "results").sort_values(["loss", "seed"], ignore_index=True)
    columns = ["loss", "seed", "steps_done", "outcome", "outcome_reason", "primary", "fid_final", "critic_loss_final"]
    traces = bench.traces(folder / "results").dropna(subset=["value"])
    keys = ["loss", "seed", "step", "measure"]
    return found[[name for name in columns if name in found]], traces.sort_values(keys, ignore_index=True)[
        [*keys, "value"]
    ]


@settings(max_examples=40, deadline=None)
@given(RUNS, st.sampled_from(FORMS))
def test_the_verdict_does_not_depend_on_the_form(
    tmp_path_factory: pytest.TempPathFactory, runs: Runs, form: Any
) -> None:
    # Rows in which a run has nothing cannot be told apart in all forms; a run with nothing is its own test.
    runs = {run: {step: cells for step, cells in rows.items() if any(cells)} for run, rows in runs.items()}
    runs = {run: dict(sorted(rows.items())) for run, rows in runs.items() if rows}
    if not runs or not all(
        any(cells[number] for rows in runs.values() for cells in rows.values()) for number in (0, 1)
    ):
        return
    expected = results(runs, one_table, tmp_path_factory.mktemp("one"))
    found = results(runs, form, tmp_path_factory.mktemp("other"))
    for one, other in zip(expected, found, strict=True):
        pd.testing.assert_frame_equal(one, other)
