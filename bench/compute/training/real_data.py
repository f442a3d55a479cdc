"""Datasets as training needs them: loaded once per process, with the training split on the device."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bench.catalogue.datasets import Data
from bench.catalogue.datasets.few_examples import choose_examples
from bench.compute.training.game_state import GameState
from bench.compute.training.objective import ModelProbe
from bench.compute.training.pack import Pack, assemble
from bench.compute.training.players import Players
from bench.compute.training.probes import Probe
from bench.compute.training.sampler import BatchSampler
from bench.compute.training.translation import seen_by_critic
from bench.errors import DataError
from bench.plan.datasets import load_dataset
from bench.plan.runs import Run
from bench.plan.specification import Choice, Training

MEMORY_SHARE = 0.25  # a memory-mapped split is copied to the device if it fits into this share of its free memory


@cache
def cached_dataset(dataset: Choice) -> Data:
    """Return the arrays of a dataset, which each process loads only once.

    Raises:
        DataError: The dataset is not on this machine, or its samples do not have the declared shape.
    """
    return load_dataset(dataset, download=False)


class OneHotLabels:
    """Looks up the labels of samples by index: indices [...] → one-hot numbers [..., classes] on a device.

    Args:
        labels: The class of each sample, int64 [count], where the samples are.
        classes: The number of classes.
        device: The device to put the numbers on.
    """

    def __init__(self, labels: Tensor, classes: int, device: torch.device):
        self._of, self.classes, self._numbers = RealSamples(labels, device), classes, torch.eye(classes, device=device)

    def __call__(self, indices: Tensor) -> Tensor:
        """Return the labels of the samples with these indices."""
        return self._numbers[self._of(indices)]


class RealSamples:
    """Looks up the samples of a split by index: indices [...] → samples [..., *shape] on a device, images in [−1, 1].

    Args:
        samples: The samples, on the device or, if they do not fit there, on the CPU.
        device: The device to put them on.

    Attributes:
        indices_on: Where indices are read. If that is the CPU, a lookup does not wait for the device.
        labels: Looks up the labels of the samples, or None if the data have none.
        examples: The seed of a run → the indices of the samples that it may draw, int64 [examples], where indices are
            read; as many for every seed. None if runs draw from all samples.
        sources: Looks up what the samples are translations of, or None if they are not.
        halves: Of translations, the indices of half of the samples, and of the sources of the other half, [1, count]
            each, where indices are read.
    """

    labels: OneHotLabels | None = None
    examples: Callable[[int], Tensor] | None = None
    sources: RealSamples | None = None
    halves: tuple[Tensor, Tensor] | None = None

    def __init__(self, samples: Tensor, device: torch.device):
        self._samples, self._device, self.indices_on = samples, device, samples.device

    def __call__(self, indices: Tensor) -> Tensor:
        """Return the samples with these indices."""
        found = self._samples[indices.to(self.indices_on)]
        if found.device.type != self._device.type:
            pinned = self._device.type == "cuda"  # only from pinned memory can a copy go on after this memory is freed
            found = (found.pin_memory() if pinned else found).to(self._device, non_blocking=pinned)
        return found if found.dtype != torch.uint8 else found.float() / 127.5 - 1


def real_samples_on(
    split: NDArray[np.generic], device: torch.device, labels: NDArray[np.int64] | None = None, classes: int = 0
) -> RealSamples:
    """Copy a split to a device and return a function that looks up its samples by index.

    A memory-mapped split that is too large for the device stays on disk, and each batch is read from there. On the
    CPU every memory-mapped split does, because the workers then share the system's file cache.

    Args:
        split: The samples.
        device: The device.
        labels: The class of each sample, if known.
        classes: The number of classes.

    Returns:
        A function from indices [...] to samples [..., *shape] on the device; images are floats in [−1, 1].
    """
    mapped = isinstance(split, np.memmap)
    if mapped and (device.type == "cpu" or split.nbytes > MEMORY_SHARE * _free_memory(device)):
        samples = torch.from_numpy(split)
    else:
        samples = torch.from_numpy(np.array(split)).to(device)
    found = RealSamples(samples, device)
    if labels is not None:
        found.labels = OneHotLabels(torch.from_numpy(labels).to(samples.device), classes, device)
    return found


def _free_memory(device: torch.device) -> int:
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    return int(torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory())


@dataclass(frozen=True)
class RealData:
    """A dataset whose training split is on the device: where packs, probes and game states get real samples from.

    Attributes:
        data: The arrays of all splits.
        device: The device to train on.
        real_samples: Maps indices [...] into the training split to samples [..., *shape] on the device.
    """

    data: Data
    device: torch.device
    real_samples: Callable[[Tensor], Tensor]

    @classmethod
    def load(cls, dataset: Choice, device: torch.device) -> RealData:
        """Load a dataset and copy its training split to the device."""
        data = cached_dataset(dataset)
        samples = _split_on(data, "train", device)
        if data.labels is not None and data.examples_per_class is not None:
            of_each, count = data.labels.train, data.examples_per_class
            samples.examples = lambda seed: torch.from_numpy(choose_examples(of_each, count, seed)).to(
                samples.indices_on
            )
        return cls(data, device, samples)

    def check_unchanged(self, run: Run) -> None:
        """Check that the data are those that a run was planned with, which its identity names.

        Raises:
            DataError: Files of the dataset have changed since.
        """
        if self.data.fingerprint_for(run.training.conditional) != run.data_fingerprint:
            raise DataError(
                f"the files of dataset {str(run.training.dataset)!r} have changed since the run was planned; "
                f"run the same command again"
            )

    def start_pack(self, trainings: Sequence[Training], seeds: Sequence[int]) -> Pack:
        """Return the pack of some runs before their first step."""
        train = self.data.train
        return assemble(trainings, seeds, train.shape[1:], self.real_samples, len(train), self.device)

    def game_state(self, run: Run, players: Players, step: int) -> GameState:
        """Return the state of a run's game after some generator steps, for metrics of the game."""
        train = self.data.train
        shape, count = train.shape[1:], len(train)
        return GameState(run.training, players, run.seed, step, shape, self.real_samples, count, self.device)

    def probe(self, training: Training) -> Probe | ModelProbe:
        """Return a probe that looks at the same training and test samples each time."""
        if not training.is_gan:
            return ModelProbe()
        data, device = self.data, self.device
        splits = ((self.real_samples, len(data.train)), (_split_on(data, "test", device), len(data.test)))

        def draw(seeds: Sequence[int]) -> list[tuple[Tensor, Tensor | None]]:
            samplers = [BatchSampler(training, seeds, *split, device, "probe ") for split in splits]
            return [seen_by_critic(training, sampler) for sampler in samplers]

        return Probe(draw)


def _split_on(data: Data, name: Literal["train", "test"], device: torch.device) -> RealSamples:
    """Return what looks up the samples of a split, and their labels if they have any."""
    split = data.train if name == "train" else data.test
    if data.labels is None:
        found = real_samples_on(split, device)
    else:
        found = real_samples_on(split, device, getattr(data.labels, name), len(data.labels.names))
    if data.sources is not None:
        found.sources = real_samples_on(getattr(data.sources, name), device)
        order = torch.from_numpy(np.random.default_rng(0).permutation(len(split))).unsqueeze(0)
        found.halves = order[:, ::2].to(found.indices_on), order[:, 1::2].to(found.indices_on)
    return found
