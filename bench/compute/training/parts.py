"""Stacks of players with two networks, one per direction, and of translators whose critics see sources too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from bench.compute.training.stack import Stack
from bench.plan.specification import Training


class Part(Stack):
    """One of the two networks of the players of a stack, as a stack of its own with the same tensors.

    Args:
        whole: The stack of the players.
        name: The name of the network in its player.
        double_backward: As in ``Stack``.
        apart: As in ``Stack``.
    """

    def __init__(self, whole: Stack, name: str, double_backward: bool, apart: bool | None):
        self.networks: list[nn.Module] = [getattr(network, name) for network in whole.networks]
        self._architecture, self._whole, self._prefix = whole._architecture, whole, f"{name}."
        own = [pair for pair in zip(whole._names, whole.parameters, strict=True) if pair[0].startswith(self._prefix)]
        self._names = [key.removeprefix(self._prefix) for key, _ in own]
        self.parameters = [parameter for _, parameter in own]
        self._choose_forward(True, double_backward, apart)

    @property
    def buffers(self) -> dict[str, Tensor]:  # type: ignore[override]
        """The buffers of the network by its own names."""
        prefix, known = self._prefix, self._whole.buffers.items()
        return {key.removeprefix(prefix): buffer for key, buffer in known if key.startswith(prefix)}


class TwoWayStack(Stack):
    """Players with the networks ``onward`` and ``back``. Applied to samples, the first of them is.

    Attributes:
        onward: The first network of every player.
        back: The second.
    """

    def _choose_forward(self, rules: bool, double_backward: bool, apart: bool | None) -> None:
        self._forward, self._separate = None, False
        self.onward, self.back = (Part(self, name, double_backward, apart) for name in ("onward", "back"))

    @property
    def _by_vmap(self) -> bool:
        return self.onward._by_vmap or self.back._by_vmap

    def apply(self, parameters: Sequence[Tensor], buffers: Mapping[str, Tensor], samples: Tensor) -> Tensor:
        """Apply the first network of each player with other parameters and buffers of the player."""
        prefix = "onward."
        own = [each for key, each in zip(self._names, parameters, strict=True) if key.startswith(prefix)]
        named = {key.removeprefix(prefix): buffer for key, buffer in buffers.items() if key.startswith(prefix)}
        return self.onward.apply(own, named, samples)


class WithSource(Stack):
    """Translators whose samples come with their sources, as critics see them: [s, n, c, ...] → [s, n, 2c, ...]."""

    def apply(self, parameters: Sequence[Tensor], buffers: Mapping[str, Tensor], samples: Tensor) -> Tensor:
        """Return sources and their translations together, along the first dimension of a sample."""
        return paired(samples, super().apply(parameters, buffers, samples))


def stack_class(training: Training, *, of_critics: bool = False) -> type[Stack]:
    """Return how the generators of some runs, or their critics, are stacked."""
    if not training.translates:
        return Stack
    if not training.paired:
        return TwoWayStack
    return Stack if of_critics else WithSource


def paired(sources: Tensor, samples: Tensor) -> Tensor:
    """Return sources and samples [s, n, c, ...] as the critics of pairs see them, [s, n, 2c, ...]."""
    return torch.cat([sources, samples.to(sources.dtype)], dim=2)
