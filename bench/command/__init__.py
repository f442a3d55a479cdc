"""The command ``ganbench``. Each module of this package defines one or more of its subcommands.

Subcommands import what they need when they are called, so that the command starts quickly.
"""

from __future__ import annotations

import click

from bench.command import compare, import_results, measure, report, run, time
from bench.version import __version__


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__)
def main() -> None:
    """Benchmark the stability of GAN training: losses × architectures × datasets × seeds."""


for subcommand in (
    run.list_entries,
    run.plan,
    run.run,
    report.report,
    compare.compare,
    compare.confirm,
    time.time_cells,
    import_results.import_results,
    measure.measure,
    run.calibrate,
):
    main.add_command(subcommand)
