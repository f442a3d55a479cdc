"""The perceptual path length: how much features change along short steps between latents (Karras et al. 2019)."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch_fidelity.noise import batch_lerp, batch_slerp_any

from bench.catalogue.metrics import PathLengthOptions
from bench.catalogue.metrics.context import Context, GameView

INTERPOLATIONS = {"lerp": batch_lerp, "slerp": batch_slerp_any}


def prepare(context: Context, options: PathLengthOptions) -> Callable[[GameView], dict[str, float]]:
    """Return the metric: the mean of ‖φ(G(z₁)) − φ(G(z₀))‖² / ε² over pairs of latents.

    z₁ lies the share ε of the way from z₀ to another latent, as in torch-fidelity. φ are the features of the extractor,
    of images that are not rounded to 8 bits: rounding would hide steps this short. Distances beyond the quantiles
    ``discard`` and 1 − ``discard`` are left out. The latents are those of the run, the same at every step.
    """

    def measure(game: GameView) -> dict[str, float]:
        ends = game.evaluation_latents("path length", 2 * options.paths).chunk(2)
        pairs = ends[0], INTERPOLATIONS[options.interpolation](*ends, options.epsilon)
        first, second = (_features(context, game.generate(latents)) for latents in pairs)
        squared = (second.double() - first.double()).square().sum(dim=1) / options.epsilon**2
        return {"ppl": trimmed_mean(squared, options.discard)}

    return measure


def trimmed_mean(values: Tensor, discard: float) -> float:
    """Return the mean of the values [n] from the quantile ``discard`` to its counterpart, as torch-fidelity does."""
    low = torch.quantile(values, discard, interpolation="lower")
    high = torch.quantile(values, 1 - discard, interpolation="higher")
    return values[(low <= values) & (values <= high)].mean().item()


def _features(context: Context, samples: Tensor) -> Tensor:
    images = samples.ndim == 4
    return context.extract((samples.clamp(-1, 1) + 1) * 127.5 if images else samples)[0]
