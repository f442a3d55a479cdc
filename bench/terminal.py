"""Plans, tables and calibrations on the terminal."""

from __future__ import annotations

import csv
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pandas as pd
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bench.costs import estimate_seconds, measured_speeds, shipped_speeds
from bench.planning import Run
from bench.records import paths_by_run
from bench.report import Report
from bench.report.comparison import comparison_rows, conditions, headline
from bench.report.tables import FAILED, FAILURES, PUBLISHED, REAL, UNTRAINED
from bench.suite import Suite

if TYPE_CHECKING:
    from bench.calibration import Calibration
    from bench.compare import Comparison


def show_plan(suite: Suite, runs: list[Run], folder: Path) -> None:
    """Cells, runs, what of them is recorded, and what the rest will cost."""
    console = Console()
    speeds = {**shipped_speeds(), **measured_speeds(folder)}
    recorded = paths_by_run(folder)
    missing = [run for run in runs if run.id not in recorded]
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
    steps = sum(run.training.steps for run in missing)
    images = sum(run.training.steps * run.training.critic_steps * run.training.batch_size for run in missing)
    console.print(
        f"\n{len(cells)} cells, {len(runs)} runs, {len(runs) - len(missing)} recorded in {folder}. "
        f"To train: {len(missing)} runs, {steps:,} generator steps, {images:,} images for the critic, "
        f"{_cost(missing, speeds)} on one worker.",
        highlight=False,
        markup=False,
    )


def _cost(runs: list[Run], speeds: object) -> str:
    seconds = estimate_seconds(runs, speeds)  # type: ignore[arg-type]
    return "time unknown" if seconds is None else duration(seconds)


def show_report(report: Report) -> None:
    """One table a dataset, as many columns as the terminal is wide, then the paths of what was written."""
    console = Console()
    hidden: dict[str, None] = {}
    for dataset, frame in report.formatted.items():
        columns = fitting_columns(frame, console.width)
        hidden |= dict.fromkeys(column for column in frame if column not in columns)
        table = Table(title=escape(dataset), title_justify="left", title_style="bold", box=None, padding=(0, 1))
        for column in columns:
            heading = "\n".join(column.rsplit(" ", 1)) if _is_measure(column) or column == FAILURES else column
            justify: Literal["left", "right"] = "right" if _is_measure(column) or column in TAIL else "left"
            table.add_column(heading, justify=justify, no_wrap=True)
        for row in frame[columns].itertuples(index=False):
            table.add_row(*map(escape, row), style="dim" if row[0].startswith((REAL, UNTRAINED, PUBLISHED)) else None)
        console.print(table)
        console.print()
    console.print(
        "mean ± 95 % t interval over seeds, or geometric mean [interval]; final: after the last step, best: over all "
        "evaluations; failed: any outcome but converged",
        soft_wrap=True,
    )
    if hidden:
        console.print(f"in table.md, and in a wider terminal: {', '.join(hidden)}", highlight=False, markup=False)
    for path in [*report.tables, *report.figures]:
        console.print(f"wrote {path}", highlight=False, markup=False, soft_wrap=True)


def show_comparison(comparison: Comparison) -> None:
    """The verdict, a line a cell, and why each that is not OK is not."""
    console = Console()
    colours = {"REGRESSED": "bold red", "OK": "green", "INCONCLUSIVE": "yellow"}
    rows = comparison_rows(comparison)
    table = Table(box=None, padding=(0, 1))
    shown = [column for column in rows if column not in ("why", "runs")]
    for column in shown:
        left = column in (*comparison.axes, "verdict")
        table.add_column(column, justify="left" if left else "right", no_wrap=True)
    for row in rows[shown].itertuples(index=False):
        table.add_row(*(f"[{colours[text]}]{text}[/]" if text in colours else escape(text) for text in row))
    console.print(table)
    console.print()
    for cell in comparison.cells:
        if cell.verdict != "OK":
            line = f"[{colours[cell.verdict]}]{cell.verdict}[/] {escape(cell.name)}: {escape(cell.reason)}"
            console.print(line, highlight=False)
    console.print(f"\n{escape(conditions(comparison))}", highlight=False, style="dim")
    console.print(f"\n[{colours[comparison.verdict]}]{escape(headline(comparison))}[/]", highlight=False)


TAIL = (FAILED, "steps/s")
SECONDARY = ("KL", "confident", "quality", "EMA")


def _is_measure(column: str) -> bool:
    return column.endswith((" final", " best"))


def fitting_columns(frame: pd.DataFrame, width: int) -> list[str]:
    """The columns that a terminal has room for: the place in the matrix, n and failures first, then by importance."""

    def room(column: str) -> int:
        return 2 + max(len(line) for line in [*column.rsplit(" ", 1), *frame[column]])

    columns = list(frame)
    wanted = [column for column in columns if not _is_measure(column)]
    left = width - sum(map(room, wanted))
    measures = [column for column in columns if _is_measure(column)]
    measures.sort(key=lambda column: (column.endswith(" best"), any(word in column for word in SECONDARY)))
    for column in measures:
        if room(column) <= left:
            wanted.append(column)
            left -= room(column)
    return [column for column in columns if column in wanted]


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
