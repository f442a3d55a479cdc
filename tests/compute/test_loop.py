"""The loop matches a naive version written the usual way, and closed forms."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bench.compute.training.descent import Descent
from bench.compute.training.loop import CHUNK, Measurement, train
from bench.compute.training.pack import Pack, assemble
from bench.compute.training.players import Players, build_players
from bench.compute.training.random_streams import Streams
from bench.plan.specification import Training, complete_training

CPU = torch.device("cpu")
REALS = torch.randn(50, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def specify(**keys: object) -> Training:
    base = {
        "dataset": "ring",
        "architecture": {"name": "mlp", "width": 8, "depth": 1},
        "loss": "non-saturating",
        "optimizer": {"name": "sgd", "lr": 0.02},
        "steps": 7,
        "batch_size": 5,
        "latent": 3,
        "precision": "float64",
    }
    return complete_training({**base, **keys}, "test")


def alone(training: Training, seed: int = 0, reals: Tensor = REALS, device: torch.device = CPU) -> Pack:
    """Return a pack of one run."""
    return assemble([training], [seed], reals.shape[1:], lambda i: reals[i.to(device)], len(reals), device)


def measured(pack: Pack, **keys: int) -> list[Measurement]:
    return [each for (each,) in train(pack, **keys)]


def run(training: Training, seed: int = 0, reals: Tensor = REALS) -> tuple[Players, list[Measurement]]:
    pack = alone(training, seed, reals)
    (players,) = pack.players
    return players, measured(pack)


def naive(training: Training, seed: int = 0) -> tuple[nn.Module, nn.Module]:
    """Train with a plain loop: backward through everything, gradient descent by hand, both losses written out."""
    players = build_players(training, (2,), seed, CPU)
    generator, critic = players.generator, players.critic
    streams = Streams([seed], dtype=torch.float64)
    n, lr = training.batch_size, training.optimizer.options.lr  # type: ignore[attr-defined]

    def latents() -> Tensor:
        return streams.normal("latents", n * training.latent).view(n, training.latent)

    def descend(network: nn.Module, gradients: list[Tensor]) -> None:
        with torch.no_grad():
            for parameter, gradient in zip(network.parameters(), gradients, strict=True):
                parameter -= lr * gradient

    def gradients_of(loss: Tensor, network: nn.Module) -> list[Tensor]:
        generator.zero_grad()
        critic.zero_grad()
        loss.backward()
        return [parameter.grad.clone() for parameter in network.parameters() if parameter.grad is not None]

    def generator_gradients() -> list[Tensor]:
        return gradients_of(F.softplus(-critic(generator(latents()))).mean(), generator)

    for _ in range(training.steps):
        for update in range(training.critic_steps):
            real = REALS[streams.integers("data", n, len(REALS)).flatten()]
            fake = generator(latents()).detach()
            loss = F.softplus(-critic(real)).mean() + F.softplus(critic(fake)).mean()
            if training.penalty:
                mix = streams.uniform("penalty", n).view(n, 1)
                points = (mix * real + (1 - mix) * fake).requires_grad_()
                slope = torch.autograd.grad(critic(points).sum(), points, create_graph=True)[0]
                loss = loss + 10 * ((slope.norm(dim=1) - 1) ** 2).mean()
            critic_gradients = gradients_of(loss, critic)
            early_gradients = None
            if training.updates == "simultaneous" and update == training.critic_steps - 1:
                early_gradients = generator_gradients()
            descend(critic, critic_gradients)
        descend(generator, early_gradients if early_gradients is not None else generator_gradients())
    return generator, critic


@pytest.mark.parametrize("penalty", [[], "wgan-gp"])
@pytest.mark.parametrize("critic_steps", [1, 3])
@pytest.mark.parametrize("updates", ["alternating", "simultaneous"])
def test_the_loop_equals_a_plain_loop(updates: str, critic_steps: int, penalty: object) -> None:
    training = specify(updates=updates, critic_steps=critic_steps, penalty=penalty)
    players, _ = run(training)
    generator, critic = naive(training)
    for ours, theirs in ((players.generator, generator), (players.critic, critic)):
        for one, other in zip(ours.parameters(), theirs.parameters(), strict=True):
            torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
@pytest.mark.parametrize("penalty", [[], "wgan-gp"])
@pytest.mark.parametrize("name", ["dcgan", "dcgan-upsample"])
def test_fused_steps_of_convolutions_equal_those_of_the_plain_optimizer(
    name: str, penalty: object, optimizer: str
) -> None:
    """The gradients of a gradient penalty have other strides than their parameters."""
    training = specify(
        architecture={"name": name, "width": 16},
        critic={"normalisation": "none"},
        penalty=penalty,
        optimizer={"name": optimizer, "lr": 1e-2},
        steps=3,
    )
    shape = (1, 16, 16)
    reals = torch.randn(20, *shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    build: Callable[..., torch.optim.Optimizer] = (
        partial(torch.optim.Adam, lr=1e-2, betas=(0.5, 0.999))
        if optimizer == "adam"
        else partial(torch.optim.SGD, lr=1e-2)
    )

    def train_with(fused: bool) -> Players:
        pack = alone(training, reals=reals)
        players = {pack.generator_descent: pack.generator, pack.critic_descent: pack.critic}
        optimizers = {descent: build(stack.parameters, foreach=False) for descent, stack in players.items()}

        def step(descent: Descent, gradients: tuple[Tensor, ...]) -> None:
            """Update each parameter separately, with its gradient's own strides."""
            for parameter, gradient in zip(players[descent].parameters, gradients, strict=True):
                parameter.grad = gradient
            optimizers[descent].step()

        with pytest.MonkeyPatch.context() as patch:
            if not fused:
                patch.setattr(Descent, "step", step)
            measured(pack)
        return pack.players[0]

    fused, plain = train_with(True), train_with(False)
    for ours, theirs in ((fused.critic, plain.critic), (fused.generator, plain.generator)):
        for one, other in zip(ours.parameters(), theirs.parameters(), strict=True):
            torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-12)


def test_simultaneous_differs_from_alternating() -> None:
    one, _ = run(specify(updates="alternating"))
    other, _ = run(specify(updates="simultaneous"))
    pairs = zip(one.generator.parameters(), other.generator.parameters(), strict=True)
    assert any(not torch.equal(a, b) for a, b in pairs)


def test_batch_normalisation_sees_real_and_generated_samples_separately() -> None:
    """With both in one batch, the running mean would lie between the two."""
    training = specify(steps=1, critic={"normalisation": "batch"}, optimizer={"name": "sgd", "lr": 1e-12})
    pack, twin = alone(training, reals=REALS + 100), build_players(training, (2,), 0, CPU)
    streams = Streams([0], dtype=torch.float64)
    measured(pack)
    real = REALS[streams.integers("data", 5, len(REALS)).flatten()] + 100
    for batch in (real, *(twin.generator(streams.normal("latents", 5 * 3).view(5, 3)) for _ in "12")):
        twin.critic(batch)
    norm, expected = (
        next(m for m in c.modules() if isinstance(m, nn.BatchNorm1d)) for c in (pack.players[0].critic, twin.critic)
    )
    torch.testing.assert_close(norm.running_mean, expected.running_mean, rtol=1e-9, atol=1e-9)


def test_the_average_of_the_generator_is_a_geometric_sum() -> None:
    pack = alone(specify(ema=0.5, steps=3))
    (players,) = pack.players
    assert players.average is not None
    first = [p.detach().clone() for p in players.generator.parameters()]
    history = []
    for step in range(3):
        measured(pack, first=step, steps=step + 1)
        history.append([p.detach().clone() for p in players.generator.parameters()])
    for index, averaged in enumerate(players.average.parameters()):
        # the first update is copied, then a ← ½ a + ½ θ
        expected = 0.25 * history[0][index] + 0.25 * history[1][index] + 0.5 * history[2][index]
        torch.testing.assert_close(averaged, expected, rtol=1e-12, atol=1e-14)
    assert len(first) == len(history[0])


def test_a_non_finite_value_ends_the_run_at_its_step() -> None:
    calls = 0

    def poisoned(indices: Tensor) -> Tensor:
        nonlocal calls
        calls += 1
        return REALS[indices] * (math.nan if calls == 5 else 1)

    (last,) = measured(assemble([specify(steps=200)], [0], (2,), poisoned, len(REALS), CPU))
    assert (last.step, last.diverged) == (5, "critic loss")


def test_a_non_finite_critic_ends_the_run_before_evaluation() -> None:
    from bench.compute.checkpoints import History
    from bench.compute.evaluation import evaluate
    from bench.compute.training.game_state import GameState

    training = specify()
    players = build_players(training, (2,), 0, CPU)
    with torch.no_grad():
        next(players.critic.parameters())[0] = math.nan
    state = GameState(training, players, 0, 1, (2,), lambda i: REALS[i], len(REALS), CPU)
    history = History(step=1, trace=[])
    unused: Any = SimpleNamespace(metrics=(), game_metrics=())
    evaluate(state, torch.randn(4, 3), None, unused, history, None)  # type: ignore[arg-type]
    assert history.diverged == "critic's weights"
    assert not history.trace


def test_an_exploding_step_size_diverges_and_is_not_masked() -> None:
    _, measurements = run(specify(loss="wasserstein", optimizer={"name": "sgd", "lr": 1e150}, steps=100))
    assert measurements[-1].diverged in ("critic loss", "generator loss")
    assert measurements[-1].step < 100


def test_an_unused_parameter_is_unchanged(monkeypatch: pytest.MonkeyPatch) -> None:
    from bench.catalogue.architectures import mlp

    plain = mlp.critic

    class Spare(nn.Module):
        def __init__(self, inner: nn.Module):
            super().__init__()
            self.inner, self.spare = inner, nn.Parameter(torch.ones(3))

        def forward(self, samples: Tensor) -> Tensor:
            out: Tensor = self.inner(samples)
            return out

    monkeypatch.setattr(mlp, "critic", lambda options, shape: Spare(plain(options, shape)))
    players, measurements = run(specify(steps=5))
    assert measurements[-1].diverged is None
    assert torch.equal(players.critic.spare, torch.ones(3))  # type: ignore[arg-type]


def test_measurements_come_at_chunks_and_pauses() -> None:
    steps = [each.step for each in measured(alone(specify(steps=130)), pause=40)]
    assert CHUNK == 50
    assert steps == [40, 50, 80, 100, 120, 130]


def test_a_loss_that_reads_real_logits_gets_them(monkeypatch: pytest.MonkeyPatch) -> None:
    from bench.catalogue import losses

    def relativistic(real: Tensor, fake: Tensor) -> Tensor:
        return F.softplus(real - fake)

    entry = losses.LOSSES["hinge"]._replace(generator=relativistic, generator_needs_real=True)
    monkeypatch.setitem(losses.LOSSES, "hinge", entry)
    _, (last,) = run(specify(loss="hinge", steps=2))
    assert math.isfinite(last.generator_loss)


@pytest.mark.parametrize("name", ["adam", "sgd", "rmsprop"])
def test_every_optimizer_with_separate_settings_for_the_critic(name: str) -> None:
    training = specify(optimizer={"name": name, "lr": 1e-3}, critic_optimizer={"lr": 5e-3})
    measured(pack := alone(training))
    assert pack.generator_descent.parts[0].optimizer.param_groups[0]["lr"] == 1e-3
    assert pack.critic_descent.parts[0].optimizer.param_groups[0]["lr"] == 5e-3
    assert training.critic_optimizer.name == name


def test_bfloat16_autocast_trains_float32_weights() -> None:
    players, measurements = run(specify(precision="bf16"), reals=REALS.float())
    assert measurements[-1].diverged is None
    assert {p.dtype for p in players.generator.parameters()} == {torch.float32}
    exact, _ = run(specify(precision="float32"), reals=REALS.float())
    pairs = list(zip(players.generator.parameters(), exact.generator.parameters(), strict=True))
    assert any(not torch.equal(a, b) for a, b in pairs)
    for a, b in pairs:
        torch.testing.assert_close(a, b, rtol=0.1, atol=0.05)


@pytest.mark.gpu
@pytest.mark.parametrize("precision", ["float32", "bf16"])
def test_cuda_follows_the_cpu(precision: str) -> None:
    device = torch.device("cuda")
    on_cpu, _ = run(specify(steps=3))
    measured(pack := alone(specify(precision=precision, steps=3), reals=REALS.float().to(device), device=device))
    for one, other in zip(pack.players[0].generator.parameters(), on_cpu.generator.parameters(), strict=True):
        torch.testing.assert_close(one.cpu().double(), other, rtol=0.05, atol=0.02)
