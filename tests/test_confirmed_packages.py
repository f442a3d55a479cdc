"""Confirmation of a regression in a package of plug-ins that has changed the default of an option."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from changed_records import content_of, publish_content, rows_of
from click.testing import CliRunner
from plugin_packages import Package, clear_caches, package_in

import bench.confirming
from bench.catalogue.package_code import code_of
from bench.command import main
from bench.errors import ResultsError
from bench.records.listing import record_paths
from bench.records.record import read_metadata

OPTIMISER = """
from bench import OptimizerEntry, Options

class MyOptions(Options):
    lr: float = 0.01
    momentum: float = 0.5

def build(parameters, options):
    from torch.optim import SGD
    return SGD(parameters, lr=options.lr, momentum=options.momentum)

mine = OptimizerEntry("", MyOptions, build)
"""
SUITE = """
name = "mine"
seeds = 10
[matrix]
loss = ["hinge"]
dataset = [{ name = "ring", points = 500 }]
architecture = [{ name = "mlp", width = 8, depth = 1 }]
optimizer = ["mine"]
[training]
steps = 2
batch_size = 8
[evaluation]
every = 2
samples = 50
metrics = ["frechet"]
[outcome]
never_learned = 1.0
collapsed = 1e-9
relapsed = 1e9
oscillating = 1e9
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Package]:
    package = package_in(tmp_path / "site", monkeypatch)
    yield package
    package.forget()
    clear_caches()


def train(package: Package, code: str, suite: Path, results: Path) -> Path:
    package.write(code, {"optimizers": {"mine": "mine"}})
    code_of.cache_clear()
    words = ["run", str(suite), "--results", str(results), "--workers", "0", "--report", "none", "--pack", "10"]
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 0, result.output
    return results / "mine"


def test_a_changed_default_is_changed_code(package: Package, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the candidate is trained: the package of today cannot train the baseline under its recorded identity."""
    suite = tmp_path / "mine.toml"
    suite.write_text(SUITE)
    before = train(package, OPTIMISER, suite, tmp_path / "before")
    after = train(
        package, OPTIMISER.replace("momentum: float = 0.5", "momentum: float = 0.9"), suite, tmp_path / "after"
    )
    metadata = [read_metadata(record_paths(folder)[0]) for folder in (before, after)]
    assert metadata[0].run == metadata[1].run
    assert metadata[0].training != metadata[1].training
    for path in record_paths(after):
        content, rows = content_of(path), rows_of(path)
        content["ending"].update(status="diverged", reason="a loss of NaN", step=2)
        path.unlink()
        publish_content(path, content, rows)
    trained = []

    def refuse(runs: list[Any], folder: Path, options: Any) -> None:
        trained.append(folder.name)
        raise ResultsError("nothing is trained in this test")

    monkeypatch.setattr(bench.confirming, "train_runs", refuse)
    with pytest.raises(ResultsError, match="nothing is trained"):
        bench.confirming.confirm(before, after)
    assert trained == ["mine-confirmation"]
    text = CliRunner().invoke(main, ["compare", str(before), str(after), "--format", "markdown"]).stdout
    assert "Changed defaults: optimizer.momentum is 0.5 in the baseline and 0.9 in the candidate" in text
    assert not bench.confirming._are_specified_differently(*metadata)
