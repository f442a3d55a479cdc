"""Layers that several families share: activations, normalisations, the output layer, and initialisation."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

from bench.catalogue.architectures import Activation, Normalisation, Shape

_ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "leaky-relu": lambda: nn.LeakyReLU(0.2),
    "tanh": nn.Tanh,
    "elu": nn.ELU,
    "gelu": nn.GELU,
    "softplus": nn.Softplus,
}


def activation(name: Activation) -> nn.Module:
    """Return the activation of this name; the slope of LeakyReLU is 0.2 (Radford et al. 2016)."""
    return _ACTIVATIONS[name]()


def normalisation(name: Normalisation, channels: int, *, images: bool, eps: float = 1e-5) -> list[nn.Module]:
    """Return at most one layer, for features [n, channels] or, with ``images``, [n, channels, height, width].

    Spectral normalisation is not a layer: it is applied to the weights of the finished network.
    """
    if name == "batch":
        return [nn.BatchNorm2d(channels, eps=eps) if images else nn.BatchNorm1d(channels, eps=eps)]
    if name == "layer":  # for images, GroupNorm with one group normalises over the whole sample
        return [nn.GroupNorm(1, channels, eps=eps) if images else nn.LayerNorm(channels, eps=eps)]
    return []


def output_range(shape: Shape) -> list[nn.Module]:
    """Return tanh for images, which are in [−1, 1], and no layer for points."""
    return [nn.Tanh()] if len(shape) == 3 else []


class Maxout(nn.Module):
    """The maximum of ``pieces`` linear maps, [n, width · pieces] → [n, width] (Goodfellow et al. 2013)."""

    def __init__(self, pieces: int):
        super().__init__()
        self.pieces = pieces

    def forward(self, features: Tensor) -> Tensor:
        """Return the maximum over the pieces."""
        return features.unflatten(-1, (-1, self.pieces)).amax(dim=-1)


def initialise_normal(network: nn.Module) -> nn.Module:
    """Draw weights from N(0, 0.02²) and those of normalisations from N(1, 0.02²); return the network.

    Source: Radford et al. 2016, section 3.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            nn.init.normal_(module.weight, 0.0, 0.02)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.BatchNorm2d | nn.GroupNorm):
            nn.init.normal_(module.weight, 1.0, 0.02)
            nn.init.zeros_(module.bias)
    return network
