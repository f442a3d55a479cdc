"""Autoregressive models: probabilities that sum to 1, and samples that follow them."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import Tensor, nn

from bench.catalogue.families.autoregressive import (
    Autoregressive,
    MaskedConvolutions,
    MaskedLinear,
    MaskedMlp,
    SequenceModel,
)
from bench.catalogue.families.quantisation import Quantisation, draw, from_sequence, to_sequence

MODELS = {
    "mlp": lambda: (MaskedMlp(4, 3, width=7, depth=2), (4,)),
    "grey": lambda: (MaskedConvolutions((1, 2, 3), 2, width=5, depth=2), (1, 2, 3)),
    "colour": lambda: (MaskedConvolutions((2, 2, 2), 2, width=5, depth=1), (2, 2, 2)),
}


@pytest.fixture(params=MODELS)
def model(request: pytest.FixtureRequest) -> Autoregressive:
    torch.manual_seed(0)
    network, shape = MODELS[request.param]()
    for parameter in network.parameters():  # far from uniform
        nn.init.normal_(parameter)
    return Autoregressive(network.double(), Quantisation(network.levels, -1, 1), shape)


def all_bins(model: Autoregressive) -> Tensor:
    levels, numbers = model.quantisation.levels, model.latent_numbers
    return torch.tensor(list(itertools.product(range(levels), repeat=numbers)))


def nll(model: Autoregressive, bins: Tensor) -> Tensor:
    real = from_sequence(model.quantisation.values(bins).double(), model.shape)
    return model.objective(real, torch.empty(len(bins), 0))


def test_the_probabilities_of_all_sequences_sum_to_one(model: Autoregressive) -> None:
    assert (-nll(model, all_bins(model))).exp().sum().item() == pytest.approx(1, abs=1e-6)


def test_no_number_sees_itself_or_a_later_one(model: Autoregressive) -> None:
    bins = torch.zeros(1, model.latent_numbers, dtype=torch.long)
    logits = model.network(bins)
    for place in range(model.latent_numbers):
        changed = bins.clone()
        changed[0, place] = 1
        same = (model.network(changed) == logits).all(dim=2)[0]
        assert same[: place + 1].all()
        if place + 1 < model.latent_numbers:
            assert not same[place + 1]


def test_few_units_are_spread_over_all_numbers() -> None:
    """With units for the first numbers alone, the last number would not depend on those before it."""
    network = MaskedMlp(20, 1, width=5, depth=2)
    first, second = (layer.mask for layer in network.hidden if isinstance(layer, MaskedLinear))
    paths = network.output.mask @ second @ first  # [number, number before]
    assert paths[19].nonzero().max() == 15
    assert not paths.triu().any()


def test_samples_have_the_probabilities_of_the_model(model: Autoregressive) -> None:
    torch.manual_seed(1)
    latents = torch.randn(20_000, model.latent_numbers, dtype=torch.float64)
    drawn = model.quantisation.bins(to_sequence(model(latents)))
    every = all_bins(model)
    expected = (-nll(model, every)).exp()
    powers = model.quantisation.levels ** torch.arange(model.latent_numbers).flip(0)
    shares = torch.bincount((drawn * powers).sum(dim=1), minlength=len(every)) / len(latents)
    assert 0.5 * (shares - expected).abs().sum() < 0.06  # about √(2 · sequences / (π · samples)) / 2 by chance


def naive_samples(network: SequenceModel, quantiles: Tensor) -> Tensor:
    bins = torch.zeros_like(quantiles, dtype=torch.long)
    for place in range(quantiles.shape[1]):
        bins[:, place] = draw(network(bins)[:, place], quantiles[:, place])[0]
    return bins


def test_features_that_are_computed_once_give_the_same_samples(model: Autoregressive) -> None:
    quantiles = torch.rand(50, model.latent_numbers, dtype=torch.float64)
    assert torch.equal(model.network.sample(quantiles)[0], naive_samples(model.network, quantiles))


def test_quantiles_are_inverted_exactly() -> None:
    logits = torch.tensor([[0.2, 0.5, 0.3]]).log().repeat(4, 1)
    bins, within = draw(logits, torch.tensor([0.0, 0.1, 0.45, 1.0]))
    assert bins.tolist() == [0, 0, 1, 2]
    assert within.tolist() == pytest.approx([0, 0.5, 0.5, 1], abs=1e-6)


def test_bins_and_values_are_inverse() -> None:
    quantisation = Quantisation(4, -1, 1)
    assert quantisation.values(torch.arange(4)).tolist() == [-0.75, -0.25, 0.25, 0.75]
    assert quantisation.bins(torch.tensor([-9, -1, -0.51, -0.5, 0.99, 1, 9])).tolist() == [0, 0, 0, 1, 3, 3, 3]
    images = torch.rand(3, 2, 4, 5)
    assert torch.equal(from_sequence(to_sequence(images), (2, 4, 5)), images)
    assert to_sequence(images)[0, :2].tolist() == images[0, :, 0, 0].tolist()
