"""The datasets of a suite, loaded and checked."""

from __future__ import annotations

from bench.catalogue import find, naming, title
from bench.catalogue.datasets import Data, Dataset
from bench.catalogue.datasets.checks import check_data
from bench.catalogue.datasets.few_examples import with_few_examples
from bench.catalogue.datasets.flips import are_flipped, with_flips
from bench.catalogue.global_generators import kept_generators
from bench.errors import ContractError, DataError, MissingDataError
from bench.plan.specification import Choice

MANY_CHANNELS = 4  # more than images have; equal sides above it are height and width


def load_dataset(dataset: Choice, download: bool) -> Data:
    """Load a dataset; download it first if it is missing and ``download`` is true.

    Raises:
        DataError: The dataset is missing, or training cannot use it (``bench.catalogue.datasets.checks``).
        PluginError: The loader of another package raised an exception.
    """
    entry = find("dataset", dataset.name)
    with naming("dataset", dataset.name), kept_generators():
        data = check_data(dataset.name, _load(entry, dataset, download), declared_shape(dataset))
    data = with_flips(data) if are_flipped(dataset.options) else data
    return with_few_examples(dataset.name, data, dataset.options)


def declared_shape(dataset: Choice) -> tuple[int, ...]:
    """Return the shape of one sample that a dataset declares, without loading it.

    Raises:
        PluginError: It is not the shape of a point, an image, a sound or a string, or the function of another package
            raised an exception.
    """
    with naming("dataset", dataset.name, "shape"):
        shape = find("dataset", dataset.name).shape(dataset.options)
    sizes = tuple(shape) if isinstance(shape, tuple | list) else ()
    if len(sizes) not in (1, 2, 3) or not all(type(size) is int and size > 0 for size in sizes):
        raise ContractError(
            f"{title('dataset', dataset.name)}: shape returned {shape!r}, expected (d,) for points of d numbers, "
            f"(channels, height, width) for images, or (channels, length) for sounds and strings"
        )
    if len(sizes) == 3 and sizes[0] == sizes[1] > MANY_CHANNELS >= sizes[2]:
        raise ContractError(
            f"{title('dataset', dataset.name)}: shape returned {sizes}, which looks like (height, width, channels); "
            f"images have their channels first: {(sizes[2], *sizes[:2])}, as from images.transpose(0, 3, 1, 2)"
        )
    return sizes


def _load(entry: Dataset, dataset: Choice, download: bool) -> Data:
    try:
        return entry.load(dataset.options)
    except MissingDataError as missing:
        if not (download and entry.download):
            raise
        try:
            entry.download()
        except DataError as error:
            raise DataError(f"{missing} ({error})") from None
        return entry.load(dataset.options)


def describe_files(dataset: Choice, data: Data) -> str:
    """Return for example "faces: 30 images, 2 ignored (.txt); 27 training, 3 test"; "" if there are no such files."""
    if data.files is None:
        return ""
    return f"{dataset}: {data.files}; {len(data.train):,} training, {len(data.test):,} test"
