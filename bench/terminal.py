"""Plans and tables on the terminal."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.costs import estimate_seconds, measured_speeds, shipped_speeds
from bench.planning import Run
from bench.report import Report
from bench.suite import Suite


def show_plan(suite: Suite, runs: list[Run], folder: Path) -> None:
    """Cells, runs, what of them is recorded, and what the rest will cost."""
    console = Console()
    speeds = {**shipped_speeds(), **measured_speeds(folder)}
    missing = [run for run in runs if not (folder / "records" / run.file_name).exists()]
    table = Table(title=f"{suite.name} version {suite.version}: {suite.title}", title_justify="left", box=None)
    axes = list(runs[0].axes)
    for axis in axes:
        table.add_column(axis)
    for heading in ("seeds", "recorded", "steps", "critic steps", "estimated"):
        table.add_column(heading, justify="right")
    cells: dict[tuple[object, ...], list[Run]] = {}
    for run in runs:
        cells.setdefault(tuple(run.axes.values()), []).append(run)
    for place, cell in cells.items():
        left = [run for run in cell if run in missing]
        training = cell[0].training
        table.add_row(
            *map(str, place),
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
        f"{_cost(missing, speeds)} on one worker (from runs measured on a CPU thread).",
        highlight=False,
    )


def _cost(runs: list[Run], speeds: object) -> str:
    seconds = estimate_seconds(runs, speeds)  # type: ignore[arg-type]
    return "time unknown" if seconds is None else duration(seconds)


def show_tables(report: Report) -> None:
    """One table a dataset, then the paths of what was written."""
    console = Console()
    for dataset, text in report.text.items():
        header, *rows = csv.reader(io.StringIO(text), delimiter="\t")
        table = Table(title=dataset, title_justify="left", title_style="bold", box=None, padding=(0, 1))
        for column in header:
            table.add_column(column, justify="left" if column in ("loss", "architecture") else "right")
        for row in rows:
            table.add_row(*row, style="dim" if row[0] == "real data" else None)
        console.print(table)
        console.print()
    console.print("mean ± 95 % t interval over seeds; final: after the last step, best: over all evaluations")
    for path in [*report.tables, *report.figures]:
        console.print(f"wrote {path}", highlight=False)


def duration(seconds: float) -> str:
    """Seconds for a reader: 42 s, 3 min 20 s, 2 h 05 min."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
