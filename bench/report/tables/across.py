"""What is said across datasets, and of time and noise: sections below the tables of Markdown."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
import pandas as pd

from bench.evidence.results import Evidence
from bench.evidence.states import State
from bench.evidence.statistics import (
    TimeToThreshold,
    failures_as_worst,
    rank_over_blocks,
    split_noise,
    time_to_threshold,
)
from bench.report.tables.cell_summaries import again
from bench.report.tables.entries import ALPHA, number


def sections(evidence: Evidence) -> Iterable[str]:
    """Ranks over datasets, time to the threshold and the noise of the metric, where there is something to say."""
    for heading, frame, note in (_ranks(evidence), _times(evidence), _noise(evidence)):
        if len(frame):
            align = ["left" if frame[column].map(_is_word).all() else "right" for column in frame]
            table = frame.to_markdown(index=False, colalign=align, disable_numparse=True)
            yield f"## {heading}\n\n{table}\n\n{note}\n"


def _is_word(text: str) -> bool:
    return not text[:1].isdigit() and text not in ("–", "∞")


def _cells(evidence: Evidence, dataset: str) -> Iterable[tuple[tuple[str, ...], pd.DataFrame]]:
    """The runs of every cell of a dataset by its place on all other axes that vary anywhere."""
    here = evidence.runs[evidence.runs["dataset"] == dataset]
    for place, runs in here.groupby(evidence.varying(evidence.runs), sort=False, dropna=False):
        yield tuple(map(str, place)), runs


def _ranks(evidence: Evidence) -> tuple[str, pd.DataFrame, str]:
    """Cells that every dataset has, ranked within each by the median run; failed runs are the worst."""
    medians: dict[str, dict[tuple[str, ...], float]] = {}
    for dataset in evidence.datasets():
        name = evidence.primary(dataset)
        if name is None:
            continue
        higher = bool(evidence.describe(name).higher_is_better)
        sign = -1.0 if higher else 1.0
        medians[dataset] = {
            place: sign * float(np.median(failures_as_worst(runs, f"{name}_final", higher)))
            for place, runs in _cells(evidence, dataset)
        }
    common = set.intersection(*(set(each) for each in medians.values())) if len(medians) > 1 else set()
    if len(common) < 2:
        return "", pd.DataFrame(), ""
    shared = {dataset: {place: each[place] for place in each if place in common} for dataset, each in medians.items()}
    found = rank_over_blocks(shared, higher_is_better=False)
    axes = evidence.varying(evidence.runs)
    rows = [
        dict(zip(axes, place, strict=True)) | {"mean rank": f"{rank:.2f}"}
        for place, rank in sorted(found.mean.items(), key=lambda each: each[1])
    ]
    test = (
        f"Friedman's test that all are equal: p = {found.test.p:.2g}; the smallest that {found.blocks} datasets can "
        f"give is {found.test.smallest:.2g}"
        + ("" if found.test.detects(ALPHA) else f", so that it cannot detect a difference at {100 * ALPHA:g} %")
        if not math.isnan(found.test.p)
        else "two cells are too few for Friedman's test"
    )
    note = (
        f"Mean rank over datasets, each a block, of the cells that all have, by the median run's primary measure after "
        f"the last step; failed runs are the worst, ties share a rank. {test}."
    )
    return "Across datasets", pd.DataFrame(rows), note


def _times(evidence: Evidence) -> tuple[str, pd.DataFrame, str]:
    """Median steps and seconds to what the suite calls reached; runs that did not come there are censored."""
    rows = []
    for dataset in evidence.datasets():
        axes = evidence.varying(evidence.runs)
        for place, runs in _cells(evidence, dataset):
            if runs["reach"].isna().all():
                continue
            last = _watched(runs, "steps_done"), _watched(runs, "training_seconds")
            steps, seconds = (
                time_to_threshold(runs[f"{unit}_to_threshold"].fillna(end), runs["reached"])
                for unit, end in zip(("steps", "seconds"), last, strict=True)
            )
            rows.append(
                {
                    "dataset": dataset,
                    **dict(zip(axes, place, strict=True)),
                    "reached": f"{steps.reached}/{steps.n}",
                    "steps": _time(steps, ",.0f"),
                    "seconds": _time(seconds, ".3g"),
                }
            )
    note = (
        "Median time until the primary measure first reached the suite's threshold (Kaplan and Meier; 95 % interval "
        "of Brookmeyer and Crowley); runs that did not come there are censored at their end, diverged ones at the "
        "latest of their cell; ∞: in less than half of the runs, or no end of the interval."
    )
    return "Time to the threshold", pd.DataFrame(rows), note


def _watched(runs: pd.DataFrame, column: str) -> pd.Series:
    """How long each run was watched; a diverged one as long as any, for it would never have come there."""
    ends = runs[column].astype(float)
    return ends.where(runs["outcome"] != State.DIVERGED, ends.max())


def _time(found: TimeToThreshold, spec: str) -> str:
    def told(value: float) -> str:
        return "∞" if math.isinf(value) else "–" if math.isnan(value) else format(value, spec)

    return f"{told(found.median)} [{told(found.low)}, {told(found.high)}]"


def _noise(evidence: Evidence) -> tuple[str, pd.DataFrame, str]:
    """How much of the spread over runs is of the seeds, and how much of the samples that the metric took."""
    rows = []
    for dataset in evidence.datasets():
        name = evidence.primary(dataset)
        if name is None:
            continue
        about = evidence.describe(name)
        for place, runs in _cells(evidence, dataset):
            found = split_noise(runs[f"{name}_final"], again(evidence, runs, name))
            if found.n < 2:
                continue
            rows.append(
                {
                    "dataset": dataset,
                    **dict(zip(evidence.varying(evidence.runs), place, strict=True)),
                    f"{about.label}: deviation over seeds": number(found.seeds, about.scale, about.spec),
                    f"{about.label}: deviation over samples": number(found.sampling, about.scale, about.spec),
                }
            )
    note = (
        "Standard deviation of the primary measure after the last step over seeds alone, and over the samples that it "
        "was taken of: the last generator of each run was measured on two sets of samples, and the variance split by "
        "one-way random effects. More samples lessen the second; more seeds lessen neither, but say it better."
    )
    return "Noise of seeds, noise of samples", pd.DataFrame(rows).fillna("–"), note
