"""Draws the batches of an update: real samples, latents, and the random numbers of penalties."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from bench.catalogue import find
from bench.catalogue.augmentations import flipped
from bench.catalogue.datasets.flips import are_flipped
from bench.compute.training.random_streams import State, Streams
from bench.plan.specification import Training

DTYPES = {
    "float32": torch.float32,
    "float64": torch.float64,
    "bf16": torch.float32,  # autocast: weights stay in float32
}


class BatchSampler:
    """Draws batches for the s runs of a pack from their named random streams.

    Args:
        training: The settings of the first run; batch size n, latent size and precision are the same for all.
        seeds: The seed of each run.
        real_samples: Maps indices [...] into a split to real samples [..., *shape] on the device.
        count: The size of that split.
        device: The device of the players.
        prefix: A prefix of the names of the random streams.

    If ``real_samples`` has examples, each seed draws from its own, see ``RealSamples``. Families that translate without
    pairs draw samples and sources from different halves of the data.

    Attributes:
        conditional: Whether the players get labels; ``real_samples.labels`` then maps indices to them.
    """

    def __init__(
        self,
        training: Training,
        seeds: Sequence[int],
        real_samples: Callable[[Tensor], Tensor],
        count: int,
        device: torch.device,
        prefix: str = "",
    ):
        self._look_up, self._count, self.device = real_samples, count, device
        self._examples_of = getattr(real_samples, "examples", None)
        self.size, self._latent = training.batch_size, training.latent
        self.dtype = DTYPES[training.precision]
        self._flips = are_flipped(training.dataset.options)
        self.conditional, self._label_of = training.conditional, getattr(real_samples, "labels", None)
        self._source_of, family = getattr(real_samples, "sources", None), find("family", training.family.name)
        self._halves = real_samples.halves if family.translates and not family.paired else None  # type: ignore[attr-defined]
        self._indices: dict[str, Tensor] = {}
        indices_on = getattr(real_samples, "indices_on", device)
        self._streams = Streams(seeds, prefix, device, self.dtype, indices_on)
        self._assign_rows(seeds)

    def real_samples(self, stream: str = "data") -> Tensor:
        """Draw real samples [s, n, *shape] with replacement.

        A loss that shows real samples to the generator draws them from "generator data", so the critic sees the same
        samples for every loss. If the dataset has flips, each image is mirrored with probability ½.
        """
        indices = self._draw_indices(stream)
        if self.conditional or self._source_of is not None:
            self._indices[stream] = indices
        samples = self._look_up(indices).to(self.device).to(self.dtype)
        if self._flips:
            samples = flipped(samples, self._streams.uniform(f"{stream} flips", self.size))
        return self._one_row_per_run(samples)

    def real_labels(self, stream: str = "data") -> Tensor:
        """Return the labels [s, n, k] of the real samples that were last drawn from a stream."""
        return self._labels_at(self._indices[stream])

    def real_sources(self, stream: str = "data") -> Tensor:
        """Return the sources [s, n, *shape] of the real samples that were last drawn from a stream."""
        return self._sources_at(self._indices[stream])

    def sources(self, stream: str = "sources") -> Tensor:
        """Draw sources [s, n, *shape] with replacement; without pairs, of none of the samples that training draws."""
        return self._sources_at(self._draw_indices(stream, self._source_indices))

    def labels(self) -> Tensor:
        """Draw labels for generated samples, [s, n, k], each class as often as in the training split."""
        return self._labels_at(self._draw_indices("labels"))

    def latents(self) -> Tensor:
        """Draw standard normal latents [s, n, latent]."""
        drawn = self._streams.normal("latents", self.size * self._latent)
        return self._one_row_per_run(drawn.unflatten(1, (self.size, self._latent)))

    def objective_noise(self, count: int) -> Tensor:
        """Draw ``count`` standard normal numbers per sample for the loss of a model, [s, n, count]."""
        drawn = self._streams.normal("latents", self.size * count)
        return self._one_row_per_run(drawn.unflatten(1, (self.size, count)))

    def uniform(self, count: int, size: int | None = None) -> Tensor:
        """Draw ``count`` numbers from U(0, 1) for each of ``size`` samples, by default n: [s, n, count]."""
        size = size or self.size
        return self._one_row_per_run(self._streams.uniform("penalty", size * count).unflatten(1, (size, count)))

    def augmentation(self, count: int) -> Tensor:
        """Draw ``count`` numbers from U(0, 1) for the augmentation of each sample, [s, n, count]."""
        drawn = self._streams.uniform("augmentation", self.size * count)
        return self._one_row_per_run(drawn.unflatten(1, (self.size, count)))

    def latent_noise(self, count: int | None = None) -> Tensor:
        """Draw ``count`` standard normal numbers per sample, by default as many as a latent has, [s, n, count]."""
        count = count or self._latent
        drawn = self._streams.normal("latent noise", self.size * count)
        return self._one_row_per_run(drawn.unflatten(1, (self.size, count)))

    def layer_noise(self, count: int) -> Tensor:
        """Draw ``count`` standard normal numbers for the layers of the generator per sample, [s, n, count]."""
        drawn = self._streams.normal("layer noise", self.size * count)
        return self._one_row_per_run(drawn.unflatten(1, (self.size, count)))

    def normal(self, like: Tensor) -> Tensor:
        """Draw standard normal noise of the shape of the samples ``like``, [s, n, *shape]."""
        return self._one_row_per_run(self._streams.normal("noise", like[0].numel()).unflatten(1, like.shape[1:]))

    def by_step(self, value: Callable[[int], Tensor]) -> Tensor:
        """Return a tensor that differs from step to step.

        Args:
            value: The number of steps from this one on → the tensor then. A recorded step is given later ones.
        """
        return value(0)

    def keep(self, seeds: Sequence[int]) -> None:
        """Continue with these runs only, in this order."""
        self._streams.keep(seeds)
        self._assign_rows(seeds)

    def state_dict(self, seed: int) -> State:
        """Return the state of the random streams of a run."""
        return self._streams.state_dict(seed)

    def load_state_dict(self, states: dict[int, State]) -> None:
        """Restore the random streams of all runs from their states by seed."""
        self._streams.load_state_dict(states)

    def _draw_indices(self, stream: str, among: Tensor | None = None) -> Tensor:
        """Draw indices of real samples for each seed, [seeds, n].

        They are among given ones, [seeds, indices], or else among the seed's own examples, or all.
        """
        among = self._examples if among is None else among
        if among is None:
            return self._streams.integers(stream, self.size, self._count)
        places = self._streams.integers(stream, self.size, among.shape[1])
        return among.gather(1, places)

    def _sources_at(self, indices: Tensor) -> Tensor:
        assert self._source_of is not None
        return self._one_row_per_run(self._source_of(indices).to(self.device).to(self.dtype))

    def _labels_at(self, indices: Tensor) -> Tensor:
        assert self._label_of is not None
        return self._one_row_per_run(self._label_of(indices).to(self.dtype))

    def _assign_rows(self, seeds: Sequence[int]) -> None:
        found = [] if self._examples_of is None else [self._examples_of(seed) for seed in self._streams.seeds]
        self._examples = torch.stack(found) if found else None  # [seeds, examples]
        self._source_indices: Tensor | None = None
        if self._halves is not None:
            self._examples, self._source_indices = (half.expand(len(self._streams.seeds), -1) for half in self._halves)
        rows = [self._streams.seeds.index(seed) for seed in seeds]
        self._rows = None if rows == list(range(len(rows))) else torch.tensor(rows, device=self.device)

    def _one_row_per_run(self, rows: Tensor) -> Tensor:
        """Expand one row per seed to one row per run."""
        return rows if self._rows is None else rows.index_select(0, self._rows)
