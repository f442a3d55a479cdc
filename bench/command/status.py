"""``ganbench status``: how far the suites of a results folder are."""

from __future__ import annotations

import click

from bench.command.options import handle_errors


@click.command()
@click.argument("results")
@click.option(
    "--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True, help="Output format."
)
@handle_errors
def status(results: str, form: str) -> None:
    """Show which runs are recorded, running, interrupted, waiting or failed.

    RESULTS is the results folder of a suite, a folder of such folders, or the address of one, such as
    s3://bucket/results. Nothing is changed, so this can be asked while runs train, from any machine that sees the
    folder.
    """
    from bench.command.show_status import show_status, write_json
    from bench.compute.active_runs import active_runs, interrupted_runs
    from bench.evidence.standing import progress_of, suite_folders

    folders = suite_folders(results)
    found = [progress_of(folder, active_runs(folder), interrupted_runs(folder)) for folder in folders]
    (write_json if form == "json" else show_status)(found)
