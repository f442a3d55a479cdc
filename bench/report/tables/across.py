"""Sections below the Markdown tables: ranks over datasets, failures by threshold, time to it, noise."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import pandas as pd

from bench.evidence.results import Evidence
from bench.evidence.states import judged
from bench.evidence.statistics import TimeToThreshold, failures_as_worst, rank_over_blocks, split_noise
from bench.evidence.step_times import step_times
from bench.notation import with_powers
from bench.report.tables.cell_summaries import second_measurements
from bench.report.tables.entries import ALPHA, format_number
from bench.report.tables.plain_text import to_markdown
from bench.report.tables.sensitivity import NOTE, failures_by_threshold
from bench.report.threshold_times import time_to_reach


class Section(NamedTuple):
    """A heading, a table of text, and a note below it."""

    heading: str
    frame: pd.DataFrame
    note: str


def sections(evidence: Evidence) -> Iterable[str]:
    """Yield the sections in Markdown, without those that have no rows."""
    for section in (_ranks(evidence), _sensitivity(evidence), _threshold_times(evidence), _noise(evidence)):
        if section is not None and len(section.frame):
            frame = section.frame.rename(columns=evidence.names)
            align = ["left" if frame[column].map(_is_word).all() else "right" for column in frame]
            axes = [evidence.names.get(axis, axis) for axis in ("dataset", *evidence.axes)]
            table = to_markdown(frame, axes, align)
            yield f"## {section.heading}\n\n{table}\n\n{section.note}\n"


def _is_word(text: str) -> bool:
    return not text[:1].isdigit() and text not in ("–", "∞")


def _cells(evidence: Evidence, dataset: str) -> Iterable[tuple[tuple[str, ...], pd.DataFrame]]:
    """The runs of every cell of a dataset, by its values on the axes that vary within any dataset."""
    in_dataset = evidence.runs[evidence.runs["dataset"] == dataset]
    for place, runs in in_dataset.groupby(evidence.varying(evidence.runs), sort=False, dropna=False):
        yield tuple(map(str, place)), runs


def _ranks(evidence: Evidence) -> Section | None:
    """Mean ranks of the cells that every dataset has, by the median run; failed runs rank worst."""
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
            if len(judged(runs))
        }
    common = set.intersection(*map(set, medians.values())) if len(medians) > 1 else set()
    if len(common) < 2:
        return None
    shared = {
        dataset: {place: cells[place] for place in cells if place in common} for dataset, cells in medians.items()
    }
    ranks = rank_over_blocks(shared, higher_is_better=False)
    axes = evidence.varying(evidence.runs)
    rows = [
        dict(zip(axes, place, strict=True)) | {"mean rank": f"{rank:.2f}"}
        for place, rank in sorted(ranks.mean.items(), key=lambda item: item[1])
    ]
    if math.isnan(ranks.test.p):
        test = "Friedman's test needs more than two cells"
    else:
        test = (
            f"Friedman's test of equal ranks: p = {_short(ranks.test.p)}; {ranks.blocks} datasets cannot give p below "
        )
        test += _short(ranks.test.smallest)
        if not ranks.test.detects(ALPHA):
            test += f", so it cannot detect a difference at {100 * ALPHA:g}%"
    note = (
        f"Mean rank over datasets (blocks) of the cells that all datasets have, by the primary measure of the median "
        f"run after the last step. Failed runs rank worst; ties share a rank. {test}."
    )
    return Section("Across datasets", pd.DataFrame(rows), note)


def _sensitivity(evidence: Evidence) -> Section:
    return Section("Failures with other thresholds", failures_by_threshold(evidence), NOTE)


def _short(p: float) -> str:
    return with_powers(format(p, ".2g"))


def _threshold_times(evidence: Evidence) -> Section:
    rows = []
    for dataset in evidence.datasets():
        times, axes = step_times(evidence, dataset), evidence.varying(evidence.runs)
        for place, runs in _cells(evidence, dataset):
            if runs["reach"].isna().all() or judged(runs).empty:
                continue
            steps = time_to_reach(runs)
            rows.append(
                {
                    "dataset": dataset,
                    **dict(zip(axes, place, strict=True)),
                    "reached": f"{steps.reached}/{steps.n}",
                    "steps": _format_time(steps, ",.0f"),
                    **_seconds(steps, times.get(str(runs["run"].iloc[0]))),
                }
            )
    note = (
        "Median number of generator steps until the primary measure first reached the suite's threshold "
        "(Kaplan–Meier), with its 95% CI (Brookmeyer–Crowley). Runs that did not reach it are censored at their end, "
        "diverged ones at the end of the longest run of their cell. ∞: fewer than half of the runs reached it, or the "
        "interval has no upper end."
    )
    if any("seconds" in row for row in rows):
        note += " Seconds: steps, times the seconds per step of the cell, timed alone (ganbench time)."
    return Section("Time to the threshold", pd.DataFrame(rows).fillna("–"), note)


def _seconds(steps: TimeToThreshold, per_step: float | None) -> dict[str, str]:
    """Return the entry of a cell in seconds; none unless it was timed alone."""
    if per_step is None:
        return {}
    median, low, high = (per_step * value for value in steps[:3])
    return {"seconds": _format_time(steps._replace(median=median, low=low, high=high), ".3g")}


def _format_time(time: TimeToThreshold, spec: str) -> str:
    def text(value: float) -> str:
        return "∞" if math.isinf(value) else "–" if math.isnan(value) else format_number(value, 1, spec)

    return f"{text(time.median)} [{text(time.low)}, {text(time.high)}]"


def _noise(evidence: Evidence) -> Section:
    """How much of the variation over runs comes from the seeds, and how much from the samples of the metric."""
    rows = []
    for dataset in evidence.datasets():
        name = evidence.primary(dataset)
        if name is None:
            continue
        about = evidence.describe(name)
        for place, runs in _cells(evidence, dataset):
            noise = split_noise(runs[f"{name}_final"], second_measurements(evidence, runs, name))
            if noise.n < 2:
                continue
            rows.append(
                {
                    "dataset": dataset,
                    **dict(zip(evidence.varying(evidence.runs), place, strict=True)),
                    f"{about.label}: SD over seeds": format_number(noise.seeds, about.scale, about.spec),
                    f"{about.label}: SD over samples": format_number(noise.sampling, about.scale, about.spec),
                }
            )
    note = (
        "Standard deviation of the final primary measure over seeds, and over the samples it was computed on. The last "
        "generator of each run was evaluated on two sets of samples; one-way random effects split the variance. More "
        "samples reduce the second; more seeds reduce neither, but estimate both more precisely."
    )
    return Section("Noise of seeds, noise of samples", pd.DataFrame(rows).fillna("–"), note)
