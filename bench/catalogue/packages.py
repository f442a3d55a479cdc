"""The entries of a package, and the kinds of a name: what ``ganbench check`` is asked to check."""

from __future__ import annotations

import re
from importlib.metadata import entry_points

from bench.catalogue import ADDABLE, group_of, known_names, providers, suggestion
from bench.errors import SuiteError
from bench.escaping import quote


def named_entries(name: str) -> list[tuple[str, str]]:
    """Return the entries with a name and all entries of the package with this name, as (kind, name).

    A package often has the name of its only loss, so neither hides the other.

    Raises:
        SuiteError: There is neither, and the message suggests the closest name; the name is that of a family; or the
            package registers entries under a name that is not read.
    """
    for package, problem in misnamed_groups():
        if _plain(package) == _plain(name):
            raise SuiteError(problem)
    found = [(kind, name) for kind in ADDABLE if name in known_names(kind)]
    provided = [(package, kind, entry) for kind in ADDABLE for package, entry in providers(kind)]
    found += [(kind, entry) for package, kind, entry in provided if _plain(package) == _plain(name)]
    if not found and name in known_names("family"):
        raise SuiteError(f"family {name!r} has no contract to check: other packages cannot add families")
    if not found:
        known = {*(package for package, _, _ in provided), *(entry for kind in ADDABLE for entry in known_names(kind))}
        raise SuiteError(f"no entry and no package with entries is called {quote(name)}{suggestion(name, known)}")
    return list(dict.fromkeys(found))


def misnamed_groups() -> list[tuple[str, str]]:
    """Return each package with entry points that look like ganbench's but are not read, and a line that says so."""
    read, every = [group_of(kind) for kind in ADDABLE], entry_points()
    others = [group for group in every.groups if group.startswith("ganbench.") and group not in read]
    names = {
        (point.dist.name if point.dist else point.value, group)
        for group in others
        for point in every.select(group=group)
    }
    return [
        (package, f"package {package}: entry points {group!r} are not read{suggestion(group, read)}")
        for package, group in sorted(names)
    ]


def _plain(package: str) -> str:
    """Return the name of a package as indexes compare it."""
    return re.sub(r"[-_.]+", "-", package).lower()
