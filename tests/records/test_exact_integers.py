"""Integers stay integers: seeds and labels that a float cannot hold come back as they were given."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import bench
from bench.errors import GanbenchError, SuiteError, TableError
from bench.evidence.gate.compare import compare
from bench.evidence.results import read_evidence
from bench.records.external.import_table import import_table
from bench.records.listing import record_paths

BIG = 2**53 + 1  # 9007199254740993; the nearest float is one less
GIVEN: dict[str, Any] = {"suite": "mine", "dataset": "ring", "architecture": "mlp", "loss": "hinge"}
FIXED = {"dataset": "ring", "architecture": "mlp", "loss": "hinge"}


def record(folder: Path, seed: Any, **axes: Any) -> None:
    with bench.Recorder(folder, **GIVEN, seed=seed, **axes) as log:
        log.log(10, fid=3.0)


def test_large_seeds_are_exact_and_two_of_them_are_two_runs(tmp_path: Path) -> None:
    for seed in (BIG, BIG - 1, 2**64 - 1, 0):
        record(tmp_path, seed)
    evidence = read_evidence(tmp_path)
    assert sorted(bench.load(tmp_path)["seed"].tolist()) == [0, BIG - 1, BIG, 2**64 - 1]
    assert evidence.runs["seed"].tolist() == [0, BIG - 1, BIG, 2**64 - 1]
    assert sorted(set(bench.traces(tmp_path)["seed"].tolist())) == [0, BIG - 1, BIG, 2**64 - 1]
    assert any(f"-s{BIG}-" in path.name for path in record_paths(tmp_path))


@pytest.mark.parametrize("seed", [7, 7.0, np.int64(7), np.uint8(7), np.float64(7), np.array(7)])
def test_whole_numbers_are_the_same_seed(tmp_path: Path, seed: Any) -> None:
    record(tmp_path, 7)
    with pytest.raises(GanbenchError, match="already recorded"):
        record(tmp_path, seed)


@pytest.mark.parametrize(
    ("seed", "reason"),
    [
        (True, "seed: input should be a valid integer, not True"),
        (np.True_, "seed: input should be a valid integer, not True"),
        (1.5, "seed: input should be a valid integer"),
        (float("nan"), "seed: input should be a"),
        (float(2**53), "seed: expected an integer; a float of this size is not exact"),
        (2**64, "seed: expected an integer ≤ 18446744073709551615"),
        (10**5000, "seed: expected an integer ≤ 18446744073709551615"),
        ("7", "seed: input should be a valid integer"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_other_seeds_are_refused(tmp_path: Path, seed: Any, reason: str) -> None:
    with pytest.raises(SuiteError) as caught:
        record(tmp_path, seed)
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)


def test_large_labels_stay_exact_beside_fractions(tmp_path: Path) -> None:
    for width in (BIG, BIG - 1, 0.5):
        record(tmp_path, 0, width=width)
    assert sorted(bench.load(tmp_path)["width"].tolist()) == [0.5, BIG - 1, BIG]
    assert sorted(bench.traces(tmp_path)["width"].tolist()) == [0.5, BIG - 1, BIG]
    assert len(read_evidence(tmp_path).runs) == 3


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_imported_seeds_and_labels_are_exact(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"log.{suffix}"
    rows = [{"seed": seed, "width": BIG, "step": 10, "fid": 3.0} for seed in (BIG, BIG - 1)]
    frame = pd.DataFrame(rows)
    if suffix == "csv":
        frame.to_csv(path, index=False)
    elif suffix == "jsonl":
        path.write_text("\n".join(map(json.dumps, rows)))
    else:
        frame.to_parquet(path)
    mapped = [(name, name) for name in ("seed", "width", "step", "fid")]
    import_table(path, suite="mine", mapped=mapped, fixed=FIXED, results=tmp_path / "results")
    runs = bench.load(tmp_path / "results")
    assert sorted(runs["seed"].tolist()) == [BIG - 1, BIG]
    assert runs["width"].tolist() == [BIG, BIG]


def test_seeds_are_exact_beside_empty_cells_of_an_integer_column(tmp_path: Path) -> None:
    """Pandas makes a column of floats of integers with gaps."""
    frame = pd.DataFrame({"seed": [BIG, BIG - 1], "step": [10, 10], "batch": [1, 1], "fid": [3.0, None]})
    frame["seed"] = frame["seed"].astype("Int64")
    frame["outcome"] = pd.array([None, 1], dtype="Int64")
    frame.to_parquet(tmp_path / "log.parquet")
    mapped = [(name, name) for name in ("seed", "step", "fid", "outcome")]
    import_table(tmp_path / "log.parquet", suite="mine", mapped=mapped, fixed=FIXED, results=tmp_path / "results")
    assert sorted(bench.load(tmp_path / "results")["seed"].tolist()) == [BIG - 1, BIG]


@pytest.mark.parametrize("cell", ["1.5", f"{BIG}.0", "1e300", "nan", "inf", "True", "", "9" * 5000])
def test_a_cell_that_is_no_exact_integer_is_refused(tmp_path: Path, cell: str) -> None:
    (tmp_path / "log.csv").write_text(f"seed,step,fid\n{cell},10,3\n")
    mapped = [(name, name) for name in ("seed", "step", "fid")]
    with pytest.raises((TableError, SuiteError)) as caught:
        import_table(tmp_path / "log.csv", suite="mine", mapped=mapped, fixed=FIXED, results=tmp_path / "results")
    assert "line 2, column 'seed'" in str(caught.value)
    assert not list(tmp_path.rglob("*.parquet"))


@pytest.mark.parametrize("cell", ["7", "7.0", "7e0", " 7 "])
def test_a_cell_that_is_an_integer_is_taken(tmp_path: Path, cell: str) -> None:
    (tmp_path / "log.csv").write_text(f"seed,step,fid\n{cell},10,3\n")
    mapped = [(name, name) for name in ("seed", "step", "fid")]
    import_table(tmp_path / "log.csv", suite="mine", mapped=mapped, fixed=FIXED, results=tmp_path / "results")
    assert bench.load(tmp_path / "results")["seed"].tolist() == [7]


@pytest.mark.parametrize(("fixed", "exact"), [(BIG, True), (7.0, True), (True, False), (1.5, False)])
def test_a_fixed_seed_is_exact(tmp_path: Path, fixed: Any, exact: bool) -> None:
    (tmp_path / "log.csv").write_text("step,fid\n10,3\n")
    given = {"suite": "mine", "mapped": [("step", "step"), ("fid", "fid")], "results": tmp_path / "results"}
    if not exact:
        with pytest.raises(TableError, match=r"--set seed=.*: expected an integer"):
            import_table(tmp_path / "log.csv", fixed={**FIXED, "seed": fixed}, **given)
        return
    import_table(tmp_path / "log.csv", fixed={**FIXED, "seed": fixed}, **given)
    assert bench.load(tmp_path / "results")["seed"].tolist() == [fixed]


def test_a_comparison_selects_large_seeds_exactly(tmp_path: Path) -> None:
    for side in ("one", "other"):
        for seed in (BIG, BIG - 1, 3):
            record(tmp_path / side, seed)
    folders = [tmp_path / side / "mine" for side in ("one", "other")]
    wanted = [BIG, 2**64 - 1]
    comparison = compare(*folders, seeds=(wanted, wanted))
    (cell,) = comparison.cells
    assert cell.missing == ""
    assert {tuple(finding.test.n) for finding in cell.findings} == {(1, 1)}
