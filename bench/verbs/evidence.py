"""``ganbench report``: the verbs that read records."""

from __future__ import annotations

from pathlib import Path

import click

from bench.verbs.options import verb


@click.command()
@click.argument("results", type=click.Path(path_type=Path))
@click.option("--suite", metavar="SUITE", help="Whose thresholds of outcomes hold, by name or file. [default: its own]")
@verb
def report(results: Path, suite: str | None) -> None:
    """Write tables and figures of the records in RESULTS, a suite's results folder; nothing is trained."""
    from bench.report import write_report
    from bench.suite import load_suite
    from bench.terminal import show_report

    show_report(write_report(results, suite=load_suite(suite) if suite else None))
