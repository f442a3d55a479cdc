"""The Dirac-GAN, trained by the real loop, matches closed forms (Mescheder et al. 2018, sections 2 and 3)."""

from __future__ import annotations

from math import sqrt

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from bench.catalogue.metrics import METRICS
from bench.catalogue.metrics.equilibrium import prepare
from bench.compute.training.game_state import GameState
from bench.compute.training.loop import train
from bench.compute.training.pack import assemble
from bench.compute.training.players import build_players
from bench.plan.specification import Training, complete_training

CPU = torch.device("cpu")
H = 0.1
ORIGIN = torch.zeros(16, 1)


def specify(start: float = 1.0, **keys: object) -> Training:
    base = {
        "dataset": "point",
        "architecture": {"name": "dirac", "start": start},
        "loss": "minimax",
        "optimizer": {"name": "sgd", "lr": H},
        "updates": "simultaneous",
        "steps": 500,
        "batch_size": 4,
        "latent": 1,
        "precision": "float64",
    }
    return complete_training({**base, **keys}, "test")


def path(training: Training) -> NDArray[np.float64]:
    """Return (θ, ψ) before the first step and after each step, [steps + 1, 2]."""
    pack = assemble([training], [0], (1,), lambda i: ORIGIN[i], len(ORIGIN), CPU)
    (players,) = pack.players

    def parameters() -> list[float]:
        return [next(network.parameters()).item() for network in (players.generator, players.critic)]

    return np.array([parameters(), *(parameters() for _ in train(pack, pause=1))])


def distances(training: Training) -> NDArray[np.float64]:
    return np.linalg.norm(path(training), axis=1)


def test_the_path_starts_where_the_suite_says() -> None:
    assert path(specify(steps=1))[0].tolist() == [1, 1]
    assert path(specify(steps=1, start=0.5, critic={"start": -2.0}))[0].tolist() == [0.5, -2]


def test_simultaneous_wasserstein_grows_by_exactly_the_root_of_one_plus_h_squared() -> None:
    """θ ← θ + hψ, ψ ← ψ − hθ: a rotation times √(1 + h²)."""
    found = distances(specify(loss="wasserstein"))
    np.testing.assert_allclose(found[1:] / found[:-1], sqrt(1 + H**2), rtol=1e-9)


def test_simultaneous_minimax_grows_by_the_root_of_one_plus_a_quarter_h_squared_near_the_equilibrium() -> None:
    """σ(0) = ½: θ ← θ + hψ/2, ψ ← ψ − hθ/2."""
    found = distances(specify(start=1e-6))
    np.testing.assert_allclose(found[1:] / found[:-1], sqrt(1 + H**2 / 4), rtol=1e-9)


def test_alternating_minimax_neither_grows_nor_shrinks() -> None:
    """Near the equilibrium θ² + ψ² − (h/2)θψ is invariant; far from it, the orbit is closed too."""
    theta, psi = path(specify(start=1e-6, updates="alternating")).T
    invariant = theta**2 + psi**2 - H / 2 * theta * psi
    np.testing.assert_allclose(invariant, invariant[0], rtol=1e-9)
    far = distances(specify(updates="alternating", steps=1000, optimizer={"name": "sgd", "lr": 0.2}))
    assert far[-200:].max() == pytest.approx(far[:200].max(), rel=5e-3)
    assert far[-200:].min() == pytest.approx(far[:200].min(), rel=5e-3)


@pytest.mark.parametrize("penalty", ["r1", "r2"])
@pytest.mark.parametrize("gamma", [0.3, 1.0, 3.0])
def test_r1_and_r2_converge_at_the_predicted_rate(penalty: str, gamma: float) -> None:
    """x ← (I + hA)x with A = (0, ½; −½, −γ) near the equilibrium."""
    found = path(specify(start=1e-5, penalty={"name": penalty, "weight": gamma}, steps=100))
    step = np.eye(2) + H * np.array([[0, 0.5], [-0.5, -gamma]])
    expected = np.array([np.linalg.matrix_power(step, n) @ found[0] for n in range(101)])
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-15)


def test_r1_converges_from_afar() -> None:
    assert distances(specify(penalty={"name": "r1", "weight": 1.0}))[-1] < 1e-6


@pytest.mark.parametrize("penalty", ["wgan-gp", {"name": "weight-clip", "bound": 1.0}])
@pytest.mark.parametrize("updates", ["alternating", "simultaneous"])
@pytest.mark.parametrize("critic_steps", [1, 5])
def test_wgan_gp_and_clipping_do_not_converge(penalty: object, updates: str, critic_steps: int) -> None:
    training = specify(
        loss="wasserstein", penalty=penalty, updates=updates, critic_steps=critic_steps, steps=400,
        optimizer={"name": "sgd", "lr": 0.05},
    )  # fmt: skip
    assert distances(training)[-100:].max() > 0.1


def test_clipping_keeps_the_critic_in_its_bounds() -> None:
    _, psi = path(specify(loss="wasserstein", penalty={"name": "weight-clip", "bound": 0.25})).T
    assert np.abs(psi[1:]).max() == 0.25


def test_non_saturating_converges_slower_than_any_geometric_rate() -> None:
    """The field points inwards only to third order, so the distance decreases like t^(−½)."""
    training = specify(loss="non-saturating", updates="alternating", steps=1600, optimizer={"name": "sgd", "lr": 0.5})
    found = distances(training)
    radius = [found[t : t + 40].max() for t in (200, 780, 1560)]
    assert radius[0] > radius[1] > radius[2] > 0.05
    assert radius[1] / radius[2] == pytest.approx(sqrt(2), rel=0.1)  # a geometric decrease would give (r₀/r₁)^1.3


def measured(training: Training) -> dict[str, float]:
    players = build_players(training, (1,), 0, CPU)
    options = METRICS["equilibrium"].options()
    return prepare(options)(GameState(training, players, 0, 0, (1,), lambda i: ORIGIN[i], len(ORIGIN), CPU))


@pytest.mark.parametrize(
    ("loss", "imaginary"),
    [("minimax", 0.5), ("non-saturating", 0.5), ("wasserstein", 1.0), ("hinge", 1.0), ("relativistic", 0.5),
     ("relativistic-average", 1.0), ("least-squares", 0.0)],
)  # fmt: skip
def test_eigenvalues_at_the_equilibrium(loss: str, imaginary: float) -> None:
    """±f'(0) i: ½ for σ(0), 1 for slopes of 1, 2 σ(0) for both halves; least squares has its equilibrium at f = 1, not 0."""
    found = measured(specify(loss=loss))
    assert found["eigenvalue_real"] == pytest.approx(0, abs=1e-6)
    assert found["eigenvalue_imaginary"] == pytest.approx(imaginary, abs=1e-6)
    assert found["distance"] == pytest.approx(sqrt(2), abs=1e-12)


@pytest.mark.parametrize("every", [1, 4])
@pytest.mark.parametrize("gamma", [0.2, 1.0, 2.0])
def test_eigenvalues_with_r1(gamma: float, every: int) -> None:
    """−γ/2 ± √(γ²/4 − ¼); for a lazy penalty too, on average."""
    found = measured(specify(penalty={"name": "r1", "weight": gamma, "every": every}))
    root = np.sqrt(complex(gamma**2 / 4 - 0.25))
    assert found["eigenvalue_real"] == pytest.approx((-gamma / 2 + root).real, abs=1e-6)
    assert found["eigenvalue_imaginary"] == pytest.approx(root.imag, abs=1e-6)


def test_eigenvalues_with_consensus() -> None:
    """A − γAᵀA with A = (0, ½; −½, 0): −γ/4 ± i/2 (Mescheder et al. 2017, section 3)."""
    found = measured(specify(penalty={"name": "consensus", "weight": 0.8}))
    assert found["eigenvalue_real"] == pytest.approx(-0.2, abs=1e-6)
    assert found["eigenvalue_imaginary"] == pytest.approx(0.5, abs=1e-6)


def test_there_are_no_eigenvalues_where_the_field_has_no_derivative() -> None:
    assert np.isnan(measured(specify(penalty="wgan-gp"))["eigenvalue_real"])


def test_optimistic_adam_converges_where_adam_circles() -> None:
    """Optimism damps the rotation of the bilinear game (Daskalakis et al. 2018)."""
    keys = {"loss": "wasserstein", "steps": 800}
    optimistic = distances(specify(optimizer={"name": "optimistic-adam", "lr": 0.05, "betas": [0.0, 0.9]}, **keys))
    plain = distances(specify(optimizer={"name": "adam", "lr": 0.05, "betas": [0.0, 0.9]}, **keys))
    assert optimistic[-100:].max() < 0.5 * plain[-100:].max()
