"""``ganbench compare | confirm``: a candidate compared with a baseline."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import click

from bench.command.options import handle_errors, inception_option, options, suite_option, worker_options
from bench.command.streams import say, write_data
from bench.command.values import is_count, parse_count, parse_seeds

if TYPE_CHECKING:
    from bench.evidence.gate.compare import Missing
    from bench.evidence.gate.comparison import Comparison
    from bench.plan.rules import Tolerance

FORMATS = ("text", "json", "markdown", "junit")


def parse_tolerance(words: Iterable[str]) -> Tolerance | None:
    """Return one tolerance for all datasets, or a table by dataset, with ``default`` for the others; None for no words.

    Raises:
        SuiteError: A word is neither NUMBER nor DATASET=NUMBER, or two are for the same dataset.
    """
    from bench.errors import SuiteError

    table: dict[str, float] = {}
    for word in words:
        dataset, _equals, number = word.rpartition("=")
        try:
            value = float(number)
        except ValueError:
            raise SuiteError(f"--tolerance {word}: expected NUMBER or DATASET=NUMBER") from None
        name = dataset.strip() or "default"
        if name in table:
            raise SuiteError(f"--tolerance is given twice for {'all datasets' if name == 'default' else repr(name)}")
        table[name] = value
    return table["default"] if set(table) == {"default"} else table or None


gate_options = options(
    click.option(
        "--metric",
        metavar="MEASURE",
        help="Measure to compare. [default: the suite's, otherwise the primary measure]",
    ),
    click.option("--alpha", type=float, help="Family-wise false-alarm rate. [default: the suite's, otherwise 0.05]"),
    click.option(
        "--tolerance",
        multiple=True,
        metavar="[DATASET=]NUMBER",
        help="Maximum tolerated relative degradation, for all datasets or for one: 0.25 is ×1.25 where less is better, "
        "×0.75 where more is. Repeatable. [default: the suite's, otherwise 0.25; 0.1 for --speed]",
    ),
    click.option(
        "--failure-tolerance",
        type=float,
        help="Maximum tolerated increase of the failure rate. [default: the suite's, otherwise 0.25]",
    ),
    suite_option,
    click.option(
        "--missing",
        type=click.Choice(["ok", "fail"]),
        default="fail",
        show_default=True,
        help="Whether a cell without any run in CANDIDATE is REGRESSED (fail) or left out (ok).",
    ),
    click.option(
        "--allow",
        multiple=True,
        metavar="KEY",
        help="Setting that may differ between the sides, for example steps or optimizer.lr; all for every setting; "
        "load for timings of a busy machine. Repeatable.",
    ),
    click.option(
        "--format", "form", type=click.Choice(FORMATS), default="text", show_default=True, help="Output format."
    ),
)


@click.command()
@click.argument("baseline")
@click.argument("candidate")
@gate_options
@click.option("--speed", is_flag=True, help="Compare timings (of ganbench time) instead of quality and failures.")
@handle_errors
def compare(
    baseline: str,
    candidate: str,
    metric: str | None,
    failure_tolerance: float | None,
    suite: str | None,
    form: str,
    speed: bool,
    tolerance: tuple[str, ...],
    alpha: float | None,
    missing: Missing,
    allow: tuple[str, ...],
) -> None:
    """Test whether CANDIDATE is worse than BASELINE.

    Each is a results folder, or the name of a suite with recorded results. Exit status: 0 OK, 1 REGRESSED,
    2 invalid input, 3 INCONCLUSIVE.
    """
    from bench.errors import ResultsError

    if speed:
        from bench.evidence.gate.compare_speed import compare_speed

        if metric or failure_tolerance is not None or suite:
            raise ResultsError("--speed compares timings: --metric, --failure-tolerance and --suite do not apply")
        timings = compare_speed(
            baseline, candidate, alpha=alpha, tolerance=parse_tolerance(tolerance), missing=missing, allow=allow
        )
        _conclude(timings, form)
    from bench.evidence.gate.compare import compare as compare_results
    from bench.plan.suite import load_suite

    comparison = compare_results(
        baseline,
        candidate,
        metric=metric,
        alpha=alpha,
        tolerance=parse_tolerance(tolerance),
        failure_tolerance=failure_tolerance,
        suite=load_suite(suite) if suite else None,
        missing=missing,
        allow=allow,
    )
    _conclude(comparison, form)


def _conclude(comparison: Comparison, form: str) -> None:
    """Print a comparison, and exit with the status of its verdict."""
    from bench.command.show_report import show_comparison
    from bench.evidence.gate.decision import Verdict
    from bench.evidence.gate.junit import to_junit
    from bench.evidence.gate.rendering import to_json, to_markdown

    if form == "text":
        show_comparison(comparison)
    else:
        write_data({"json": to_json, "markdown": to_markdown, "junit": to_junit}[form](comparison), form)
    sys.exit({Verdict.OK: 0, Verdict.REGRESSED: 1, Verdict.INCONCLUSIVE: 3}[comparison.verdict])


@click.command()
@click.argument("baseline")
@click.argument("candidate")
@gate_options
@click.option(
    "--seeds",
    help="Fresh seeds: how many (10), a list (20,24) or a range (20-29). "
    "[default: as many as the candidate has, at least 10]",
)
@worker_options
@inception_option
@handle_errors
def confirm(
    baseline: str,
    candidate: str,
    suite: str | None,
    form: str,
    seeds: str | None,
    tolerance: tuple[str, ...],
    **arguments: Any,
) -> None:
    """Check regressions with fresh seeds.

    Retrains the cells that compare reports as REGRESSED, on seeds that neither side has used, and compares only the
    new runs. The new records are written next to the results, in folders that end in -confirmation. If the command is
    interrupted, run it again to resume. The exit status is that of compare.
    """
    from bench.command.progress import Display
    from bench.command.terminal import Terminal
    from bench.confirming import confirm as confirm_regressions
    from bench.plan.suite import load_suite

    display = Display(Terminal(stderr=True))
    try:
        with display:
            confirmation = confirm_regressions(
                baseline,
                candidate,
                # a number is passed on, because here it counts fresh seeds and does not start at 0
                seeds=parse_count(seeds) if seeds and is_count(seeds) else parse_seeds(seeds),
                suite=load_suite(suite) if suite else None,
                tolerance=parse_tolerance(tolerance),
                begin=display.begin,
                watch=display.watch,
                **arguments,
            )
    except KeyboardInterrupt:
        say("ganbench: stopped; run the same command to resume", err=True)
        sys.exit(130)
    for notice in confirmation.notices:
        say(notice, err=True)
    _conclude(confirmation.comparison, form)
