"""Plans and tables on the terminal."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pandas as pd
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bench.costs import estimate_seconds, measured_speeds, shipped_speeds
from bench.planning import Run
from bench.records import paths_by_run
from bench.report import Report
from bench.report.tables import OTHERS, PUBLISHED, REAL, UNTRAINED
from bench.suite import Suite


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
            heading = "\n".join(column.rsplit(" ", 1)) if _is_measure(column) or column == OTHERS else column
            justify: Literal["left", "right"] = "right" if _is_measure(column) or column in TAIL else "left"
            table.add_column(heading, justify=justify, no_wrap=True)
        for row in frame[columns].itertuples(index=False):
            table.add_row(*map(escape, row), style="dim" if row[0].startswith((REAL, UNTRAINED, PUBLISHED)) else None)
        console.print(table)
        console.print()
    console.print("mean ± 95 % t interval over seeds; final: after the last step, best: over all evaluations")
    if hidden:
        console.print(f"in table.md, and in a wider terminal: {', '.join(hidden)}", highlight=False, markup=False)
    for path in [*report.tables, *report.figures]:
        console.print(f"wrote {path}", highlight=False, markup=False, soft_wrap=True)


TAIL = ("n", "converged", "steps/s")
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
