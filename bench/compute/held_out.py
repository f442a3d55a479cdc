"""How likely held-out data are under the model of a family that can say so: bits per dimension."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from bench.catalogue.datasets import Data
from bench.catalogue.metrics.measures import averaged
from bench.compute.training.players import GENERATED_AT_ONCE, Players, with_converged_spectral_norm
from bench.compute.training.random_streams import stream

PER_UNIT = 127.5  # grey levels of 8 bits in one unit of the values that networks see


def measure_held_out(players: Players, data: Data, count: int, seed: int) -> dict[str, float]:
    """Return the bits per dimension of test samples under a model and its moving average; nothing if it has none.

    Args:
        players: The model.
        data: The dataset.
        count: The maximum number of test samples.
        seed: The seed of the run; the noise is the same at every step.
    """
    if not hasattr(players.generator, "log_density"):
        return {}
    test = torch.from_numpy(np.array(data.test[:count]))
    measures = {"bits_per_dimension": bits_per_dimension(players.generator, test, seed)}
    if players.average is not None:
        average = with_converged_spectral_norm(players.average)
        measures[averaged("bits_per_dimension")] = bits_per_dimension(average, test, seed)
    return measures


@torch.no_grad()
def bits_per_dimension(model: nn.Module, samples: Tensor, seed: int) -> float:
    """Return −log₂ p(x) / d, averaged over samples; an upper bound of it if the model only has a bound of p.

    Points are real numbers, so it can be negative. For images of 8 bits it is a bound of the −log₂ of the probability
    of the grey levels: noise from U(−½, ½) is added to them (Theis et al. 2016, section 3.1).

    Args:
        model: A model with ``log_density``.
        samples: Points [n, d] or uint8 images [n, channels, height, width].
        seed: The seed of the noise.
    """
    parameter, was_training, generator = next(model.parameters()), model.training, stream(seed, "evaluation held out")
    numbers = samples[0].numel()
    images = samples.dtype == torch.uint8
    values = samples.float()
    if images:
        values = (values + torch.rand(values.shape, generator=generator) - 0.5) / PER_UNIT - 1
    of_model: Any = model
    noise = torch.randn(len(values), of_model.objective_numbers, generator=generator)
    model.eval()
    total = 0.0
    for batch in zip(values.split(GENERATED_AT_ONCE), noise.split(GENERATED_AT_ONCE), strict=True):
        real, drawn = (part.to(parameter.device, parameter.dtype) for part in batch)
        total += of_model.log_density(real, drawn).double().sum().item()
    model.train(was_training)
    return -total / (len(values) * numbers * math.log(2)) + (math.log2(PER_UNIT) if images else 0.0)
