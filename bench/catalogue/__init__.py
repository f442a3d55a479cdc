"""Look-up by name: the tables of this package, and what other installed packages add to them.

A package adds an entry by an entry point in the group ``ganbench.losses`` (or ``.architectures``, ``.datasets``,
``.metrics``, ``.penalties``, ``.optimizers``) whose object is what the table of that kind holds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoints, entry_points
from typing import Any

from bench.errors import SuiteError

TABLES = {
    "loss": ("bench.catalogue.losses", "LOSSES"),
    "penalty": ("bench.catalogue.penalties", "PENALTIES"),
    "architecture": ("bench.catalogue.architectures", "ARCHITECTURES"),
    "dataset": ("bench.catalogue.datasets", "DATASETS"),
    "metric": ("bench.catalogue.metrics", "METRICS"),
    "optimizer": ("bench.catalogue.optimizers", "OPTIMIZERS"),
}
_PLURALS = {"loss": "losses", "penalty": "penalties"}


@cache
def entries(kind: str) -> Mapping[str, Any]:
    """All entries of one kind by name: this package's first, then those of other packages."""
    module, table = TABLES[kind]
    own: Mapping[str, Any] = getattr(import_module(module), table)
    return {**{point.name: point.load() for point in _points(kind)}, **own}


def is_added(kind: str, name: str) -> bool:
    """Whether an entry is not this package's own."""
    module, table = TABLES[kind]
    return name not in getattr(import_module(module), table)


def additions() -> list[str]:
    """What other packages add, each with the version of its package; nothing of it is imported."""
    versions = ((point, point.dist.version if point.dist else "") for kind in TABLES for point in _points(kind))
    return sorted(f"{point.group} {point.name} = {point.value} {version}" for point, version in versions)


def _points(kind: str) -> EntryPoints:
    points: EntryPoints = _installed().select(group=f"ganbench.{_PLURALS.get(kind, kind + 's')}")
    return points


@cache
def _installed() -> Any:
    """Entry points of all packages, which takes as long to look for as those of one group."""
    return entry_points()


def find(kind: str, name: str) -> Any:
    """The entry called ``name``.

    Raises:
        SuiteError: no such name; the text gives the nearest one.
    """
    known = entries(kind)
    if name not in known:
        raise SuiteError(f"unknown {kind} {name!r}{suggestion(name, known)}")
    return known[name]


def resolve(path: str) -> Any:
    """The object at ``"package.module:attribute"``, imported now: tables name code that needs torch this way."""
    module, _, attribute = path.partition(":")
    return getattr(import_module(module), attribute)


def suggestion(name: str, known: Iterable[str]) -> str:
    """The end of an error message about an unknown name: the nearest known one, or all of them."""
    names = sorted(str(each) for each in known)
    near = get_close_matches(str(name), names, n=1, cutoff=0.5)
    if near:
        return f"; did you mean {near[0]!r}?"
    return f"; there {'is' if len(names) == 1 else 'are'} {', '.join(names)}" if names else ""
