"""The code of packages that add entries: its version and a hash of its files, which records keep."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path

from bench.catalogue import providers

DIGITS = 12  # of the hash


def code_of_entries(entries: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return the code of all packages that provide some entries.

    Args:
        entries: Kind and name of each entry.

    Returns:
        Package → its code, as ``code_of`` writes it; empty if all entries are those of ganbench.
    """
    packages = {package for kind, name in entries for package, added in providers(kind) if added == name}
    return {package: code_of(package) for package in sorted(packages)}


@cache  # the code that a process has imported stays the same, whatever happens to the files
def code_of(package: str) -> str:
    """Return the version of a package and a hash of its Python files, such as ``0.1, files 3f0c2b61a4d2``.

    Versions rarely change between two commits, and not every package is installed from a git checkout, so only the
    files tell whether the code has changed. Of libraries that the package imports, nothing is said.

    Returns:
        "" if no such package is installed.
    """
    try:
        installed = distribution(package)
        digest = hashlib.sha256()
        for name, path in sorted(set(_files({point.module for point in installed.entry_points}))):
            content = path.read_bytes()
            digest.update(f"{name} {len(content)}\n".encode() + content)
    except (PackageNotFoundError, OSError, ValueError):  # the last for a module without a specification
        return ""
    return f"{installed.version}, files {digest.hexdigest()[:DIGITS]}"


def _files(modules: Iterable[str]) -> Iterator[tuple[str, Path]]:
    """Yield the files of the top-level modules that provide entries: name below the module, and path."""
    for top in {module.partition(".")[0] for module in modules}:
        found = find_spec(top)
        if found is None:
            continue
        folders = [Path(folder) for folder in found.submodule_search_locations or ()]
        for folder in folders:
            yield from ((f"{top}/{path.relative_to(folder).as_posix()}", path) for path in folder.rglob("*.py"))
        if not folders and found.origin:
            yield top, Path(found.origin)
