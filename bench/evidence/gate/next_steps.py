"""What would decide the cells that a comparison leaves open, and what that costs."""

from __future__ import annotations

import math

from bench.evidence.gate.cell_tests import count_of
from bench.evidence.gate.comparison import Comparison
from bench.evidence.gate.decision import CellVerdict, Finding, Verdict
from bench.evidence.gate.sample_sizes import MINIMUM_RUNS

MOST_NAMES = 3  # cells that a sentence names; more are counted


def cheapest_way(comparison: Comparison) -> str:
    """Return how the INCONCLUSIVE cells can be decided with the fewest further runs; empty if there are none."""
    undecided = [cell for cell in comparison.undecided if not cell.weak]
    if not undecided:
        return (
            f"More {comparison.unit} do not help where most of the baseline's runs fail."
            if comparison.undecided
            else ""
        )
    feasible = [cell for cell in undecided if cell.seeds]
    if not feasible:
        return f"No feasible number of {comparison.unit} would decide {_names(undecided)}.{_tolerance(comparison)}"
    fewest, most = (pick(cell.seeds or 0 for cell in feasible) for pick in (min, max))
    numbers = f"{fewest:,}" if fewest == most else f"{fewest:,} to {most:,}"
    costs = [_further_runs(cell) for cell in feasible]
    text = (
        f"Cheapest way to a decision: {numbers} {comparison.unit} per side in {_names(feasible)} "
        f"({_cost(feasible, costs, comparison)})"
    )
    largest = max(range(len(feasible)), key=costs.__getitem__)
    rest = sum(costs) - costs[largest]
    if 0 < rest < costs[largest]:
        text += f"; without {feasible[largest].name}, {count_of(rest, _noun(comparison))}"
    if len(feasible) < len(undecided):
        others = [cell for cell in undecided if not cell.seeds]
        text += f"; no feasible number would decide {_names(others)}"
    return f"{text}.{_tolerance(comparison)}"


def _names(cells: list[CellVerdict]) -> str:
    if len(cells) > MOST_NAMES:
        return count_of(len(cells), "cell")
    return ", ".join(cell.name for cell in cells)


def _further_runs(cell: CellVerdict) -> int:
    """Return how many runs of both sides are missing to the seeds that a cell needs."""
    have = [max(numbers) for numbers in zip(*(finding.test.n for finding in cell.findings), strict=True)]
    return sum(max(0, (cell.seeds or 0) - n) for n in have)


def _noun(comparison: Comparison) -> str:
    return "more timing" if comparison.unit == "rounds" else "more run"


def _cost(cells: list[CellVerdict], runs: list[int], comparison: Comparison) -> str:
    text = count_of(sum(runs), _noun(comparison))
    seconds = [None if cell.seconds is None else count * cell.seconds for cell, count in zip(cells, runs, strict=True)]
    known = [each for each in seconds if each is not None]
    return f"{text}, about {_duration(sum(known))} as recorded" if known and len(known) == len(seconds) else text


def _duration(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def _tolerance(comparison: Comparison) -> str:
    """Return the tolerances with which these runs would be OK, if no cell looks worse than tolerated."""
    findings = [
        finding for cell in comparison.undecided for finding in cell.findings if finding.verdict == Verdict.INCONCLUSIVE
    ]
    if isinstance(comparison.gate.tolerance, dict) or not all(cell.findings for cell in comparison.undecided):
        return ""
    if comparison.verdict == Verdict.REGRESSED or not all(map(_may_be_tolerated, findings)):
        return ""
    options = []
    for name, failures in (("--tolerance", False), ("--failure-tolerance", True)):
        shown = [each.test.shown_tolerance for each in findings if (each.test.family == "failures") is failures]
        if shown:
            options.append(f"{name} {math.ceil(100 * max(shown)) / 100:g}")
    return f" These runs alone would be OK with {' '.join(options)}."


def _may_be_tolerated(finding: Finding) -> bool:
    test = finding.test
    return min(test.n) >= MINIMUM_RUNS and test.degradation.value <= test.margin and test.shown_tolerance <= 0.99
