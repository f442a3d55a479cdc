"""The game matches plain derivatives: lazy and joint penalties, noise, clipping, probes, spectrum and path angle."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from bench.catalogue.metrics import PathAngleOptions, SpectrumOptions
from bench.catalogue.metrics.measures import PROBES
from bench.catalogue.metrics.path_angle import path_cosines
from bench.catalogue.metrics.path_angle import prepare as prepare_path_angle
from bench.catalogue.metrics.spectrum import dense_jacobian, eigenvalues, transposed_product
from bench.catalogue.metrics.spectrum import prepare as prepare_spectrum
from bench.catalogue.optimizers import SCHEDULES
from bench.compute.training.game import Game
from bench.compute.training.game_state import GameState
from bench.compute.training.loop import Measurement, train
from bench.compute.training.pack import Pack, assemble
from bench.compute.training.players import Players, build_players
from bench.compute.training.probes import Probe
from bench.compute.training.sampler import BatchSampler
from bench.compute.training.stack import Stack
from bench.plan.specification import Training, complete_training

CPU = torch.device("cpu")
REALS = torch.randn(50, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def specify(**keys: object) -> Training:
    base = {
        "dataset": "ring",
        "architecture": {"name": "mlp", "width": 5, "depth": 1, "activation": "tanh"},
        "loss": "non-saturating",
        "optimizer": {"name": "sgd", "lr": 0.02},
        "steps": 7,
        "batch_size": 6,
        "latent": 3,
        "precision": "float64",
    }
    return complete_training({**base, **keys}, "test")


def sampler_of(training: Training, seed: int = 0, prefix: str = "") -> BatchSampler:
    return BatchSampler(training, [seed], lambda i: REALS[i], len(REALS), CPU, prefix)


def alone(training: Training) -> Pack:
    """Return a pack of one run."""
    return assemble([training], [0], (2,), lambda i: REALS[i], len(REALS), CPU)


def run(training: Training, probe: Probe | None = None) -> tuple[Players, list[Measurement]]:
    pack = alone(training)
    (players,) = pack.players
    return players, [each for (each,) in train(pack, probe=probe)]


def state_of(training: Training, players: Players | None = None, step: int = 0) -> GameState:
    players = players or build_players(training, (2,), 0, CPU)
    return GameState(training, players, 0, step, (2,), lambda i: REALS[i], len(REALS), CPU)


def test_a_lazy_penalty_is_added_at_intervals_with_its_weight_times_the_interval() -> None:
    lazy = specify(penalty={"name": "r1", "weight": 2.0, "every": 3})
    game = game_of(lazy)
    plain = Game([specify(penalty="none")], game.generator, game.critic, CPU)
    sampler = sampler_of(lazy)
    real, fake = sampler.real_samples(), sampler.real_samples() + 1
    for update in range(7):
        terms = game.critic_terms(real, fake, sampler, update)
        bare = plain.critic_terms(real, fake, sampler, update).total
        if update % 3:
            assert math.isnan(terms.penalties[0].item())
            assert terms.total.item() == bare.item()
        else:
            assert (terms.total - bare).item() == pytest.approx(3 * terms.penalties[0].item(), rel=1e-12)
    _, (last,) = run(lazy)
    assert math.isfinite(last.penalties["r1"])


@pytest.mark.parametrize(("every", "critic_steps"), [(2, 2), (5, 5), (4, 2), (3, 2)])
def test_a_lazy_penalty_is_logged_in_whichever_update_it_is_included(every: int, critic_steps: int) -> None:
    training = specify(penalty={"name": "r1", "every": every}, critic_steps=critic_steps)
    _, (last,) = run(training)
    assert math.isfinite(last.penalties["r1"])


def networks(training: Training) -> tuple[torch.nn.Module, torch.nn.Module]:
    players = build_players(training, (2,), 0, CPU)
    return players.generator, players.critic


def game_of(training: Training) -> Game:
    """Return the game of new players."""
    return Game([training], *(Stack([network]) for network in networks(training)), CPU)


def test_several_penalties_are_logged_separately() -> None:
    _, (last,) = run(specify(penalty=[{"name": "r1", "weight": 1.0}, {"name": "wgan-gp", "weight": 3.0}]))
    assert set(last.penalties) == {"r1", "wgan-gp"}
    _, (heavier,) = run(specify(penalty=[{"name": "r1", "weight": 1.0}, {"name": "wgan-gp", "weight": 6.0}], steps=1))
    _, (first,) = run(specify(penalty=[{"name": "r1", "weight": 1.0}, {"name": "wgan-gp", "weight": 3.0}], steps=1))
    assert heavier.penalties["wgan-gp"] == pytest.approx(2 * first.penalties["wgan-gp"], rel=1e-12)
    assert heavier.penalties["r1"] == first.penalties["r1"]


def game_and_parameters(training: Training) -> tuple[Game, BatchSampler, Tensor]:
    """Return the game of new players, its sampler, and all parameters as one vector, the critic's first."""
    game = game_of(training)
    return game, sampler_of(training), parameters_to_vector([*game.critic.parameters, *game.generator.parameters])


def naive_field(training: Training, sampler: BatchSampler) -> Callable[[Tensor], Tensor]:
    """Return the gradients of both players of a plain non-saturating game, as a function of all parameters."""
    generator, critic = networks(training)
    (real,), (latents,) = sampler.real_samples(), sampler.latents()
    size = sum(p.numel() for p in critic.parameters())

    def states(vector: Tensor) -> list[dict[str, Tensor]]:
        found = []
        for network, piece in ((critic, vector[:size]), (generator, vector[size:])):
            names = dict(network.named_parameters())
            parts = piece.split([p.numel() for p in names.values()])
            found.append({n: part.view(p.shape) for (n, p), part in zip(names.items(), parts, strict=True)})
        return found

    def losses(vector: Tensor) -> tuple[Tensor, Tensor]:
        of_critic, of_generator = states(vector)
        fake = torch.func.functional_call(generator, of_generator, (latents,))
        r, f = (torch.func.functional_call(critic, of_critic, (points,)) for points in (real, fake))
        return F.softplus(-r).mean() + F.softplus(f).mean(), F.softplus(-f).mean()

    def field(vector: Tensor) -> Tensor:
        gradients = [torch.func.grad(lambda v, i=i: losses(v)[i])(vector) for i in (0, 1)]
        return torch.cat([gradients[0][:size], gradients[1][size:]])

    return field


def test_consensus_adds_the_gradient_of_half_the_squared_norm_of_the_field() -> None:
    plain, training = specify(), specify(penalty={"name": "consensus", "weight": 0.7})
    game, sampler, vector = game_and_parameters(training)
    _, _, gradients = game.field(sampler, 0)
    found = torch.cat([gradient.flatten() for gradient in gradients])
    naive = naive_field(plain, sampler_of(plain))
    field, jacobian = naive(vector.detach()), torch.func.jacrev(naive)(vector.detach())
    torch.testing.assert_close(found, field + 0.7 * jacobian.T @ field, rtol=1e-9, atol=1e-12)


def test_consensus_moves_both_players_of_the_loop() -> None:
    plain, _ = run(specify())
    players, _ = run(specify(penalty={"name": "consensus", "weight": 1.0}))
    for one, other in ((plain.generator, players.generator), (plain.critic, players.critic)):
        assert not torch.equal(parameters_to_vector(one.parameters()), parameters_to_vector(other.parameters()))


def test_instance_noise_is_added_to_all_samples_and_decays_to_zero() -> None:
    training = specify(penalty={"name": "instance-noise", "sigma": 0.5, "anneal": "linear"}, batch_size=4000, steps=10)
    game, sampler, _ = game_and_parameters(training)
    zeros = torch.zeros(1, 4000, 2, dtype=torch.float64)
    for update, sigma in ((0, 0.5), (5, 0.25), (10, 0.0)):
        terms = game.critic_terms(zeros, zeros, sampler, update)
        assert terms.real.std().item() == pytest.approx(sigma, rel=0.05)
        assert terms.fake.std().item() == pytest.approx(sigma, rel=0.05)


def test_clipping_follows_every_critic_update_and_spares_the_generator() -> None:
    players, _ = run(specify(penalty={"name": "weight-clip", "bound": 0.05}, critic_steps=2))
    assert max(p.abs().max().item() for p in players.critic.parameters()) <= 0.05
    assert max(p.abs().max().item() for p in players.generator.parameters()) > 0.05


@pytest.mark.parametrize(
    ("name", "twin"),
    [
        ("linear", lambda o: torch.optim.lr_scheduler.LinearLR(o, 1.0, 0.0, total_iters=8)),
        ("cosine", lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, T_max=8)),
    ],
)
def test_schedules_equal_those_of_torch(name: str, twin: object) -> None:
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    scheduler = twin(optimizer)  # type: ignore[operator]
    for step in range(8):
        assert SCHEDULES[name](step / 8) == pytest.approx(optimizer.param_groups[0]["lr"], abs=1e-12)
        optimizer.step()
        scheduler.step()
    assert SCHEDULES[name](1.0) == pytest.approx(0, abs=1e-12)


def test_both_players_follow_the_schedule() -> None:
    pack = alone(specify(schedule="linear", critic_optimizer={"lr": 0.1}))
    list(train(pack))
    assert pack.generator_descent.parts[0].optimizer.param_groups[0]["lr"] == pytest.approx(0.02 / 7)
    assert pack.critic_descent.parts[0].optimizer.param_groups[0]["lr"] == pytest.approx(0.1 / 7)


def observed(training: Training) -> Probe:
    sampler = sampler_of(training, prefix="probe ")
    return Probe(lambda seeds: [(sampler.real_samples(), None) for _ in range(2)])


@pytest.mark.parametrize("normalisation", ["none", "batch", "spectral"])
def test_probes_do_not_change_the_run(normalisation: str) -> None:
    training = specify(critic={"normalisation": normalisation})
    (plain, _), (probed, (last,)) = run(training), run(training, observed(training))
    assert list(last.probes) == list(PROBES)
    assert all(math.isfinite(value) for value in last.probes.values())
    for one, other in ((plain.critic, probed.critic), (plain.generator, probed.generator)):
        for (name, a), b in zip(one.state_dict().items(), other.state_dict().values(), strict=True):
            assert torch.equal(a, b), name


def test_probes_by_hand() -> None:
    """Compute the probes by hand for D(x) = w·x with w = (3, 4) and one step of gradient descent."""
    training = specify(loss="wasserstein", optimizer={"name": "sgd", "lr": 0.1}, steps=1)
    generator = build_players(training, (2,), 0, CPU).generator
    critic = torch.nn.Sequential(torch.nn.Linear(2, 1, bias=False).double(), torch.nn.Flatten(0))
    (weight,) = critic.parameters()
    with torch.no_grad():
        weight.copy_(torch.tensor([[3.0, 4.0]]))
    players = Players(generator, critic)
    before, twin = copy.deepcopy(players), sampler_of(training)
    train_samples, test_samples = torch.full((1, 6, 2), 1.0).double(), torch.full((1, 6, 2), -1.0).double()
    pack = Pack([training], [0], [players], sampler_of(training))
    ((last,),) = train(pack, probe=Probe(lambda seeds: [(train_samples, None), (test_samples, None)]))
    (real,), (latents,) = twin.real_samples(), twin.latents()
    fake = before.generator(latents).detach()
    found, logits = last.probes, torch.tensor([3.0, 4.0]).double()
    assert found["real_logit"] == pytest.approx((real @ logits).mean().item())
    assert found["fake_logit"] == pytest.approx((fake @ logits).mean().item())
    assert found["gap"] == pytest.approx(found["real_logit"] - found["fake_logit"])
    larger = [(r > f).item() for r in real @ logits for f in fake @ logits]
    assert found["critic_accuracy"] == pytest.approx(np.mean(larger))
    slope = real.mean(0) - fake.mean(0)  # minus the gradient of f − r with respect to w
    assert found["critic_gradient_norm"] == pytest.approx(slope.norm().item())
    assert found["critic_weight_norm"] == pytest.approx(5.0)
    assert found["critic_update_ratio"] == pytest.approx(0.1 * slope.norm().item() / 5)
    now = weight.detach().flatten()
    assert found["slope_real"] == pytest.approx(now.norm().item())
    assert found["slope_fake"] == pytest.approx(now.norm().item())
    assert found["test_gap"] == pytest.approx(2 * now.sum().item())
    old, new = (parameters_to_vector(n.parameters()) for n in (before.generator, generator))
    assert found["generator_weight_norm"] == pytest.approx(old.norm().item())
    assert found["generator_update_ratio"] == pytest.approx(((new - old).norm() / old.norm()).item())
    assert found["generator_gradient_norm"] == pytest.approx((new - old).norm().item() / 0.1)


class Square(torch.nn.Module):
    """D(x) = w‖x‖², with a scalar parameter."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.tensor(1.5, dtype=torch.float64))

    def forward(self, samples: Tensor) -> Tensor:
        return self.weight * samples.square().sum(dim=-1)


@pytest.mark.parametrize("penalty", ["none", "consensus"])
def test_slopes_are_measured_at_real_and_generated_samples(penalty: str) -> None:
    """∇D(x) = 2wx uses the weight after the step, ‖w‖ the one before it."""
    training = specify(loss="wasserstein", optimizer={"name": "sgd", "lr": 0.1}, steps=1, penalty=penalty)
    players = Players(build_players(training, (2,), 0, CPU).generator, Square())
    generator, twin = copy.deepcopy(players.generator), sampler_of(training)
    ((last,),) = train(Pack([training], [0], [players], sampler_of(training)), probe=observed(training))
    (real,), (latents,) = twin.real_samples(), twin.latents()
    for side, samples in (("real", real), ("fake", generator(latents))):
        expected = 2 * players.critic.weight.abs() * samples.norm(dim=1).mean()
        assert last.probes[f"slope_{side}"] == pytest.approx(expected.item())
    assert last.probes["critic_weight_norm"] == 1.5


@pytest.mark.parametrize(("loss", "penalty"), [("wasserstein", "none"), ("wgan-gp", None), ("least-squares", "r1")])
def test_gradients_that_are_constant_have_no_derivatives(loss: str, penalty: str | None) -> None:
    """The loss of Wasserstein is linear in the last bias of the critic, so its gradient there is a number."""
    state = state_of(specify(loss=loss, batch_size=40, **({} if penalty is None else {"penalty": penalty})))
    product, rates = transposed_product(state, 40)
    into, along = np.random.default_rng(0).standard_normal((2, len(rates)))
    middle, step = state.parameters(), 1e-6 * torch.from_numpy(along)
    after, before = (found.numpy() for found in state.gradients_at([middle + step, middle - step], 40))
    assert product(into) @ along == pytest.approx(-into @ (after - before) / 2e-6, rel=1e-5, abs=1e-5)


def test_the_spectrum_matches_the_dense_jacobian() -> None:
    """With 49 parameters, compare ARPACK on products with the eigenvalues of the Jacobian from torch.func."""
    training = specify(batch_size=40, critic_optimizer={"lr": 0.3})
    game, _, vector = game_and_parameters(training)
    state = state_of(training)
    dense = -torch.func.jacrev(naive_field(training, state.sampler(40)))(vector.detach())
    torch.testing.assert_close(dense_jacobian(state, 40), dense, rtol=1e-9, atol=1e-12)
    true = torch.linalg.eigvals(dense).numpy()
    product, rates = transposed_product(state, 40)
    found = eigenvalues(product, len(rates), 6, "LM", 1e-10)
    largest = true[np.argsort(-np.abs(true))][:6]
    assert np.sort_complex(found) == pytest.approx(np.sort_complex(largest), abs=1e-6)
    measured = prepare_spectrum(SpectrumOptions(samples=40))(state)
    assert measured["spectrum_real"] == pytest.approx(true.real.max(), abs=1e-6)
    assert measured["spectrum_rotation"] == pytest.approx((abs(largest.imag) / abs(largest.real)).max(), rel=1e-6)
    critic_size = len(parameters_to_vector(game.critic.parameters))
    scale = torch.cat([torch.full((critic_size,), 0.3), torch.full((len(vector) - critic_size,), 0.02)]).double()
    update = torch.eye(len(vector), dtype=torch.float64) + scale[:, None] * dense
    assert measured["spectrum_radius"] == pytest.approx(torch.linalg.eigvals(update).abs().max().item(), abs=1e-6)


def test_metrics_of_the_game_do_not_change_it() -> None:
    training = specify(
        architecture={"name": "mlp", "width": 5, "normalisation": "batch"}, critic={"normalisation": "spectral"}
    )
    players = build_players(training, (2,), 0, CPU)
    before = copy.deepcopy(players.state_dict())
    for metric in (prepare_spectrum(SpectrumOptions(samples=8)), prepare_path_angle(PathAngleOptions(samples=8))):
        metric(state_of(training, players, step=3))
    after = players.state_dict()
    for part in ("generator", "critic"):
        for name, value in before[part].items():
            assert torch.equal(value, after[part][name]), name


def dirac(start: tuple[float, float], now: tuple[float, float], **keys: object) -> GameState:
    training = complete_training(
        {"dataset": "point", "architecture": {"name": "dirac", "start": start[0]}, "critic": {"start": start[1]},
         "loss": "minimax", "latent": 1, "precision": "float64", "optimizer": {"name": "sgd", "lr": 0.1}, **keys},
        "test",
    )  # fmt: skip
    players = build_players(training, (1,), 0, CPU)
    for network, value in zip((players.generator, players.critic), now, strict=True):
        vector_to_parameters(torch.tensor([value], dtype=torch.float64), network.parameters())
    return GameState(training, players, 0, 1, (1,), lambda i: torch.zeros(*i.shape, 1), 16, CPU)


def test_path_angle_of_an_attracting_point_and_of_a_rotation() -> None:
    """With r1 of weight 1, the field on the line θ = 0 is (ψ/2, −ψ), so its cosine with the path along ψ is ±2/√5."""
    attracting = prepare_path_angle(PathAngleOptions(samples=4))(
        dirac((0.0, 1.0), (0.0, 0.0), penalty={"name": "r1", "weight": 1.0})
    )
    assert attracting["path_attraction"] == pytest.approx(2 / math.sqrt(5), abs=1e-3)
    assert attracting["path_rotation"] == pytest.approx(0, abs=1e-3)
    # close to the equilibrium, the field of a pure rotation is parallel to the path: a bump of one sign
    rotating = prepare_path_angle(PathAngleOptions(samples=4, reach=0.01))(dirac((-1.0, 0.05), (0.0, 0.05)))
    assert rotating["path_rotation"] > 0.9
    assert abs(rotating["path_attraction"]) < 0.05
    with_itself = path_cosines(dirac((-1.0, 0.05), (0.0, 0.05)), np.array([1.0]), 4)
    assert with_itself == pytest.approx([1.0], abs=1e-3)


def test_the_radius_of_the_update_follows_the_schedule() -> None:
    training = specify(schedule="cosine")
    last = prepare_spectrum(SpectrumOptions(samples=8))(state_of(training, step=7))
    assert last["spectrum_radius"] == pytest.approx(1, abs=1e-9)  # the rate is 0


def test_path_cosines_do_not_depend_on_the_order_of_the_points() -> None:
    players, _ = run(training := specify(critic={"normalisation": "spectral"}))
    state, alphas = state_of(training, players, step=7), np.array([0.8, 0.9, 1.0, 1.2])
    assert path_cosines(state, alphas, 8) == pytest.approx(path_cosines(state, alphas[::-1], 8)[::-1], rel=1e-9)


def test_there_are_no_eigenvalues_if_arpack_does_not_converge() -> None:
    assert not len(eigenvalues(lambda w: np.full_like(w, np.nan), 60, 3, "LM", 1e-8))


def test_there_is_no_path_before_the_first_step() -> None:
    state = dirac((1.0, 1.0), (1.0, 1.0))
    first = GameState(state.training, state.players, 0, 0, (1,), state.real_samples, 16, CPU)
    assert all(math.isnan(value) for value in prepare_path_angle(PathAngleOptions())(first).values())
