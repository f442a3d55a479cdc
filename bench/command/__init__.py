"""The command ``ganbench``: its verbs, each in a module of this package.

What a verb needs is imported when it is called: the command answers at once.
"""

from __future__ import annotations

import click

from bench.command import compare, import_results, report, run, time
from bench.version import __version__


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__)
def main() -> None:
    """Is this way of training a GAN stable? Losses × architectures × datasets × seeds, every run kept."""


for each in (
    run.list_entries,
    run.plan,
    run.run,
    report.report,
    compare.compare,
    compare.confirm,
    time.time_cells,
    import_results.import_results,
    run.calibrate,
):
    main.add_command(each)
