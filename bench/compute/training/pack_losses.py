"""The losses of the runs of a pack as functions of their logits, and the logits that top-k training keeps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby

import torch
from torch import Tensor
from torch.func import vmap

from bench.catalogue import find, is_added, named
from bench.catalogue.losses import GanLoss, with_options
from bench.compute.training.stack import VECTOR
from bench.plan.specification import Choice

LossFunction = Callable[[Tensor, Tensor], Tensor]


class PackLosses:
    """The losses of s runs. Adjacent runs with the same loss and options share one evaluation.

    Args:
        choices: The loss of each run.

    Attributes:
        needs_real: Whether the generators' losses use the logits of real samples.
    """

    def __init__(self, choices: Sequence[Choice]):
        groups = groupby(choices, key=lambda choice: (choice.name, choice.options))
        self._losses = [(_named_loss(name, options), len(list(members))) for (name, options), members in groups]
        self.needs_real = self._losses[0][0].generator_needs_real

    def critic(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return the critics' losses, [s], on logits [s, n]."""
        return self._evaluate([loss.critic for loss, _ in self._losses], real, fake).mean(dim=1)

    def generator(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return the generators' losses, [s], on logits [s, n]; ``real`` is empty unless they need it."""
        return self._evaluate([loss.generator for loss, _ in self._losses], real, fake).mean(dim=1)

    def _evaluate(self, functions: Sequence[LossFunction], real: Tensor, fake: Tensor) -> Tensor:
        """Apply the loss of each run to its logits, [s, n]."""
        counts = [count for _, count in self._losses]
        vectorised = fake.device.type != "cpu" or fake.shape[1] % VECTOR == 0  # otherwise the bits would differ
        losses = []
        for function, reals, fakes in zip(functions, real.split(counts), fake.split(counts), strict=True):
            if vectorised and len(fakes) > 1:
                losses.append(vmap(function)(reals, fakes))
            else:
                losses += [function(*logits).unsqueeze(0) for logits in zip(reals, fakes, strict=True)]
        return losses[0] if len(losses) == 1 else torch.cat(losses)


def highest(real: Tensor, fake: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Return the k highest logits of generated samples of each run, [s, k], and those of the real samples beside them.

    Args:
        real: The logits of real samples, [s, n] or empty.
        fake: The logits of generated samples, [s, n]. Only those that are kept get gradients.
        k: How many to keep, 1 to n.

    Source: Sinha et al. 2020.
    """
    chosen = fake.detach().topk(k, dim=1).indices
    return (real.gather(1, chosen) if real.shape[1] else real), fake.gather(1, chosen)


def _named_loss(name: str, options: object) -> GanLoss:
    """Return a loss with its options; if another package provides it, its errors name it."""
    loss: GanLoss = find("loss", name)
    if is_added("loss", name):
        critic, generator = named("loss", name, loss.critic, "critic"), named("loss", name, loss.generator, "generator")
        loss = loss._replace(critic=critic, generator=generator)
    return with_options(loss, options)  # type: ignore[arg-type]
