"""The code of packages of plug-ins: what is hashed, and what records, runs and comparisons make of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from plugin_packages import Package, clear_caches, package_in

from bench.catalogue.package_code import code_of
from bench.command import main
from bench.plan.added_packages import packages_of
from bench.plan.runs import Run, plan_runs
from bench.plan.suite import load_suite
from bench.records.listing import record_paths
from bench.records.record import read_metadata

LOSS = """
from torch.nn.functional import softplus
from bench import GanLoss

mine = GanLoss("", lambda r, f: softplus(-r) + softplus(f), lambda r, f: softplus(-f))
"""
SUITE = """
name = "mine"
seeds = 1
[matrix]
loss = ["mine"]
dataset = [{ name = "ring", points = 500 }]
architecture = [{ name = "mlp", width = 8, depth = 1 }]
[training]
steps = 4
batch_size = 8
[evaluation]
every = 2
samples = 50
metrics = ["modes"]
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Package]:
    package = package_in(tmp_path / "site", monkeypatch)
    install(package, LOSS)
    yield package
    package.forget()
    clear_caches()


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    path = tmp_path / "mine.toml"
    path.write_text(SUITE)
    return path


def install(package: Package, code: str) -> None:
    """Install a version of the package, as if in a new process."""
    package.write(code, {"losses": {"mine": "mine"}})
    code_of.cache_clear()


def only_run(suite: Path) -> Run:
    return plan_runs(load_suite(str(suite)))[0]


def train(suite: Path, results: Path) -> str:
    words = ["run", str(suite), "--results", str(results), "--workers", "0", "--report", "none", "--pack", "off"]
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 0, result.output
    return " ".join(result.stderr.split())


def test_code_is_the_same_until_a_file_changes(package: Package, suite: Path) -> None:
    first = packages_of(only_run(suite))
    assert list(first) == ["plugged"]
    assert first["plugged"].startswith("1.0, files ")
    install(package, LOSS)
    assert packages_of(only_run(suite)) == first
    install(package, LOSS.replace("softplus(-f)", "softplus(f)"))
    assert packages_of(only_run(suite)) != first
    assert code_of("not-installed") == ""


def test_runs_of_ganbench_alone_use_no_package(package: Package, suite: Path) -> None:
    suite.write_text(SUITE.replace('"mine"]', '"hinge"]'))
    assert packages_of(only_run(suite)) == {}


def test_a_file_added_to_a_package_or_moved_within_it_changes_its_code(package: Package, suite: Path) -> None:
    folder = package.folder / "plugged_more"
    folder.mkdir()
    (folder / "__init__.py").write_text("from bench import GanLoss\nmore = GanLoss('', None, None)\n")
    package.write("", {"losses": {"more": "more"}}, "plugged_more")
    (package.folder / "plugged_more.py").unlink()
    codes = []
    for name in ("a.py", "b.py"):
        (folder / name).write_text("x = 1\n")
        code_of.cache_clear()
        codes.append(code_of("plugged"))
        (folder / name).unlink()
    code_of.cache_clear()
    assert len({*codes, code_of("plugged")}) == 3


def test_records_of_other_code_are_kept_with_a_notice(package: Package, suite: Path, tmp_path: Path) -> None:
    results = tmp_path / "results"
    train(suite, results)
    (path,) = record_paths(results)
    assert read_metadata(path).environment.packages == packages_of(only_run(suite))
    assert "other code" not in train(suite, results)
    install(package, LOSS.replace("softplus(-f)", "softplus(f)"))
    notice = f"1 record in {results / 'mine'} was trained with other code of plugged than is installed now; to train"
    assert notice in train(suite, results)


def test_a_comparison_says_if_both_sides_are_of_the_same_code(package: Package, suite: Path, tmp_path: Path) -> None:
    train(suite, tmp_path / "before")
    train(suite, tmp_path / "stale")
    install(package, LOSS.replace("softplus(-f)", "softplus(f)"))
    train(suite, tmp_path / "after")
    texts = {}
    for side in ("stale", "after"):
        words = ["compare", str(tmp_path / "before" / "mine"), str(tmp_path / side / "mine"), "--format", "markdown"]
        texts[side] = CliRunner().invoke(main, words).stdout
    said = "Both sides were trained with the same code of plugged. If the candidate should contain a change"
    assert said in texts["stale"]
    assert "same code" not in texts["after"]


def test_a_checkpoint_of_other_code_is_put_aside(package: Package, suite: Path, tmp_path: Path) -> None:
    from bench.compute.checkpoints import History, restore, save

    run, path = only_run(suite), tmp_path / "run.pt"
    save(path, run, {}, History(step=2, trace=[]))
    assert restore(path, run).notice == "resumes from step 2"
    install(package, LOSS.replace("softplus(-f)", "softplus(f)"))
    restored = restore(path, run)
    assert restored.state is None
    assert "it was trained with other code of plugged; the run restarts" in restored.notice
