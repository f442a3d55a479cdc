"""Autoregressive models over quantised numbers: each number of a sample given those before it, in a fixed order."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bench.catalogue.families import AutoregressiveOptions, Network, Shape
from bench.catalogue.families.quantisation import Quantisation, draw, from_sequence, one_hot, to_sequence


class Autoregressive(nn.Module):
    """A model of the numbers of a sample, x = (x₁, …, x_d): log p(x) = Σₖ log p(xₖ | x₁, …, xₖ₋₁).

    Each latent gives one number of a sample: its quantile is that of the number within its conditional distribution.

    Args:
        network: Scores of every bin of every number, with numbers as bins [n, d] → logits [n, d, levels].
        quantisation: The bins.
        shape: The shape of a sample.
    """

    objective_numbers = 0

    def __init__(self, network: SequenceModel, quantisation: Quantisation, shape: tuple[int, ...]):
        super().__init__()
        self.network, self.quantisation, self.shape = network, quantisation, shape
        self.latent_numbers = torch.Size(shape).numel()

    def forward(self, latents: Tensor) -> Tensor:
        """Return samples, [n, d] → [n, *shape]; a number is spread evenly over its bin."""
        bins, within = self.network.sample(torch.special.ndtr(latents))
        return from_sequence(self.quantisation.values(bins, within), self.shape)

    def objective(self, real: Tensor, noise: Tensor) -> Tensor:
        """Return −log of the probability of the bins of each sample, in nats, [n, *shape] → [n]."""
        del noise
        bins = self.quantisation.bins(to_sequence(real))
        logits = self.network(bins).to(real.dtype)
        return F.cross_entropy(logits.movedim(2, 1), bins, reduction="none").sum(dim=1)

    def log_density(self, real: Tensor, noise: Tensor) -> Tensor:
        """Return log p(x) in nats, which is constant within a bin, [n]."""
        return -self.objective(real, noise) - self.latent_numbers * math.log(self.quantisation.width)


class SequenceModel(nn.Module):
    """Conditional distributions of the numbers of a sequence."""

    def sample(self, quantiles: Tensor) -> tuple[Tensor, Tensor]:
        """Draw sequences by inverse transform sampling.

        Args:
            quantiles: Numbers in [0, 1], [n, d].

        Returns:
            Bins [n, d], and the place of each quantile within its bin, from 0 to 1.
        """
        raise NotImplementedError


class MaskedLinear(nn.Linear):
    """A fully connected layer with some weights fixed at 0: ``mask`` is [outputs, inputs]."""

    mask: Tensor

    def __init__(self, mask: Tensor):
        super().__init__(mask.shape[1], mask.shape[0])
        self.register_buffer("mask", mask, persistent=False)

    def forward(self, features: Tensor) -> Tensor:
        """Return (mask · W) x + b."""
        return F.linear(features, self.mask * self.weight, self.bias)


class MaskedMlp(SequenceModel):
    """MADE: one fully connected network for all conditional distributions (Germain et al. 2015).

    Its inputs are the bins, one-hot. Hidden unit j sees the first 1 + j mod (d − 1) numbers; fewer than d − 1 units are
    spread evenly over the numbers.

    Args:
        numbers: d, the length of a sequence.
        levels: The number of bins.
        width: Units of a hidden layer.
        depth: Hidden layers.
    """

    def __init__(self, numbers: int, levels: int, width: int, depth: int):
        super().__init__()
        self.numbers, self.levels = numbers, levels
        seen = torch.arange(1, numbers + 1).repeat_interleave(levels)  # of an input: its place in the sequence
        layers: list[nn.Module] = []
        others = max(1, numbers - 1)
        for _ in range(depth):
            units = 1 + (torch.arange(width) % others if width >= others else torch.arange(width) * others // width)
            layers += [MaskedLinear((units.unsqueeze(1) >= seen).float()), nn.ReLU()]
            seen = units
        places = torch.arange(1, numbers + 1).repeat_interleave(levels)
        self.hidden = nn.Sequential(*layers)
        self.output = MaskedLinear((places.unsqueeze(1) > seen).float())

    def forward(self, bins: Tensor) -> Tensor:
        """Return the logits of every number given those before it, [n, d] → [n, d, levels]."""
        encoded = one_hot(bins, self.levels).to(self.output.weight.dtype).flatten(1)
        logits: Tensor = self.output(self.hidden(encoded))
        return logits.unflatten(1, (self.numbers, self.levels))

    def sample(self, quantiles: Tensor) -> tuple[Tensor, Tensor]:
        """Draw one number after another; of the outer layers only what a number adds or needs is computed."""
        bins, within = torch.zeros_like(quantiles, dtype=torch.long), torch.zeros_like(quantiles)
        first, *inner = (module for module in self.hidden if isinstance(module, MaskedLinear))
        of_bins, to_bins = (first.mask * first.weight).T, self.output.mask * self.output.weight
        before = first.bias.expand(len(quantiles), -1)  # the first layer, before its activation
        for place in range(self.numbers):
            features = F.relu(before)
            for layer in inner:
                features = F.relu(layer(features))
            ends = slice(place * self.levels, (place + 1) * self.levels)
            logits = F.linear(features, to_bins[ends], self.output.bias[ends])
            bins[:, place], within[:, place] = draw(logits, quantiles[:, place])
            before = before + F.embedding(bins[:, place] + place * self.levels, of_bins)
        return bins, within


class MaskedConvolution(nn.Conv2d):
    """A convolution that sees the rows above and, in its own row, what is left of it, and itself unless it is first.

    Source: van den Oord et al. 2016 (PixelRNN), section 3.4, masks A and B.
    """

    mask: Tensor

    def __init__(self, inputs: int, outputs: int, kernel: tuple[int, int], *, first: bool = False):
        above, aside = kernel[0] - 1, kernel[1] // 2
        super().__init__(inputs, outputs, kernel)
        mask = torch.ones(kernel)
        mask[-1, aside + (not first) :] = 0
        self.register_buffer("mask", mask, persistent=False)
        self.margins = (aside, aside, above, 0)

    def forward(self, features: Tensor) -> Tensor:
        """Return the features of every place, [n, inputs, h, w] → [n, outputs, h, w]."""
        return F.conv2d(F.pad(features, self.margins), self.mask * self.weight, self.bias)

    def at(self, patch: Tensor) -> Tensor:
        """Return the features of one place from its neighbourhood, [n, inputs, *kernel] → [n, outputs]."""
        return F.linear(patch.flatten(1), (self.mask * self.weight).flatten(1), self.bias)


class MaskedConvolutions(SequenceModel):
    """PixelCNN: masked convolutions over an image, whose channels are neighbouring columns.

    Args:
        shape: The shape of an image.
        levels: The number of bins.
        width: Channels of the hidden layers.
        depth: Hidden layers with a shortcut.
    """

    def __init__(self, shape: tuple[int, ...], levels: int, width: int, depth: int):
        super().__init__()
        channels, self.height, columns = shape
        self.width, self.levels = columns * channels, levels
        kernel = 3, 2 * (2 * channels) + 1  # two rows above, two pixels on each side
        self.first = MaskedConvolution(1, width, kernel, first=True)
        self.hidden = nn.ModuleList(MaskedConvolution(width, width, kernel) for _ in range(depth))
        self.output = nn.Linear(width, levels)

    def forward(self, bins: Tensor) -> Tensor:
        """Return the logits of every number given those before it, [n, d] → [n, d, levels]."""
        features = self.first(self._scaled(bins).view(-1, 1, self.height, self.width))
        for layer in self.hidden:
            features = features + layer(F.relu(features))
        logits: Tensor = self.output(F.relu(features).flatten(2).movedim(1, 2))
        return logits

    def _scaled(self, bins: Tensor) -> Tensor:
        return bins.to(self.output.weight.dtype) * (2 / (self.levels - 1)) - 1

    def sample(self, quantiles: Tensor) -> tuple[Tensor, Tensor]:
        """Draw one number after another; every feature is computed once (Ramachandran et al. 2017)."""
        count = len(quantiles)
        layers: list[MaskedConvolution] = [self.first, *self.hidden]
        maps = [self._empty(quantiles, count, layer) for layer in layers]
        bins, within = torch.zeros_like(quantiles, dtype=torch.long), torch.zeros_like(quantiles)
        for place in range(quantiles.shape[1]):
            row, column = divmod(place, self.width)
            features = quantiles.new_zeros(count, 0)
            for index, (layer, known) in enumerate(zip(layers, maps, strict=True)):
                height, width = layer.weight.shape[2:]
                if index:
                    known[:, :, row + layer.margins[2], column + layer.margins[0]] = F.relu(features)
                new = layer.at(known[:, :, row : row + height, column : column + width])
                features = features + new if index else new
            bins[:, place], within[:, place] = draw(self.output(F.relu(features)), quantiles[:, place])
            margins = self.first.margins
            maps[0][:, 0, row + margins[2], column + margins[0]] = self._scaled(bins[:, place])
        return bins, within

    def _empty(self, like: Tensor, count: int, layer: MaskedConvolution) -> Tensor:
        """Return the inputs of a layer before the first place is known: zeros, as around the image."""
        left, right, above, _ = layer.margins
        return like.new_zeros(count, layer.in_channels, self.height + above, self.width + left + right)


def model(options: AutoregressiveOptions, network: Network, latent: int, shape: Shape) -> Autoregressive:
    """Return the model: masked fully connected layers for "mlp", masked convolutions for "dcgan"."""
    width: int = network.options.width  # type: ignore[attr-defined]
    extent = options.extent if len(shape) == 1 else 128 / 127.5  # 256 bins are the grey levels of 8 bits
    layers: SequenceModel
    if network.name == "mlp":
        depth: int = network.options.depth  # type: ignore[attr-defined]
        layers = MaskedMlp(torch.Size(shape).numel(), options.levels, width, depth)
    else:
        layers = MaskedConvolutions(shape, options.levels, width, options.depth)
    return Autoregressive(layers, Quantisation(options.levels, -extent, extent), shape)
