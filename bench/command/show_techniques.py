"""Techniques on the terminal: one line each, grouped by what they act on."""

from __future__ import annotations

import click

from bench.catalogue.techniques import techniques
from bench.command.streams import say
from bench.escaping import visible


def show_techniques() -> None:
    """Print each technique with the line of a suite that switches it on."""
    groups = techniques()
    width = max(len(visible(each.on_one_line)) for group in groups.values() for each in group)
    for heading, group in groups.items():
        click.secho(heading, bold=True)
        for each in group:
            say(f"  {visible(each.on_one_line):<{width}}  {visible(each.summary)}")
