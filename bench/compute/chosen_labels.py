"""The labels of samples that are generated after training: one that the user names, or all as often as in the data."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from bench.catalogue import suggestion
from bench.compute.kept_weights import Description
from bench.compute.training.random_streams import stream
from bench.errors import ResultsError
from bench.escaping import quote


def class_of(about: Description, label: str | int) -> int:
    """Return the position of a class that is given by its name or, if no class has this name, by its position.

    Raises:
        ResultsError: The generator takes no labels, or there is no such class.
    """
    if not about.classes:
        raise ResultsError(f"{about.title}: the generator takes no labels, because it was not trained with conditional")
    if str(label) in about.classes:
        return about.classes.index(str(label))
    if str(label).isdecimal() and int(label) < len(about.classes):
        return int(label)
    near = suggestion(str(label), about.classes)
    raise ResultsError(f"{about.title}: no class {quote(str(label))} among its {len(about.classes):,}{near}")


def one_hot_labels(about: Description, count: int, seed: int, label: str | int | None) -> Tensor:
    """Return the labels of samples, [count, classes]; [count, 0] for a generator that takes none.

    Args:
        about: The generator.
        count: The number of samples.
        seed: The seed of the labels.
        label: The class of all samples, as in ``class_of``; None for classes as frequent as in the training split.

    Raises:
        ResultsError: The generator takes no labels, or there is no such class.
    """
    if label is not None:
        chosen = torch.full((count,), class_of(about, label))
    elif about.classes:
        shares = torch.tensor(about.class_counts, dtype=torch.float64)
        chosen = torch.multinomial(shares, count, replacement=True, generator=stream(seed, "sample labels"))
    else:
        return torch.empty(count, 0)
    return torch.eye(len(about.classes))[chosen]


class OfOneClass(nn.Module):
    """A conditional generator with one label, as a function of latents alone, [n, latent] → [n, *shape].

    Args:
        network: The generator, [n, latent + classes] → [n, *shape].
        label: The label, [classes].
    """

    label: Tensor

    def __init__(self, network: nn.Module, label: Sequence[float]):
        super().__init__()
        self.network = network
        self.register_buffer("label", torch.tensor(label))

    def forward(self, latents: Tensor) -> Tensor:
        """Return samples of the class."""
        labels = torch.ones_like(latents[:, :1]) * self.label  # a traced network would fix the number of latents
        samples: Tensor = self.network(torch.cat([latents, labels], dim=1))
        return samples
