"""CycleGAN (Zhu et al. 2017): two translators and two critics, one of each per direction."""

from __future__ import annotations

from torch import Tensor, nn

from bench.catalogue.families import CycleganOptions, Network, Shape
from bench.catalogue.families.translators import translator


class TwoWays(nn.Module):
    """Two networks, one per direction, that are trained as one player. As a function it is the first of them.

    Args:
        onward: The translator of sources, or the critic of their translations.
        back: The translator of samples into sources, or the critic of what it makes.
    """

    def __init__(self, onward: nn.Module, back: nn.Module):
        super().__init__()
        self.onward, self.back = onward, back

    def forward(self, samples: Tensor) -> Tensor:
        """Return what the first network makes of samples."""
        result: Tensor = self.onward(samples)
        return result


def model(options: CycleganOptions, network: Network, latent: int, shape: Shape) -> TwoWays:
    """Return both translators."""
    return TwoWays(translator(network, shape), translator(network, shape))
