"""``ganbench report``: records to tables, figures and a page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from bench.command.options import verb


@click.command()
@click.argument("results", type=click.Path(path_type=Path))
@click.option("--suite", metavar="SUITE", help="Whose thresholds of outcomes hold, by name or file. [default: its own]")
@click.option("--output", type=click.Path(path_type=Path), metavar="DIR", help="Where to write. [default: RESULTS]")
@click.option(
    "--rows", multiple=True, metavar="AXIS", help="Axis that rows of tables tell; may be given several times."
)
@click.option("--columns", multiple=True, metavar="AXIS", help="Axis that columns of tables tell; several times.")
@click.option("--metric", multiple=True, metavar="MEASURE", help="What tables and curves show; several times.")
@click.option("--values", type=click.Choice(["final", "best", "both"]), default="both", show_default=True)
@click.option("--format", "formats", multiple=True, metavar="png|pdf|svg|none", help="Of figures. [default: all three]")
@click.option("--width", default="two-column", show_default=True, metavar="VENUE|INCHES", help="Of figures.")
@click.option("--x", default="steps", show_default=True, metavar="steps|critic-steps|images|seconds", help="Of curves.")
@verb
def report(results: Path, suite: str | None, formats: tuple[str, ...], **options: Any) -> None:
    """Write tables, figures and a page of the records in RESULTS, a suite's results folder; nothing is trained."""
    from bench.command.show_report import show_report
    from bench.plan.suite import load_suite
    from bench.report import write_report
    from bench.report.tables import Layout

    layout = Layout(
        rows=options.pop("rows") or None,
        columns=options.pop("columns"),
        measures=options.pop("metric") or None,
        values=options.pop("values"),
    )
    formats = tuple(each for each in formats if each != "none") if formats else ("png", "pdf", "svg")
    given = load_suite(suite) if suite else None
    show_report(write_report(results, suite=given, layout=layout, formats=formats, **options))
