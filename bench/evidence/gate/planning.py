"""How many seeds a suite needs as a gate, from recorded runs of its cells."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from bench.evidence.gate.cell_tests import ComparisonTest
from bench.evidence.gate.failure_tests import MINIMUM_PAIRS, failures, mostly_fails
from bench.evidence.gate.mean_tests import quality
from bench.evidence.gate.sample_sizes import (
    MINIMUM_RUNS,
    describe_smallest,
    runs_for_permutation,
    runs_if_equal,
    smallest_found,
)
from bench.evidence.results import Evidence
from bench.evidence.states import count_failed, judged
from bench.evidence.statistics import seeds_to_bound
from bench.plan.rules import GateOptions


@dataclass(frozen=True, kw_only=True)
class CellPlan:
    """What a cell can do in a gate.

    Attributes:
        name: The cell's labels.
        recorded: Number of its recorded runs that can be judged.
        failed: How many of them failed.
        seeds: Seeds per side with which equal sides are OK with 80% power; None if too few runs are recorded to tell,
            or no feasible number is enough.
        finds: The smallest regression that the planned number of seeds finds, in words.
    """

    name: str
    recorded: int = 0
    failed: int = 0
    seeds: int | None = None
    finds: str = "–"

    @property
    def weak(self) -> bool:
        """Whether most of its runs fail, so that it cannot show a regression."""
        return mostly_fails(self.failed, self.recorded)


def fewest_seeds(cells: int, gate: GateOptions) -> int:
    """Return the seeds per side below which a gate cannot work, whatever its cells are.

    With fewer, a permutation test of one of them cannot be significant after Holm's correction for two tests per cell,
    or failures are not shown to be within the tolerance even if no run fails.

    Args:
        cells: Number of cells.
        gate: Level and tolerances.
    """
    without_failures = seeds_to_bound(0.0, 0.0, gate.failure_tolerance, 1 - 2 * gate.alpha) or MINIMUM_RUNS
    return max(MINIMUM_RUNS, runs_for_permutation(gate.alpha / (2 * cells)), without_failures)


def plan_gate(
    evidence: Evidence | None, cells: Sequence[tuple[str, str]], gate: GateOptions, seeds: int
) -> list[CellPlan]:
    """Return what each cell can do in a gate, judged by its recorded runs.

    Args:
        evidence: Recorded runs, or None if there are none.
        cells: Identity (``Run.cell``) and name of each cell.
        gate: Level and tolerances.
        seeds: The planned number of seeds per side.
    """
    if evidence is None:
        return [CellPlan(name=name) for _, name in cells]
    level = gate.alpha / (2 * len(cells))
    return [_plan_cell(evidence, identity, name, gate, level, seeds) for identity, name in cells]


def _plan_cell(evidence: Evidence, identity: str, name: str, gate: GateOptions, level: float, seeds: int) -> CellPlan:
    runs = judged(evidence.runs)
    runs = runs[[evidence.metadata[run].cell == identity for run in runs["run"]]]
    if runs.empty:
        return CellPlan(name=name)
    dataset = str(runs["dataset"].iloc[0])
    measure = gate.metric or evidence.primary(dataset)
    tests = [replace(failures(runs, runs, gate, same=False), matched=seeds >= MINIMUM_PAIRS)]
    if measure is not None and measure in evidence.measures(dataset):
        about = evidence.describe(measure)
        tolerance = gate.tolerance_of(dataset)
        of_quality = quality(runs, runs, measure, about, tolerance=tolerance, alpha=gate.alpha, same=False)
        tests = [*([of_quality] if of_quality else []), *tests]
    needed = [_seeds(test, gate.alpha) for test in tests]
    n = [max(1, math.floor(seeds * test.share_compared)) for test in tests]
    found = [
        describe_smallest(test, smallest_found(test, level, gate.alpha, (k, k)))
        for test, k in zip(tests, n, strict=True)
    ]
    return CellPlan(
        name=name,
        recorded=len(runs),
        failed=count_failed(runs),
        seeds=max((each for each in needed if each), default=None) if all(needed) else None,
        finds="–" if set(found) == {"–"} else ", ".join(found),
    )


def _seeds(test: ComparisonTest, alpha: float) -> int | None:
    """Return the seeds per side with which equal sides are OK, of which some runs may not be compared."""
    if test.counts is None and math.isnan(test.deviation):
        return None
    needed = runs_if_equal(test, test.deviation, alpha)
    return needed and math.ceil(max(MINIMUM_RUNS, needed) / test.share_compared)
