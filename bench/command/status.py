"""``ganbench status``: how far the suites of a results folder are."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import click

from bench.command.options import handle_errors


@click.command()
@click.argument("results", type=click.Path(path_type=Path))
@click.option(
    "--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True, help="Output format."
)
@handle_errors
def status(results: Path, form: str) -> None:
    """Show which runs are recorded, running, interrupted, waiting or failed.

    RESULTS is the results folder of a suite, or a folder of such folders. Nothing is changed, so this can be asked
    while runs train, from any machine that sees the folder.
    """
    from bench.command.show_status import show_status, write_json
    from bench.compute.at_work import interrupted_runs, runs_at_work
    from bench.evidence.standing import progress_of, suite_folders

    found = [
        progress_of(folder, partial(runs_at_work, folder), interrupted_runs(folder))
        for folder in suite_folders(results)
    ]
    (write_json if form == "json" else show_status)(found)
