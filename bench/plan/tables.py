"""Tables of suites: how one changes another, and which keys are known."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bench.catalogue import suggestion
from bench.errors import SuiteError
from bench.escaping import quote


def as_table(given: object) -> dict[str, Any]:
    """Return a copy of a table, or the table ``{"name": ...}`` for a name."""
    return dict(given) if isinstance(given, Mapping) else {"name": given}


def changes_options(value: object) -> bool:
    """Return whether a value is a table that changes options only, not the name."""
    return isinstance(value, Mapping) and "name" not in value


def merge(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``base`` with ``changes``: a table without a name changes options, any other value replaces."""
    merged = dict(base)
    for key, value in changes.items():
        merged[key] = merge(as_table(base.get(key, {})), value) if changes_options(value) else value
    return merged


def check_key(key: str, known: tuple[str, ...], where: str) -> None:
    """Check that a key is known.

    Raises:
        SuiteError: It is not; the message suggests the closest known key.
    """
    if key not in known:
        raise SuiteError(f"{where}: unknown key {quote(key)}{suggestion(key, known)}")
