"""A comparison in words: its verdict, the reasons, what was compared and how, and what a reader should know."""

from __future__ import annotations

import math

from bench.evidence.gate.cell_tests import count_of
from bench.evidence.gate.comparison import Comparison
from bench.evidence.gate.decision import CellVerdict, Finding, Verdict
from bench.evidence.gate.failure_tests import MINIMUM_PAIRS
from bench.evidence.gate.next_steps import cheapest_way
from bench.evidence.gate.sample_sizes import MINIMUM_RUNS
from bench.records.addresses import place_of

MOST_NAMES = 3  # cells that a sentence names; more are counted


def headline(comparison: Comparison) -> str:
    """Return the overall verdict, the number of cells with each verdict, and how to decide those left open."""
    cells = [cell for cell in comparison.cells if not cell.pooled]
    counts = {verdict: sum(cell.verdict == verdict for cell in cells) for verdict in Verdict}
    count = counts.pop(comparison.verdict)
    others = ", ".join(f"{number} {verdict}" for verdict, number in counts.items() if number)
    text = f"{comparison.verdict}: {count} of {count_of(len(cells), 'cell')}" + (f" ({others})" if others else "")
    if len(cells) < len(comparison.cells):
        text += f"; the overall failure rate {'also ' if count else ''}rose"
    advice = cheapest_way(comparison)
    return f"{text}. {advice}" if advice else f"{text}."


def reasons(comparison: Comparison) -> list[tuple[Verdict, str, str]]:
    """Return verdict, cells and reason for all cells that are not OK; cells with the same reason are joined.

    Of undecided cells, the reason says only what is undecided: the numbers are in the table.
    """
    joined: dict[tuple[Verdict, str], list[str]] = {}
    for cell in comparison.cells:
        if cell.verdict != Verdict.OK:
            joined.setdefault((cell.verdict, _short_reason(cell)), []).append(cell.name)
    return [(verdict, ", ".join(names), reason) for (verdict, reason), names in joined.items()]


def _short_reason(cell: CellVerdict) -> str:
    if cell.missing or cell.verdict != Verdict.INCONCLUSIVE:
        return cell.reason
    undecided = [each.test for each in cell.findings if each.verdict == Verdict.INCONCLUSIVE]
    few = any(min(test.n) < MINIMUM_RUNS for test in undecided)
    subjects = " and ".join(test.subject for test in undecided)
    return f"{subjects} undecided{', with too few usable runs' if few else ''}"


def describe_need(finding: Finding) -> str:
    """Return how many seeds, or rounds, would decide an undecided test."""
    unit = "round" if finding.test.unit == "round" else "seed"
    if finding.seeds is None:
        return f"no feasible number of {unit}s would decide this"
    worse = finding.test.degradation.value > finding.test.margin
    goal = "find such a regression" if worse else "show that equal sides are within the tolerance"
    return f"about {count_of(finding.seeds, unit)} per side would {goal}"


def remarks(comparison: Comparison) -> list[str]:
    """Return what a reader should know besides the verdict, one sentence each."""
    said = []
    if comparison.unchecked:
        said.append(f"Not checked: {comparison.unchecked}.")
    if comparison.differences:
        said.append(f"Allowed differences: {'; '.join(comparison.differences)}.")
    if comparison.defaults:
        said.append(f"Changed defaults: {'; '.join(comparison.defaults)}.")
    if comparison.same_code:
        said.append(
            f"Both sides were trained with the same code of {comparison.same_code}. If the candidate should contain a "
            f"change, it was not installed, or these records are older than the change."
        )
    for left_out, side in ((comparison.new, "baseline"), (comparison.gone, "candidate")):
        if left_out:
            said.append(f"Not compared, because the {side} does not have them: {', '.join(left_out)}.")
    runs = [cell.findings[-1].test.n for cell in comparison.cells if cell.findings and not cell.pooled]
    fewer = sum(candidate < baseline for baseline, candidate in runs)
    if fewer:
        unseen = "; runs that end with an error leave no record, see what ganbench run says of them"
        said.append(
            f"The candidate has fewer {comparison.unit} than the baseline in {count_of(fewer, 'cell')}"
            f"{unseen if comparison.unit == 'seeds' else ''}."
        )
    weak = [cell for cell in comparison.cells if cell.weak]
    if weak:
        cells = [cell for cell in comparison.cells if not cell.pooled]
        named = [f"{cell.name} {cell.failed[0]} of {cell.failed[1]}" for cell in weak[:MOST_NAMES]]
        more = f", and {len(weak) - MOST_NAMES} more" if len(weak) > MOST_NAMES else ""
        where = f"{len(weak)} of {count_of(len(cells), 'cell')}" if len(weak) < len(cells) else "every cell"
        said.append(
            f"In {where}, most of the baseline's own runs fail ({', '.join(named)}{more}). Such a baseline cannot show "
            f"a regression: choose cells that learn (ganbench plan --for-gate)."
        )
    return said


def conditions(comparison: Comparison) -> str:
    """Return what was compared, by which tests, and what the verdicts and columns mean."""
    gate, timed = comparison.gate, comparison.unit == "rounds"
    tests = (
        "Welch's t-test on the log scale (also Student's if the numbers of rounds differ), "
        "confirmed by a permutation test"
        if timed
        else f"a permutation test of the measure; Boschloo's test for failures (McNemar's from {MINIMUM_PAIRS} shared "
        f"seeds), and the Cochran–Mantel–Haenszel test for failures across cells"
    )
    points = "" if timed else " (pts: percentage points more failures)"
    failures = "" if timed else f" and to fail at most {100 * gate.failure_tolerance:g} percentage points more often"
    return (
        f"{comparison.suite}: candidate {place_of(comparison.candidate)}, baseline {place_of(comparison.baseline)}. "
        f"Compared: {comparison.protocol}. One-sided tests: {tests}; p-values have Holm's correction"
        f"{_for_tests(comparison)}. "
        f"If candidate and baseline do not differ, the probability of a false REGRESSED is at most "
        f"{100 * gate.alpha:g}%. OK: shown to be at most {_tolerated(comparison)} worse{failures}. Intervals have "
        f"{100 * (1 - 2 * gate.alpha):g}% confidence. Finds: the smallest regression that these {comparison.unit} find "
        f"with 80% power{points}.{_notes(comparison)}"
    )


def _for_tests(comparison: Comparison) -> str:
    counted = [
        finding.tests for cell in comparison.cells for finding in cell.findings if not math.isnan(finding.p_holm)
    ]
    return f" for {count_of(counted[0], 'test')}" if counted else ""


def _tolerated(comparison: Comparison) -> str:
    """Return the tolerance as a percentage, and that of every dataset if they differ."""
    by_dataset = {
        str(cell.axes.get("dataset", "")): cell.tolerance for cell in comparison.cells if cell.tolerance is not None
    }
    shares = {tolerance: f"{100 * tolerance:g}%" for tolerance in by_dataset.values()}
    if len(shares) == 1:
        return next(iter(shares.values()))
    return " / ".join(f"{shares[tolerance]} ({dataset})" for dataset, tolerance in by_dataset.items())


def _notes(comparison: Comparison) -> str:
    """Return the caveats that apply to these runs and cells."""
    unit, notes = comparison.unit, ""
    cells = [cell for cell in comparison.cells if not cell.pooled]
    runs = [cell.findings[-1].test.n for cell in cells if cell.findings]
    few = [min(n) for n in runs if min(n) >= MINIMUM_RUNS]
    if (
        few
        and unit == "seeds"
        and (smallest := 1 / math.comb(2 * min(few), min(few))) > comparison.gate.alpha / len(runs)
    ):
        notes += f" With {min(few)} seeds per side, no test of the measure in one cell can give p below {smallest:.2g}."
    if any(_has_few(cell) for cell in cells):
        notes += f" With fewer than {MINIMUM_RUNS} usable {unit} per side, nothing is decided."
    if any(cell.verdict == Verdict.INCONCLUSIVE for cell in cells):
        notes += (
            f" {unit.capitalize()} needed: the number per side that would find a regression as large as this one looks "
            f"or, within the tolerance, that would show equal sides to be OK, with 80% power."
        )
    return notes


def _has_few(cell: CellVerdict) -> bool:
    return any(0 < min(each.test.n) < MINIMUM_RUNS and not each.test.identical for each in cell.findings)
