"""Variational autoencoders: the bound of the likelihood where that is known."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn
from torch.distributions import Independent, MultivariateNormal, Normal, kl_divergence

from bench.catalogue.families.vae import Vae


def linear_gaussian(deviation: float) -> tuple[Vae, MultivariateNormal]:
    """A decoder x = W z + b + σ ε with its exact posterior as the encoder, and the distribution of x."""
    torch.manual_seed(0)
    decoder = nn.Linear(2, 3).double()
    weight, bias = decoder.weight.detach(), decoder.bias.detach()
    weight[:, 1] = weight[:, 1] - weight[:, 0] * (weight[:, 0] @ weight[:, 1]) / weight[:, 0].square().sum()
    precision = torch.eye(2).double() + weight.T @ weight / deviation**2  # diagonal, since the columns are orthogonal
    encoder = nn.Linear(3, 4).double()
    posterior = torch.linalg.solve(precision, weight.T) / deviation**2
    with torch.no_grad():
        decoder.weight.copy_(weight)
        encoder.weight.copy_(torch.cat([posterior, torch.zeros(2, 3)]))
        encoder.bias.copy_(torch.cat([-posterior @ bias, -precision.diagonal().log()]))
    model = Vae(encoder, decoder, latent=2, beta=1.0, deviation=deviation).double()
    covariance = weight @ weight.T + deviation**2 * torch.eye(3).double()
    return model, MultivariateNormal(bias, covariance)


def test_the_bound_is_tight_for_the_exact_posterior() -> None:
    """Its mean over z is then log p(x); here z is integrated by Gauss–Hermite quadrature, exact for a square."""
    model, distribution = linear_gaussian(0.3)
    real = distribution.sample((5,))
    nodes = torch.tensor([-math.sqrt(3), 0.0, math.sqrt(3)]).double()
    weights = torch.tensor([1 / 6, 2 / 3, 1 / 6]).double()
    bound = torch.zeros(5).double()
    for i, a in enumerate(nodes):
        for j, b in enumerate(nodes):
            noise = torch.stack([a, b]).expand(5, 2)
            bound -= weights[i] * weights[j] * model.objective(real, noise)
    torch.testing.assert_close(bound, distribution.log_prob(real), atol=1e-4, rtol=0)


def test_the_bound_is_below_the_likelihood_for_any_other_encoder() -> None:
    model, distribution = linear_gaussian(0.3)
    nn.init.normal_(model.encoder.weight, 0, 0.1)
    real = distribution.sample((200,))
    bounds = torch.stack([-model.objective(real, torch.randn(200, 2).double()) for _ in range(50)]).mean(dim=0)
    assert bounds.mean() < distribution.log_prob(real).mean() - 1


def test_both_terms_are_those_of_torch() -> None:
    model, distribution = linear_gaussian(0.5)
    model.beta = 4.0
    real, noise = distribution.sample((6,)), torch.randn(6, 2).double()
    mean, log_variance = model.encoder(real).chunk(2, dim=1)
    encoded = Independent(Normal(mean, (0.5 * log_variance).exp()), 1)
    decoded = Independent(Normal(model.decoder(mean + (0.5 * log_variance).exp() * noise), 0.5), 1)
    divergence = kl_divergence(encoded, Independent(Normal(torch.zeros(2), torch.ones(2)), 1))
    torch.testing.assert_close(model.objective(real, noise), -decoded.log_prob(real) + 4 * divergence)


@pytest.mark.parametrize("log_deviation", [-100.0, 100.0])
def test_the_deviation_of_the_decoder_has_limits(log_deviation: float) -> None:
    model, distribution = linear_gaussian(0.3)
    nn.init.constant_(model.log_deviation, log_deviation)
    assert model.objective(distribution.sample((5,)), torch.zeros(5, 2).double()).isfinite().all()


@pytest.mark.parametrize("log_deviation", [-6.5, 6.5])
def test_beyond_its_limits_the_deviation_of_the_decoder_comes_back(log_deviation: float) -> None:
    model, distribution = linear_gaussian(0.3)
    nn.init.constant_(model.log_deviation, log_deviation)
    real, noise = distribution.sample((50,)), torch.randn(50, 2).double()
    descent = torch.optim.Adam([model.log_deviation], lr=0.05)
    for _ in range(50):
        descent.zero_grad()
        model.objective(real, noise).mean().backward()
        descent.step()
    assert abs(model.log_deviation.item()) < 6
