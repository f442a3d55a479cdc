"""Everything that a suite can name, looked up by name.

Other packages add entries by entry points in the groups ``ganbench.losses``, ``.penalties``, ``.optimizers``,
``.architectures``, ``.datasets`` and ``.metrics``. An entry point refers to an object of the same type as the values of
the table for that kind, such as a ``GanLoss``.
"""

from __future__ import annotations

import traceback
from bdb import BdbQuit
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from difflib import get_close_matches
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, EntryPoints, entry_points
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from bench.errors import GanbenchError, PluginError, SuiteError, summarise_error
from bench.escaping import MAX_LABEL, quote, visible

TABLES = {
    "loss": ("bench.catalogue.losses", "LOSSES"),
    "family": ("bench.catalogue.families", "FAMILIES"),
    "penalty": ("bench.catalogue.penalties", "PENALTIES"),
    "architecture": ("bench.catalogue.architectures", "ARCHITECTURES"),
    "dataset": ("bench.catalogue.datasets", "DATASETS"),
    "metric": ("bench.catalogue.metrics", "METRICS"),
    "optimizer": ("bench.catalogue.optimizers", "OPTIMIZERS"),
}
ADDABLE = tuple(kind for kind in TABLES if kind != "family")  # kinds of which other packages can add entries
_TYPES = {"optimizer": "OptimizerEntry", "loss": "GanLoss"}  # of the values of the other tables: the kind, capitalised
_PLURALS = {"loss": "losses", "penalty": "penalties"}
_OWN_CODE = Path(__file__).parents[1]
_LIBRARIES = {"torch", "numpy", "scipy", "pandas", "contextlib.py"}


class Options(BaseModel):
    """Settings by name: immutable, with strict types. An unknown name or a wrong type is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


@cache
def entries(kind: str) -> Mapping[str, Any]:
    """Return all entries of one kind by name: the built-in ones, then those of other packages under other names.

    This imports all packages that add entries of this kind; ``find`` imports only one. Entries of other packages that
    cannot be loaded are left out; ``unusable`` has the reasons.
    """
    known = _known(kind)
    for name in _added_names(kind):
        known.pop(name, None)
        if not isinstance(entry := _added(kind, name), PluginError):
            known[name] = entry
    return known


def unusable(kind: str) -> Mapping[str, PluginError]:
    """Return the errors of all entries of other packages that cannot be loaded, by name."""
    loaded = {name: _added(kind, name) for name in _added_names(kind)}
    return {name: entry for name, entry in loaded.items() if isinstance(entry, PluginError)}


@cache
def _known(kind: str) -> dict[str, Any]:
    """Return the built-in entries, to which entries of other packages are added once they are used."""
    return {**_built_in(kind)}


def _built_in(kind: str) -> Mapping[str, Any]:
    module, table = TABLES[kind]
    known: Mapping[str, Any] = getattr(import_module(module), table)
    return known


def _added_names(kind: str) -> list[str]:
    return [name for name in dict.fromkeys(point.name for point in _entry_points(kind)) if is_added(kind, name)]


def known_names(kind: str) -> set[str]:
    """Return the names of all entries of a kind, without importing those of other packages."""
    return {*_built_in(kind), *_added_names(kind)}


def providers(kind: str) -> list[tuple[str, str]]:
    """Return the package and the name of every entry of another package."""
    return [(point.dist.name, point.name) for point in _entry_points(kind) if point.dist and is_added(kind, point.name)]


@cache
def _added(kind: str, name: str) -> Any:
    """Return the entry of another package, or the error that loading it gives."""
    points = [point for point in _entry_points(kind) if point.name == name]
    providers = sorted({point.value for point in points})
    if len(providers) > 1:
        each = ", ".join(providers)
        return PluginError(f"{kind} {name!r} is provided more than once: {each}; rename one, or uninstall its package")
    return _load(kind, points[0])


def _load(kind: str, point: EntryPoint) -> Any:
    type_name = _TYPES.get(kind, kind.capitalize())
    try:
        entry = point.load()
    except (Exception, SystemExit) as error:  # whatever the other package does wrong, only what uses it may fail
        return PluginError(f"{title(kind, point.name)} cannot be loaded: {summarise_error(error)}")
    if not isinstance(entry, getattr(import_module(TABLES[kind][0]), type_name)):
        given = f"{point.value} is a {type(entry).__name__}"
        return PluginError(f"{title(kind, point.name)} cannot be loaded: {given}, but must be a bench.{type_name}")
    if not isinstance(entry.summary, str):
        return PluginError(f"{title(kind, point.name)} cannot be loaded: its summary must be one line of text")
    options = getattr(entry, "options", Options)
    if not (isinstance(options, type) and issubclass(options, Options)):
        return PluginError(f"{title(kind, point.name)} cannot be loaded: its options must be a class of bench.Options")
    return entry


def shadowed(kind: str) -> list[str]:
    """Return a line for each entry of another package that has the name of a built-in one, which is used instead."""
    names = [point.name for point in _entry_points(kind) if point.name in _built_in(kind)]
    return [f"{kind} {name!r}: the entry of ganbench is used, not that of another package" for name in names]


def is_added(kind: str, name: str) -> bool:
    """Return whether another package provides the entry."""
    return name not in _built_in(kind)


def title(kind: str, name: str) -> str:
    """Return how messages call an entry: ``loss 'hinge'``, with its package if it is not ganbench itself."""
    packages = [point.dist.name for point in _entry_points(kind) if point.name == name and point.dist]
    return f"{kind} {name!r}" + (f" (package {packages[0]})" if packages and is_added(kind, name) else "")


@contextmanager
def naming(kind: str, name: str, part: str = "") -> Iterator[None]:
    """Name an entry of another package in the error of whatever exception it raises inside the block.

    Args:
        kind: The kind of the entry.
        name: Its name.
        part: The function of the entry that is called, such as "prepare".

    Raises:
        PluginError: The block raised an exception; its message also has the place in the code of the other package.
    """
    try:
        yield
    except (GanbenchError, MemoryError, BdbQuit):
        raise
    except (Exception, SystemExit) as error:
        if not is_added(kind, name) or is_fault_of_device(error):
            raise
        who = f"{title(kind, name)}: {part}" if part else title(kind, name)
        raise PluginError(f"{who} raised {summarise_error(error)}{_place(error)}") from error


def named(kind: str, name: str, function: Callable[..., Any], part: str = "") -> Callable[..., Any]:
    """Return a function of an entry; if another package provides the entry, errors name it."""
    return _named(kind, name, function, part) if is_added(kind, name) else function


@cache  # the same function again is the same object, so that runs with the same loss share its evaluation
def _named(kind: str, name: str, function: Callable[..., Any], part: str) -> Callable[..., Any]:
    def call(*arguments: Any, **options: Any) -> Any:
        with naming(kind, name, part):
            return function(*arguments, **options)

    return call


def is_fault_of_device(error: BaseException) -> bool:
    """Return whether memory ran out or the device failed, which is no fault of the code that ran."""
    return type(error).__name__ in ("OutOfMemoryError", "AcceleratorError") or "allocate memory" in str(error)


def _place(error: BaseException) -> str:
    """Return where in the code of another package an exception was raised, as `` (file.py, line 3)``."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if _is_foreign(Path(frame.filename))]
    return f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""


def _is_foreign(path: Path) -> bool:
    return not path.is_relative_to(_OWN_CODE) and not _LIBRARIES & {*path.parts}


def additions() -> list[str]:
    """Return a line for each entry of another package, with that package's version, without importing it."""
    versions = ((point, point.dist.version if point.dist else "") for kind in TABLES for point in _entry_points(kind))
    return sorted(f"{point.group} {point.name} = {point.value} {version}" for point, version in versions)


def _entry_points(kind: str) -> EntryPoints:
    return _installed_entry_points().get(kind, EntryPoints())


@cache
def _installed_entry_points() -> Mapping[str, EntryPoints]:
    """Return the entry points of each kind, all at once: reading those of one kind takes just as long."""
    every = entry_points()
    return {kind: every.select(group=group_of(kind)) for kind in ADDABLE}


def group_of(kind: str) -> str:
    """Return the name under which packages register entries of a kind."""
    return f"ganbench.{_PLURALS.get(kind, kind + 's')}"


def find(kind: str, name: str) -> Any:
    """Return the entry called ``name``; of other packages, only the one that provides it is imported.

    Raises:
        SuiteError: the name is unknown; the message suggests the nearest one.
        PluginError: the entry of another package cannot be loaded.
    """
    known = _known(kind)
    if name in known:
        return known[name]
    added = _added_names(kind)
    if name in added:
        entry = _added(kind, name)
        if isinstance(entry, PluginError):
            raise entry
        known[name] = entry
        return entry
    raise SuiteError(f"unknown {kind} {quote(name)}{suggestion(name, {*known, *added})}")


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
