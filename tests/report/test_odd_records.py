"""Records that are legal but odd give a frame, tables, figures, a page and a comparison without a warning."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from made_runs import record

from bench.errors import ResultsError
from bench.evidence.gate.compare import compare
from bench.evidence.gate.decision import Verdict
from bench.evidence.gate.junit import to_junit
from bench.evidence.gate.rendering import to_json, to_markdown
from bench.evidence.outcomes import load
from bench.evidence.results import read_evidence
from bench.report.figures import draw_all
from bench.report.figures.sheet import Sheet
from bench.report.figures.style import styled
from bench.report.page.data import page_data
from bench.report.tables import write_tables

INF, NAN = math.inf, math.nan
GOOD = (1.0, 0.5, 0.2, 0.1)
TRAINING = {name: {"name": label, "label": label} for name, label in (("dataset", "ring"), ("architecture", "mlp"))}


def axes(**more: Any) -> dict[str, Any]:
    return {"axes": {"dataset": "ring", "architecture": "mlp", "loss": "hinge", **more}}


RUNS: dict[str, list[tuple[tuple[float, ...], dict[str, Any]]]] = {
    "one run": [(GOOD, {})],
    "only step 0": [((1.0,), {}), ((2.0,), {})],
    "no finite value": [((NAN,) * 4, {}), ((INF,) * 4, {})],
    "infinite values at step 0 and later": [((INF, 0.5, INF, 0.2), {}), ((-INF, 0.5, 0.4, -INF), {}), (GOOD, {})],
    "values near the largest float": [((1.0, 1.7e308, 1e305, 0.5), {}), ((1.0, 1e300, 1e-300, 0.5), {})],
    "no steps": [((1.0,), {"training": {**TRAINING, "loss": TRAINING["dataset"], "steps": 0}})],
    "equal values": [((0.1,) * 4, {}), ((0.1 + 1e-17,) * 4, {}), ((0.09999999999999998,) * 4, {})],
    "no measure with a direction": [(GOOD, {"higher_is_better": {"fd": None, "modes": None}, "real": {}})] * 2,
    "a measure of some runs": [(GOOD, {}), (GOOD, {"higher_is_better": {"modes": True}})],
    "an axis of some runs": [(GOOD, axes(width=1)), (GOOD, axes(width=None)), (GOOD, axes())],
    "all diverged at once": [((1.0,), {"diverged": True})] * 3,
    "real data unknown": [(GOOD, {"real": {"fd": None}})] * 2,
    "protocols in words": [(GOOD, {"protocol": {"samples": "many", "extractor": "mine"}})] * 2,
}


@pytest.mark.parametrize("name", RUNS)
def test_every_output_is_made(tmp_path: Path, name: str) -> None:
    for seed, (values, changed) in enumerate(RUNS[name]):
        record(tmp_path, "hinge", seed, values, **changed)
    results = tmp_path / "made"
    assert len(load(results)) == len(RUNS[name])
    evidence = read_evidence(results)
    write_tables(evidence, tmp_path)
    json.dumps(page_data(evidence), allow_nan=False)
    with styled():
        for drawing in draw_all(evidence, Sheet(width=6.75)):
            drawing.figure.canvas.draw()
    comparison = compare(results, results)
    assert comparison.verdict == Verdict.OK
    assert all(render(comparison) for render in (to_json, to_junit, to_markdown))


def with_beauty(folder: Path, seed: int, higher: bool | None) -> None:
    record(folder, "hinge", seed, GOOD, higher_is_better={"fd": False, "critic_loss": higher})


def test_records_that_disagree_on_the_direction_of_a_measure_are_refused(tmp_path: Path) -> None:
    with_beauty(tmp_path / "a", 0, True)
    with_beauty(tmp_path / "a", 1, False)
    with pytest.raises(ResultsError, match="of critic_loss, higher is better in some records and lower is better in"):
        read_evidence(tmp_path / "a" / "made")
    with_beauty(tmp_path / "b", 0, True)
    with_beauty(tmp_path / "c", 0, None)
    with pytest.raises(
        ResultsError, match="not comparable: of critic_loss, higher is better in the baseline and neither"
    ):
        compare(tmp_path / "b" / "made", tmp_path / "c" / "made")


def test_the_stage_of_a_run_that_cannot_be_judged_is_named_also_if_it_diverged_later(tmp_path: Path) -> None:
    record(tmp_path, "hinge", 0, (501.0, 480.0), diverged=True, real={"fd": 632.0})
    page = page_data(read_evidence(tmp_path / "made"))
    (run,) = page["runs"]
    stages = [page["stages"][stage]["name"] for _, _, stage in run["stage_intervals"]]
    assert stages == ["cannot be judged", "diverged"]
