"""``ganbench list | plan | run | calibrate``: the verbs that lead to records."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bench.command.options import pack_options, parse_filters, parse_seeds, parse_setting, selection, verb

if TYPE_CHECKING:
    from bench.running import Summary


@click.command("list")
@verb
def list_entries() -> None:
    """Suites, losses, penalties, architectures, datasets, metrics and optimisers, one line each."""
    from bench.catalogue import TABLES, entries
    from bench.plan.suite import load_suite, suite_files

    sections = {"suites": {name: load_suite(name).title for name in suite_files()}}
    headings = {"loss": "losses", "penalty": "penalties"}
    for kind in TABLES:
        sections[headings.get(kind, f"{kind}s")] = {name: entry.summary for name, entry in entries(kind).items()}
    width = max(len(name) for section in sections.values() for name in section)
    for heading, section in sections.items():
        click.secho(heading, bold=True)
        for name, summary in section.items():
            click.echo(f"  {name:<{width}}  {summary}")


@click.command()
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
    from bench.command.show_plan import show_plan
    from bench.plan.runs import plan_runs
    from bench.plan.suite import load_suite

    specification = load_suite(suite)
    runs = plan_runs(
        specification,
        settings=dict(map(parse_setting, settings)),
        seeds=parse_seeds(seeds),
        filters=parse_filters(only),
        **options,
    )
    show_plan(specification, runs, Path(results) / specification.name)


@click.command()
@click.argument("suite")
@selection
@click.option("--device", default="auto", show_default=True, metavar="auto|cpu|cuda|cuda:N|mps", help="Where to train.")
@click.option("--workers", type=click.IntRange(min=1), help="Worker processes. [default: one a core, or one a GPU]")
@click.option("--threads", type=click.IntRange(min=1), default=1, show_default=True, help="Of each worker, on the CPU.")
@pack_options
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

    from bench.command.progress import Display
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
    from bench.command.show_report import show_report

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


@click.command()
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
    from bench.command.show_plan import show_calibration, write_calibration
    from bench.compute.calibration import calibrate as measure
    from bench.compute.environment import devices

    found = measure(dataset, architecture, device=devices(device)[0], **options)
    (write_calibration if form == "csv" else show_calibration)(found)
