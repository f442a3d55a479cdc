"""``ganbench import``: results of other code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from bench.command.next_command import report_command
from bench.command.options import handle_errors, results_option
from bench.command.streams import say
from bench.command.values import parse_value

if TYPE_CHECKING:
    from bench.records.external.import_table import Imported


@click.command("import")
@click.argument("tables", nargs=-1, required=True, metavar="TABLE...")
@click.option("--suite", required=True, metavar="NAME", help="Name of the results folder and the report.")
@click.option(
    "--map",
    "mapped",
    multiple=True,
    metavar="COLUMN=ROLE",
    help="Role of a column: dataset, seed, step, fid, ... FILE:COLUMN=ROLE applies only to files of this name. "
    "COLUMN may be a pattern such as '{loss}-s{seed} - fid'. Repeatable.",
)
@click.option(
    "--set",
    "fixed",
    multiple=True,
    metavar="ROLE=VALUE",
    help="Value of a role without a column, for example dataset=cifar10. Repeatable.",
)
@click.option(
    "--lower", multiple=True, metavar="MEASURE", help="A measure of your own for which lower is better. Repeatable."
)
@click.option(
    "--higher", multiple=True, metavar="MEASURE", help="A measure of your own for which higher is better. Repeatable."
)
@click.option(
    "--protocol",
    multiple=True,
    metavar="KEY=VALUE",
    help="A setting of the evaluation, for example extractor=inception or samples=50000. Repeatable.",
)
@click.option(
    "--real",
    multiple=True,
    metavar="MEASURE=VALUE",
    help="The value of a measure on real data, for example modes=8. Repeatable.",
)
@click.option(
    "--outcome",
    multiple=True,
    metavar="KEY=VALUE",
    help="An outcome threshold, for example tau=20. Repeatable.",
)
@results_option
@click.option("--version", type=click.IntRange(min=1), default=1, show_default=True, help="Version of the experiment.")
@click.option("--title", default="", help="Title of the report. [default: the name of the suite]")
@click.option(
    "--separator",
    metavar="CHARACTER",
    help="Separator of a text file. [default: a tab for .tsv and .tab, else a comma]",
)
@click.option("--decimal", default=".", metavar="CHARACTER", help="Decimal mark of numbers in text. [default: .]")
@click.option(
    "--thousands", default="", metavar="CHARACTER", help="Mark between groups of three digits. [default: none]"
)
@click.option(
    "--percent",
    multiple=True,
    metavar="COLUMN",
    help="A column of percentages, with or without the sign: 93 becomes 0.93. Repeatable.",
)
@click.option(
    "--repeated-steps",
    type=click.Choice(["error", "last"]),
    default="error",
    show_default=True,
    help="What to do if a measure has several values at a step of a run: refuse the table, or keep the last value.",
)
@click.option("--replace", is_flag=True, help="Replace existing records of the same runs.")
@handle_errors
def import_results(tables: tuple[str, ...], mapped: tuple[str, ...], **arguments: Any) -> None:
    """Record the results of other code.

    TABLE is a .csv, .tsv, .json, .jsonl or .parquet file with one row per run, or one row per run and step. In wide
    form, each measure has its own column. In long form, each value has its own row: map one column to "measure" and one
    to "value". Several files are joined by run and step. A quoted pattern, such as 'runs/{loss}-s{seed}.csv', reads
    roles from the names of files. A folder means the TensorBoard event files in it, or else the tables in it.

    Required roles: dataset, architecture, loss, seed, step. Optional: seconds, outcome (true if the run failed),
    reason, steps, batch_size, critic_steps, measures (for example fid) and training losses (for example critic_loss).
    Any other name becomes an axis. If there is an error, nothing is recorded.
    """
    from bench.records.addresses import place_of
    from bench.records.external.import_table import import_table

    for name, option in (("fixed", "set"), ("protocol", "protocol"), ("real", "real"), ("outcome", "outcome")):
        arguments[name] = dict(_parse_pair(f"--{option}", text) for text in arguments[name])
    roles = [_split(text, "--map", text.rpartition("=")) for text in mapped]
    imported = import_table(tables, mapped=roles, **arguments)
    runs, cells = len(imported.runs), imported.cells
    failed = _count_diverged(imported)
    diverged = f" ({failed} diverged)" if failed else ""
    count = f"{runs} run{'s' * (runs > 1)} of {cells} cell{'s' * (cells > 1)}"
    for notice in imported.notices:
        say(notice)
    place = place_of(imported.folder / "records")
    say(f"recorded {count}{diverged} in {place}; next: {report_command(imported.folder)}")


def _count_diverged(imported: Imported) -> int:
    """Return how many of the runs diverged, beside all records of their cells."""
    from bench.errors import GanbenchError
    from bench.evidence.outcomes import load
    from bench.evidence.states import State

    try:
        runs = load(imported.folder)
    except GanbenchError:  # another record is damaged; these are recorded all the same
        return imported.diverged
    return int((runs["run"].isin([run.id for run in imported.runs]) & (runs["outcome"] == State.DIVERGED)).sum())


def _parse_pair(option: str, text: str) -> tuple[str, Any]:
    """Return the name and the value of ``samples=50000``: ("samples", 50000)."""
    name, value = _split(text, option, text.partition("="))
    return name, parse_value(value)


def _split(text: str, option: str, parts: tuple[str, str, str]) -> tuple[str, str]:
    from bench.errors import TableError

    left, equals, right = (part.strip() for part in parts)
    if not (left and equals and right):
        raise TableError(f"{option} {text}: expected {'COLUMN=ROLE' if option == '--map' else 'NAME=VALUE'}")
    return left, right
