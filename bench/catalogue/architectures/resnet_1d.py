"""One-dimensional residual networks of the language model of Gulrajani et al. 2017 (section 5.3), for every length.

Blocks of two convolutions of size 5 keep the length; 0.3 times their result is added to their input, as in the authors'
code (https://github.com/igul222/improved_wgan_training, gan_language.py). Strings end in a softmax over the letters at
each place, which the critic sees as it is. Sounds of one channel end in tanh.
"""

from __future__ import annotations

from torch import Tensor, nn

from bench.catalogue.architectures import Normalisation, Shape
from bench.catalogue.architectures.layers import lipschitz, minibatch_deviation
from bench.catalogue.architectures.one_dimensional import initialise_xavier, normalisation_1d
from bench.catalogue.architectures.signal_options import Resnet1dOptions

KERNEL = 5
SHARE = 0.3  # of the residual


class ResidualBlock(nn.Module):
    """The features plus 0.3 times a residual, [n, width, length] → the same shape."""

    def __init__(self, width: int, norm: Normalisation):
        super().__init__()
        layers: list[nn.Module] = []
        for _ in range(2):
            layers += [*normalisation_1d(norm, width), nn.ReLU(), _conv(width, width, KERNEL)]
        self.residual = nn.Sequential(*layers)

    def forward(self, features: Tensor) -> Tensor:
        """Return the features plus the scaled residual."""
        scaled: Tensor = SHARE * self.residual(features)
        return features + scaled


def generator(options: Resnet1dOptions, latent: int, shape: Shape) -> nn.Module:
    """Return the generator, [n, latent] → probabilities of letters [n, letters, length], or sounds in [−1, 1]."""
    channels, length = shape
    layers = [
        nn.Linear(latent, options.width * length),
        nn.Unflatten(1, (options.width, length)),
        *_blocks(options),
        _conv(options.width, channels, 1),
    ]
    return _initialised(nn.Sequential(*layers, nn.Softmax(dim=1) if channels > 1 else nn.Tanh()))


def critic(options: Resnet1dOptions, shape: Shape) -> nn.Module:
    """Return the critic, [n, channels, length] → logits [n]."""
    channels, length = shape
    deviation = minibatch_deviation(options)
    layers = [
        _conv(channels, options.width, 1),
        *_blocks(options),
        *deviation,
        nn.Flatten(),
        nn.Linear((options.width + len(deviation)) * length, 1),
        *lipschitz(options),
        nn.Flatten(0),
    ]
    return _initialised(nn.Sequential(*layers))


def _blocks(options: Resnet1dOptions) -> list[nn.Module]:
    return [ResidualBlock(options.width, options.normalisation) for _ in range(options.blocks)]


def _conv(inputs: int, outputs: int, kernel: int) -> nn.Conv1d:
    """Return a convolution that keeps the length."""
    return nn.Conv1d(inputs, outputs, kernel, padding=kernel // 2)


def _initialised(network: nn.Module) -> nn.Module:
    convolutions = [module for module in network.modules() if isinstance(module, nn.Conv1d)]
    return initialise_xavier(network, convolutions)
