"""Measures samples that exist already, as a training run would: what ``ganbench measure`` and ``bench.measure`` do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bench.catalogue import find
from bench.catalogue.datasets import Data
from bench.catalogue.metrics.measures import MEASURES
from bench.compute import environment
from bench.compute.evaluation import Evaluator, build_evaluator
from bench.compute.given_samples import Prepared, choose_some, prepare_images, prepare_points
from bench.compute.measured import Measured
from bench.compute.sample_files import Shape, Stored, read_samples
from bench.compute.training.real_data import cached_dataset
from bench.errors import DataError, MissingDataError
from bench.plan.extraction import hash_of_extractor
from bench.plan.runs import load_dataset
from bench.plan.specification import Choice
from bench.plan.yardstick import Yardstick
from bench.records.samples import KEPT_IMAGES, KEPT_POINTS, as_array

Range: TypeAlias = "tuple[float, float] | None"


@dataclass(frozen=True, kw_only=True)
class Reading:
    """How to read samples; see ``measure`` for the meaning of each option."""

    value_range: Range = None
    resize: bool = False
    key: str | None = None

    def read(self, samples: Any, shape: Shape | None) -> tuple[str, Stored]:
        """Return the name of samples for messages, and the samples as they are stored."""
        if isinstance(samples, str | Path):
            return f"samples {samples}", read_samples(Path(samples), shape, self.key, self.resize)
        try:
            return "samples", Stored(as_array(samples))
        except (ValueError, TypeError, RuntimeError):  # nested lists of different lengths, sparse tensors
            raise DataError(
                "samples: expected an array, a tensor or a path; these cannot be read as one array"
            ) from None

    def prepare(self, array: NDArray[Any], shape: Shape, name: str) -> Prepared:
        """Return samples in the form of generated ones."""
        if len(shape) == 3:
            return prepare_images(array, shape, self.value_range, self.resize, name)
        if self.value_range is not None or self.resize:
            raise DataError(f"{name}: a range and resizing are for images, but the dataset has points")
        return prepare_points(array, shape, name)

    def size_of(self, samples: Any) -> tuple[int, int]:
        """Return the number of channels and the size of images whose dataset is not known yet."""
        name, stored = self.read(samples, None)
        array = stored.samples
        if array.ndim not in (3, 4):
            raise DataError(f"{name}: expected images, because the dataset is a folder, not {array.ndim} dimensions")
        is_grey = array.ndim == 3 or 1 in (array.shape[1], array.shape[3])
        return (1 if is_grey else 3), int(array.shape[2])


# Long: two thirds are the public signature and its docstring.
def measure(
    samples: Any,
    *,
    against: Any = None,
    metrics: Iterable[Any] | None = None,
    count: int | None = None,
    suite: str | None = None,
    extractor: Any = None,
    value_range: tuple[float, float] | None = None,
    resize: bool = False,
    key: str | None = None,
    inception_weights: str | Path | None = None,
    device: str = "auto",
) -> Measured:
    """Measure samples that exist already with the metrics, the protocol and the real-data reference of a training run.

    Args:
        samples: A folder of images, a .npz, .npy or .pt file, or an array or tensor: uint8 images [n, c, h, w] or
            [n, h, w, c], other numbers with a ``value_range``, or points [n, d].
        against: The dataset: a name, a table with a name and options, or the folder of real images, which are then
            resized to the size of the samples.
        metrics: Names, or tables with a name and options. [default: all that the dataset supports]
        count: How many of the samples to use, chosen at random, always the same. [default: all]
        suite: The suite whose metrics, number of samples and extractor apply; ``against`` is then one of its datasets,
            by label or name, and may be left out if it has only one.
        extractor: The extractor of features: a name, or a table with a name. [default: the dataset's own]
        value_range: Black and white of images that are not uint8: (-1, 1), (0, 1) or (0, 255).
        resize: Whether to crop and resize images of another size than the dataset's; the protocol then says so.
        key: The name of the array in a .npz or .pt file that holds several.
        inception_weights: The file with Inception's weights.
        device: "auto", "cpu", "cuda", "cuda:N" or "mps".

    Raises:
        SuiteError: A name is unknown, or the dataset does not support a metric or the extractor.
        DataError: The samples, the dataset or the weights of the extractor are missing or not as expected.
        DeviceError: The device is not available.
    """
    yardstick = Yardstick(against, metrics, count, suite, extractor)
    reading = Reading(
        value_range=tuple(value_range) if isinstance(value_range, list) else value_range,
        resize=resize,
        key=key,
    )
    weights = None if inception_weights is None else Path(inception_weights)
    (measured,) = measure_each([samples], yardstick, reading, weights, device)
    return measured


def measure_each(
    several: Sequence[Any], yardstick: Yardstick, reading: Reading, inception_weights: Path | None, device: str
) -> Iterator[Measured]:
    """Measure several sets of samples by one yardstick.

    Args:
        several: The sets, each as for ``measure``.
        yardstick: The dataset and the evaluation.
        reading: How to read the samples.
        inception_weights: The file with Inception's weights.
        device: "auto", "cpu", "cuda", "cuda:N" or "mps".

    Yields:
        The measures of each set.

    Raises:
        GanbenchError: As for ``measure``. Sets of different numbers of samples need a number in the yardstick.
    """
    where = torch.device(environment.devices(device)[0])
    environment.set_up_device(where)
    dataset = yardstick.dataset(lambda: reading.size_of(several[0]))
    data = _loaded(dataset)
    shape: Shape = tuple(find("dataset", dataset.name).shape(dataset.options))
    is_image = len(shape) == 3
    first = None
    for samples in several:
        name, stored = reading.read(samples, shape)
        array = choose_some(stored.samples, yardstick.count, name)
        first = first or (name, len(array))
        if len(array) != first[1]:
            raise DataError(
                f"{first[0]} has {first[1]:,} samples, but {name} has {len(array):,}: "
                f"say how many to use of each (--samples)"
            )
        prepared = reading.prepare(array, shape, name)
        evaluation = yardstick.evaluation(dataset, data.modes is not None, len(array))
        weights_hash = hash_of_extractor(dataset, evaluation, inception_weights)
        evaluator = build_evaluator(dataset, evaluation, weights_hash, inception_weights, where)
        how = stored.resized or prepared.resized
        resized = {"samples_resized": how} if how else {}
        with np.errstate(over="ignore", invalid="ignore"):  # a value that is not finite says so itself
            values = evaluator.measure(prepared.samples)
        yield Measured(
            values=values,
            real=evaluator.real,
            protocol={**evaluator.protocol, **resized},
            dataset=dataset,
            evaluation=evaluation,
            notices=tuple(_notices(evaluator, prepared.samples, stored)),
            kept=prepared.samples[: KEPT_IMAGES if is_image else KEPT_POINTS].numpy(),
        )


def _notices(evaluator: Evaluator, samples: Tensor, stored: Stored) -> Iterator[str]:
    """Yield warnings: of pixels changed by compression, and of too few samples for the covariance of features."""
    if stored.lossy:
        yield f"{stored.lossy:,} of the images are JPEG or WebP files, whose compression changes the values"
    if not {"fd", "fid"} & evaluator.real.keys():
        return
    features = evaluator.extract(samples[:2])[0].shape[1]
    if len(samples) <= features:
        label = MEASURES["fid" if "fid" in evaluator.real else "fd"].label
        yield f"{len(samples):,} samples are too few for {label} on {features:,} features: it is biased upwards"


def _loaded(dataset: Choice) -> Data:
    try:
        return cached_dataset(dataset)
    except MissingDataError:
        load_dataset(dataset, download=True)
        return cached_dataset(dataset)
