"""Bits per dimension in closed form."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from bench.catalogue.families.autoregressive import Autoregressive, MaskedMlp
from bench.catalogue.families.quantisation import Quantisation
from bench.compute.held_out import bits_per_dimension


class Gaussian(nn.Module):
    """N(0, I), whose density is known."""

    objective_numbers = 0

    def __init__(self) -> None:
        super().__init__()
        self.mean = nn.Parameter(torch.zeros(1))

    def log_density(self, real: Tensor, noise: Tensor) -> Tensor:
        return -0.5 * ((real - self.mean) ** 2 + math.log(2 * math.pi)).flatten(1).sum(dim=1)


def test_a_gaussian_has_its_entropy() -> None:
    points = torch.randn(100_000, 2, generator=torch.Generator().manual_seed(0))
    entropy = 0.5 * math.log2(2 * math.pi * math.e)  # per dimension
    assert bits_per_dimension(Gaussian(), points, seed=0) == pytest.approx(entropy, abs=0.01)


def test_equal_probabilities_of_all_grey_levels_take_eight_bits() -> None:
    network = MaskedMlp(4, 256, width=4, depth=1)
    for parameter in network.parameters():
        nn.init.zeros_(parameter)
    edge = 128 / 127.5
    model = Autoregressive(network, Quantisation(256, -edge, edge), (1, 2, 2))
    images = torch.tensor([[0, 1], [254, 255]], dtype=torch.uint8).view(1, 1, 2, 2)
    assert bits_per_dimension(model, images, seed=0) == pytest.approx(8, abs=1e-4)
