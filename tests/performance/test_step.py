"""One training step of every loss and architecture. Compare: ``pytest tests/performance --benchmark-enable``."""

from __future__ import annotations

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture

from bench.architectures import ARCHITECTURES
from bench.losses import LOSSES
from bench.players import build_players
from bench.random_streams import Streams
from bench.specification import complete_training
from bench.training import train

CPU = torch.device("cpu")


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_step(benchmark: BenchmarkFixture, architecture: str, loss: str) -> None:
    shape = (1, 28, 28)
    keys = {"dataset": "fashion-mnist", "architecture": {"name": architecture, "width": 32}, "loss": loss}
    training = complete_training({**keys, "steps": 1, "batch_size": 64, "latent": 64}, "benchmark")
    players, streams = build_players(training, shape, 0, CPU), Streams(0)
    reals = torch.rand(1000, *shape) * 2 - 1

    def step() -> None:
        list(train(training, players, streams, lambda indices: reals[indices], len(reals), CPU))

    benchmark(step)
