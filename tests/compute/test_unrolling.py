"""Unrolled critics: closed forms on the Dirac-GAN, torch's own optimisers, central differences, and what stays as it is."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from bench.compute.training import players
from bench.compute.training.game import Game
from bench.compute.training.loop import train
from bench.compute.training.pack import Pack, assemble
from bench.compute.training.unrolling import STEPS, UnrolledCritic
from bench.errors import PluginError
from bench.plan.combinations import UNROLLED
from bench.plan.specification import Training, complete_training

CPU = torch.device("cpu")
REALS = torch.randn(50, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
H = 0.1
OPTIMIZERS: list[dict[str, Any]] = [
    {"name": "sgd", "lr": 0.2},
    {"name": "sgd", "lr": 0.2, "momentum": 0.7, "weight_decay": 0.1},
    {"name": "adam", "lr": 0.05},
    {"name": "adam", "lr": 0.05, "betas": [0.0, 0.9], "weight_decay": 0.1},
    {"name": "rmsprop", "lr": 0.01},
    {"name": "rmsprop", "lr": 0.01, "momentum": 0.5, "weight_decay": 0.1},
]


def specify(**keys: object) -> Training:
    base = {
        "dataset": "ring",
        "architecture": {"name": "mlp", "width": 5, "depth": 1, "activation": "tanh"},
        "critic": {"activation": "tanh"},
        "loss": "non-saturating",
        "optimizer": {"name": "sgd", "lr": 0.02},
        "steps": 4,
        "batch_size": 6,
        "latent": 3,
        "precision": "float64",
        "unroll": 3,
    }
    return complete_training({**base, **keys}, "test")


def begin(training: Training, seeds: tuple[int, ...] = (0,)) -> Pack:
    return assemble([training] * len(seeds), seeds, (2,), lambda i: REALS[i], len(REALS), CPU)


def game_of(pack: Pack) -> Game:
    return Game(pack.trainings, pack.generator, pack.critic, CPU, pack.critic_descent)


# The Dirac-GAN: generated point θ, logit ψ·x, real data at 0


def dirac_path(updates: str, unroll: int, loss: str = "wasserstein", steps: int = 5) -> NDArray[np.float64]:
    """Return (θ, ψ) before the first step and after each step, [steps + 1, 2]."""
    origin = torch.zeros(16, 1, dtype=torch.float64)
    training = complete_training(
        {"dataset": "point", "architecture": "dirac", "loss": loss, "optimizer": {"name": "sgd", "lr": H}, "steps": steps,
         "updates": updates, "batch_size": 4, "latent": 1, "precision": "float64", "unroll": unroll},
        "test",
    )  # fmt: skip
    pack = assemble([training], [0], (1,), lambda i: origin[i], 16, CPU)
    (players,) = pack.players

    def parameters() -> list[float]:
        return [next(network.parameters()).item() for network in (players.generator, players.critic)]

    return np.array([parameters(), *(parameters() for _ in train(pack, pause=1))])


@pytest.mark.parametrize("unroll", [0, 1, 5])
@pytest.mark.parametrize("updates", ["alternating", "simultaneous"])
def test_unrolling_adds_a_known_term_to_the_bilinear_game(updates: str, unroll: int) -> None:
    """ψ_k = ψ − khθ, so the generator's loss −ψ_k θ = −ψθ + khθ² has the gradient −ψ + 2khθ."""
    found = dirac_path(updates, unroll)
    expected = [found[0]]
    for _ in range(5):
        theta, psi = expected[-1]
        later = psi - H * theta
        now = later if updates == "alternating" else psi
        expected.append(np.array([theta + H * (now - 2 * unroll * H * theta), later]))
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_unrolling_makes_the_bilinear_game_converge() -> None:
    """The eigenvalues of (1 − 2kh², h; −h, 1) have modulus √(1 − 2kh² + h²) below 1."""
    assert np.linalg.norm(dirac_path("simultaneous", 0, steps=300)[-1]) > 1.5
    found = np.linalg.norm(dirac_path("simultaneous", 5, steps=300), axis=1)
    assert found[-1] < 0.1


# Against torch's optimisers and central differences


def test_the_plan_and_the_training_know_the_same_optimisers() -> None:
    assert tuple(STEPS) == UNROLLED


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=str)
@pytest.mark.parametrize("before", [0, 4])
def test_unrolled_steps_are_those_of_the_optimiser(optimizer: dict[str, Any], before: int) -> None:
    """From its state before the first step and later, for two runs at once."""
    pack = begin(specify(critic_optimizer=optimizer, unroll=0, batch_size=5), (0, 1))
    if before:
        list(train(pack, steps=before))
    game = game_of(pack)
    unrolled = UnrolledCritic(pack.critic, pack.critic_descent)
    (real, fake), sampler = (pack.sampler.real_samples(), game.generate(pack.sampler).detach()), pack.sampler
    for step in range(3):
        unrolled.descend(game._critic_terms(unrolled, real, fake, sampler, step).total)
    for step in range(3):
        terms = game.critic_terms(real, fake, sampler, step)
        pack.critic_descent.step(torch.autograd.grad(terms.total.sum(), pack.critic.parameters))
    for one, other in zip(unrolled.parameters, pack.critic.parameters, strict=True):
        torch.testing.assert_close(
            one, other, rtol=1e-6, atol=1e-8
        )  # torch's RMSprop adds ε like ours, in another order


def naive_loss(training: Training, state: dict[str, Any], point: Tensor, real: Tensor, latents: Tensor) -> float:
    """Return the loss of a generator with other weights, after real steps of a copy of the critic on one batch."""
    pack = begin(training)
    pack.load_state_dicts([copy.deepcopy(state)])
    with torch.no_grad():
        sizes = [parameter.numel() for parameter in pack.generator.parameters]
        for parameter, piece in zip(pack.generator.parameters, point.split(sizes), strict=True):
            parameter.copy_(piece.view_as(parameter))
    game, sampler = game_of(pack), pack.sampler
    fake = pack.generator(latents).detach()
    for update in range(3, 3 + training.unroll):
        terms = game.critic_terms(real, fake, sampler, update)
        pack.critic_descent.step(torch.autograd.grad(terms.total.sum(), pack.critic.parameters))
        game.project()
    return game.generator_loss(fake, real, sampler, 2).item()


@pytest.mark.parametrize(
    "keys",
    [
        *({"critic_optimizer": optimizer} for optimizer in OPTIMIZERS),
        {"loss": "relativistic", "critic_optimizer": {"name": "adam", "lr": 0.05}},
        {"penalty": {"name": "r1", "weight": 0.5}, "critic_optimizer": {"name": "sgd", "lr": 0.2}},
        {"penalty": {"name": "weight-clip", "bound": 0.3}, "critic_optimizer": {"name": "sgd", "lr": 0.5}},
        {"pac": 2, "top_k": {"final": 0.6, "decay": 0.1, "every": 1}},
        {"loss": {"name": "minimax", "smoothing": 0.2}, "critic_optimizer": {"name": "sgd", "lr": 0.2}},
    ],
    ids=str,
)
def test_the_gradient_through_the_unrolled_critic_is_exact(keys: dict[str, object]) -> None:
    """Central differences of the loss after real steps of copies, in every parameter of the generator."""
    training = specify(**keys)
    pack = begin(training)
    list(train(pack, steps=3))
    state, twin = pack.state_dict(0), copy.deepcopy(pack.sampler)
    real, latents = twin.real_samples("generator data"), twin.latents()
    point = torch.cat([parameter.detach().flatten() for parameter in pack.generator.parameters])
    _, gradients = game_of(pack).generator_gradients(pack.sampler, 2)
    found = torch.cat([gradient.flatten() for gradient in gradients])

    def loss(index: int, change: float) -> float:
        moved = point.clone()
        moved[index] += change
        return naive_loss(training, state, moved, real, latents)

    tiny = 1e-6
    expected = torch.tensor([(loss(i, tiny) - loss(i, -tiny)) / (2 * tiny) for i in range(len(point))])
    torch.testing.assert_close(found, expected.double(), rtol=1e-5, atol=1e-8)


# What stays as it is


@pytest.mark.parametrize("normalisation", ["none", "batch", "spectral"])
@pytest.mark.parametrize("name", ["mlp", "dcgan"])
def test_looking_ahead_changes_neither_the_critic_nor_its_optimiser(name: str, normalisation: str) -> None:
    training = specify(
        dataset="digits" if name == "dcgan" else "ring",
        architecture={"name": name, "width": 2},
        critic={"normalisation": normalisation},
        optimizer="adam",
        precision="float32",
    )
    shape = (1, 8, 8) if name == "dcgan" else (2,)
    reals = torch.randn(50, *shape, generator=torch.Generator().manual_seed(0))
    pack = assemble([training], [0], shape, lambda i: reals[i], 50, CPU)
    list(train(pack, steps=2))
    before = copy.deepcopy(pack.state_dict(0))
    _, gradients = game_of(pack).generator_gradients(pack.sampler, 1)
    assert all(gradient.isfinite().all() for gradient in gradients)
    after = pack.state_dict(0)
    assert_same(before["players"]["critic"], after["players"]["critic"])
    assert_same(before["critic_optimizer"], after["critic_optimizer"])


def assert_same(one: Any, other: Any) -> None:
    if isinstance(one, dict):
        assert one.keys() == other.keys()
        for key in one:
            assert_same(one[key], other[key])
    else:
        assert torch.equal(torch.as_tensor(one), torch.as_tensor(other))


def test_a_lazy_penalty_counts_the_unrolled_updates() -> None:
    """r1 every 3: of the updates 3, 4, 5 after update 2, only the first includes it; before update 1, only update 3."""
    pack = begin(specify(penalty={"name": "r1", "weight": 5.0, "every": 3}, unroll=1))
    plain = begin(specify(penalty="none", unroll=1))
    for update, differs in ((0, False), (1, False), (2, True), (3, False)):
        losses = [game_of(each).generator_gradients(copy.deepcopy(each.sampler), update)[0] for each in (pack, plain)]
        assert (losses[0].item() != losses[1].item()) == differs, update


def test_parameters_that_no_gradient_reaches_do_not_make_the_gradient_infinite() -> None:
    """The derivative of √v at v = 0 is infinite; a ReLU that is off for all samples gives such a v."""
    pack = begin(specify(critic={"activation": "relu"}, critic_optimizer="adam"))
    with torch.no_grad():
        pack.critic.parameters[1].fill_(-100.0)  # the bias of the hidden layer
    _, gradients = game_of(pack).generator_gradients(pack.sampler, 0)
    assert all(gradient.isfinite().all() for gradient in gradients)


def test_values_that_are_not_finite_are_not_hidden() -> None:
    pack = begin(specify(critic_optimizer="adam"))
    with torch.no_grad():
        pack.critic.parameters[0].fill_(torch.nan)
    loss, gradients = game_of(pack).generator_gradients(pack.sampler, 0)
    assert loss.isnan().all()
    assert any(gradient.isnan().any() for gradient in gradients)


def test_no_unrolling_is_the_plain_loss() -> None:
    pack = begin(specify(unroll=0))
    game, sampler = game_of(pack), copy.deepcopy(pack.sampler)
    loss, _ = game.generator_gradients(pack.sampler, 0)
    assert loss.item() == game.generator_loss(game.generate(sampler), None, sampler, 0).item()


class Squared(nn.Module):
    """A layer without a rule, so that torch computes the whole network."""

    def forward(self, features: Tensor) -> Tensor:
        return features.square()


@pytest.mark.parametrize("keys", [{"unroll": 1, "penalty": "r1"}, {"penalty": ["consensus", "wgan-gp"]}])
def test_a_critic_whose_third_derivative_is_wrong_is_refused(
    keys: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Torch's LayerNorm; that of fully connected networks and GroupNorm are right."""
    layers = [nn.Linear(2, 4), nn.LayerNorm(4), Squared(), nn.Linear(4, 1), nn.Flatten(0)]
    base = {"dataset": "ring", "architecture": "mlp", "loss": "non-saturating"}
    plain, needing = complete_training({**base, "penalty": "r1"}, "x"), complete_training({**base, **keys}, "x")
    own = complete_training({**base, **keys, "critic": {"normalisation": "layer"}}, "x")
    players.build_players(own, (2,), 0, CPU)
    generator = players.build_players(plain, (2,), 0, CPU).generator
    built = {"generator": lambda: generator, "critic": lambda: nn.Sequential(*layers)}
    monkeypatch.setattr(players, "_build", lambda choice, part, *rest: built[part]())
    players.build_players(plain, (2,), 0, CPU)
    with pytest.raises(PluginError, match="'mlp': its critic has torch's LayerNorm, whose third derivative is wrong"):
        players.build_players(needing, (2,), 0, CPU)
    layers[1] = nn.GroupNorm(1, 4)
    players.build_players(needing, (2,), 0, CPU)
