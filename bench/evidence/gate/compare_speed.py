"""The regression gate for timings."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bench.errors import ResultsError
from bench.evidence.gate.cell_tests import ComparisonTest
from bench.evidence.gate.compare import Missing, resolve, with_options
from bench.evidence.gate.comparison import Comparison
from bench.evidence.gate.decision import CellVerdict, decide
from bench.evidence.gate.mean_tests import compare_means
from bench.plan.rules import GateOptions, Tolerance
from bench.records.addresses import place_of
from bench.records.timing_results import Timings, describe_load, incomparable, read_timings

SPEED_TOLERANCE = 0.1  # default: what timings of an idle machine can tell; docs/ci.md says how many rounds that takes
LOAD = "load"  # the key that allows timings of a machine that had other work


# Long: half is the result, with one argument per line.
def compare_speed(
    baseline: str | Path,
    candidate: str | Path,
    *,
    alpha: float | None = None,
    tolerance: Tolerance | None = None,
    missing: Missing = "fail",
    allow: Collection[str] = (),
) -> Comparison:
    """Compare the seconds per generator step and per evaluation, with one value per round.

    Both sides must have been timed alone, on the same hardware and in the same way (``ganbench time``).

    Args:
        baseline: A folder with timings, or the name of a suite with recorded ones.
        candidate: The same.
        alpha: Family-wise false-alarm rate. [default: 0.05]
        tolerance: Maximum tolerated increase of the time, as in ``compare``. [default: ``SPEED_TOLERANCE``]
        missing: Whether a cell that the candidate did not time is REGRESSED ("fail") or left out ("ok").
        allow: ``load``, to compare timings of a machine that had other work.

    Raises:
        ResultsError: There are no timings, or they are not comparable; the message names the difference.
    """
    folders = resolve(baseline), resolve(candidate)
    one, other = (read_timings(folder) for folder in folders)
    reason = incomparable(one, other) or _not_alone(one, folders[0]) or _not_alone(other, folders[1])
    if reason:
        raise ResultsError(f"timings are not comparable: {reason}")
    loads = _check_load(folders, (one, other), allow)
    datasets = {dataset for timings in (one, other) for dataset in _datasets(timings).values()}
    options = {"alpha": alpha, "tolerance": tolerance}
    gate = with_options(GateOptions(tolerance=SPEED_TOLERANCE), options, datasets)
    sides = [dict(list(timings.frame.groupby(timings.axes, sort=False, dropna=False))) for timings in (one, other)]
    shared = [cell for cell in sides[0] if cell in sides[1]]
    if not shared:
        raise ResultsError("timings are not comparable: no cell in common")
    tolerances = {cell: gate.tolerance_of(dataset) for cell, dataset in _datasets(one).items()}
    findings = decide([_speed_tests(sides[0][cell], sides[1][cell], gate, tolerances[cell]) for cell in shared], gate)
    by_cell = dict(zip(shared, findings, strict=True))
    return Comparison(
        baseline=folders[0],
        candidate=folders[1],
        suite=f"{one.suite} version {one.version}",
        gate=gate,
        cells=[
            CellVerdict(
                dict(zip(one.axes, cell, strict=True)),
                by_cell.get(cell, ()),
                "" if cell in by_cell else "the candidate has no timings of this cell",
                tolerance=tolerances[cell],
                absent=cell not in by_cell,
            )
            for cell in sides[0]
            if cell in by_cell or missing == "fail"
        ],
        axes=one.axes,
        new=[" · ".join(map(str, cell)) for cell in sides[1] if cell not in sides[0]],
        gone=[" · ".join(map(str, cell)) for cell in sides[0] if cell not in by_cell and missing == "ok"],
        differences=loads,
        protocol=f"cells timed alone on {one.environment['device_name']}, one value per round",
        unit="rounds",
    )


def _check_load(folders: tuple[Path, Path], sides: tuple[Timings, Timings], allow: Collection[str]) -> list[str]:
    for key in allow:
        if key != LOAD:
            raise ResultsError(f"--allow {key}: --speed allows only {LOAD}, as all else decides how fast cells are")
    loads = [
        f"{place_of(folder)}: {load}"
        for folder, timings in zip(folders, sides, strict=True)
        if (load := describe_load(timings))
    ]
    if loads and LOAD not in allow:
        raise ResultsError(
            f"timings are not comparable: the machine had other work ({'; '.join(loads)}). Time both sides again on an "
            f"idle machine, or compare them anyway: --allow {LOAD}"
        )
    return loads


def _datasets(timings: Timings) -> dict[tuple[Any, ...], str]:
    """Return the dataset of every cell; "" if it is no axis."""
    cells = timings.frame[timings.axes].drop_duplicates()
    names = cells["dataset"].astype(str) if "dataset" in cells else [""] * len(cells)
    return dict(zip(cells.itertuples(index=False, name=None), names, strict=True))


def _not_alone(timings: Timings, folder: Path) -> str | None:
    return None if timings.alone else f"cells in {folder} were not timed alone; use ganbench time"


def _speed_tests(
    baseline: pd.DataFrame, candidate: pd.DataFrame, gate: GateOptions, tolerance: float
) -> list[ComparisonTest]:
    tests = []
    for event in ("step", "evaluation"):
        one, other = (side[f"seconds_per_{event}"].to_numpy(float) for side in (baseline, candidate))
        same = np.array_equal(one, other, equal_nan=True)
        options: dict[str, Any] = {"tolerance": tolerance, "alpha": gate.alpha, "same": same}
        tests.append(compare_means("speed", f"seconds per {event}", one, other, higher_is_better=False, **options))
    return tests
