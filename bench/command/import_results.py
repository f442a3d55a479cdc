"""``ganbench import``: results of other code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from bench.command.options import verb


@click.command("import")
@click.argument("table", type=click.Path(path_type=Path))
@click.option("--suite", required=True, metavar="NAME", help="What the runs belong to: a folder of results.")
@click.option(
    "--map", "mapped", multiple=True, metavar="COLUMN=ROLE", help="What a column is: dataset, seed, step, fid, ..."
)
@click.option("--set", "fixed", multiple=True, metavar="ROLE=VALUE", help="What has no column, as dataset=cifar10.")
@click.option("--lower", multiple=True, metavar="MEASURE", help="Of a measure of your own, less is better.")
@click.option("--higher", multiple=True, metavar="MEASURE", help="Of a measure of your own, more is better.")
@click.option(
    "--protocol", multiple=True, metavar="KEY=VALUE", help="How was measured: extractor=inception, samples=..."
)
@click.option("--real", multiple=True, metavar="MEASURE=VALUE", help="A measure of real data, as modes=8.")
@click.option("--outcome", multiple=True, metavar="KEY=VALUE", help="A threshold of outcomes, as tau=20.")
@click.option("--results", default="results", show_default=True, metavar="DIR", help="Folder for results.")
@click.option("--version", type=click.IntRange(min=1), default=1, show_default=True, help="Of the experiment.")
@click.option("--title", default="", help="Of the report. [default: the suite's name]")
@click.option("--separator", metavar="CHARACTER", help="Between cells. [default: tabs in a .tsv, else commas]")
@click.option("--replace", is_flag=True, help="Replace records of the same runs.")
@verb
def import_results(table: Path, mapped: tuple[str, ...], **options: Any) -> None:
    """Make records of the runs in TABLE, a file .csv, .tsv, .jsonl or .parquet of other code: all or none.

    In wide form a measure has a column, in long form a row: then map one column to "measure" and one to "value". A
    table has a row a run, or a row for each run and step. Roles are dataset, architecture, loss, seed, step (these five
    are needed), seconds, outcome (true: failed), reason, steps, batch_size, critic_steps, measures and losses; any
    other name is an axis.
    """
    from bench.records.external.import_table import import_table

    for name in ("fixed", "protocol", "real", "outcome"):
        options[name] = dict(_parse_pair(f"--{name}".replace("fixed", "set"), text) for text in options[name])
    pairs = [_split(text, "--map", text.rpartition("=")) for text in mapped]
    done = import_table(table, mapped=pairs, **options)
    runs, cells = len(done.runs), done.cells
    failed = f", {done.diverged} of them diverged" if done.diverged else ""
    counted = f"{runs} run{'s' * (runs > 1)} of {cells} cell{'s' * (cells > 1)}"
    click.echo(f"recorded {counted} in {done.folder / 'records'}{failed}; ganbench report {done.folder}")


def _parse_pair(option: str, text: str) -> tuple[str, Any]:
    """``samples=50000`` → ("samples", 50000); the value is read as TOML, else as a word."""
    import tomllib

    key, value = _split(text, option, text.partition("="))
    try:
        return key, tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        return key, value


def _split(text: str, option: str, parts: tuple[str, str, str]) -> tuple[str, str]:
    from bench.errors import TableError

    left, equals, right = (part.strip() for part in parts)
    if not (left and equals and right):
        raise TableError(f"{option} {text}: expected {'COLUMN=ROLE' if option == '--map' else 'NAME=VALUE'}")
    return left, right
