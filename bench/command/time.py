"""``ganbench time``: how fast the cells of a suite train."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bench.command.options import parse_filters, parse_setting, selection_of_cells, verb

if TYPE_CHECKING:
    from bench.plan.runs import Run

BUSY = 0.5  # a load average that a warning is worth


@click.command("time")
@click.argument("suite")
@selection_of_cells
@click.option(
    "--rounds", type=click.IntRange(min=1), default=5, show_default=True, help="How often each cell is timed."
)
@click.option("--steps", type=click.IntRange(min=1), default=100, show_default=True, help="Generator steps of a round.")
@click.option("--device", default="auto", show_default=True, metavar="auto|cpu|cuda|cuda:N|mps", help="Where to train.")
@click.option("--threads", type=click.IntRange(min=1), default=1, show_default=True, help="Of torch, on the CPU.")
@verb
def time_cells(suite: str, settings: tuple[str, ...], only: tuple[str, ...], rounds: int, **options: Any) -> None:
    """Time each cell of SUITE, a name or a file, alone and one after another; no run is recorded.

    Training in steady state and one evaluation, in several rounds over all cells. Leave the machine alone meanwhile.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from bench.compute.timing import time_suite
    from bench.report.speed import write_speed_table

    columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.description}"))
    console = Console(stderr=True)
    display = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
    task = display.add_task("", total=None)

    def begin(runs: list[Run]) -> None:
        display.update(task, total=(rounds + 1) * len(runs))

    def watch(run: Run, number: int) -> None:
        told = "warming up" if number < 0 else f"round {number + 1} of {rounds}"
        display.update(task, advance=1, description=f"{told}: {run}".rpartition(" · ")[0])

    try:
        with display:
            path = time_suite(
                suite,
                settings=dict(map(parse_setting, settings)),
                filters=parse_filters(only),
                rounds=rounds,
                begin=begin,
                watch=watch,
                **options,
            )
    except KeyboardInterrupt:
        click.echo("ganbench: stopped; no timings were written", err=True)
        sys.exit(130)
    _show(path.parent, [path, *write_speed_table(path.parent)])


def _show(folder: Path, written: list[Path]) -> None:
    """The table, as many columns as the terminal is wide, and the paths of what was written."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from bench.records.timing_results import read_timings
    from bench.report.speed import format_speed, speed_note

    timings, console = read_timings(folder), Console()
    frame = format_speed(timings)
    widths = {column: 2 + max(map(len, [column, *frame[column]])) for column in frame}
    hidden = []
    for column in ("peak MiB", "images/s", "s/evaluation"):
        if sum(width for column, width in widths.items() if column not in hidden) > console.width:
            hidden.append(column)
    table = Table(title=escape(timings.title or timings.suite), title_justify="left", title_style="bold", box=None)
    shown = frame.drop(columns=hidden)
    for column in shown:
        table.add_column(escape(column), justify="left" if column in timings.axes else "right", no_wrap=True)
    for row in shown.itertuples(index=False):
        table.add_row(*map(escape, row))
    console.print(table)
    more = f" In speed.md, and in a wider terminal: {', '.join(hidden)}." if hidden else ""
    console.print(f"\n{speed_note(timings)}{more}", highlight=False, markup=False)
    for path in written:
        console.print(f"wrote {path}", highlight=False, markup=False, soft_wrap=True)
    load = timings.environment["load_average"]
    if load is not None and load > BUSY:
        click.echo(f"the machine had other work before (load average {load:.2f}): time on an idle one", err=True)
