"""Everything that a suite can name, looked up by name.

Other packages add entries by entry points in the groups ``ganbench.losses``, ``.penalties``, ``.optimizers``,
``.architectures``, ``.datasets`` and ``.metrics``. An entry point refers to an object of the same type as the values of
the table for that kind, such as a ``GanLoss``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoints, entry_points
from typing import Any

from pydantic import BaseModel, ConfigDict

from bench.errors import SuiteError
from bench.escaping import MAX_LABEL, quote, visible

TABLES = {
    "loss": ("bench.catalogue.losses", "LOSSES"),
    "penalty": ("bench.catalogue.penalties", "PENALTIES"),
    "architecture": ("bench.catalogue.architectures", "ARCHITECTURES"),
    "dataset": ("bench.catalogue.datasets", "DATASETS"),
    "metric": ("bench.catalogue.metrics", "METRICS"),
    "optimizer": ("bench.catalogue.optimizers", "OPTIMIZERS"),
}
_PLURALS = {"loss": "losses", "penalty": "penalties"}


class Options(BaseModel):
    """Settings by name: immutable, with strict types. An unknown name or a wrong type is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


@cache
def entries(kind: str) -> Mapping[str, Any]:
    """Return all entries of one kind by name: the built-in ones, then those of other packages under other names."""
    module, table = TABLES[kind]
    built_in: Mapping[str, Any] = getattr(import_module(module), table)
    return {**built_in, **{point.name: point.load() for point in _entry_points(kind) if point.name not in built_in}}


def is_added(kind: str, name: str) -> bool:
    """Return whether another package provides the entry."""
    module, table = TABLES[kind]
    return name not in getattr(import_module(module), table)


def additions() -> list[str]:
    """Return a line for each entry of another package, with that package's version, without importing it."""
    versions = ((point, point.dist.version if point.dist else "") for kind in TABLES for point in _entry_points(kind))
    return sorted(f"{point.group} {point.name} = {point.value} {version}" for point, version in versions)


def _entry_points(kind: str) -> EntryPoints:
    points: EntryPoints = _installed_entry_points().select(group=f"ganbench.{_PLURALS.get(kind, kind + 's')}")
    return points


@cache
def _installed_entry_points() -> Any:
    """Return the entry points of all groups: reading one group takes just as long."""
    return entry_points()


def find(kind: str, name: str) -> Any:
    """Return the entry called ``name``.

    Raises:
        SuiteError: the name is unknown; the message suggests the nearest one.
    """
    known = entries(kind)
    if name not in known:
        raise SuiteError(f"unknown {kind} {quote(name)}{suggestion(name, known)}")
    return known[name]


def resolve(path: str) -> Any:
    """Import and return the object at ``"package.module:attribute"``, the form in which tables name code for torch."""
    module, _, attribute = path.partition(":")
    return getattr(import_module(module), attribute)


def suggestion(name: str, known: Iterable[str]) -> str:
    """Return the end of an error message about an unknown name: the nearest known name, or else all of them."""
    names = sorted(map(visible, known))
    nearest = get_close_matches(str(name)[:MAX_LABEL], names, n=1, cutoff=0.5)
    if nearest:
        return f"; did you mean {nearest[0]!r}?"
    return f"; available: {', '.join(names)}" if names else ""
