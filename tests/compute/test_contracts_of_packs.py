"""Every part of a penalty is checked for mixing the runs of a pack, and every metric is tried before training."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from plugin_packages import Package, clear_caches, package_in
from small_suite import small_suite

from bench.compute.contracts.dry_check import dry_check
from bench.compute.contracts.parts import check_penalty
from bench.compute.settings import Settings
from bench.compute.training.players import build_players
from bench.errors import ContractError
from bench.plan.runs import Run, plan_runs
from bench.plan.specification import complete_training
from bench.plan.suite import load_suite

PENALTIES = """
import torch
from bench import LatentConsistency, Options, Penalty, TermOptions

class Weighted(Options):
    weight: float = 1.0

def latent(move=lambda o, z, normal: z + normal, critic=lambda o, a, b: (a - b).square(),
           generator=lambda o, a, b: (a - b).flatten(2).square().sum(dim=2)):
    return Penalty("", TermOptions, latent=LatentConsistency(move, critic, generator))

def drawn(o, critic, real, fake, draw):
    return (real.logits - critic(real.samples + draw(real.samples[0, 0].numel()).view_as(real.samples))).square()

alike = Penalty("", TermOptions, consistency=drawn)
compared = Penalty("", TermOptions, consistency=lambda *a: drawn(*a) - drawn(*a).mean())
fixed = latent()
moved = latent(move=lambda o, z, normal: z - z.mean(dim=0))
judged = latent(critic=lambda o, a, b: a - b.mean())
made = latent(generator=lambda o, a, b: (a - b).flatten(2).sum(dim=2) - b.mean())

def normed(options, parameters):
    for parameter in parameters:
        parameter /= parameter.norm()

def clipped(options, parameters):
    for parameter in parameters:
        parameter.clamp_(-1, 1)

shrunk = Penalty("", Options, project=normed)
bounded = Penalty("", Options, project=clipped)

def squares(critic, generator):
    return sum(each.reshape(len(each), -1).square().sum(dim=1) for each in (*critic, *generator))

paired = Penalty("", Weighted, joint=lambda c, g: squares(c, g) + sum(each.mean() for each in g))
plain = Penalty("", Weighted, joint=squares)
"""

METRICS = """
from bench import Measure, Metric, Options

def of(name, of="samples"):
    return Metric("", Options, f"plugged_metrics:{name}", lambda extractor, modes: None, of=of, measures={
        name: Measure(name, True)})

few, played, fine = of("few"), of("played", "game"), of("fine")
raised = of("raised")
"""

CODE = """
def few(context, options):
    def measure(sampled):
        if len(sampled.samples) < 80:
            raise ValueError("too few samples")
        return {"few": 1.0}
    return measure

def raised(context, options):
    return lambda sampled: {"raised": 1 / (len(sampled.features) - len(sampled.samples))}

def fine(context, options):
    assert len(context.data.train) == len(context.train_features)
    return lambda sampled: {"fine": 1.0}

def played(options):
    return lambda game: {"played": game.parameters().numel() / 0}
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Package]:
    package = package_in(tmp_path / "site-packages", monkeypatch)
    yield package
    package.forget()
    clear_caches()


def check(package: Package, name: str) -> None:
    package.write(PENALTIES, {"penalties": {name: name}})
    table = {"dataset": "ring", "architecture": {"name": "mlp", "width": 4}, "loss": "hinge", "penalty": name}
    training = complete_training({**table, "batch_size": 6, "latent": 3, "steps": 2}, "test")
    players, device = build_players(training, (2,), 0, torch.device("cpu")), torch.device("cpu")
    check_penalty(training.penalty[0], training, (2,), players, device)


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("compared", "consistency"),
        ("moved", "move"),
        ("judged", "critic"),
        ("made", "generator"),
        ("shrunk", "project"),
        ("paired", "joint"),
    ],
)
def test_a_part_that_mixes_the_runs_of_a_pack_is_named(package: Package, name: str, part: str) -> None:
    with pytest.raises(
        ContractError, match=rf"^penalty '{name}' \(package plugged\): {part} mixes the runs of a pack: "
    ):
        check(package, name)


@pytest.mark.parametrize("name", ["alike", "fixed", "bounded", "plain"])
def test_parts_that_keep_the_runs_apart_pass(package: Package, name: str) -> None:
    check(package, name)


def runs_with(package: Package, folder: Path, metric: str) -> list[Run]:
    package.write(METRICS, {"metrics": {metric: metric}})
    package.write(CODE, {}, "plugged_metrics")
    path = folder / "suite.toml"
    path.write_text(small_suite('{ name = "ring", points = 500 }', f'metrics = ["{metric}"]', samples=90))
    return plan_runs(load_suite(str(path)))


@pytest.mark.parametrize(("metric", "error"), [("raised", "ZeroDivisionError"), ("played", "ZeroDivisionError")])
def test_a_metric_that_raises_an_exception_is_named_by_the_dry_check(
    package: Package, tmp_path: Path, metric: str, error: str
) -> None:
    runs = runs_with(package, tmp_path, metric)
    (fault,) = set(dry_check(runs, Settings(tmp_path), print).faults.values())
    assert fault.startswith(f"metric '{metric}' (package plugged) raised {error}: ")
    assert "(plugged_metrics.py, line " in fault


@pytest.mark.parametrize("metric", ["few", "fine"])
def test_a_metric_that_works_in_an_evaluation_passes(package: Package, tmp_path: Path, metric: str) -> None:
    """The metric ``few`` refuses the few samples of the first try."""
    runs = runs_with(package, tmp_path, metric)
    assert not dry_check(runs, Settings(tmp_path), print).faults
