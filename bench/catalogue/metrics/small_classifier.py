"""A small classifier, trained from scratch on labelled samples and tested on held-out real ones."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from functools import cache
from math import prod
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bench.catalogue.metrics.classifier_options import ClassifierOptions
from bench.catalogue.metrics.context import Context

CHANNELS, SIDE = 16, 4  # of the first convolution; to which pooling reduces images
HIDDEN = 64  # units of each of the two hidden layers for points
AT_ONCE = 1024  # test samples that are classified together
Change = Callable[[Tensor, torch.Generator], Tensor]


class Labelled(NamedTuple):
    """Samples with their classes.

    Attributes:
        samples: Points [n, d] or uint8 images [n, channels, height, width].
        labels: The class of each, int64 [n].
    """

    samples: Tensor
    labels: Tensor


def training_samples(context: Context, positions: Tensor | None = None) -> Labelled:
    """Return training samples at some positions, int64 [n]; by default all."""
    labels = context.data.labels
    assert labels is not None
    chosen = np.arange(len(context.data.train)) if positions is None else positions.numpy()
    return Labelled(torch.from_numpy(np.array(context.data.train[chosen])), torch.from_numpy(labels.train[chosen]))


def held_out_samples(context: Context) -> Labelled:
    """Return all test samples."""
    labels = context.data.labels
    assert labels is not None
    return Labelled(torch.from_numpy(np.array(context.data.test)), torch.from_numpy(np.array(labels.test)))


def accuracy_of_classifier(
    context: Context,
    sources: Sequence[Labelled],
    options: ClassifierOptions,
    seed: int | None,
    change: Change | None = None,
) -> float:
    """Train a classifier and return the share of held-out real samples that it classifies correctly.

    The same seed and the same sources give the same bits on a CPU. The first weights depend on the seed alone.

    Args:
        context: The real data and the device.
        sources: What to train on. Every batch has equally many samples of each source, drawn with replacement.
        options: Steps, batch size and learning rate, which falls to 0 linearly. The optimiser is Adam.
        seed: The seed of the run, from which those of the first weights and of the batches are derived; None for real
            data.
        change: Changes the inputs of a batch at random, with numbers of the given generator.
    """
    assert context.data.labels is not None
    sequence = np.random.SeedSequence(seed or 0, spawn_key=(zlib.crc32(b"classifier"),))
    of_weights, of_batches = map(int, sequence.generate_state(2))
    generator = torch.Generator().manual_seed(of_batches)
    sources = [Labelled(*map(context.placed, source)) for source in sources]
    sizes = [options.batch_size * (index + 1) // len(sources) for index in range(len(sources))]
    counts = [size - before for size, before in zip(sizes, [0, *sizes], strict=False)]
    with torch.enable_grad():
        network = _network(tuple(context.data.train.shape[1:]), len(context.data.labels.names), of_weights)
        network = network.to(context.device)
        optimizer = torch.optim.Adam(network.parameters(), lr=options.lr, fused=True)
        for step in range(options.steps):
            optimizer.param_groups[0]["lr"] = options.lr * (1 - step / options.steps)
            drawn = [_draw(context, source, count, generator) for source, count in zip(sources, counts, strict=True)]
            inputs, labels = (torch.cat(parts) for parts in zip(*drawn, strict=True))
            loss = F.cross_entropy(network(change(inputs, generator) if change else inputs), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return _accuracy(network, held_out_samples(context), context)


def _draw(context: Context, source: Labelled, count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    chosen = torch.randint(len(source.labels), (count,), generator=generator).to(source.labels.device)
    return _inputs(context, source.samples[chosen]), source.labels[chosen]


def _inputs(context: Context, samples: Tensor) -> Tensor:
    """Return points in units of the standard deviation of each coordinate, and uint8 images as floats in [−1, 1]."""
    if samples.dtype == torch.uint8:
        return samples / 127.5 - 1
    mean, deviation = _moments(context)
    return (samples - mean) / deviation


@cache
def _moments(context: Context) -> tuple[Tensor, Tensor]:
    """Return mean and standard deviation of training points, [d] each; 1 for coordinates that are all alike."""
    points = torch.from_numpy(np.array(context.data.train))
    deviation = points.std(dim=0)
    return context.placed(points.mean(dim=0)), context.placed(deviation.where(deviation > 0, 1.0))


def _accuracy(network: nn.Module, held_out: Labelled, context: Context) -> float:
    with torch.no_grad():
        predicted = [
            network(_inputs(context, context.placed(part))).argmax(dim=1).cpu()
            for part in held_out.samples.split(AT_ONCE)
        ]
    return (torch.cat(predicted) == held_out.labels).double().mean().item()


def _network(shape: tuple[int, ...], classes: int, seed: int) -> nn.Sequential:
    """Return a classifier with first weights of a seed; the global random generator is left as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        return _for_images(shape, classes) if len(shape) == 3 else _for_points(shape, classes)


def _for_points(shape: tuple[int, ...], classes: int) -> nn.Sequential:
    return nn.Sequential(
        *(nn.Flatten(), nn.Linear(prod(shape), HIDDEN), nn.ReLU()),
        *(nn.Linear(HIDDEN, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, classes)),
    )


def _for_images(shape: tuple[int, ...], classes: int) -> nn.Sequential:
    """Return 3×3 convolutions with pooling down to 4×4 pixels, whose channels double each time, and a linear layer."""
    layers: list[nn.Module] = []
    inputs, outputs, side = shape[0], CHANNELS, min(shape[1:])
    while side > SIDE:
        layers += [nn.Conv2d(inputs, outputs, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
        inputs, outputs, side = outputs, 2 * outputs, side // 2
    layers += [nn.Conv2d(inputs, outputs, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(SIDE)]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(outputs * SIDE**2, classes))
