"""The command ``ganbench``. Each module of this package defines one or more of its subcommands.

Subcommands import what they need when they are called, so that the command starts quickly.
"""

from __future__ import annotations

import atexit
import gc
import sys
from typing import Any

import click

from bench.command import check, compare, import_results, list_names, measure, report, run, sample, status, time
from bench.command.streams import output_failure, prepare_streams, stop_writing
from bench.version import __version__

atexit.register(gc.freeze)  # otherwise the interpreter's last collection visits all loaded modules: half a second


class _Command(click.Group):
    """The command, whose output can be written whatever its streams are."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Parse the arguments and run a subcommand; see ``click.Group.main``."""
        streams = sys.stdout, sys.stderr
        prepare_streams()
        try:
            return super().main(*args, **kwargs)
        except (OSError, SystemExit):  # click gives a closed pipe status 1, which is a verdict of compare
            failure = output_failure()
            if failure is None:
                raise
            stop_writing(failure)
        finally:
            sys.stdout, sys.stderr = streams


@click.group(cls=_Command, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__)
def main() -> None:
    """Benchmark the stability of GAN training: losses × architectures × datasets × seeds."""


for subcommand in (
    list_names.list_entries,
    run.plan,
    run.run,
    report.report,
    status.status,
    compare.compare,
    compare.confirm,
    time.time_cells,
    import_results.import_results,
    measure.measure,
    sample.sample,
    check.check,
    run.calibrate,
):
    main.add_command(subcommand)
