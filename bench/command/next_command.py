"""The commands that messages name as the next step."""

from __future__ import annotations

from pathlib import Path


def report_command(folder: Path) -> str:
    """Return the command that writes the report of a suite's results.

    Args:
        folder: The suite's results folder, or its copy on this machine if the results are at an address.
    """
    from bench.records.addresses import address_of

    address = address_of(folder)
    return f"ganbench report {address} --output report" if address else f"ganbench report {folder}"
