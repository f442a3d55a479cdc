"""Outcomes of runs on known modes, which are judged by their overlap, and of distances on a logarithmic scale."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import bench
from bench.evidence.outcomes import Outcome, State, classify_run
from bench.evidence.overlap_bounds import least_overlap, with_overlap_bounds
from bench.plan.rules import Rules, chosen_rules
from bench.records.record import Record, record_paths
from bench.records.schema import Metadata

ROOT = Path(__file__).parents[2]
RECORDED = ("quick", "ring", "grid", "techniques")


def outcome_of(trace: dict[str, list[float]], real: dict[str, float], rules: Rules | None = None) -> Outcome:
    """Return the outcome of a run on eight modes, evaluated every 100 steps."""
    names = {"dataset": "ring", "architecture": "mlp", "loss": "hinge"}
    count = len(next(iter(trace.values())))
    higher = {name: name not in ("fd", "kl") for name in trace}
    metadata = Metadata.model_validate(
        {
            **{"run": "r", "cell": "c", "suite": "made", "seed": 0, "axes": names, "real": real},
            "higher_is_better": higher,
            "data": {"modes": {"centres": [[0.0, 0.0]] * 8, "sigma": 0.1}},
            "ending": {"status": "finished", "step": 100 * (count - 1)},
            "training": {**{k: {"name": v, "label": v} for k, v in names.items()}, "steps": 100 * (count - 1)},
        }
    )
    steps: dict[str, Any] = {"step": [100 * row for row in range(count)], "critic_loss": [0.7] * count}
    return classify_run(pd.DataFrame({**steps, **trace, "seconds": steps["step"]}), metadata, rules or Rules())


def on_points(overlap: list[float], quality: float = 0.9, modes: float = 8, **rules: Any) -> Outcome:
    many = len(overlap)
    trace = {"overlap": overlap, "high_quality": [quality] * many, "modes": [modes] * many, "fd": [1e-3] * many}
    real = {"overlap": 0.972, "high_quality": 0.989, "modes": 8.0, "fd": 1e-3}
    return outcome_of(trace, real, Rules(**rules))


def test_the_overlap_comes_before_the_frechet_distance() -> None:
    assert on_points([0.0, 0.5, 0.7, 0.9]).state == State.STABLE
    assert on_points([0.0, 0.05, 0.07, 0.08], quality=0.08).state == State.NEVER_LEARNED
    assert on_points([0.0, 0.5, 0.7, 0.72], quality=0.73).state == State.NEVER_LEARNED  # 0.729 is three quarters


def test_good_samples_in_few_or_uneven_modes_are_a_collapse() -> None:
    assert on_points([0.0, 0.3, 0.5, 0.55], modes=6).reason == "modes never exceeded 6 of 8"
    assert on_points([0.0, 0.3, 0.5, 0.55], modes=7).reason.endswith("the modes are covered unevenly")
    assert on_points([0.0, 0.0, 0.0, 0.0], modes=1).state == State.NEVER_LEARNED  # as at initialisation


def test_a_share_relapses_and_oscillates_within_its_range() -> None:
    assert on_points([0.0, 0.95, 0.95, 0.7]).state == State.RELAPSED  # a factor of 1.36
    assert on_points([0.0, 0.95, 0.95, 0.7], relapsed=1.5).state == State.STABLE
    assert on_points([0.0, 0.9, 0.9, 0.9, 0.9, 0.5, 0.9]).state == State.OSCILLATING
    assert on_points([0.0, 0.9, 0.9, 0.9, 0.9, 0.8, 0.9]).state == State.STABLE


def test_a_distance_is_judged_in_logarithms() -> None:
    """An FD of 137 leaves ln(137 / 3) / ln(1570 / 3) = 61% of the way open, and one of 1570^0.55 · 3^0.45 = 93.8 55%."""
    assert outcome_of({"fd": [1570.0, 300.0, 137.0]}, {"fd": 3.0}).state == State.NEVER_LEARNED
    assert outcome_of({"fd": [1570.0, 300.0, 93.9]}, {"fd": 3.0}).state == State.NEVER_LEARNED
    assert outcome_of({"fd": [1570.0, 300.0, 93.8]}, {"fd": 3.0}).state == State.STABLE
    assert outcome_of({"fd": [1570.0, 300.0, 137.0]}, {"fd": 0.0}).state == State.STABLE  # no floor: as it is
    assert outcome_of({"fd": [1570.0, 300.0, 1.0]}, {"fd": 3.0}).state == State.STABLE  # better than real data


def test_a_measure_that_is_hardly_better_for_real_data_cannot_judge() -> None:
    assert outcome_of({"fd": [501.0, 400.0, 300.0]}, {"fd": 460.0}).state == State.UNRESOLVED
    assert outcome_of({"fd": [501.0, 460.0, 430.0]}, {"fd": 430.0}).state == State.STABLE


@given(st.lists(st.floats(0.001, 1), min_size=8, max_size=8), st.lists(st.floats(0, 1), min_size=8, max_size=8))
def test_the_bound_is_never_above_the_overlap(counts: list[float], good: list[float]) -> None:
    shares = np.array(counts) / sum(counts)
    high_quality = shares * good
    kl = float((shares * np.log(8 * shares)).sum())
    assert least_overlap(high_quality.sum(), kl) <= np.minimum(high_quality, 1 / 8).sum() + 1e-9


def record_of(dataset: str, measures: dict[str, list[float]]) -> Record:
    real = {"high_quality": 0.989, "kl": 0.0, **({"overlap": 0.97} if "overlap" in measures else {})}
    ends = {"final": {name: values[-1] for name, values in measures.items()}, "best": {}, "real": real}
    names = {"dataset": dataset, "architecture": "mlp", "loss": "hinge"}
    metadata = Metadata.model_validate(
        {
            **{"run": "r", "cell": "c", "suite": "made", "seed": 0, "axes": names, **ends},
            "ending": {"status": "finished", "step": 100},
            "training": {**{k: {"name": v, "label": v} for k, v in names.items()}, "steps": 100},
            "higher_is_better": {name: name != "kl" for name in measures},
            "data": {"modes": {"centres": [[0.0, 0.0]] * 8, "sigma": 0.1}},
        }
    )
    trace = {"step": np.array([0, 100]), **{name: np.array(values) for name, values in measures.items()}}
    return Record(Path("r.parquet"), metadata, trace)


def test_one_measure_classifies_all_runs_of_a_dataset() -> None:
    """A record of today beside one from before the overlap was measured gets the bound too."""
    before = {"high_quality": [0.0, 0.9], "kl": [2.0, 0.02]}
    today = before | {"overlap": [0.0, 0.88], "overlap_ema": [0.0, 0.87]}
    records = [record_of("ring", before), record_of("ring", today), record_of("grid", today)]
    old, new, other = with_overlap_bounds(records)
    assert other is records[2]
    for record in (old, new):
        assert record.metadata.final == {"high_quality": 0.9, "kl": 0.02, "overlap_at_least": pytest.approx(0.8)}
        assert record.metadata.real["overlap_at_least"] == 0.989
        assert record.trace["overlap_at_least"].tolist() == [0, pytest.approx(0.8)]
        assert "overlap" not in {*record.trace, *record.metadata.real, *record.metadata.higher_is_better}
    assert "overlap" in records[1].metadata.final


@pytest.mark.parametrize("suite", RECORDED)
def test_no_recorded_run_on_points_with_poor_samples_is_stable(suite: str) -> None:
    before = [path.stat().st_mtime_ns for path in record_paths(ROOT / "results" / suite)]
    runs = bench.load(ROOT / "results" / suite)
    runs = runs[runs["high_quality_final"].notna()]
    assert set(runs["primary"]) <= {"overlap", "overlap_ema", "overlap_at_least"}
    poor = (runs["high_quality_final"] < 0.5) | (runs["modes_final"] < 0.85 * runs["modes_real"])
    assert not (poor & (runs["outcome"] == "stable")).any()
    assert [path.stat().st_mtime_ns for path in record_paths(ROOT / "results" / suite)] == before


def test_former_defaults_in_records_were_not_chosen() -> None:
    everything = {"primary": None, "never_learned": 0.5, "relapsed": 2.0, "exploding": 100.0, "of later": 1}
    assert Rules(**chosen_rules(everything)) == Rules(relapsed=2.0)
    assert chosen_rules({"never_learned": 0.5}) == {"never_learned": 0.5}
    assert math.isclose(Rules(**chosen_rules(everything)).thresholds("overlap").never_learned, 0.25)
