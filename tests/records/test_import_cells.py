"""Cells of imported tables: marks of numbers, percentages, integers, labels, and how little memory they take."""

from __future__ import annotations

import math
import tracemalloc
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

import bench
from bench.errors import GanbenchError, TableError
from bench.records.external import run_keys, spreadsheet
from bench.records.external.cells import CellError, Counts, Labels, Numbers
from bench.records.external.column_roles import assign_roles
from bench.records.external.import_table import import_table
from bench.records.external.number_format import NumberFormat, as_number
from bench.records.external.spreadsheet import open_table
from bench.records.external.table_parts import read_parts
from bench.records.external.table_runs import runs_of

FIXED = {"dataset": "c10", "architecture": "dcgan", "loss": "hinge", "seed": 0}
EUROPEAN = "Schritt;Wert;Güte\n0;1.234,5;93 %\n25.000;41,2;50,5%\n"
MAPPED = (("Schritt", "step"), ("Wert", "fid"), ("Güte", "precision"))


def european(folder: Path, text: str = EUROPEAN, **options: Any) -> list[list[Any]]:
    (folder / "log.csv").write_text(text)
    given = {"separator": ";", "decimal": ",", "thousands": ".", "percent": ["Güte"], **options}
    import_table(folder / "log.csv", suite="s", mapped=MAPPED, fixed=FIXED, results=folder / "results", **given)
    return bench.traces(folder / "results")[["step", "measure", "value"]].to_numpy().tolist()


def test_marks_and_percentages_are_read_on_request(tmp_path: Path) -> None:
    assert european(tmp_path) == [
        [0, "fid", 1234.5], [25000, "fid", 41.2], [0, "precision", 0.93], [25000, "precision", 0.505],
    ]  # fmt: skip


def test_percentages_need_no_sign(tmp_path: Path) -> None:
    assert european(tmp_path, EUROPEAN.replace("93 %", "93"), percent=["precision"])[2] == [0, "precision", 0.93]


HINTS: list[tuple[dict[str, Any], str]] = [
    ({"decimal": ".", "thousands": ""}, "line 2, column 'Wert': expected a number, not '1.234,5'; if this is a decimal comma, use --decimal , --thousands ."),
    ({"thousands": ""}, "line 3, column 'Schritt': expected an integer ≥ 0, not '25.000'; if '.' separates thousands, use --thousands ."),
    ({"percent": []}, "line 2, column 'Güte': expected a number, not '93 %'; use --percent COLUMN"),
    ({"percent": ["Gute"]}, "--percent Gute: no measure and no column of a measure has this name; did you mean 'Güte'?"),
    ({"percent": ["Schritt"]}, "--percent Schritt: no measure and no column of a measure has this name"),
    ({"decimal": "::"}, "--decimal ::: expected one character"),
    ({"decimal": "1"}, "--decimal 1: expected one character"),
    ({"decimal": ""}, "--decimal : expected one character"),
    ({"thousands": ","}, "--decimal and --thousands are both ','; they must differ"),
    ({"separator": ","}, "log.csv has no column 'Schritt'; the separator looks like ';': use --separator ';'"),
    ({"text": EUROPEAN.replace("1.234,5", "1.5")}, "expected a number, not '1.5'"),
    ({"text": EUROPEAN.replace("1.234,5", "1.2345,6")}, "expected a number, not '1.2345,6'"),
    ({"text": EUROPEAN.replace("1.234,5", "12,3,4")}, "expected a number, not '12,3,4'"),
    ({"text": EUROPEAN.replace("1.234,5", ",")}, "expected a number, not ','"),
]  # fmt: skip


@pytest.mark.parametrize(("options", "text"), HINTS, ids=[str(number) for number in range(len(HINTS))])
def test_other_marks_are_named_with_a_remedy(tmp_path: Path, options: dict[str, Any], text: str) -> None:
    with pytest.raises(TableError) as caught:
        european(tmp_path, **options)
    assert text in str(caught.value)
    assert not (tmp_path / "results").exists()


@given(
    st.floats(allow_nan=False, allow_infinity=False), st.sampled_from([(",", "."), (",", " "), (".", "'"), (",", "")])
)
def test_any_number_comes_back_with_any_marks(number: float, marks: tuple[str, str]) -> None:
    decimal, thousands = marks
    text = f"{number:,.6f}".translate({ord(","): thousands, ord("."): decimal})
    assert as_number(text, NumberFormat(decimal=decimal, thousands=thousands)) == float(f"{number:.6f}")
    assert as_number(repr(number), NumberFormat()) == number


@given(
    st.lists(
        st.one_of(st.none(), st.text(max_size=6), st.integers(), st.floats(), st.binary(), st.booleans()), max_size=9
    )
)
def test_any_cell_is_read_or_refused_with_its_row(cells: list[Any]) -> None:
    for reader in (Numbers(NumberFormat()), Numbers(NumberFormat(decimal=",")), Counts(NumberFormat()), Labels()):
        refused = None
        try:
            reader.add(5, cells)
        except CellError as error:
            refused = error
        assert refused is None or (5 <= refused.row < 5 + len(cells) and "expected" in refused.problem)
        if refused is None:
            reader.finish()


def test_readers_join_pieces_and_leave_out_empty_cells() -> None:
    numbers = Numbers(NumberFormat())
    numbers.add(0, ["1", "2.5"])
    numbers.add(2, ["", "nan", " -inf ", "N/A", None, "1e3"])
    column = numbers.finish()
    assert column.rows.tolist() == [0, 1, 3, 4, 7]
    assert column.values.tolist()[:2] == [1, 2.5]
    assert math.isnan(column.values[2])
    assert column.values.tolist()[3:] == [-math.inf, 1000]
    labels = Labels(may_be_empty=True)
    labels.add(0, ["a", " a", "", None, True, "True", 1, 1.0, "1"])
    assert labels.words == ["a", True, "True", "1", "1.0"]
    assert labels.finish().values.tolist() == [0, 0, 1, 2, 3, 4, 3]


BASE: dict[str, Any] = {"loss": ["a", "a"], "seed": [1, 1], "step": [0, 100], "fid": [400.0, 3.0]}
TYPED: list[tuple[str, Any, str]] = [
    ("loss", [b"a", b"a"], "row 1, column 'loss': expected a name, not bytes"),
    ("loss", [["a"], ["a"]], "row 1, column 'loss': expected a name, not a list"),
    ("loss", [{"x": 1}, {"x": 1}], "row 1, column 'loss': expected a name, not an object"),
    ("loss", ["a", None], "row 2, column 'loss': expected a name, but the cell is empty"),
    ("optimizer.lr", [b"a", b"a"], "column 'optimizer.lr': expected a name or a number, because an axis needs a value in every row, not bytes"),
    ("step", [0, 10**18], "row 2, column 'step': expected an integer of at most 1,000,000,000,000, not 1000000000000000000"),
    ("step", [0.5, 1.0], "row 1, column 'step': expected an integer ≥ 0, not 0.5"),
    ("step", [-1, 1], "row 1, column 'step': expected an integer ≥ 0, not -1"),
    ("fid", [True, False], "row 1, column 'fid': expected a number, not True"),
    ("fid", [[1.0], [2.0]], "row 1, column 'fid': expected a number, not [1.0]"),
]  # fmt: skip


def typed(folder: Path, **columns: Any) -> None:
    pq.write_table(pa.table({**BASE, **columns}), folder / "log.parquet")
    pairs = tuple((name, name) for name in {**BASE, **columns})
    fixed = {"dataset": "c10", "architecture": "dcgan"}
    import_table(folder / "log.parquet", suite="s", mapped=pairs, fixed=fixed, results=folder / "results")


@pytest.mark.parametrize(("name", "cells", "text"), TYPED)
def test_values_of_other_types_are_refused(tmp_path: Path, name: str, cells: Any, text: str) -> None:
    with pytest.raises(GanbenchError) as caught:
        typed(tmp_path, **{name: cells})
    assert text in str(caught.value)
    assert not (tmp_path / "results").exists()


def test_in_parquet_null_is_empty_and_nan_is_a_value(tmp_path: Path) -> None:
    typed(tmp_path, fid=pa.array([400.0, math.nan], from_pandas=False))
    assert bench.load(tmp_path / "results")["outcome_reason"].tolist() == ["no finite FID at step 100"]
    (tmp_path / "other").mkdir()
    typed(tmp_path / "other", fid=[400.0, None])
    assert bench.traces(tmp_path / "other" / "results")["step"].tolist() == [0]


@pytest.mark.parametrize("step", ["1" + "0" * 30, "1e30", "9" * 5000, "1e999999999"])
def test_steps_beyond_any_training_are_refused_at_once(tmp_path: Path, step: str) -> None:
    (tmp_path / "log.csv").write_text(f"step,fid\n0,400\n{step},3\n")
    with pytest.raises(TableError) as caught:
        mapped = (("step", "step"), ("fid", "fid"))
        import_table(tmp_path / "log.csv", suite="s", mapped=mapped, fixed=FIXED, results=tmp_path / "results")
    assert "line 3, column 'step': expected an integer of at most 1,000,000,000,000, not '" in str(caught.value)
    assert len(str(caught.value)) < 200


def test_reading_takes_at_most_five_times_the_memory_of_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Text as Python objects would take twenty times as much."""
    monkeypatch.setattr(spreadsheet, "PIECE", 8192)
    path = tmp_path / "log.csv"
    with path.open("w") as file:
        file.write("data,net,obj,run,iters,FID,d_loss\n")
        for run in range(40):
            file.writelines(
                f"cifar10,dcgan,loss{run // 8},{run % 8},{step * 100},{400 / (step + 1):.4f},{step % 7 / 7:.5f}\n"
                for step in range(1500)
            )
    names = ("dataset", "architecture", "loss", "seed", "step", "fid", "critic_loss")
    mapped = tuple(zip(("data", "net", "obj", "run", "iters", "FID", "d_loss"), names, strict=True))
    roles = assign_roles([(open_table(path), {})], mapped, {})
    runs_of(list(read_parts(roles, NumberFormat())))  # imports what is imported late
    tracemalloc.start()
    runs = runs_of(list(read_parts(roles, NumberFormat())))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(runs) == 40
    assert len(runs[7].trace) == 1500
    assert peak < 5 * path.stat().st_size


@pytest.mark.parametrize(
    ("labels", "numbers"),
    [
        (("0,5", "1,5"), [0.5, 1.5]),
        (("1.000", "2.000"), [1000, 2000]),
        (("0,5", "none"), ["0,5", "none"]),
        (("007", "1e2"), [7.0, 100.0]),
        (("1,0", "2"), [1.0, 2.0]),
    ],
)
def test_labels_are_numbers_if_all_are(tmp_path: Path, labels: Any, numbers: Any) -> None:
    (tmp_path / "log.csv").write_text("step;fid;x\n" + "".join(f"0;4,5;{label}\n" for label in labels))
    mapped = (("step", "step"), ("fid", "fid"), ("x", "axis:x"))
    given: dict[str, Any] = {"fixed": FIXED, "results": tmp_path / "results", "separator": ";"}
    import_table(tmp_path / "log.csv", suite="s", mapped=mapped, decimal=",", thousands=".", **given)
    found = bench.load(tmp_path / "results")["x"].tolist()
    assert sorted(found, key=str) == sorted(numbers, key=str)
    assert {type(one) for one in found} == {type(one) for one in numbers}


def test_more_runs_than_anyone_trained_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_keys, "MOST_RUNS", 3)
    (tmp_path / "log.csv").write_text("step,fid,seed\n" + "".join(f"9,4,{seed}\n" for seed in range(4)))
    mapped = (("step", "step"), ("fid", "fid"), ("seed", "seed"))
    fixed = {name: FIXED[name] for name in ("dataset", "architecture", "loss")}
    with pytest.raises(TableError, match=r"log\.csv: 4 runs, but at most 3 .* mapped to the wrong one of 'seed'\?"):
        import_table(tmp_path / "log.csv", suite="s", mapped=mapped, fixed=fixed, results=tmp_path / "results")
