"""Recorded results give the tables that are committed beside them."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from bench.evidence.results import read_evidence
from bench.report.tables import write_tables

RESULTS = Path(__file__).parents[2] / "results"


@pytest.mark.parametrize("suite", sorted(path.name for path in RESULTS.iterdir() if (path / "table.json").is_file()))
def test_tables_of_recorded_results_are_those_committed(suite: str, tmp_path: Path) -> None:
    write_tables(read_evidence(RESULTS / suite), tmp_path)
    committed, written = (json.loads((folder / "table.json").read_text()) for folder in (RESULTS / suite, tmp_path))
    assert len(committed) > 0
    assert written == committed
    values = [pd.read_csv(folder / "table.csv") for folder in (RESULTS / suite, tmp_path)]
    pd.testing.assert_frame_equal(*values, rtol=1e-9)
