"""pix2pix (Isola et al. 2017): one translator, whose critic sees the source and the sample together."""

from __future__ import annotations

from torch import nn

from bench.catalogue.families import Network, Pix2pixOptions, Shape
from bench.catalogue.families.translators import translator


def model(options: Pix2pixOptions, network: Network, latent: int, shape: Shape) -> nn.Module:
    """Return the translator. It draws no random numbers: those of the authors' dropout were ignored (section 3.1)."""
    return translator(network, shape)
