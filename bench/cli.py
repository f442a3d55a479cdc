"""The command ``ganbench``: its verbs, each in a module of ``bench.verbs``."""

from __future__ import annotations

import click

from bench.verbs.elsewhere import import_results
from bench.verbs.evidence import report
from bench.verbs.gate import compare, confirm
from bench.verbs.timing import time_cells
from bench.verbs.training import calibrate, list_entries, plan, run
from bench.version import __version__


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__)
def main() -> None:
    """Is this way of training a GAN stable? Losses × architectures × datasets × seeds, every run kept."""


for each in (list_entries, plan, run, report, compare, confirm, time_cells, import_results, calibrate):
    main.add_command(each)


if __name__ == "__main__":
    main()
