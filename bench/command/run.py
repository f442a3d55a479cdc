"""``ganbench plan | run | calibrate``: what a suite will run, and running it."""

from __future__ import annotations

import math
import sys
from bdb import BdbQuit
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bench.command.options import (
    LocalPath,
    device_option,
    engine_options,
    extractor_option,
    handle_errors,
    inception_option,
    pack_options,
    run_options,
    worker_options,
)
from bench.command.streams import fail, say
from bench.command.values import parse_choice, parse_filters, parse_seeds, parse_setting, parse_slurm
from bench.escaping import visible

if TYPE_CHECKING:
    from bench.summary import Summary


class Seconds(click.FloatRange):
    """A number of seconds: not nan, which is in every range, nor infinity."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the number."""
        seconds = float(super().convert(value, param, ctx))
        return seconds if math.isfinite(seconds) else self.fail("expected a number of seconds", param, ctx)


@click.command()
@click.argument("suite")
@run_options
@click.option(
    "--for-gate", is_flag=True, help="Propose how many seeds `ganbench compare` needs, from the recorded runs."
)
@handle_errors
def plan(
    suite: str,
    results: str,
    seeds: str | None,
    settings: tuple[str, ...],
    only: tuple[str, ...],
    inception_weights: Path | None,
    skip_broken: bool,
    for_gate: bool,
) -> None:
    """Show the runs of SUITE and their estimated time.

    SUITE is a name or a file. Nothing is trained.
    """
    from bench.command.show_plan import show_plan
    from bench.plan.runs import plan_runs
    from bench.plan.suite import load_suite
    from bench.records.addresses import address_of, readable_folder, suite_folder_in

    specification, chosen = load_suite(suite), parse_seeds(seeds)
    runs = plan_runs(
        specification,
        settings=dict(map(parse_setting, settings)),
        seeds=chosen,
        filters=parse_filters(only),
        inception_weights=inception_weights,
        skip_broken=skip_broken,
    )
    folder = suite_folder_in(results, specification.name)
    if address := address_of(folder):
        readable_folder(address)
    if for_gate:
        from bench.command.show_gate_plan import show_gate_plan

        show_gate_plan(specification, runs, folder)
        return
    show_plan(specification, runs, folder, chosen)


@click.command()
@click.argument("suite")
@run_options
@worker_options
@engine_options
@pack_options
@click.option(
    "--checkpoint-every",
    type=Seconds(min=0),
    default=60.0,
    show_default=True,
    metavar="SECONDS",
    help="Seconds between checkpoints of a run.",
)
@click.option(
    "--timeout",
    type=Seconds(min=0, min_open=True),
    metavar="SECONDS",
    help="End a worker process that makes no progress for so long, and retry its runs. Choose a time above that of 50 "
    "steps and an evaluation. [default: wait forever]",
)
@click.option(
    "--report",
    type=click.Choice(["none", "tables", "all"]),
    default="all",
    show_default=True,
    help="What to write at the end: nothing, tables, or also the page and figures as PNG. "
    "For PDF and SVG, use `ganbench report`.",
)
@click.option(
    "--keep",
    multiple=True,
    type=click.Choice(["weights", "state"]),
    help="What each run leaves besides its record: the weights of its generator, for `ganbench sample`, or its state, "
    "so that a longer run goes on from there. Repeatable. [default: the suite's, or nothing]",
)
@click.option(
    "--tensorboard",
    type=LocalPath(),
    metavar="DIR",
    help="Write losses, measures, probes and samples of every run to event files of TensorBoard while it trains.",
)
@handle_errors
def run(suite: str, seeds: str | None, settings: tuple[str, ...], only: tuple[str, ...], **arguments: Any) -> None:
    """Train the runs of SUITE that are not recorded yet.

    SUITE is a name or a file. At the end, tables and figures are written. If the command is interrupted, run it again
    to resume.

    Exit status: 0 all runs are recorded, 1 some runs stopped with an error and have no record, 2 invalid input, a
    faulty plug-in, or the report could not be written.
    """
    from bench.command.progress import Display
    from bench.command.terminal import Terminal
    from bench.running import run_suite

    selection: dict[str, Any] = {
        "settings": dict(map(parse_setting, settings)),
        "seeds": parse_seeds(seeds),
        "filters": parse_filters(only),
        "keep": arguments.pop("keep") or None,
        "slurm": parse_slurm(*map(arguments.pop, ("slurm", "partition", "time", "gpus_per_node"))),
    }
    summaries: list[Summary] = []
    display = Display(Terminal(stderr=True), bars=arguments["workers"] != 0)  # bars would overwrite a debugger's prompt

    def begin(summary: Summary) -> None:
        summaries.append(summary)
        display.begin(summary)

    try:
        with display:
            summary = run_suite(suite, **selection, **arguments, begin=begin, watch=display.watch)
    except (KeyboardInterrupt, BdbQuit):
        recorded = f"{len(summaries[0].runs) - summaries[0].missing} of {len(summaries[0].runs)}" if summaries else "0"
        with suppress(OSError):  # the terminal may be closed
            say(f"ganbench: stopped with {recorded} runs recorded; run the same command to resume", err=True)
        sys.exit(130)
    _conclude(summary)


def _conclude(summary: Summary) -> None:
    """Print the report and the failed runs, and exit with a status other than 0 if a run or the report is missing."""
    from bench.command.show_report import show_report

    if summary.report is not None:
        show_report(summary.report)
    faulty = {str(run) for runs in summary.faults.values() for run in runs}
    if faulty:
        reason = f"{len(faulty)} of {len(summary.runs)} runs have no record, because a plug-in is faulty (see above)"
        say(f"ganbench: {reason}; correct it and run the same command", err=True)
    if summary.missing > len(faulty):
        retry = "run the same command to retry them:"
        say(f"{summary.missing - len(faulty)} of {len(summary.runs)} runs have no record; {retry}", err=True)
        for name, text in summary.failed.items():
            if name not in faulty:
                say(f"  {visible(name)}: {text}".rstrip(), err=True)
    if summary.report_problem:
        fail(summary.report_problem)
    if faulty:
        sys.exit(2)
    if summary.missing:
        sys.exit(1)


@click.command()
@click.argument("dataset")
@click.option(
    "--architecture",
    help="Architecture of the generators. [default: dcgan for images that it supports, else mlp]",
)
@click.option(
    "--seeds", type=click.IntRange(1, 1000), default=3, show_default=True, help="Number of untrained generators."
)
@click.option(
    "--samples",
    type=click.IntRange(2, 10_000_000),
    default=2500,
    show_default=True,
    help="Samples per generator, and maximum number of real samples.",
)
@click.option("--latent", type=click.IntRange(1, 1_000_000), default=16, show_default=True, help="Latent dimension.")
@extractor_option
@inception_option
@device_option
@click.option(
    "--format", "form", type=click.Choice(["text", "csv"]), default="text", show_default=True, help="Output format."
)
@handle_errors
def calibrate(
    dataset: str, architecture: str | None, extractor: str | None, device: str, form: str, **arguments: Any
) -> None:
    """Measure real data and untrained generators.

    Computes every measure available for DATASET on held-out real data and on untrained generators: the two ends of its
    scale. DATASET is a name or a table as in a suite.
    """
    from bench.command.show_plan import show_calibration, write_calibration
    from bench.compute.calibration import calibrate as run_calibration
    from bench.compute.environment import devices

    calibration = run_calibration(
        parse_choice("DATASET", dataset),
        architecture,
        extractor=parse_choice("--extractor", extractor),
        device=devices(device)[0],
        **arguments,
    )
    (write_calibration if form == "csv" else show_calibration)(calibration)
