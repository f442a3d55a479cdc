"""Reads generated samples that exist already: folders of images, .npz, .npy and .pt files."""

from __future__ import annotations

import warnings
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from bench.catalogue.datasets.array_files import stored_arrays
from bench.catalogue.datasets.found_files import listed, shown
from bench.catalogue.datasets.pixels import PixelOptions
from bench.catalogue.extractors.sample_kinds import kind_of_samples
from bench.compute.sample_folders import TENSORS, Shape, Stored, named, read_image_folder
from bench.errors import DataError
from bench.files import describe_error
from bench.records.addresses import is_address
from bench.records.samples import as_array

DIMENSIONS = {1: (2, 1), 2: (3, 2), 3: (4, 3)}  # axes of one sample → those of stored samples, usual number first
FORMS = "a folder of images, or a .npz, .npy or .pt file"


def read_samples(
    path: Path, shape: Shape, key: str | None = None, resize: bool = False, pixels: PixelOptions | None = None
) -> Stored:
    """Return the samples of a folder or file, [n, ...].

    Args:
        path: A folder of images, or a .npz, .npy or .pt file.
        shape: The shape of one sample of the dataset.
        key: The name of the array in a file that holds several.
        resize: Whether images of a folder may have another size than those of the dataset, or not be square; they are
            then cropped and resized.
        pixels: How to treat transparent, deep and broken images of a folder.

    Raises:
        DataError: There is no such file, or it has no samples. The message says what was expected.
    """
    path, is_folder = existing(path)
    if is_folder:
        if len(shape) != 3:
            kind = kind_of_samples(shape)
            raise DataError(f"{named(path)}: a folder holds images, but the dataset has {kind}; expected .npz or .npy")
        if key is not None:
            raise DataError(f"{named(path)}: --key {key}: it names an array in a file, but this is a folder")
        return read_image_folder(path, shape, resize, pixels or PixelOptions())
    return Stored(read_array(path, key, DIMENSIONS[len(shape)]))


def existing(path: Path) -> tuple[Path, bool]:
    """Return a path with the home folder in place of ``~``, and whether it is a folder.

    Raises:
        DataError: There is no such file or folder.
    """
    try:
        full = path.expanduser()
        if full.exists():
            return full, full.is_dir()
        if is_address(path):
            raise DataError(f"{named(path)}: this is an address; copy the samples to this machine first")
        problem = "no such file or folder"
    except (OSError, ValueError, RuntimeError) as error:  # too long, with a null byte, or an unknown home
        problem = describe_error(error) if isinstance(error, OSError) else str(error).rstrip(".")
    raise DataError(f"{named(path)}: {problem}; expected {FORMS}")


def read_array(path: Path, key: str | None, dimensions: tuple[int, ...]) -> NDArray[Any]:
    """Return the samples of a file, [n, ...].

    Args:
        path: A .npz, .npy or .pt file.
        key: The name of the array in a file that holds several.
        dimensions: How many dimensions samples can have, the usual number first.

    Raises:
        DataError: The file is damaged, or holds other things.
    """
    suffix = path.suffix.lower()
    if suffix not in (".npy", ".npz", *TENSORS) or not path.is_file():  # reading a pipe could wait for ever
        raise DataError(f"{named(path)}: expected {FORMS}")
    if suffix not in TENSORS:
        arrays = stored_arrays(path, "samples", skip_objects=True)
        chosen = arrays[_choose({name: array.shape for name, array in arrays.items()}, path, key, dimensions)]
        if not chosen.shape:
            raise DataError(f"{named(path)}: at least 2 samples are needed; it holds one number")
        return chosen.whole("samples")
    try:
        return as_array(_only_tensor(_read_tensors(path), path, key, dimensions))
    except (DataError, MemoryError):
        raise
    except Exception as error:  # torch raises many types for files that are damaged, and for kinds of tensors
        reason = describe_error(error) if isinstance(error, OSError) and error.errno else _first_sentence(error)
        raise DataError(f"{named(path)} cannot be read: {reason}") from None


def _first_sentence(error: Exception) -> str:
    return str(error).partition("\n")[0].partition(". ")[0] or type(error).__name__


def _read_tensors(path: Path) -> object:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about kinds of tensors that later versions will not have
            return torch.load(path, map_location="cpu", weights_only=True)
    except OSError:
        raise
    except Exception as error:
        if not isinstance(error, UnpicklingError) or not zipfile.is_zipfile(path):
            raise DataError(
                f"samples {shown(path)} cannot be read: torch.save did not write it, or not all of it"
            ) from None
        raise DataError(
            f"samples {shown(path)}: holds more than tensors, which is not read because it can run code; "
            f"save the samples alone: torch.save(samples, {path.name!r})"
        ) from None


def _only_tensor(content: object, path: Path, key: str | None, dimensions: tuple[int, ...]) -> object:
    """Return the tensor named ``key``, or the only one that can be samples."""
    if isinstance(content, Mapping):
        arrays = {str(name): each for name, each in content.items() if isinstance(each, np.ndarray | torch.Tensor)}
        return arrays[_choose({name: tuple(each.shape) for name, each in arrays.items()}, path, key, dimensions)]
    if key is not None:
        raise DataError(f"{named(path)}: --key {key}: the file holds one array without a name")
    if isinstance(content, list | tuple) and (joined := _joined(content, dimensions)) is not None:
        return joined
    if not isinstance(content, np.ndarray | torch.Tensor):
        raise DataError(f"{named(path)}: holds {type(content).__name__}, not an array or a tensor")
    return content


def _choose(shapes: Mapping[str, Shape], path: Path, key: str | None, dimensions: tuple[int, ...]) -> str:
    """Return the name of the array called ``key``, or of the only one that can be samples."""
    held = listed((f"{shown(name)} {'×'.join(map(str, shape))}".strip() for name, shape in shapes.items()), most=6)
    if key is not None:
        if key not in shapes:
            raise DataError(f"{named(path)}: --key {key}: no such array; available: {held or 'none'}")
        return key
    if len(shapes) == 1:
        return next(iter(shapes))
    for fitting in (dimensions[:1], dimensions):
        likely = [name for name, shape in shapes.items() if len(shape) in fitting]
        if likely:
            break
    if len(likely) != 1:
        raise DataError(f"{named(path)}: holds {held or 'no array'}; choose the samples with --key NAME")
    return likely[0]


def _joined(content: Sequence[Any], dimensions: tuple[int, ...]) -> torch.Tensor | None:
    """Return a list of batches, or of single samples, as one tensor; None if it is neither."""
    tensors = [each for each in content if isinstance(each, torch.Tensor)]
    if not tensors or len(tensors) < len(content) or len({each.shape[1:] for each in tensors}) > 1:
        return None
    if tensors[0].ndim == dimensions[0]:
        return torch.cat(tensors)
    return torch.stack(tensors) if len({each.shape for each in tensors}) == 1 else None
