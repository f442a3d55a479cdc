"""Simulate comparisons from recorded runs and print how often the gate is wrong and how much it finds.

``python tests/performance/gate_calibration.py`` prints the tables of docs/gate.md, in 20 minutes on one core;
with ``--all``, it draws runs from every recorded suite. Every simulated run is a recorded run of the same cell, drawn at
random with replacement, its outcome and its value together. Seeds are fixed, and every share comes with its standard
error, so the numbers of repetitions are as small as the page can bear.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy import stats
from tabulate import tabulate

from bench.catalogue.metrics.measures import MEASURES, Measure
from bench.evidence.gate.decision import Verdict, compare_cells, overall_verdict
from bench.evidence.results import read_evidence
from bench.evidence.states import State
from bench.evidence.statistics import boschloo, mcnemar, permutations
from bench.plan.rules import GateOptions

RESULTS = Path(__file__).parents[2] / "results"
SUITES = ("ring", "grid", "techniques", "quick", "digits")
SEEDS = (3, 5, 10)
CELLS = 12
SHAKE = 0.02  # relative noise on drawn values, so that a run drawn twice is not the same run
OVERLAP = MEASURES["overlap"]
SHOWN = (
    "`ring`, ring",
    "`digits`, digits",
    "two clumps, overlap 0.9 and 0.3",
    "`techniques`, ring",
)  # rows of the page
Values = np.ndarray[Any, np.dtype[np.float64]]


class Pool(NamedTuple):
    """The runs of one cell: values of the measure, [n], and whether each run failed, [n]."""

    values: Values
    failed: np.ndarray[Any, np.dtype[np.bool_]]


class Source(NamedTuple):
    """Cells to draw runs from, and the measure of their values."""

    pools: list[Pool]
    measure: Measure


def recorded(suite: str, dataset: str) -> Source:
    """Return the cells of a suite on one dataset, with overlap if it has modes, otherwise FD; first the one that fails least."""
    evidence = read_evidence(RESULTS / suite)
    runs = evidence.runs[evidence.runs["dataset"] == dataset]
    name = "overlap" if "overlap" in evidence.measures(dataset) else "fd"
    groups = runs.groupby(evidence.axes, sort=False, dropna=False)
    pools = [Pool(g[f"{name}_final"].to_numpy(float), (g["outcome"] != SUCCESS).to_numpy()) for _, g in groups]
    best = min(range(len(pools)), key=lambda index: pools[index].failed.mean())
    return Source([pools[best], *pools[:best], *pools[best + 1 :]], MEASURES[name])


SUCCESS = list(State)[-1]  # the only outcome that is no failure


def made(draw: Callable[[np.random.Generator], Values], measure: Measure = OVERLAP) -> Source:
    """Return one cell of simulated runs, none of which failed."""
    values = draw(np.random.default_rng(0))
    return Source([Pool(values, np.zeros(len(values), bool))], measure)


def two_clumps(generator: np.random.Generator, low: float = 0.3) -> Values:
    """Return values of which one half is near 0.9 and the other near ``low``."""
    return np.concatenate([generator.normal(0.9, 0.01, 200), generator.normal(low, 0.01, 200)])


def sources() -> dict[str, Source]:
    """Return every source, by a name for the table."""
    found = {
        f"`{suite}`, {dataset}": recorded(suite, dataset)
        for suite in SUITES
        for dataset in dict.fromkeys(read_evidence(RESULTS / suite).runs["dataset"])
    }
    return found | {
        "two clumps, overlap 0.9 and 0.3": made(two_clumps),
        "two clumps, FD 0.9 and 0.3": made(two_clumps, MEASURES["fd"]),
        "near the ceiling, overlap 0.9 to 0.98": made(lambda generator: 0.98 - generator.gamma(2, 0.015, 400)),
        "log-normal FD, deviation 0.3": made(lambda generator: np.exp(generator.normal(0, 0.3, 400)), MEASURES["fd"]),
    }


def draw(generator: np.random.Generator, source: Source, seeds: int, factor: float = 1.0, cells: int = CELLS) -> Any:
    """Draw the runs of one side; those of the first cell, which fails least, have their values multiplied by a factor."""
    frames = []
    for cell in range(cells):
        pool = source.pools[cell % len(source.pools)]
        chosen = generator.integers(len(pool.values), size=seeds)
        values = pool.values[chosen] * np.exp(SHAKE * generator.normal(size=seeds)) * (factor if cell == 0 else 1.0)
        outcomes = np.where(pool.failed[chosen], "failed", SUCCESS)
        columns = {"dataset": "made", "cell": f"cell {cell}", "seed": range(seeds), "outcome": outcomes}
        frames.append(pd.DataFrame(columns | {"value_final": values}))
    return pd.concat(frames)


def share(count: int, times: int, digits: int = 0) -> str:
    """Return a count as a percentage of simulations with its standard error: 5.0 ± 2.2%.

    At least one case of either kind is assumed for the error, so that 0% does not come with an error of 0.
    """
    rate = min(max(count, 1), times - 1) / times
    return f"{100 * count / times:.{digits}f} ± {100 * math.sqrt(rate * (1 - rate) / times):.1f}%"


def alarms(source: Source, seeds: int, times: int) -> int:
    """Return how many comparisons of equal sides are REGRESSED."""
    generator = np.random.default_rng(seeds)
    found = [overall_verdict(_compare(generator, source, seeds)) for _ in range(times)]
    return found.count(Verdict.REGRESSED)


def verdicts_of_one(source: Source, seeds: int, times: int, factor: float, gate: GateOptions, cells: int) -> list[str]:
    """Return the verdicts on the first cell, the candidate's values of which are worse by a factor."""
    generator = np.random.default_rng(seeds)
    return [_compare(generator, source, seeds, factor, gate, cells)[0] for _ in range(times)]


def _compare(
    generator: np.random.Generator,
    source: Source,
    seeds: int,
    factor: float = 1.0,
    gate: GateOptions | None = None,
    cells: int = CELLS,
) -> list[Verdict]:
    sides = [draw(generator, source, seeds, each, cells) for each in (1.0, factor)]
    measures = {"made": ("value", source.measure)}
    return [cell.verdict for cell in compare_cells(*sides, ["dataset", "cell"], measures, gate or GateOptions())]


def level_table(times: int = 200, wanted: Sequence[str] | None = SHOWN) -> str:
    """Return false alarms, and how often a halved share or a doubled distance in one of the cells is found.

    Args:
        times: Comparisons for each entry of false alarms; a quarter of them for what is found.
        wanted: Names of the sources, or None for all.
    """
    rows = []
    for name, source in sources().items():
        if wanted is not None and name not in wanted:
            continue
        worse = 0.5 if source.measure.higher_is_better else 2.0
        false = ", ".join(share(alarms(source, seeds, times), times, 1) for seeds in SEEDS)
        of_one = [verdicts_of_one(source, seeds, times // 4, worse, GateOptions(), CELLS) for seeds in SEEDS]
        power = ", ".join(share(found.count(Verdict.REGRESSED), len(found)) for found in of_one)
        rows.append([name, false, power])
        print(" | ".join(rows[-1]), file=sys.stderr, flush=True)
    headings = ["runs drawn from", "false REGRESSED (3, 5, 10 seeds)", "found (3, 5, 10 seeds)"]
    return tabulate(rows, headings, tablefmt="github")


def ok_table(times: int = 200, seeds: int = 10) -> str:
    """Return how often equal sides are OK, and sides that are worse by exactly the tolerance, by spread and δ."""
    rows = []
    for spread in (0.01, 0.03, 0.1, 0.2):
        row = [f"{100 * spread:g}%"]
        source = made(lambda generator, spread=spread: generator.normal(0.7, 0.7 * spread, 400))
        for tolerance in (0.05, 0.1, 0.25):
            gate = GateOptions(tolerance=tolerance)
            found = [
                verdicts_of_one(source, seeds, times, factor, gate, 1).count(Verdict.OK)
                for factor in (1.0, 1 - tolerance)
            ]
            row.append(f"{share(found[0], times)} ({share(found[1], times, 1)})")
        rows.append(row)
    return tabulate(rows, ["spread over seeds", "δ = 5%", "δ = 10%", "δ = 25%"], tablefmt="github")


SCALES: dict[str, Callable[[Values], Values]] = {
    "plain": lambda shares: shares,
    "logarithm": lambda shares: np.log(np.maximum(shares, 1e-3)),
    "logit": lambda shares: np.log(np.clip(shares, 1e-3, 0.999) / (1 - np.clip(shares, 1e-3, 0.999))),
}


def scale_table(times: int = 100, seeds: int = 10) -> str:
    """Return how often a halved share in one of the cells is significant, by the scale on which shares are compared."""
    rows = []
    for suite in ("ring", "techniques"):
        pools = [pool for pool in recorded(suite, "ring").pools if np.median(pool.values) > 0.05]
        row = [f"`{suite}`, ring"]
        for scale in SCALES.values():
            generator, pairs = np.random.default_rng(0), []
            for _ in range(times):
                values = pools[generator.integers(len(pools))].values
                one, other = (generator.choice(values, seeds) for _ in range(2))
                pairs.append((-scale(0.5 * other), -scale(one)))
            found = sum(test.p <= 0.05 / CELLS for test in permutations(pairs, "greater", 10_000))
            row.append(share(found, times))
        rows.append(row)
    return tabulate(rows, ["runs drawn from", *SCALES], tablefmt="github")


def pairs_table(times: int = 1000, tests: int = 6, rates: tuple[float, float] = (0.1, 0.7)) -> str:
    """Return how often a rise of the failure rate is found by either test, for independent and for correlated pairs."""
    rows = []
    for seeds in (5, 10, 20):
        row = [str(seeds)]
        for correlation in (0.0, 0.5):
            covariance = [[1, correlation], [correlation, 1]]
            normal = np.random.default_rng(seeds).multivariate_normal([0, 0], covariance, size=(times, seeds))
            one, other = (normal[..., side] < stats.norm.ppf(rate) for side, rate in enumerate(rates))
            pairs = zip((other & ~one).sum(1), (one & ~other).sum(1), one.sum(1), other.sum(1), strict=True)
            paired, apart = 0, 0
            for worse, better, a, b in pairs:
                paired += mcnemar(int(worse), int(better)).p <= 0.05 / tests
                apart += boschloo(int(b), seeds, int(a), seeds, "greater").p <= 0.05 / tests
            row += [share(apart, times), share(paired, times)]
        rows.append(row)
    headings = ["seeds per side", "Boschloo", "McNemar", "Boschloo, correlation 0.5", "McNemar, correlation 0.5"]
    return tabulate(rows, headings, tablefmt="github")


def correlation_of_failures(suite: str, dataset: str) -> tuple[float, float]:
    """Return the mean correlation of failures of the same seed over pairs of cells, and its standard error."""
    failed = [pool.failed for pool in recorded(suite, dataset).pools if 0 < pool.failed.mean() < 1]
    pairs = np.corrcoef(failed)[np.triu_indices(len(failed), 1)]
    return float(pairs.mean()), float(pairs.std() / np.sqrt(len(pairs)))


if __name__ == "__main__":
    print(f"{ok_table()}\n\n{pairs_table()}\n\n{scale_table()}\n")
    for dataset in ("ring", "grid"):
        print(
            "{}: correlation of failures {:.2f} ± {:.2f}".format(
                dataset, *correlation_of_failures("techniques", dataset)
            )
        )
    print(f"\n{level_table(wanted=None if '--all' in sys.argv[1:] else SHOWN)}")
