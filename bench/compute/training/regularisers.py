"""What the regularisers of a run do in the updates of its players, with random numbers from its own streams."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from torch import Tensor

from bench.catalogue import find, is_added, named
from bench.catalogue.consistency import Judged, LatentConsistency
from bench.catalogue.penalties import KINDS, Penalty
from bench.catalogue.term_options import with_own_options
from bench.compute.training.sampler import BatchSampler
from bench.plan.specification import Choice


class Batch(NamedTuple):
    """What an update of the critics compares.

    Attributes:
        real: The real samples as the critics saw them, with their logits.
        fake: The same of generated samples.
        moved: The same of the generated samples of changed latents, for each regulariser that compares them.
    """

    real: Judged
    fake: Judged
    moved: Mapping[LatentConsistency, Tensor]


def chosen_penalty(choice: Choice) -> Penalty:
    """Return a penalty that has its own options, and whose errors name it if another package provides it."""
    name = choice.name
    entry: Penalty = with_own_options(find("penalty", name), choice.options)
    if not is_added("penalty", name):
        return entry
    fields = {kind: getattr(entry, kind) for kind in KINDS if getattr(entry, kind) is not None}
    for kind, function in fields.items():
        if kind == "latent":
            parts = {part: named("penalty", name, each, part) for part, each in function._asdict().items()}
            fields[kind] = LatentConsistency(**parts)
        else:
            fields[kind] = named("penalty", name, function, kind)
    return entry._replace(**fields)


def critic_term(
    entry: Penalty, options: Any, critic: Callable[[Tensor], Tensor], batch: Batch, sampler: BatchSampler
) -> Tensor:
    """Return a regulariser's term of the critics' losses per sample, [s, n], before its weight."""
    count = batch.real.logits.shape[1]
    if entry.consistency:
        return entry.consistency(options, critic, batch.real, batch.fake, partial(sampler.uniform, size=count))
    if entry.latent:
        return entry.latent.critic(options, batch.fake.logits, critic(batch.moved[entry.latent]))
    assert entry.term is not None
    real, fake = batch.real.samples, batch.fake.samples
    return entry.term(critic, real, fake, sampler.uniform(entry.uniforms(real[0, 0].numel()), count))


def shown_to_critic(
    samples: Tensor, entries: Sequence[tuple[Any, Penalty]], sampler: BatchSampler, done: float, *, real: bool
) -> Tensor:
    """Return what the critics see of real or of generated samples, [s, n, *shape].

    Args:
        samples: The samples.
        entries: The regularisers that change the critics' inputs, with their options, in the order of the suite.
        sampler: Draws their random numbers.
        done: The fraction of training done.
        real: Whether the samples are real.
    """
    for options, entry in entries:
        if entry.perturb:
            samples = entry.perturb(options, samples, sampler.normal(samples), done)
        elif entry.augment:
            uniform = sampler.augmentation(entry.uniforms(samples[0, 0].numel()))
            samples = entry.augment(options, samples, uniform, real)
    return samples


def move_latents(
    entries: Sequence[tuple[Any, LatentConsistency]],
    generator: Callable[[Tensor], Tensor],
    latents: Tensor,
    sampler: BatchSampler,
) -> dict[LatentConsistency, Tensor]:
    """Return the generated samples of changed latents, [s, n, *shape], for each regulariser that compares them.

    The latents of a translator are its sources.
    """
    numbers = latents[0, 0].numel()
    return {
        latent: generator(latent.move(options, latents, sampler.latent_noise(numbers).view_as(latents))).to(
            sampler.dtype
        )
        for options, latent in entries
    }
