"""How to read samples that exist already: the options of ``bench.measure`` and ``ganbench measure``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.catalogue import Options
from bench.catalogue.datasets.pixels import PixelOptions
from bench.catalogue.extractors.sample_kinds import kind_of_samples
from bench.compute.given_samples import Prepared, prepare_images, prepare_points
from bench.compute.sample_files import existing, read_array, read_samples
from bench.compute.sample_folders import Shape, Stored, common_size, named
from bench.errors import DataError, SuiteError
from bench.plan.specification import Choice, validated
from bench.records.samples import as_array


class Reading:
    """How to read samples.

    Attributes:
        pixels: How to treat the images of a folder.
    """

    def __init__(
        self,
        *,
        value_range: Any = None,
        resize: bool = False,
        key: str | None = None,
        background: Any = None,
        skip_broken: bool = False,
    ) -> None:
        """Check the options; see ``measure`` for their meaning.

        Raises:
            SuiteError: The range or the background is not valid.
        """
        if isinstance(value_range, list | tuple | np.ndarray):
            value_range = tuple(end.item() if isinstance(end, np.generic) else end for end in value_range)
        given = {"range": value_range, "background": background, "skip_broken": skip_broken}
        self.pixels = validated(PixelOptions, given, "measure")
        self._resize, self._key = resize, key

    def for_dataset(self, dataset: Choice) -> Choice:
        """Return a dataset of images in files; its broken images are skipped, and it has a background, where asked."""
        options, pixels = dataset.options, self.pixels
        changes: dict[str, Any] = (
            {"skip_broken": True} if pixels.skip_broken and hasattr(options, "skip_broken") else {}
        )
        if pixels.background is not None and getattr(options, "background", 0) is None:
            changes["background"] = pixels.background
        return dataset.model_copy(update={"options": options.model_copy(update=changes)}) if changes else dataset

    def check_applies(self, several: Sequence[Any], dataset: Choice) -> None:
        """Check that there are files of images if an option is for these.

        Raises:
            SuiteError: There are none.
        """
        folders = [samples for samples in several if _is_folder(samples)]
        pixels = self.pixels
        option = "--background" if pixels.background is not None else "--skip-broken" if pixels.skip_broken else ""
        if option and not isinstance(dataset.options, PixelOptions) and not folders:
            raise SuiteError(f"measure: {option} is for folders of images, and there is none")

    def read(self, samples: Any, shape: Shape, of_dataset: Options) -> tuple[str, Stored]:
        """Return the name of samples for messages, and the samples as they are stored.

        Args:
            samples: See ``measure``.
            shape: The shape of one sample of the dataset.
            of_dataset: The options of the dataset. If it consists of image files, a folder is read like it.
        """
        if isinstance(samples, str | Path):
            path, pixels = Path(samples), self._pixels_like(of_dataset)
            return named(path), read_samples(path, shape, self._key, self._resize, pixels)
        if self._key is not None:
            raise SuiteError("measure: key names an array in a file; these samples are an array")
        return "samples", Stored(_as_one_array(samples))

    def _pixels_like(self, of_dataset: Options) -> PixelOptions:
        """Return the options of pixels that were asked for, and for the others those of the dataset."""
        if not isinstance(of_dataset, PixelOptions):
            return self.pixels
        return self.pixels.model_copy(
            update={
                "background": self.pixels.background or of_dataset.background,
                "range": self.pixels.range or of_dataset.range,
                "skip_broken": self.pixels.skip_broken or of_dataset.skip_broken,
            }
        )

    def prepare(self, array: NDArray[Any], shape: Shape, name: str, stored: Stored) -> Prepared:
        """Return some of the stored samples, ``array``, in the form of generated ones."""
        if len(shape) == 3:
            value_range = None if stored.of_folder else self.pixels.range  # decoding has applied it
            return prepare_images(array, shape, value_range, self._resize, name)
        if self.pixels.range is not None or self._resize:
            raise DataError(
                f"{name}: a range and resizing are for images, but the dataset has {kind_of_samples(shape)}"
            )
        return prepare_points(array, shape, name)

    def size_of(self, samples: Any) -> tuple[int, int]:
        """Return the number of channels and the size of images whose dataset is a folder: the real images get them."""
        if _is_folder(samples):
            return 3, common_size(existing(Path(samples))[0])
        if isinstance(samples, str | Path):
            name, array = named(Path(samples)), read_array(existing(Path(samples))[0], self._key, (4, 3))
        else:
            name, array = "samples", _as_one_array(samples)
        if array.ndim not in (3, 4):
            raise DataError(f"{name}: expected images, because the dataset is a folder; these have {array.ndim} axes")
        is_grey = array.ndim == 3 or 1 in (array.shape[1], array.shape[3])
        return (1 if is_grey else 3), int(array.shape[2])


def _is_folder(samples: Any) -> bool:
    if isinstance(samples, str) and not samples:
        raise DataError("samples: the path is empty; it should name a folder or a file")
    return isinstance(samples, str | Path) and existing(Path(samples))[1]


def _as_one_array(samples: Any) -> NDArray[Any]:
    try:
        return as_array(samples)
    except (ValueError, TypeError, RuntimeError):  # nested lists of different lengths, sparse tensors
        raise DataError("samples: expected an array, a tensor or a path; these cannot be read as one array") from None
