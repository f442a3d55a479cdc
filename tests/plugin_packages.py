"""Packages of plug-ins for tests, found as if pip had installed them."""

from __future__ import annotations

import importlib
import sys
import textwrap
from collections.abc import Mapping
from pathlib import Path

import pytest

import bench.catalogue as catalogue
from bench.compute.contexts import context_of
from bench.compute.evaluation import build_evaluator
from bench.compute.training.real_data import cached_dataset


def clear_caches() -> None:
    for cached in (
        catalogue._installed_entry_points,
        catalogue._added,
        catalogue._known,
        catalogue.entries,
        catalogue._named,
    ):
        cached.cache_clear()
    for cached in (cached_dataset, context_of, build_evaluator):
        cached.cache_clear()


class Package:
    """A package ``plugged`` in a folder of its own; ``write`` adds modules and entry points to it.

    Args:
        folder: Where the package lies; it must be on ``sys.path``.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self._points: dict[str, dict[str, str]] = {}

    def write(self, code: str, entry_points: Mapping[str, Mapping[str, str]], module: str = "plugged") -> None:
        """Write a module and register entries: group → name → attribute of the module."""
        (self.folder / f"{module}.py").write_text(textwrap.dedent(code))
        for group, points in entry_points.items():
            added = {name: f"{module}:{attribute}" for name, attribute in points.items()}
            self._points.setdefault(group, {}).update(added)
        metadata = self.folder / "plugged-1.0.dist-info"
        metadata.mkdir(exist_ok=True)
        (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: plugged\nVersion: 1.0\n")
        lines = []
        for group, points in self._points.items():
            lines += [f"[ganbench.{group}]", *(f"{name} = {value}" for name, value in points.items())]
        (metadata / "entry_points.txt").write_text("\n".join(lines) + "\n")
        self.forget()

    def uninstall(self) -> None:
        """Remove the entry points; records must be readable without them."""
        (self.folder / "plugged-1.0.dist-info" / "entry_points.txt").write_text("")
        self.forget()

    def forget(self) -> None:
        """Forget what was imported from the package before."""
        importlib.invalidate_caches()
        for name in [name for name in sys.modules if name.partition(".")[0].startswith("plugged")]:
            del sys.modules[name]
        clear_caches()


def package_in(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Package:
    """Return an empty package that is found until the end of the test."""
    folder.mkdir(exist_ok=True)
    monkeypatch.syspath_prepend(str(folder))
    return Package(folder)
