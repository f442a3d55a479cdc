"""The average's half-life grows with the steps done (``ema_rampup`` of StyleGAN2-ADA, Karras et al. 2020)."""

from __future__ import annotations

import pytest
import torch

from bench.compute.training.averaging import average_decay
from bench.compute.training.loop import train
from bench.compute.training.pack import assemble
from bench.plan.specification import Training, complete_training

REALS = torch.randn(50, 2, generator=torch.Generator().manual_seed(1))


def specify(**keys: object) -> Training:
    base = {
        "dataset": "ring",
        "architecture": {"name": "mlp", "width": 8, "depth": 1},
        "loss": "non-saturating",
        "optimizer": {"name": "sgd", "lr": 0.05},
        "steps": 6,
        "batch_size": 5,
        "latent": 3,
    }
    return complete_training({**base, **keys}, "test")


def test_the_decay_is_that_of_the_authors_code() -> None:
    """Theirs, in images: 0.5 ** (batch / max(min(ema_nimg, cur_nimg · rampup), 1e-8))."""
    batch, half_life, rampup = 64, 500.0, 0.05
    training = specify(ema=0.5 ** (1 / half_life), ema_warmup=rampup)
    for step in (0, 1, 7, 100, 9_999, 10_000, 10_001, 1_000_000):
        images = step * batch
        theirs = 0.5 ** (batch / max(min(half_life * batch, images * rampup), 1e-8))
        assert average_decay(training, step) == pytest.approx(theirs, rel=1e-12)


def test_without_warmup_the_decay_is_constant_after_the_copy() -> None:
    assert [average_decay(specify(ema=0.999), step) for step in (0, 1, 50)] == [0.0, 0.999, 0.999]


def test_the_average_follows_the_warm_up() -> None:
    training = specify(ema=0.9, ema_warmup=0.5)
    pack = assemble([training], [0], (2,), lambda i: REALS[i], len(REALS), torch.device("cpu"))
    expected = torch.zeros_like(pack.generator.flat)
    for step in range(6):
        list(train(pack, step, steps=step + 1))
        decay = 0.0 if step == 0 else 0.5 ** (1 / min(0.5 * step, 6.578813478960585))  # log ½ / log 0.9
        expected = decay * expected + (1 - decay) * pack.generator.flat.detach()
        assert pack.average is not None
        torch.testing.assert_close(pack.average.flat.detach(), expected)
