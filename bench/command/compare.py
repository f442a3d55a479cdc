"""``ganbench compare | confirm``: a candidate against a baseline."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bench.command.options import parse_seeds, verb

if TYPE_CHECKING:
    from bench.evidence.gate.compare import Comparison

FORMATS = ("text", "json", "markdown", "junit")


def gate_options(function: Any) -> Any:
    """The options of the gate, and of how its verdict is written."""
    for option in (
        click.option(
            "--metric", metavar="MEASURE", help="What cells are compared by. [default: the suite's, or primary]"
        ),
        click.option("--alpha", type=float, help="Chance of a false alarm in all. [default: the suite's, or 0.05]"),
        click.option("--tolerance", type=float, help="Tolerated share of worse. [default: the suite's, or 0.25]"),
        click.option(
            "--failure-tolerance", type=float, help="Tolerated rate of more failures. [default: the suite's, or 0.25]"
        ),
        click.option("--suite", metavar="SUITE", help="Whose thresholds of outcomes hold. [default: its own]"),
        click.option("--format", "form", type=click.Choice(FORMATS), default="text", show_default=True),
    ):
        function = option(function)
    return function


@click.command()
@click.argument("baseline")
@click.argument("candidate")
@gate_options
@click.option("--speed", is_flag=True, help="Judge timings (of ganbench time) instead of quality and failures.")
@verb
def compare(
    baseline: str,
    candidate: str,
    metric: str | None,
    failure_tolerance: float | None,
    suite: str | None,
    form: str,
    speed: bool,
    **options: Any,
) -> None:
    """Is CANDIDATE worse than BASELINE? Each is a results folder, or a suite with recorded results.

    Exit status: 0 OK, 1 REGRESSED, 3 INCONCLUSIVE, 2 bad input.
    """
    from bench.errors import ResultsError

    if speed:
        from bench.evidence.gate.compare_speed import compare_speed

        if metric or failure_tolerance is not None or suite:
            raise ResultsError(
                "--speed judges timings: --metric, --failure-tolerance and --suite have no meaning there"
            )
        _conclude(compare_speed(baseline, candidate, **options), form)
    from bench.evidence.gate.compare import compare as judge
    from bench.plan.suite import load_suite

    _conclude(
        judge(
            baseline,
            candidate,
            metric=metric,
            failure_tolerance=failure_tolerance,
            suite=load_suite(suite) if suite else None,
            **options,
        ),
        form,
    )


def _conclude(comparison: Comparison, form: str) -> None:
    from bench.command.show_report import show_comparison
    from bench.evidence.gate.decision import Verdict
    from bench.evidence.gate.rendering import to_json, to_junit, to_markdown

    if form == "text":
        show_comparison(comparison)
    else:
        click.echo({"json": to_json, "markdown": to_markdown, "junit": to_junit}[form](comparison), nl=False)
    sys.exit({Verdict.OK: 0, Verdict.REGRESSED: 1, Verdict.INCONCLUSIVE: 3}[comparison.verdict])


@click.command()
@click.argument("baseline")
@click.argument("candidate")
@gate_options
@click.option(
    "--seeds", help="Fresh ones: a number, a list or a range. [default: as many as the candidate has, from 10]"
)
@click.option("--device", default="auto", show_default=True, metavar="auto|cpu|cuda|cuda:N|mps", help="Where to train.")
@click.option("--workers", type=click.IntRange(min=1), help="Worker processes. [default: one a core, or one a GPU]")
@click.option("--threads", type=click.IntRange(min=1), default=1, show_default=True, help="Of each worker, on the CPU.")
@click.option("--inception-weights", type=click.Path(path_type=Path), metavar="PATH", help="Weights for FID, a file.")
@verb
def confirm(baseline: str, candidate: str, suite: str | None, form: str, seeds: str | None, **options: Any) -> None:
    """Train the cells that compare flags as REGRESSED again, on fresh seeds, and decide on those alone.

    Their records go beside the results, into folders that end in -confirmation. Exit status as of compare.
    """
    from rich.console import Console

    from bench.command.progress import Display
    from bench.confirming import confirm as decide
    from bench.plan.suite import load_suite

    display = Display(Console(stderr=True))
    with display:
        found = decide(
            baseline,
            candidate,
            seeds=int(seeds) if seeds and seeds.isdigit() else parse_seeds(seeds),  # a number is one of fresh seeds
            suite=load_suite(suite) if suite else None,
            begin=display.begin,
            watch=display.watch,
            **options,
        )
    for notice in found.notices:
        click.echo(notice, err=True)
    _conclude(found.comparison, form)
