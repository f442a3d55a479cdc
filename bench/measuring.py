"""Measures samples that exist already, as a training run would: what ``ganbench measure`` and ``bench.measure`` do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from bench.catalogue import find
from bench.catalogue.datasets import Data
from bench.catalogue.extractors.sample_sizes import describe_bias
from bench.catalogue.metrics.measures import MEASURES
from bench.compute import environment
from bench.compute.evaluation import Evaluator, build_evaluator
from bench.compute.given_samples import choose_some
from bench.compute.measured import Measured
from bench.compute.sample_folders import Shape, Stored
from bench.compute.sample_reading import Reading
from bench.compute.training.real_data import cached_dataset
from bench.errors import DataError, MissingDataError
from bench.plan.datasets import describe_files, load_dataset
from bench.plan.extraction import UNLABELLED, hash_of_extractor
from bench.plan.specification import Choice
from bench.plan.yardstick import Yardstick
from bench.records.samples import kept_count


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
    background: Any = None,
    skip_broken: bool = False,
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
        value_range: The values of black and white in images of more than 8 bits, for example (-1, 1). A folder has by
            default the option ``range`` of the dataset.
        resize: Whether to crop and resize images of another size than the dataset's; the protocol then says so.
        key: The name of the array in a .npz or .pt file that holds several.
        background: The colour behind transparent pixels of images in folders: "white", "black" or (red, green, blue)
            from 0 to 255. [default: that of the dataset]
        skip_broken: Whether to leave out images in folders that cannot be decoded.
        inception_weights: The file with Inception's weights.
        device: "auto", "cpu", "cuda", "cuda:N" or "mps".

    Raises:
        SuiteError: A name or an option is not valid, or the dataset does not support a metric or the extractor.
        DataError: The samples, the dataset or the weights of the extractor are missing or not as expected.
        DeviceError: The device is not available.
    """
    yardstick = Yardstick(against, metrics, count, suite, extractor)
    reading = Reading(value_range=value_range, resize=resize, key=key, background=background, skip_broken=skip_broken)
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
    dataset = reading.for_dataset(yardstick.dataset(lambda: reading.size_of(several[0])))
    reading.check_applies(several, dataset)
    data = _loaded(dataset)
    shape: Shape = tuple(find("dataset", dataset.name).shape(dataset.options))
    first = None
    for samples in several:
        name, stored = reading.read(samples, shape, dataset.options)
        array = choose_some(stored.samples, yardstick.count, name)
        first = first or (name, len(array))
        if len(array) != first[1]:
            raise DataError(
                f"{first[0]} has {first[1]:,} samples, but {name} has {len(array):,}: "
                f"say how many to use of each (--samples)"
            )
        prepared = reading.prepare(array, shape, name, stored)
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
            notices=(*_left_out(yardstick), *_notices(evaluator, dataset, data, stored)),
            kept=prepared.samples[: kept_count(prepared.samples.ndim)].numpy(),
        )


def _left_out(yardstick: Yardstick) -> Iterator[str]:
    for name in yardstick.left_out:
        yield f"metric {name!r} of the suite is left out: it {UNLABELLED}"


def _notices(evaluator: Evaluator, dataset: Choice, data: Data, stored: Stored) -> Iterator[str]:
    """Yield warnings: of files left out, of pixels changed by compression, and of too few samples for a distance."""
    if data.files and data.files.tells_more:
        yield describe_files(dataset, data)
    if stored.found:
        yield stored.found
    if stored.lossy:
        yield f"{stored.lossy:,} of the images are JPEG or WebP files, whose compression changes the values"
    protocol = evaluator.protocol
    labels = [MEASURES[name].label for name in ("fd", "fid", "spectral_fd") if name in evaluator.real]
    if labels:
        counts = {"samples": protocol["samples"], "samples of real data": protocol["real_samples"]}
        bias = describe_bias(" and ".join(labels), protocol["extractor"], data.train.shape[1:], counts)
        if bias:
            yield bias


def _loaded(dataset: Choice) -> Data:
    try:
        return cached_dataset(dataset)
    except MissingDataError:
        load_dataset(dataset, download=True)
        return cached_dataset(dataset)
