"""Captured and replayed steps give the same numbers as normal ones; a stand-in replaces CUDA graphs on the CPU."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from bench.compute.training import loop
from bench.compute.training.cuda_graphs import WARM_UP, GraphedSteps, StaticDraws, can_capture, graph_refusal
from bench.compute.training.game import Game
from bench.compute.training.pack import Pack, assemble
from bench.compute.training.sampler import BatchSampler
from bench.errors import PluginError
from bench.plan.specification import Training, complete_training

CPU = torch.device("cpu")
REALS = torch.randn(50, 2, generator=torch.Generator().manual_seed(1))


def specify(**keys: object) -> Training:
    table = {"dataset": "ring", "architecture": {"name": "mlp", "width": 8, "depth": 1}, "loss": "hinge", "steps": 30}
    return complete_training({**table, "batch_size": 5, "latent": 3, **keys}, "test")


def packed(training: Training, device: torch.device = CPU) -> Pack:
    reals = REALS.to(device)
    return assemble([training] * 2, [0, 1], (2,), lambda i: reals[i.to(device)], len(reals), device)


def capture(step: Callable[[], Tensor]) -> tuple[Callable[[], None], Tensor]:
    """Behave like CUDA: a capture takes no step; a replay does, and writes its losses to the same tensor."""
    losses = torch.empty(2, 2)

    def replay() -> None:
        losses.copy_(step()[:2])

    return replay, losses


@pytest.mark.parametrize(
    "keys",
    [
        {},
        {"penalty": "wgan-gp", "critic_steps": 2},
        {"penalty": {"name": "r1", "every": 3}},
        {"loss": "relativistic", "ema": 0.9},
        {"penalty": [{"name": "bcr", "every": 2}, "zcr"]},
        {"critic": {"normalisation": "batch"}, "updates": "simultaneous"},
        {"batch_size": 6, "pac": 2, "penalty": "wgan-gp"},
        {"loss": {"name": "minimax", "smoothing": 0.1}},
        {"unroll": 2, "penalty": {"name": "r1", "every": 3}},
        {"unroll": 1, "critic_optimizer": {"name": "sgd", "momentum": 0.5}},
        {"updates": "extragradient", "optimizer": {"name": "sgd", "max_norm": 0.1}},
        {"lookahead": {"every": 3}, "ema": 0.9},
        {"schedule": "linear"},
        {"schedule": "cosine", "optimizer": "optimistic-adam"},
        {"optimizer": {"name": "adam", "final_beta2": 0.9}, "critic_optimizer": {"final_lr": 1e-5}},
        {"penalty": {"name": "r1", "final_weight": 0.1, "weight": 10.0}, "critic_steps": 2},
        {"penalty": {"name": "r1", "final_weight": 0.1}, "unroll": 1},
        {"penalty": {"name": "r1", "final_weight": 0.1, "every": 3}},
        {"ema": 0.99, "ema_warmup": 0.5},
        {"top_k": {"final": 0.4, "decay": 0.8, "every": 3}},
    ],
    ids=str,
)
def test_replayed_steps_equal_normal_steps(keys: dict[str, object]) -> None:
    training = specify(**keys)
    plain, graphed = packed(training), packed(training)
    games = [Game(pack.trainings, pack.generator, pack.critic, CPU, pack.critic_descent) for pack in (plain, graphed)]
    calls = 0

    def counted(*args: object) -> Tensor:
        nonlocal calls
        calls += 1
        return loop._take_step(*args)  # type: ignore[arg-type]

    take = GraphedSteps(counted, graphed, capture)
    for step in range(20):
        for pack in (plain, graphed):
            pack.set_rates(step / training.steps)
        expected = loop._take_step(plain, games[0], plain.sampler, step)[:2]
        assert torch.equal(take(graphed, games[1], graphed.sampler, step, None)[:2], expected)
    assert calls == 20  # a capture takes no step
    assert take.captured
    assert take.replayed
    for one, two in ((plain.generator, graphed.generator), (plain.critic, graphed.critic)):
        assert torch.equal(one.flat, two.flat)
    if plain.average is not None and graphed.average is not None:
        assert torch.equal(plain.average.flat, graphed.average.flat)
    assert plain.sampler.state_dict(1)["latents"]["taken"] == graphed.sampler.state_dict(1)["latents"]["taken"]


def test_everything_that_a_captured_step_draws_is_kept_in_fixed_memory() -> None:
    others = {"keep", "state_dict", "load_state_dict", "normal"}  # steps with noise on samples are not captured
    drawing = {name for name, value in vars(BatchSampler).items() if callable(value) and not name.startswith("_")}
    assert drawing - others <= vars(StaticDraws).keys()


def test_steps_that_draw_from_the_global_generators_are_not_captured() -> None:
    """A replayed draw would not continue the stream of the run."""
    graphed = packed(specify())
    game = Game(graphed.trainings, graphed.generator, graphed.critic, CPU)

    def drawing(*args: object) -> Tensor:
        return loop._take_step(*args) + torch.rand(())  # type: ignore[arg-type]

    take = GraphedSteps(drawing, graphed, lambda step: pytest.fail("captured"))
    with torch.random.fork_rng():
        for step in range(WARM_UP + 3):
            take(graphed, game, graphed.sampler, step, None)


def fail_to_capture(error: Exception) -> tuple[GraphedSteps, Pack, Pack]:
    """Return two packs that have taken the same steps, the second while captures failed."""

    def refuse(step: Callable[[], Tensor]) -> tuple[Callable[[], None], Tensor]:
        raise error

    training = specify()
    plain, graphed = packed(training), packed(training)
    games = [Game(pack.trainings, pack.generator, pack.critic, CPU) for pack in (plain, graphed)]
    take = GraphedSteps(loop._take_step, graphed, refuse)
    for step in range(WARM_UP + 5):
        loop._take_step(plain, games[0], plain.sampler, step)
        take(graphed, games[1], graphed.sampler, step, None)
    graphed.prepared = games[1], take
    return take, plain, graphed


def after(first: Exception, second: Exception) -> Exception:
    """Return an error with the one before it, as at the end of a failed capture."""
    second.__context__ = first
    return second


SYNCHRONISED = torch.AcceleratorError("CUDA error: operation not permitted when stream is capturing. More words.")


def ended(first: Exception) -> Exception:
    """Return the error with which a capture ends after an error."""
    return after(first, torch.AcceleratorError("CUDA error: operation failed due to a previous error during capture"))


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (RuntimeError("operation not permitted when stream is capturing"), "operation not permitted"),
        (ended(SYNCHRONISED), "AcceleratorError: CUDA error: operation not permitted when stream is capturing"),
    ],
)
def test_operations_that_wait_for_the_host_disable_graphs(error: Exception, reason: str) -> None:
    take, plain, graphed = fail_to_capture(error)
    assert torch.equal(plain.critic.flat, graphed.critic.flat)
    assert not take.captured
    assert reason in graph_refusal(graphed)


@pytest.mark.parametrize(
    ("error", "raised"),
    [
        (torch.OutOfMemoryError("CUDA out of memory"), "CUDA out of memory"),
        (ended(torch.OutOfMemoryError("CUDA out of memory")), "CUDA out of memory"),
        (torch.AcceleratorError("CUDA error: an illegal memory access was encountered"), "illegal memory access"),
        (after(RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED"), PluginError("loss 'mine' failed")), "CUBLAS"),
    ],
)
def test_a_capture_that_fails_for_another_reason_than_its_step_raises(error: Exception, raised: str) -> None:
    with pytest.raises(RuntimeError, match=raised):
        fail_to_capture(error)


@pytest.mark.parametrize(
    ("keys", "possible"),
    [
        ({}, True),
        ({"penalty": "r1"}, True),
        ({"unroll": 3}, True),
        ({"top_k": {"final": 0.5}}, True),
        ({"updates": "extragradient", "lookahead": {}, "optimizer": {"name": "adam", "max_norm": 1.0}}, True),
        ({"schedule": "linear"}, True),
        ({"optimizer": {"name": "adam", "final_beta2": 0.99}}, True),
        ({"critic_optimizer": {"final_lr": 1e-5}}, True),
        ({"penalty": {"name": "r1", "final_weight": 1.0}}, True),
        ({"ema": 0.9, "ema_warmup": 0.05}, True),
        ({"penalty": {"name": "instance-noise", "anneal": "linear"}}, False),
        ({"optimizer": {"name": "optimistic-adam"}}, True),
        ({"critic_optimizer": {"name": "optimistic-adam"}}, True),
    ],
    ids=str,
)
def test_steps_that_a_graph_cannot_repeat_are_not_captured(keys: dict[str, object], possible: bool) -> None:
    assert can_capture(specify(**keys)) == possible


@pytest.mark.gpu
@pytest.mark.parametrize(
    "keys",
    [
        {},
        {"penalty": "wgan-gp", "critic_steps": 2},
        {"optimizer": "rmsprop"},
        {"unroll": 2},
        {"batch_size": 6, "pac": 2},
        {"updates": "extragradient", "optimizer": {"name": "adam", "max_norm": 0.1}},
        {"lookahead": {"every": 3}},
    ],
    ids=str,
)
def test_a_cuda_graph_gives_the_same_steps_as_separate_kernels(keys: dict[str, object]) -> None:
    device = torch.device("cuda")
    training = specify(**keys)
    plain, graphed = packed(training, device), packed(training, device)
    games = [
        Game(pack.trainings, pack.generator, pack.critic, device, pack.critic_descent) for pack in (plain, graphed)
    ]
    take = GraphedSteps(loop._take_step, graphed)
    for step in range(30):
        loop._take_step(plain, games[0], plain.sampler, step)
        take(graphed, games[1], graphed.sampler, step, None)
    assert take.captured
    assert take.replayed
    torch.testing.assert_close(plain.generator.flat, graphed.generator.flat, rtol=1e-4, atol=1e-5)
