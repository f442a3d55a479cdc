"""Entries of other packages: only what is used is imported, and a broken package concerns nobody else."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from plugin_packages import Package, clear_caches, package_in

from bench.catalogue import ADDABLE, entries, find, unusable
from bench.errors import PluginError, SuiteError
from bench.plan.runs import plan_runs
from bench.plan.suite import load_suite

GROUPS = ("losses", "penalties", "optimizers", "architectures", "datasets", "metrics")
LOSS = """
from bench import GanLoss

fine = GanLoss("fine", critic=lambda real, fake: fake - real, generator=lambda real, fake: -fake)
silent = GanLoss(None, critic=lambda real, fake: fake - real, generator=lambda real, fake: -fake)
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Package:
    added = package_in(tmp_path / "site", monkeypatch)
    added.write("import a_missing_library\n", {group: {"broken": "entry"} for group in GROUPS}, "plugged_broken")
    added.write(LOSS, {"losses": {"fine": "fine", "silent": "silent"}}, "plugged_fine")
    return added


@pytest.fixture(autouse=True)
def forgotten() -> object:
    yield
    clear_caches()


def test_a_suite_imports_no_package_that_it_does_not_name(package: Package) -> None:
    assert plan_runs(load_suite("quick"))
    assert not [name for name in sys.modules if name.startswith("plugged")]
    assert find("loss", "fine").summary == "fine"
    assert [name for name in sys.modules if name.startswith("plugged")] == ["plugged_fine"]


def test_a_broken_package_is_named_with_its_error_where_it_is_used(package: Package) -> None:
    for kind in ADDABLE:
        told = (
            rf"^{kind} 'broken' \(package plugged\) cannot be loaded: ModuleNotFoundError: No module named 'a_missing"
        )
        with pytest.raises(PluginError, match=told):
            find(kind, "broken")
        assert "broken" in unusable(kind)
        assert "broken" not in entries(kind)


def test_a_summary_must_be_text(package: Package) -> None:
    with pytest.raises(PluginError, match=r"loss 'silent' .* its summary must be one line of text"):
        find("loss", "silent")


def test_unknown_names_suggest_names_of_other_packages_without_importing_them(package: Package) -> None:
    with pytest.raises(SuiteError, match="unknown loss 'fnie'; did you mean 'fine'"):
        find("loss", "fnie")
    assert not [name for name in sys.modules if name.startswith("plugged")]


def test_all_entries_come_in_the_order_of_the_packages_whatever_was_used_first(package: Package) -> None:
    package.write(LOSS, {"losses": {"another": "fine"}}, "plugged_another")
    find("loss", "another")
    assert list(entries("loss"))[-2:] == ["fine", "another"]
