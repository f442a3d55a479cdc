"""Variational autoencoders (Kingma & Welling 2014) with a Gaussian decoder, on the networks of an architecture."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from bench.catalogue import find, resolve
from bench.catalogue.families import Network, Shape, VaeOptions

LOG_DEVIATIONS = -6.0, 6.0  # of the decoder; without a limit, a collapsed one divides by zero


class Vae(nn.Module):
    """A decoder and the encoder it is trained with.

    The decoder is N(mean(z), σ² I), with one σ for all coordinates, which is learnt with the networks (Rybkin et al.
    2021). A sample is a mean, as is usual, or with ``draws`` a draw of the decoder, whose noise follows the latent.

    Args:
        encoder: Samples [n, *shape] → means and logarithms of variances, [n, 2 · latent].
        decoder: Latents [n, latent] → means [n, *shape].
        latent: The dimension of the latent.
        beta: The weight of the KL divergence; 1 is the bound of the likelihood (Higgins et al. 2017).
        draws: Whether samples are drawn from the decoder.
        deviation: σ at the start.
    """

    def __init__(
        self,
        encoder: nn.Module,
        decoder: nn.Module,
        latent: int,
        beta: float,
        draws: bool = False,
        deviation: float = 1.0,
    ):
        super().__init__()
        self.encoder, self.decoder, self.latent, self.beta, self.draws = encoder, decoder, latent, beta, draws
        self.log_deviation = nn.Parameter(torch.full((1,), math.log(deviation)))
        self.objective_numbers = latent

    def forward(self, latents: Tensor) -> Tensor:
        """Return the decoder's means, [n, latent] → [n, *shape], or draws, [n, latent + numbers] → [n, *shape]."""
        means: Tensor = self.decoder(latents[:, : self.latent])
        if not self.draws:
            return means
        return means + self._log_deviation().exp() * latents[:, self.latent :].reshape(means.shape)

    def objective(self, real: Tensor, noise: Tensor) -> Tensor:
        """Return what training minimises for each sample, in nats, [n]: the negative bound, with KL weighted by β.

        Args:
            real: Samples, [n, *shape].
            noise: Standard normal numbers, [n, latent].
        """
        reconstruction, divergence = self.terms(real, noise)
        return reconstruction + self.beta * divergence

    def log_density(self, real: Tensor, noise: Tensor) -> Tensor:
        """Return a lower bound of log p(x) in nats at one z from the encoder (ELBO), whatever β is, [n]."""
        reconstruction, divergence = self.terms(real, noise)
        return -reconstruction - divergence

    def terms(self, real: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Return −log p(x | z) at one z from the encoder, and KL(q(z | x) ‖ p(z)), both in nats, [n] each.

        Source: Kingma & Welling 2014, equation 10.
        """
        mean, log_variance = self.encoder(real).to(real.dtype).chunk(2, dim=1)  # not bfloat16
        decoded = self.decoder(mean + (0.5 * log_variance).exp() * noise).to(real.dtype)
        log_deviation = self._log_deviation()
        errors = ((real - decoded) * (-log_deviation).exp()).flatten(1)
        count = errors.shape[1]
        reconstruction = 0.5 * errors.square().sum(dim=1) + count * (log_deviation + 0.5 * math.log(2 * math.pi))
        divergence = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(dim=1)
        return reconstruction, divergence

    def _log_deviation(self) -> Tensor:
        """Return log σ within its limits; beyond them it keeps its gradient, with which it comes back."""
        outside = self.log_deviation.clamp(*LOG_DEVIATIONS) - self.log_deviation
        return self.log_deviation + outside.detach()


def model(options: VaeOptions, network: Network, latent: int, shape: Shape) -> Vae:
    """Return the model, with the generator of an architecture as its decoder and the critic's body as its encoder."""
    module = find("architecture", network.name).module
    encoder = resolve(f"{module}:encoder")(network.options, shape, 2 * latent)
    decoder = resolve(f"{module}:generator")(network.options, latent, shape)
    return Vae(encoder, decoder, latent, options.beta, options.draws, options.deviation)
