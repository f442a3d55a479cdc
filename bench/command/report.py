"""``ganbench report``: tables, figures and a page from records."""

from __future__ import annotations

from typing import Any

import click

from bench.command.options import LocalPath, handle_errors, suite_option


@click.command()
@click.argument("results")
@suite_option
@click.option(
    "--output",
    type=LocalPath(),
    metavar="DIR",
    help="Folder for the report, needed if RESULTS is an address. [default: RESULTS]",
)
@click.option(
    "--only",
    multiple=True,
    metavar="AXIS=VALUE",
    help="Report only cells with this value, for example loss=hinge. Repeatable: a cell must match every axis, and may "
    "match any of the values given for it.",
)
@click.option(
    "--rows",
    multiple=True,
    metavar="AXIS",
    help="Axis shown as table rows. Repeatable. [default: all axes that vary and are not columns]",
)
@click.option(
    "--columns", multiple=True, metavar="AXIS", help="Axis shown as table columns. Repeatable. [default: none]"
)
@click.option(
    "--metric",
    multiple=True,
    metavar="MEASURE",
    help="Measure shown in tables and curves. Repeatable. [default: all; in LaTeX the primary measure and modes]",
)
@click.option(
    "--values",
    type=click.Choice(["final", "best", "both"]),
    default="both",
    show_default=True,
    help="Values shown in tables: after the last step, the best, or both.",
)
@click.option(
    "--format",
    "formats",
    multiple=True,
    metavar="png|pdf|svg|none",
    help="Format of the figures; none for no figures. Repeatable. [default: png, pdf and svg]",
)
@click.option(
    "--width",
    default="two-column",
    show_default=True,
    metavar="VENUE|INCHES",
    help="Width of figures and LaTeX tables: a venue's, or a number of inches.",
)
@click.option(
    "--x",
    default="steps",
    show_default=True,
    metavar="steps|critic-steps|images|seconds",
    help="Horizontal axis of the curves.",
)
@click.option(
    "--titles/--no-titles",
    default=None,
    help="Whether figures have titles; captions.tex says the same. [default: unless the width is that of a venue]",
)
@click.option(
    "--label",
    "labels",
    multiple=True,
    metavar="NAME=TEXT",
    help="Other name of a label, an axis or a measure in this report, such as wgan-gp=WGAN-GP. Repeatable.",
)
@click.option("--title", metavar="TEXT", help="Title of the report and of its tables. [default: the suite's]")
@click.option(
    "--label-prefix",
    default="",
    metavar="TEXT",
    help="What the LaTeX labels of tables begin with: appendix- gives tab:appendix-…. [default: nothing]",
)
@click.option(
    "--watch",
    is_flag=True,
    help="Write the report again whenever runs end, until the suite does; the page reloads itself.",
)
@handle_errors
def report(results: str, suite: str | None, formats: tuple[str, ...], watch: bool, **arguments: Any) -> None:
    """Write tables, figures and an HTML page.

    RESULTS is the results folder of a suite, or its address, such as s3://bucket/results/quick.
    """
    from bench.command.show_report import show_report
    from bench.command.values import parse_filters
    from bench.command.watching import watch_report
    from bench.plan.suite import load_suite
    from bench.report import Report, check_output, write_report
    from bench.report.tables import Layout

    layout = Layout(
        rows=arguments.pop("rows") or None,
        columns=arguments.pop("columns"),
        measures=arguments.pop("metric") or None,
        values=arguments.pop("values"),
    )
    formats = tuple(form for form in formats if form != "none") if formats else ("png", "pdf", "svg")
    specification = load_suite(suite) if suite else None
    only = parse_filters(arguments.pop("only"))

    check_output(results, arguments["output"])

    def write() -> Report:
        return write_report(results, suite=specification, layout=layout, formats=formats, only=only, **arguments)

    show_report(watch_report(results, write) if watch else write())
