"""``ganbench check``: the contracts of losses, architectures, datasets and so on, for those who write them."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import click

from bench.command.options import handle_errors
from bench.command.streams import say
from bench.command.values import parse_choice
from bench.errors import GanbenchError, SuiteError
from bench.escaping import visible


@click.command("check")
@click.argument("name")
@click.option("--kind", help="Kind of the entry, such as loss, if entries of several kinds have the name.")
@handle_errors
def check(name: str, kind: str | None) -> None:
    """Check that a loss, penalty, architecture, dataset, metric or optimiser keeps its contract.

    NAME is an entry, a table with its options, as in a suite, or an installed package, all of whose entries are
    checked. If a package and an entry have the same name, both are checked. Every check prints one line: ok, failed
    with the reason, or not applicable.

    Exit status: 0 if nothing failed, 1 if a check failed, 2 if there is no such entry or it cannot be loaded.
    """
    from bench.catalogue import ADDABLE, suggestion, title
    from bench.catalogue.packages import named_entries

    given = parse_choice("NAME", name)
    options = dict(given) if isinstance(given, Mapping) else {"name": given}
    entry = options.pop("name", None)
    if not isinstance(entry, str):
        raise SuiteError(f'NAME {name}: expected a name, or a table such as {{ name = "mlp", width = 16 }}')
    if kind is not None and kind not in ADDABLE:
        raise SuiteError(f"--kind: unknown kind {kind!r}{suggestion(kind, ADDABLE)}")
    named = named_entries(entry)
    if options:  # these are of the entry, not of a package with the same name
        named = [each for each in named if each[1] == entry] or named
    entries = [each for each in named if kind in (None, each[0])]
    if not entries:
        raise SuiteError(f"--kind {kind}: no {kind} is called {entry!r}")
    failed = False
    for number, each in enumerate(entries):
        say("\n" * bool(number) + visible(title(*each)))
        failed |= _show(*each, options, alone=len(entries) == 1)
    sys.exit(int(failed))


def _show(kind: str, name: str, options: dict[str, Any], *, alone: bool) -> bool:
    """Run the checks of an entry and print their results; return whether one failed."""
    from bench.compute.contracts.entry_checks import check_entry

    failed = False
    try:
        for result in check_entry(kind, name, options):
            why = f": {visible(result.why)}" if result.why else ""
            say(f"  {result.name:<18} {result.state}{why}")
            failed |= result.state == "failed"
    except GanbenchError as error:
        if alone:
            raise
        if isinstance(error, SuiteError):  # it has options that must be given
            say(f"  {'shapes':<18} not applicable: {error}; check it alone, as a table with its options")
            return failed
        say(f"  {'shapes':<18} failed: {error}")
        return True
    return failed
