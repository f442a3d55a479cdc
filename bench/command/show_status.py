"""How far suites are, on the terminal and as JSON."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence

from rich.markup import escape
from rich.table import Table

from bench.command.streams import write_data
from bench.command.terminal import Terminal
from bench.escaping import as_label, as_message
from bench.evidence.standing import Progress, RunStanding, Standing
from bench.records.addresses import place_of

SHOWN = 10  # errors
COLOURS = {Standing.RUNNING: "green", Standing.INTERRUPTED: "yellow", Standing.FAILED: "bold red"}


def show_status(found: Sequence[Progress]) -> None:
    """Print a row per cell of a suite, or per suite if there are several; then outcomes, and errors of failed runs."""
    console = Terminal()
    if len(found) == 1:
        (progress,) = found
        rows = [(list(labels), runs) for labels, runs in progress.cells().items()]
        console.print(_table(place_of(progress.folder), progress.varying_axes(), rows))
    else:
        console.print(_table("", ["suite"], [([progress.folder.name], progress.runs) for progress in found]))
    runs = [run for progress in found for run in progress.runs]
    console.print(f"\n{_total(runs)}", highlight=False, markup=False, soft_wrap=True)
    outcomes = Counter(run.outcome for run in runs if run.outcome)
    if outcomes:
        text = ", ".join(f"{number:,} {outcome}" for outcome, number in outcomes.most_common())
        console.print(f"Outcomes: {text}", highlight=False, markup=False, soft_wrap=True)
    _show_errors(console, runs)


def _show_errors(console: Terminal, runs: Sequence[RunStanding]) -> None:
    """Print each error once, with the first run that failed with it."""
    errors: dict[str, list[RunStanding]] = {}
    for run in runs:
        if run.standing == Standing.FAILED:
            errors.setdefault(run.error, []).append(run)
    for error, failed in list(errors.items())[:SHOWN]:
        others = f" and {len(failed) - 1} more" if len(failed) > 1 else ""
        text = escape(f"{as_label(failed[0].name)}{others}: {as_message(error)}")
        console.print(f"[bold red]failed[/] {text}", highlight=False, soft_wrap=True)
    if len(errors) > SHOWN:
        console.print(f"and {len(errors) - SHOWN} other errors (--format json has all)", highlight=False)


def _table(title: str, headings: Sequence[str], rows: Sequence[tuple[list[str], list[RunStanding]]]) -> Table:
    """Return a table with the number of runs per row and standing, without standings that no run has."""
    counts = [Counter(run.standing for run in runs) for _, runs in rows]
    shown = [each for each in Standing if each == Standing.RECORDED or any(count[each] for count in counts)]
    table = Table(title=escape(title) or None, title_justify="left", title_style="bold", box=None)
    for heading in headings:
        table.add_column(escape(as_label(heading)))
    for heading in ("runs", *shown):
        table.add_column(heading, justify="right")
    for (labels, runs), count in zip(rows, counts, strict=True):
        numbers = [
            f"[{COLOURS[each]}]{count[each]}[/]" if count[each] and each in COLOURS else str(count[each] or "·")
            for each in shown
        ]
        table.add_row(*(escape(as_label(label or "–")) for label in labels), str(len(runs)), *numbers)
    return table


def _total(runs: Sequence[RunStanding]) -> str:
    count = Counter(run.standing for run in runs)
    parts = ", ".join(f"{count[each]:,} {each}" for each in Standing if count[each])
    return f"1 run: {parts}" if len(runs) == 1 else f"{len(runs):,} runs: {parts}"


def write_json(found: Sequence[Progress]) -> None:
    """Write every run with where it stands."""
    content = [
        {
            "folder": place_of(progress.folder),
            "counts": {each.value: progress.count(each) for each in Standing},
            "runs": [{**vars(run), "axes": {**run.axes}, "standing": run.standing.value} for run in progress.runs],
        }
        for progress in found
    ]
    write_data(json.dumps(content, indent=2, ensure_ascii=False) + "\n", "json")
