"""Conditional residual networks of Miyato & Koyama 2018: conditional batch normalisation and a projection critic."""

from __future__ import annotations

from math import prod

from torch import Tensor, nn

from bench.catalogue.architectures import ResnetOptions, Shape
from bench.catalogue.architectures.conditional import ConditionalBatchNorm2d, split
from bench.catalogue.architectures.dcgan import feature_map_sizes
from bench.catalogue.architectures.layers import lipschitz, minibatch_deviation
from bench.catalogue.architectures.resnet import conv, critic_features, initialise_xavier


class ConditionalBlock(nn.Module):
    """A residual block that upsamples, with normalisations that depend on labels, [n, c, h, w] → [n, c, size, size]."""

    def __init__(self, width: int, size: int, classes: int):
        super().__init__()
        self.first = ConditionalBatchNorm2d(classes, width)
        self.upsample = nn.Sequential(nn.ReLU(), nn.Upsample(size=(size, size)), conv(width, width))
        self.second = ConditionalBatchNorm2d(classes, width)
        self.convolve = nn.Sequential(nn.ReLU(), conv(width, width))
        self.shortcut = nn.Sequential(nn.Upsample(size=(size, size)), conv(width, width, 1))

    def forward(self, features: Tensor, labels: Tensor) -> Tensor:
        """Return shortcut plus residual."""
        residual = self.convolve(self.second(self.upsample(self.first(features, labels)), labels))
        upsampled: Tensor = self.shortcut(features)
        return upsampled + residual


class ConditionalGenerator(nn.Module):
    """The generator of ``resnet`` with ``ConditionalBatchNorm2d`` in place of every batch normalisation."""

    def __init__(self, options: ResnetOptions, latent: int, classes: int, shape: Shape):
        super().__init__()
        channels, size, _ = shape
        first, *rest = feature_map_sizes(size)
        width, self.latent = options.width, latent
        self.input = nn.Sequential(nn.Linear(latent, width * first**2), nn.Unflatten(1, (width, first, first)))
        self.blocks = nn.ModuleList([ConditionalBlock(width, larger, classes) for larger in rest])
        self.last = ConditionalBatchNorm2d(classes, width)
        self.output = nn.Sequential(nn.ReLU(), conv(width, channels), nn.Tanh())

    def forward(self, inputs: Tensor) -> Tensor:
        """Return samples of latents that are followed by labels, [n, latent + k] → [n, channels, size, size]."""
        latents, labels = split(inputs, self.latent)
        features = self.input(latents)
        for block in self.blocks:
            features = block(features, labels)
        samples: Tensor = self.output(self.last(features, labels))
        return samples


class ProjectionCritic(nn.Module):
    """The critic of ``resnet`` with a projection of its features on the label: ψ(φ(x)) + yᵀVφ(x).

    φ(x) are the pooled features, ψ is linear, y is the label as one-hot numbers, and each column of ``embedding`` is
    the vector of a class. With normalisation "spectral", V is normalised too, as in the authors' code.

    Source: Miyato & Koyama 2018, eq. 6.
    """

    def __init__(self, options: ResnetOptions, classes: int, shape: Shape):
        super().__init__()
        width = options.width + len(minibatch_deviation(options))
        self.shape = shape
        self.features = nn.Sequential(*critic_features(options, shape))
        self.output = nn.Linear(width, 1)
        self.embedding = nn.Linear(classes, width, bias=False)
        self.scale = nn.Sequential(*lipschitz(options))

    def forward(self, inputs: Tensor) -> Tensor:
        """Return logits [n] of images whose numbers are followed by labels, [n, channels·size² + k]."""
        images, labels = split(inputs, prod(self.shape))
        features = self.features(images.unflatten(1, self.shape))
        projection = (self.embedding(labels) * features).sum(dim=1)
        logits: Tensor = self.scale(self.output(features).flatten() + projection)
        return logits


def generator(options: ResnetOptions, latent: int, classes: int, shape: Shape) -> nn.Module:
    """Return the generator, [n, latent + classes] → [n, channels, size, size] in [−1, 1]."""
    network = ConditionalGenerator(options, latent, classes, shape)
    blocks = [block for block in network.modules() if isinstance(block, ConditionalBlock)]
    return initialise_xavier(network, [layer for block in blocks for layer in (*block.upsample, *block.convolve)])


def critic(options: ResnetOptions, classes: int, shape: Shape) -> nn.Module:
    """Return the critic, [n, channels·size² + classes] → logits [n]."""
    return initialise_xavier(ProjectionCritic(options, classes, shape))
