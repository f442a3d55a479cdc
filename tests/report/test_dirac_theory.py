"""The closed forms of the report against the gradients of the trained game."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from bench.catalogue.losses import LOSSES
from bench.catalogue.penalties import PENALTIES
from bench.compute.training.game import Game
from bench.compute.training.players import build_players
from bench.compute.training.sampler import BatchSampler
from bench.compute.training.stack import Stack
from bench.plan.specification import Training, complete_training
from bench.records.schema import RecordedChoice
from bench.report.dirac import penalties_of
from bench.report.dirac_theory import PENALTIES as KNOWN
from bench.report.dirac_theory import SLOPES, leading_eigenvalue, vector_field

CPU = torch.device("cpu")
POINTS = [(0.7, -0.4), (-1.3, 0.9), (0.2, 1.7), (1.5, 1.2)]


def specify(theta: float, psi: float, loss: str, penalty: object, samples: int) -> Training:
    keys = {"dataset": "point", "architecture": {"name": "dirac", "start": theta}, "critic": {"start": psi}}
    rest = {"loss": loss, "penalty": penalty, "latent": 1, "precision": "float64", "batch_size": samples}
    return complete_training({**keys, **rest}, "test")


def measured(training: Training) -> tuple[float, float]:
    players = build_players(training, (1,), 0, CPU)
    game = Game([training], Stack([players.generator]), Stack([players.critic]), CPU)
    sampler = BatchSampler(training, [0], lambda i: torch.zeros(*i.shape, 1), 16, CPU)
    _, _, (psi, theta) = game.field(sampler, 0)
    return -theta.item(), -psi.item()


def test_every_loss_and_penalty_has_a_closed_form() -> None:
    assert SLOPES.keys() == LOSSES.keys()
    without = {name for name, entry in PENALTIES.items() if entry.images_only or entry.consistency or entry.latent}
    assert set(KNOWN) == set(PENALTIES) - without


def test_other_packages_have_no_closed_form() -> None:
    assert leading_eigenvalue("theirs", {}) is None
    assert leading_eigenvalue("minimax", {"theirs": {"weight": 5.0}}) is None


@pytest.mark.parametrize("penalty", [name for name in KNOWN if name != "instance-noise"])
@pytest.mark.parametrize("loss", SLOPES)
def test_the_field_is_the_gradient_of_the_game(loss: str, penalty: str) -> None:
    choice = {"name": penalty} if penalty == "weight-clip" else {"name": penalty, "weight": 0.7}
    for theta, psi in POINTS:
        training = specify(theta, psi, loss, choice, 2)
        options = {each.name: each.options.model_dump() for each in training.penalty}
        found = [value.item() for value in vector_field(loss, options, np.array(theta), np.array(psi))]
        assert found == pytest.approx(measured(training), rel=1e-6, abs=1e-7), (theta, psi)


@pytest.mark.parametrize("loss", ["minimax", "wasserstein", "least-squares", "relativistic", "relativistic-average"])
def test_the_field_with_instance_noise_is_its_expectation(loss: str) -> None:
    for theta, psi in POINTS[:2]:
        training = specify(theta, psi, loss, {"name": "instance-noise", "sigma": 0.5}, 400_000)
        found = [
            each.item()
            for each in vector_field(loss, {"instance-noise": {"sigma": 0.5}}, np.array(theta), np.array(psi))
        ]
        assert found == pytest.approx(measured(training), abs=5e-3)  # a standard error is about 1e-3


@pytest.mark.parametrize("gamma", [0.1, 0.6, 2.5])
def test_eigenvalues_of_mescheder(gamma: float) -> None:
    """Mescheder et al. 2018, lemma 2.2 and theorem 4.1: ±½i and −γ/2 ± √(γ²/4 − ¼)."""
    assert leading_eigenvalue("minimax", {}) == pytest.approx(0.5j)
    root = np.sqrt(complex(gamma**2 / 4 - 0.25))
    assert leading_eigenvalue("non-saturating", {"r1": {"weight": gamma}}) == pytest.approx(-gamma / 2 + root)
    assert leading_eigenvalue("wasserstein", {"wgan-gp": {"weight": gamma}}) is None


@pytest.mark.parametrize("penalties", [{}, {"r2": {"weight": 0.8}}, {"zero-centred": {"weight": 0.3}},
                                       {"consensus": {"weight": 0.5}}, {"instance-noise": {"sigma": 0.8}}])  # fmt: skip
@pytest.mark.parametrize("loss", SLOPES)
def test_eigenvalues_are_those_of_the_field(loss: str, penalties: dict[str, dict[str, float]]) -> None:
    """By central differences of the closed-form field around the equilibrium."""
    step, columns = 1e-3, []
    for theta, psi in ((step, 0.0), (0.0, step)):
        ahead, behind = (
            np.array([v.item() for v in vector_field(loss, penalties, np.array(s * theta), np.array(s * psi))])
            for s in (1, -1)
        )
        columns.append((ahead - behind) / (2 * step))
    matrix = np.stack(columns, axis=1)
    expected = max(np.linalg.eigvals(matrix), key=lambda value: (round(value.real, 4), value.imag))
    assert leading_eigenvalue(loss, penalties) == pytest.approx(complex(expected), abs=2e-3)


def test_an_annealed_weight_counts_with_its_final_value() -> None:
    """The measured eigenvalue is the one after the last step."""
    options = {"weight": 5.0, "every": 1, "final_weight": 0.5, "burn_in": 1.0}
    training = SimpleNamespace(penalties=(RecordedChoice(name="r1", label="r1", options=options),))
    assert penalties_of(SimpleNamespace(training=training))["r1"]["weight"] == 0.5  # type: ignore[arg-type]
