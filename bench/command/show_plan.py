"""Plans and calibrations on the terminal."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bench.plan.grouping import kind, parts, program
from bench.plan.runs import Run
from bench.plan.suite import Suite
from bench.plan.throughput import devices_known
from bench.records.costs import estimate_seconds, measured_speeds, shipped_speeds
from bench.records.record import paths_by_run

if TYPE_CHECKING:
    from bench.compute.calibration import Calibration


def show_plan(suite: Suite, runs: list[Run], folder: Path) -> None:
    """Cells, runs, what of them is recorded, and what the rest will cost."""
    console = Console()
    recorded = paths_by_run(folder)
    missing = [run for run in runs if run.id not in recorded]
    speeds = {**shipped_speeds(), **measured_speeds(folder)} if missing else {}
    table = Table(title=escape(f"{suite.name} version {suite.version}: {suite.title}"), title_justify="left", box=None)
    axes = list(runs[0].axes)
    for axis in axes:
        table.add_column(axis)
    for heading in ("seeds", "recorded", "steps", "critic steps", "estimated"):
        table.add_column(heading, justify="right")
    cells: dict[tuple[object, ...], list[Run]] = {}
    for run in runs:
        cells.setdefault(tuple(run.axes.values()), []).append(run)
    for place, cell in cells.items():
        left = [run for run in cell if run.id not in recorded]
        training = cell[0].training
        table.add_row(
            *(escape(str(label)) for label in place),
            str(len(cell)),
            str(len(cell) - len(left)),
            f"{training.steps:,}",
            f"{training.steps * training.critic_steps:,}",
            _cost(left, speeds),
        )
    console.print(table)
    console.print(
        f"\n{len(cells)} cells, {len(runs)} runs, {len(runs) - len(missing)} recorded in {folder}. "
        + (_work(missing, speeds) if missing else "Nothing is left to train."),
        highlight=False,
        markup=False,
    )
    for line in _packs(missing):
        console.print(line, highlight=False, markup=False)


def _work(missing: list[Run], speeds: object) -> str:
    steps = sum(run.training.steps for run in missing)
    images = sum(run.training.steps * run.training.critic_steps * run.training.batch_size for run in missing)
    return (
        f"To train: {len(missing)} runs, {steps:,} generator steps, {images:,} images for the critic, "
        f"{_cost(missing, speeds)} on one worker, each alone."
    )


def _packs(missing: list[Run]) -> Iterator[str]:
    """How many runs will train as one program, as far as this machine has measured it."""
    kinds: dict[str, list[Run]] = {}
    for run in missing:
        kinds.setdefault(kind(run), []).append(run)
    for alike in kinds.values():
        if len(alike) == 1:
            continue
        what = f"{len(alike)} runs of {alike[0].training.dataset} · {parts(alike[0])}"
        known = devices_known(program(alike[0]))
        if not known:
            yield f"{what} can train as packs; how many at once pays is measured when they run (--pack)."
        for device, rates in known.items():
            size = min(len(alike), rates.best())
            how = f"in packs of up to {size}" if size > 1 else f"alone{f' ({rates.alone})' if rates.alone else ''}"
            yield f"{what} train {how}, as measured on {device}."


def _cost(runs: list[Run], speeds: object) -> str:
    seconds = estimate_seconds(runs, speeds)  # type: ignore[arg-type]
    return "time unknown" if seconds is None else duration(seconds)


def duration(seconds: float) -> str:
    """Seconds for a reader: 42 s, 3 min 20 s, 2 h 05 min."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def write_calibration(found: Calibration) -> None:
    """One line a measure in its own unit, each with the whole protocol."""
    place = {
        "dataset": found.training.dataset,
        "architecture": found.training.architecture,
        "latent": found.training.latent,
        **found.protocol,
    }
    rows = [
        {
            "measure": level.name,
            "real": level.real,
            "untrained_mean": level.mean,
            "untrained_deviation": level.deviation,
            "untrained_n": len(level.untrained),
            **place,
        }
        for level in found.levels
    ]
    writer = csv.DictWriter(sys.stdout, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)


def show_calibration(found: Calibration) -> None:
    """A line per measure, and what the values are of."""
    console = Console()
    table = Table(title=escape(str(found.training.dataset)), title_justify="left", title_style="bold", box=None)
    table.add_column("measure")
    for heading in ("real data", "untrained", "better"):
        table.add_column(heading, justify="right", no_wrap=True)
    for level in found.levels:
        about = level.about
        real, mean, deviation = (f"{v * about.scale:{about.spec}}" for v in (level.real, level.mean, level.deviation))
        untrained = f"{mean} ± {deviation}" if len(level.untrained) > 1 else mean
        better = {True: "higher", False: "lower", None: "–"}[about.higher_is_better]
        table.add_row(escape(about.label), real, untrained, better)
    console.print(table)
    protocol, count = found.protocol, len(found.levels[0].untrained)
    told = [
        f"real data: {protocol['real_samples']:,} samples of the test split; reference: training split, "
        f"{protocol['reference_samples']:,}; features: {protocol['extractor']}",
        f"untrained: {found.training.architecture}, latent {found.training.latent}, {protocol['samples']:,} samples, "
        + (f"mean ± standard deviation over {count} seeds" if count > 1 else "one seed"),
        *(f"not measured: {name}, which needs {wanted}" for name, wanted in found.refused.items()),
    ]
    console.print()
    for line in told:
        console.print(line, highlight=False, markup=False, soft_wrap=True)
