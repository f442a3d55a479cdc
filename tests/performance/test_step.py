"""One training step of every loss and architecture, a probe and metrics of the game, each beside a step.

Compare: ``pytest tests/performance --benchmark-enable``.
"""

from __future__ import annotations

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture

from bench.catalogue.architectures import ARCHITECTURES
from bench.catalogue.losses import LOSSES
from bench.catalogue.metrics import METRICS
from bench.catalogue.metrics.path_angle import prepare as prepare_path_angle
from bench.catalogue.metrics.spectrum import prepare as prepare_spectrum
from bench.compute.training.game import Game
from bench.compute.training.game_state import GameState
from bench.compute.training.loop import train
from bench.compute.training.pack import Pack, assemble
from bench.compute.training.players import build_players
from bench.compute.training.probes import Probe
from bench.plan.specification import Training, complete_training

CPU = torch.device("cpu")
SHAPE = (1, 28, 28)
REALS = torch.rand(1000, *SHAPE) * 2 - 1
OF_IMAGES = [name for name, entry in ARCHITECTURES.items() if entry.fits(SHAPE) is None]


def specify(architecture: str, loss: str, width: int = 32) -> Training:
    keys = {"dataset": "fashion-mnist", "architecture": {"name": architecture, "width": width}, "loss": loss}
    return complete_training({**keys, "steps": 1, "batch_size": 64, "latent": 64}, "benchmark")


def alone(training: Training) -> Pack:
    """A pack of one run."""
    return assemble([training], [0], SHAPE, lambda indices: REALS[indices], len(REALS), CPU)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("architecture", OF_IMAGES)
def test_step(benchmark: BenchmarkFixture, architecture: str, loss: str) -> None:
    pack = alone(specify(architecture, loss))
    benchmark(lambda: list(train(pack)))


@pytest.mark.parametrize("architecture", OF_IMAGES)
def test_probe(benchmark: BenchmarkFixture, architecture: str) -> None:
    """One stands before an evaluation, after hundreds of steps; it costs less than one of them."""
    pack = alone(specify(architecture, "non-saturating"))
    game, sampler = Game(pack.trainings, pack.generator, pack.critic, CPU), pack.sampler
    terms, critic_gradient = game.critic_gradients(sampler, 0)
    _, generator_gradient = game.generator_gradients(sampler, 0)
    probe = Probe(lambda seeds: [(sampler.real_samples(), None) for _ in range(2)])

    def observe() -> None:
        probe.before_update(game)
        probe.after_update(terms, critic_gradient, generator_gradient)
        probe.values(pack.seeds)

    benchmark(observe)


@pytest.mark.parametrize("metric", ["spectrum", "path-angle"])
def test_metric_of_the_game(benchmark: BenchmarkFixture, metric: str, request: pytest.FixtureRequest) -> None:
    training = specify("mlp", "non-saturating", width=32 if request.config.getoption("benchmark_enable") else 4)
    players = build_players(training, SHAPE, 0, CPU)
    state = GameState(training, players, 0, 1, SHAPE, lambda indices: REALS[indices], len(REALS), CPU)
    prepare = {"spectrum": prepare_spectrum, "path-angle": prepare_path_angle}[metric]
    measure = prepare(METRICS[metric].options())
    benchmark(lambda: measure(state))
