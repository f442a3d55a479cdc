"""Bounds on the size of a plan: counted before anything is built, so that a slip of the pen takes no memory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from bench.errors import SuiteError
from bench.escaping import quote

MAX_CELLS = 20_000  # of a matrix, before exclusions
MAX_SEEDS = 20_000  # of a suite
MAX_RUNS = 50_000  # of a suite: cells × seeds
MAX_EVALUATIONS = 100_000  # of a run
MAX_SUITE_BYTES = 2_000_000  # of a suite file
MAX_DEPTH = 12  # of tables within tables
MAX_DOTS = 50  # of a dotted key: tomllib takes minutes and gigabytes for one of thousands
LARGEST_SEED = 2**63 - 1  # the largest whole number that tables and other programs keep exactly


def check_count(count: int, most: int, what: str) -> None:
    """Check a number of things before they are built.

    Raises:
        ValueError: There are too many.
    """
    if count > most:
        shown = f"{count:,}" if count < 10**18 else "more than 10^18"
        raise ValueError(f"{shown} {what} are more than the {most:,} that a plan can have")


def check_content(content: Mapping[str, Any]) -> None:
    """Check that tables are not nested so deeply that code which follows them fails, and that integers have 64 bits.

    Raises:
        SuiteError: They are, or an integer is larger.
    """
    level: list[Any] = [content]
    for _ in range(MAX_DEPTH):
        level = [part for value in level for part in _parts(value)]
        for value in level:
            if isinstance(value, int) and not -LARGEST_SEED - 1 <= value <= LARGEST_SEED:
                raise SuiteError(f"{quote(value, 40)} is a whole number of more than 64 bits")
        if not level:
            return
    raise SuiteError(f"tables and lists are nested more than {MAX_DEPTH} deep")


def _parts(value: Any) -> Iterable[Any]:
    return value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else ()
