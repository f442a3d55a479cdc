"""The command: ``ganbench list | plan | run | report``. What a verb needs is imported when it is called."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bench import __version__
from bench.errors import GanbenchError, SuiteError

if TYPE_CHECKING:
    from bench.running import Summary

Setting = tuple[str, Any]


def verb(function: Callable[..., Any]) -> Callable[..., Any]:
    """A user's mistake is one line and exit status 2; everything else keeps its traceback."""

    @functools.wraps(function)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except GanbenchError as error:
            click.echo(f"ganbench: {error}", err=True)
            sys.exit(2)

    return wrapped


def parse_setting(text: str) -> Setting:
    """``steps=100`` → ("steps", 100); the value is read as TOML, else as a word."""
    import tomllib

    from bench.specification import TRAINING_KEYS, check_key

    key, equals, value = text.partition("=")
    if not equals or not value or not all(key.split(".")):
        raise SuiteError(f"--set {text}: expected key=value")
    check_key(key.partition(".")[0], TRAINING_KEYS, "--set")
    try:
        return key, tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        return key, value


def parse_seeds(text: str | None) -> tuple[int, ...] | None:
    """``3`` → 0, 1, 2; ``0,4,7`` and ``10-19`` as they say."""
    from bench.suite import as_seeds

    if text is None:
        return None
    try:
        if text.isdigit():
            return as_seeds(int(text))
        seeds: list[int] = []
        for part in text.split(","):
            first, dash, last = part.partition("-")
            seeds += range(int(first), int(last) + 1) if dash else [int(first)]
        return as_seeds(seeds)
    except ValueError as error:
        reason = "expected a number of seeds (3), a list (0,4,7) or a range (10-19)"
        raise SuiteError(f"--seeds {text}: {reason if 'invalid literal' in str(error) else error}") from None


def parse_filters(texts: tuple[str, ...]) -> dict[str, set[str]]:
    """``loss=hinge`` → {"loss": {"hinge"}}; the same axis again adds to it."""
    filters: dict[str, set[str]] = {}
    for text in texts:
        axis, equals, value = text.partition("=")
        if not equals or not value:
            raise SuiteError(f"--only {text}: expected axis=value")
        filters.setdefault(axis, set()).add(value)
    return filters


def selection(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options of ``plan`` and ``run`` that say what is run."""
    for option in (
        click.option("--results", default="results", show_default=True, help="Folder for results.", metavar="DIR"),
        click.option("--seeds", help="A number (3), a list (0,4,7) or a range (10-19), instead of the suite's."),
        click.option(
            "--set", "settings", multiple=True, metavar="KEY=VALUE", help="Set a training key for every cell."
        ),
        click.option("--only", multiple=True, metavar="AXIS=VALUE", help="Only cells with this value on this axis."),
        click.option(
            "--inception-weights",
            type=click.Path(path_type=Path),
            metavar="PATH",
            help="Weights for FID, as a file.",
        ),
    ):
        function = option(function)
    return function


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__)
def main() -> None:
    """Is this way of training a GAN stable? Losses × architectures × datasets × seeds, every run kept."""


@main.command("list")
@verb
def list_entries() -> None:
    """Suites, losses, penalties, architectures, datasets, metrics and optimisers, one line each."""
    from bench.catalogue import TABLES, entries
    from bench.suite import load_suite, suite_files

    sections = {"suites": {name: load_suite(name).title for name in suite_files()}}
    headings = {"loss": "losses", "penalty": "penalties"}
    for kind in TABLES:
        sections[headings.get(kind, f"{kind}s")] = {name: entry.summary for name, entry in entries(kind).items()}
    width = max(len(name) for section in sections.values() for name in section)
    for heading, section in sections.items():
        click.secho(heading, bold=True)
        for name, summary in section.items():
            click.echo(f"  {name:<{width}}  {summary}")


@main.command()
@click.argument("suite")
@selection
@verb
def plan(
    suite: str,
    results: str,
    seeds: str | None,
    settings: tuple[str, ...],
    only: tuple[str, ...],
    **options: Any,
) -> None:
    """Cells, runs and estimated cost of SUITE, a name or a file; nothing is trained."""
    from bench.planning import plan_runs
    from bench.suite import load_suite
    from bench.terminal import show_plan

    specification = load_suite(suite)
    runs = plan_runs(
        specification,
        settings=dict(map(parse_setting, settings)),
        seeds=parse_seeds(seeds),
        filters=parse_filters(only),
        **options,
    )
    show_plan(specification, runs, Path(results) / specification.name)


@main.command()
@click.argument("suite")
@selection
@click.option("--device", default="auto", show_default=True, metavar="auto|cpu|cuda|cuda:N|mps", help="Where to train.")
@click.option("--workers", type=click.IntRange(min=1), help="Worker processes. [default: one a core, or one a GPU]")
@click.option("--threads", type=click.IntRange(min=1), default=1, show_default=True, help="Of each worker, on the CPU.")
@click.option(
    "--checkpoint-every",
    type=click.FloatRange(min=0),
    default=60.0,
    show_default=True,
    metavar="SECONDS",
    help="Time between two checkpoints of a run.",
)
@verb
def run(suite: str, seeds: str | None, settings: tuple[str, ...], only: tuple[str, ...], **options: Any) -> None:
    """Train what of SUITE, a name or a file, has no record yet; then write tables and figures."""
    from rich.console import Console

    from bench.progress import Display
    from bench.running import run_suite

    chosen: dict[str, Any] = {
        "settings": dict(map(parse_setting, settings)),
        "seeds": parse_seeds(seeds),
        "filters": parse_filters(only),
    }
    summaries: list[Summary] = []
    display = Display(Console(stderr=True))

    def begin(summary: Summary) -> None:
        summaries.append(summary)
        display.begin(summary)

    try:
        with display:
            summary = run_suite(suite, **chosen, **options, begin=begin, watch=display.watch)
    except KeyboardInterrupt:
        done = f"{len(summaries[0].runs) - summaries[0].missing} of {len(summaries[0].runs)}" if summaries else "0"
        click.echo(f"ganbench: stopped with {done} runs recorded; the same command goes on from there", err=True)
        sys.exit(130)
    _conclude(summary)


def _conclude(summary: Summary) -> None:
    from bench.terminal import show_report

    for notice in summary.notices:
        click.echo(notice, err=True)
    if summary.report is not None:
        show_report(summary.report)
    if summary.missing:
        told = f"{summary.missing} of {len(summary.runs)} runs have no record; the same command tries them again:"
        click.echo(told, err=True)
        for name, text in summary.failed.items():
            click.echo(f"  {name}: {text}".rstrip(), err=True)
    if summary.report_problem:
        click.echo(f"ganbench: {summary.report_problem}", err=True)
        sys.exit(2)
    if summary.missing:
        sys.exit(1)


@main.command()
@click.argument("results", type=click.Path(path_type=Path))
@click.option("--suite", metavar="SUITE", help="Whose thresholds of outcomes hold, by name or file. [default: its own]")
@verb
def report(results: Path, suite: str | None) -> None:
    """Write tables and figures of the records in RESULTS, a suite's results folder; nothing is trained."""
    from bench.report import write_report
    from bench.suite import load_suite
    from bench.terminal import show_report

    show_report(write_report(results, suite=load_suite(suite) if suite else None))


@main.command()
@click.argument("dataset")
@click.option("--architecture", help="Of the untrained generators. [default: dcgan for images that it fits, else mlp]")
@click.option("--seeds", type=click.IntRange(min=1), default=3, show_default=True, help="Untrained generators.")
@click.option("--samples", type=click.IntRange(min=2), default=2500, show_default=True, help="Of each generator.")
@click.option("--latent", type=click.IntRange(min=1), default=16, show_default=True, help="Dimension of the latent.")
@click.option("--inception-weights", type=click.Path(path_type=Path), metavar="PATH", help="Weights for FID, a file.")
@click.option("--device", default="auto", show_default=True, metavar="auto|cpu|cuda|cuda:N|mps", help="Where to do it.")
@click.option("--format", "form", type=click.Choice(["text", "csv"]), default="text", show_default=True)
@verb
def calibrate(dataset: str, architecture: str | None, device: str, form: str, **options: Any) -> None:
    """Every measure of DATASET at both ends of its scale: real data, and generators that were never trained."""
    from bench.calibration import calibrate as measure
    from bench.environment import devices
    from bench.terminal import show_calibration, write_calibration

    found = measure(dataset, architecture, device=devices(device)[0], **options)
    (write_calibration if form == "csv" else show_calibration)(found)


if __name__ == "__main__":
    main()
