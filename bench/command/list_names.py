"""``ganbench list``: the names that a suite can use."""

from __future__ import annotations

import click

from bench.command.options import handle_errors
from bench.command.streams import say
from bench.escaping import visible


@click.command("list")
@click.argument("what", required=False, type=click.Choice(["techniques"]))
@handle_errors
def list_entries(what: str | None) -> None:
    """List all suites, losses, metrics, extractors and other names that a suite can use.

    With `techniques`, list what can make training more stable, grouped by what it acts on, with the line of a suite
    that switches it on.
    """
    if what == "techniques":
        from bench.command.show_techniques import show_techniques

        show_techniques()
        return
    from bench.catalogue import TABLES, entries, shadowed, unusable
    from bench.catalogue.extractors import EXTRACTORS
    from bench.catalogue.packages import misnamed_groups
    from bench.plan.suite import load_suite, suite_files

    sections = {"suites": {name: load_suite(name).title for name in suite_files()}}
    headings = {"loss": "losses", "penalty": "penalties", "family": "families"}
    for kind in TABLES:
        broken = dict.fromkeys(unusable(kind), "(cannot be loaded)")
        known = {name: entry.summary for name, entry in entries(kind).items()}
        sections[headings.get(kind, f"{kind}s")] = known | broken
    sections["extractors"] = {name: entry.summary for name, entry in EXTRACTORS.items()}
    width = max(len(visible(name)) for section in sections.values() for name in section)
    for heading, section in sections.items():
        click.secho(heading, bold=True)
        for name, summary in section.items():
            say(f"  {visible(name):<{width}}  {visible(summary)}")
    for kind in TABLES:
        for problem in (*unusable(kind).values(), *shadowed(kind)):
            say(f"ganbench: {problem}", err=True)
    for _, problem in misnamed_groups():
        say(f"ganbench: {problem}", err=True)
