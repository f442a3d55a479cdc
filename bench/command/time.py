"""``ganbench time``: the training speed of the cells of a suite."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bench.command.options import cell_options, device_option, handle_errors
from bench.command.streams import say
from bench.command.values import parse_filters, parse_setting

if TYPE_CHECKING:
    from bench.plan.runs import Run


@click.command("time")
@click.argument("suite")
@cell_options
@click.option(
    "--rounds", type=click.IntRange(1, 10_000), default=5, show_default=True, help="Number of timings per cell."
)
@click.option(
    "--steps", type=click.IntRange(1, 1_000_000), default=100, show_default=True, help="Generator steps per timing."
)
@device_option
@click.option("--threads", type=click.IntRange(1, 1024), default=1, show_default=True, help="CPU threads of torch.")
@handle_errors
def time_cells(suite: str, settings: tuple[str, ...], only: tuple[str, ...], rounds: int, **arguments: Any) -> None:
    """Time the training of every cell of SUITE.

    SUITE is a name or a file. Cells are timed one after the other; each timing covers steady-state training and one
    evaluation. The machine must be otherwise idle. No run is recorded.
    """
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from bench.command.terminal import Terminal
    from bench.compute.timing import time_suite
    from bench.records.addresses import address_of
    from bench.report.speed import write_speed_table

    columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.description}"))
    console = Terminal(stderr=True)
    display = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
    task = display.add_task("", total=None)

    def begin(runs: list[Run]) -> None:
        display.update(task, total=(rounds + 1) * len(runs))

    def watch(run: Run, number: int) -> None:
        phase = "warming up" if number < 0 else f"round {number + 1} of {rounds}"
        display.update(task, advance=1, description=f"{phase}: {run}".rpartition(" · ")[0])

    try:
        with display:
            path = time_suite(
                suite,
                settings=dict(map(parse_setting, settings)),
                filters=parse_filters(only),
                rounds=rounds,
                begin=begin,
                watch=watch,
                **arguments,
            )
    except KeyboardInterrupt:
        say("ganbench: stopped; no timings were written", err=True)
        sys.exit(130)
    tables, address = write_speed_table(path.parent), address_of(path.parent)
    _show(path.parent, [f"{address}/{path.name}" if address else str(path), *map(str, tables)])


def _show(folder: Path, written: list[str]) -> None:
    """Print the table of timings, with as many columns as fit the terminal, and the files written."""
    from rich.markup import escape
    from rich.table import Table

    from bench.command.terminal import Terminal
    from bench.records.timing_results import describe_load, read_timings
    from bench.report.speed import format_speed, speed_note

    timings, console = read_timings(folder), Terminal()
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
    more = f" Columns not shown (see speed.md): {', '.join(hidden)}." if hidden else ""
    console.print(f"\n{speed_note(timings)}{more}", highlight=False, markup=False)
    for path in written:
        console.print(f"wrote {path}", highlight=False, markup=False, soft_wrap=True)
    if load := describe_load(timings):
        say(f"Warning: {load}; timings need an idle machine", err=True)
