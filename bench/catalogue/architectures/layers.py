"""What several families share: activations and normalisations by name, the range of the output."""

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
    """The element-wise function of this name; the slope of LeakyReLU is 0.2 (Radford et al. 2016)."""
    return _ACTIVATIONS[name]()


def normalisation(name: Normalisation, channels: int, *, images: bool, eps: float = 1e-5) -> list[nn.Module]:
    """No layer or one, for features [n, channels] or, with ``images``, [n, channels, height, width]."""
    if name == "batch":
        return [nn.BatchNorm2d(channels, eps=eps) if images else nn.BatchNorm1d(channels, eps=eps)]
    if name == "layer":  # over all of a sample; GroupNorm with one group is that for images
        return [nn.GroupNorm(1, channels, eps=eps) if images else nn.LayerNorm(channels, eps=eps)]
    return []


def output_range(shape: Shape) -> list[nn.Module]:
    """Images live in [−1, 1], so tanh; points of the plane anywhere, so nothing."""
    return [nn.Tanh()] if len(shape) == 3 else []


class Maxout(nn.Module):
    """The largest of ``pieces`` linear maps (Goodfellow et al. 2013): [n, width · pieces] → [n, width]."""

    def __init__(self, pieces: int):
        super().__init__()
        self.pieces = pieces

    def forward(self, features: Tensor) -> Tensor:
        """Largest over the pieces."""
        return features.unflatten(-1, (-1, self.pieces)).amax(dim=-1)


def initialise_normal(network: nn.Module, deviation: float = 0.02) -> nn.Module:
    """Weights from N(0, 0.02²), those of normalisations from N(1, 0.02²) (Radford et al. 2016, section 3)."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            nn.init.normal_(module.weight, 0.0, deviation)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.BatchNorm2d | nn.GroupNorm):
            nn.init.normal_(module.weight, 1.0, deviation)
            nn.init.zeros_(module.bias)
    return network
