"""Plans and calibrations on the terminal."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table

from bench.catalogue import find
from bench.catalogue.extractors import EXTRACTORS
from bench.catalogue.extractors.sample_sizes import describe_bias
from bench.command.show_search import describe_search
from bench.command.terminal import Terminal
from bench.plan.confirmation import technique_axes
from bench.plan.grouping import group_by_pack_key, pack_label, timing_key
from bench.plan.runs import Run
from bench.plan.soundness import unsound_combinations
from bench.plan.suite import Suite, describe_namesake
from bench.plan.throughput import rates_by_device
from bench.plan.updates import critic_batches
from bench.records.addresses import place_of
from bench.records.costs import estimate_seconds, measured_speeds, shipped_speeds
from bench.records.record import paths_by_run

if TYPE_CHECKING:
    from bench.compute.calibration import Calibration


def show_plan(suite: Suite, runs: list[Run], folder: Path, seeds: tuple[int, ...] | None = None) -> None:
    """Print the cells and runs of a suite, how many are recorded, and how long training the others will take.

    Args:
        suite: The suite.
        runs: Its runs; of a search the tuning runs, which are shown by technique.
        folder: The results folder.
        seeds: The seeds that confirm a search, instead of the suite's.
    """
    console = Terminal()
    recorded = paths_by_run(folder)
    missing = [run for run in runs if run.id not in recorded]
    speeds = {**shipped_speeds(), **measured_speeds(folder)} if missing or suite.search else {}
    table = Table(title=escape(f"{suite.name} version {suite.version}: {suite.title}"), title_justify="left", box=None)
    axes = list(technique_axes(runs[0].axes))
    for axis in axes:
        table.add_column(axis)
    for heading in ("runs" if suite.search else "seeds", "recorded", "steps", "critic steps", "time left"):
        table.add_column(heading, justify="right")
    cells: dict[tuple[object, ...], list[Run]] = {}
    for run in runs:
        cells.setdefault(tuple(technique_axes(run.axes).values()), []).append(run)
    for labels, cell in cells.items():
        missing_here = [run for run in cell if run.id not in recorded]
        trainings = [run.training for run in cell]
        table.add_row(
            *(escape(str(label)) for label in labels),
            str(len(cell)),
            str(len(cell) - len(missing_here)),
            _range([training.steps for training in trainings]),
            _range([training.steps * training.critic_steps * training.is_gan for training in trainings]),
            _estimated_time(missing_here, speeds),
        )
    noun = "technique" if suite.search else "cell"
    console.print(table)
    console.print(
        f"\n{_counted(len(cells), noun)}, {_counted(len(runs), 'run')}, {len(runs) - len(missing)} recorded "
        + f"in {place_of(folder)}. "
        + (_work(missing, speeds) if missing else "Nothing to train."),
        highlight=False,
        markup=False,
    )
    found = dict.fromkeys(run.found for run in runs if run.found)
    unsound = unsound_combinations(run.training for run in runs)
    packs = _packs(missing)
    if suite.search:  # most groups are small, and there are many
        packs = describe_search(suite, runs, seeds or suite.seeds, folder, lambda each: _estimated_time(each, speeds))
    for line in (*found, *packs, *_too_few_samples(runs), *unsound, *describe_namesake(suite)):
        console.print(line, highlight=False, markup=False)


def _range(values: list[int]) -> str:
    low, high = min(values), max(values)
    return f"{low:,}" if low == high else f"{low:,}–{high:,}"


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _who(runs: list[Run]) -> str:
    """Return whose samples are counted: those of critics, and of models without one."""
    gans = {run.training.is_gan for run in runs}
    return "critics and models" if len(gans) > 1 else "the model" if gans == {False} else "the critic"


def _work(missing: list[Run], speeds: object) -> str:
    steps = sum(run.training.steps for run in missing)
    samples = sum(run.training.steps * critic_batches(run.training) * run.training.batch_size for run in missing)
    return (
        f"To train: {_counted(len(missing), 'run')}, {steps:,} generator steps, {samples:,} samples "
        f"seen by {_who(missing)}; estimated time on one worker, without packs: {_estimated_time(missing, speeds)}."
    )


def _packs(missing: list[Run]) -> Iterator[str]:
    """Yield one line per group of runs that can share a pack, with the pack size where this machine measured it."""
    for group in group_by_pack_key(missing):
        if len(group) == 1:
            continue
        runs = f"{len(group)} runs of {group[0].training.dataset} · {pack_label(group[0])}"
        measured = rates_by_device(timing_key(group[0]))
        if not measured:
            yield f"{runs} can share packs; the pack size is tuned when training starts (--pack)."
        for device, rates in measured.items():
            size = min(len(group), rates.best())
            reason = f" ({rates.alone})" if rates.alone else ""
            how = f"in packs of up to {size}" if size > 1 else f"one at a time{reason}"
            yield f"{runs} train {how}, as measured on {device}."


def _too_few_samples(runs: list[Run]) -> Iterator[str]:
    """Yield one line per dataset whose Fréchet distance will be computed from too few samples."""
    for run in {run.training.dataset: run for run in runs}.values():
        dataset, evaluation = run.training.dataset, run.evaluation
        entry = find("dataset", dataset.name)
        known = EXTRACTORS.get(entry.extractor)
        if known and any(metric.name == "frechet" for metric in evaluation.metrics):
            shape = entry.shape(dataset.options)
            counts = {"generated samples": evaluation.samples}
            if bias := describe_bias(known.distance.upper(), entry.extractor, shape, counts):
                yield f"Warning: {dataset}: {bias}"


def _estimated_time(runs: list[Run], speeds: object) -> str:
    seconds = estimate_seconds(runs, speeds)  # type: ignore[arg-type]
    return "unknown" if seconds is None else duration(seconds)


def duration(seconds: float) -> str:
    """Return seconds as text: 42 s, 3 min 20 s, 2 h 05 min."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def _cannot_tell(calibration: Calibration) -> Iterator[str]:
    """Yield one line about the measures that can classify runs, but by which real data is no better than untrained."""
    candidates = [level for level in calibration.levels if level.about.primary_rank is not None]
    labels = [
        level.about.label
        for level in candidates
        if (level.real <= level.mean if level.about.higher_is_better else level.real >= level.mean)
    ]
    if labels:
        yield (
            f"real data is no better than untrained generators by {', '.join(labels)}: runs that are classified by "
            f"this cannot be judged (unresolved)"
        )


def write_calibration(calibration: Calibration) -> None:
    """Write a calibration as CSV: one row per measure, in the unit of the measure, with the whole protocol."""
    protocol = {
        "dataset": calibration.training.dataset,
        "architecture": calibration.training.architecture,
        "latent": calibration.training.latent,
        **calibration.protocol,
    }
    rows = [
        {
            "measure": level.name,
            "real": level.real,
            "untrained_mean": level.mean,
            "untrained_deviation": level.deviation,
            "untrained_n": len(level.untrained),
            **protocol,
        }
        for level in calibration.levels
    ]
    writer = csv.DictWriter(sys.stdout, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)


def show_calibration(calibration: Calibration) -> None:
    """Print a calibration: one row per measure, then how the values were measured."""
    from bench.report.tables.entries import format_number  # scipy

    console = Terminal()
    table = Table(title=escape(str(calibration.training.dataset)), title_justify="left", title_style="bold", box=None)
    table.add_column("measure")
    for heading in ("real data", "untrained", "better"):
        table.add_column(heading, justify="right", no_wrap=True)
    for level in calibration.levels:
        about = level.about
        levels = (level.real, level.mean, level.deviation)
        real, mean, deviation = (format_number(value, about.scale, about.spec) or "nan" for value in levels)
        untrained = f"{mean} ± {deviation}" if len(level.untrained) > 1 else mean
        better = {True: "higher", False: "lower", None: "–"}[about.higher_is_better]
        table.add_row(escape(about.label), real, untrained, better)
    console.print(table)
    protocol, training, count = calibration.protocol, calibration.training, len(calibration.levels[0].untrained)
    notes = [
        f"real data: {protocol['real_samples']:,} samples of the test split; reference: "
        f"{protocol['reference_samples']:,} samples of the training split; features: {protocol['extractor']}",
        f"untrained: {training.architecture}, latent {training.latent}, {protocol['samples']:,} samples, "
        + (f"mean ± standard deviation over {count} seeds" if count > 1 else "one seed"),
        *(f"not measured: {name} (needs {requirement})" for name, requirement in calibration.refused.items()),
        *_cannot_tell(calibration),
    ]
    console.print()
    for line in notes:
        console.print(line, highlight=False, markup=False, soft_wrap=True)
