"""Tables have steps per second only of runs that shared neither process nor machine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from made_runs import record

from bench.evidence.results import read_evidence
from bench.report.captions import provenance
from bench.report.tables.layout import lay_out
from bench.report.tables.model import Layout


@pytest.mark.parametrize(
    ("shared", "shown"), [({}, True), ({"workers": 2}, False), ({"pack": 3}, False), ({"workers": None}, True)]
)
def test_speed_is_shown_of_runs_that_were_alone(tmp_path: Path, shared: dict[str, Any], shown: bool) -> None:
    environment = {"device": "cpu", "threads": 1, "workers": 1, "pack": 1, "date": "2026-11-24"}
    record(tmp_path, "hinge", 0, (1.0, 0.1), environment=environment)
    record(tmp_path, "hinge", 1, (1.0, 0.1), environment=environment | shared)
    evidence = read_evidence(tmp_path / "made")
    (table,) = lay_out(evidence, Layout())
    assert ("steps/s" in [column.measure for column in table.columns]) == shown
    assert ("in parallel" not in provenance(evidence)) == shown
