"""Timings of a baseline against those of a candidate, by the same gate."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from bench.errors import ResultsError
from bench.evidence.gate.cell_tests import ComparisonTest, compare_means
from bench.evidence.gate.compare import Comparison, resolve, with_given
from bench.evidence.gate.decision import CellVerdict, decide
from bench.plan.rules import Gate
from bench.records.timing_results import Timings, incomparable, read_timings


def compare_speed(
    baseline: str | Path, candidate: str | Path, *, alpha: float | None = None, tolerance: float | None = None
) -> Comparison:
    """Judges timings, a family of its own: seconds of a generator step and of an evaluation, each round one value.

    Only of cells timed alone, on the same hardware and in the same way (``ganbench time``).

    Raises:
        ResultsError: no timings, or ones that must not be compared: the text names the difference.
    """
    folders = resolve(baseline), resolve(candidate)
    one, other = (read_timings(folder) for folder in folders)
    reason = incomparable(one, other) or _crowded(one, folders[0]) or _crowded(other, folders[1])
    if reason:
        raise ResultsError(f"timings are not comparable: {reason}")
    gate = with_given(Gate(), {"alpha": alpha, "tolerance": tolerance})
    sides = [dict(list(each.frame.groupby(each.axes, sort=False, dropna=False))) for each in (one, other)]
    there = [where for where in sides[0] if where in sides[1]]
    found = dict(zip(there, decide([_tests(sides[0][w], sides[1][w], gate) for w in there], gate), strict=True))
    return Comparison(
        baseline=folders[0],
        candidate=folders[1],
        suite=f"{one.suite} version {one.version}",
        gate=gate,
        cells=[
            CellVerdict(
                dict(zip(one.axes, where, strict=True)),
                found.get(where, ()),
                "" if where in found else "not timed in the candidate",
            )
            for where in sides[0]
        ],
        axes=one.axes,
        new=[" · ".join(map(str, where)) for where in sides[1] if where not in sides[0]],
        protocol=f"timed alone on {one.environment['device_name']}, each round one value",
        unit="rounds",
    )


def _crowded(timings: Timings, folder: Path) -> str | None:
    alone = timings.environment.get("alone") and timings.environment.get("workers") == 1
    return None if alone else f"those of {folder} were not taken alone; ganbench time takes them"


def _tests(baseline: pd.DataFrame, candidate: pd.DataFrame, gate: Gate) -> list[ComparisonTest]:
    return [
        compare_means(
            "speed",
            f"seconds per {what}",
            baseline[f"seconds_per_{what}"].to_numpy(float),
            candidate[f"seconds_per_{what}"].to_numpy(float),
            higher_is_better=False,
            tolerance=gate.tolerance,
            alpha=gate.alpha,
        )
        for what in ("step", "evaluation")
    ]
