"""Reads generated samples that exist already: folders of images, .npz, .npy and .pt files, and arrays in memory."""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from bench.catalogue import suggestion
from bench.catalogue.datasets.folder import SUFFIXES, folder_arrays
from bench.errors import DataError
from bench.files import describe_error
from bench.records.samples import as_array

FORMS = "a folder of images, or a .npz, .npy or .pt file"
TENSORS = (".pt", ".pth")
LOSSY = (".jpg", ".jpeg", ".jfif", ".webp")
Shape = tuple[int, ...]


class Stored(NamedTuple):
    """Samples as they are stored.

    Attributes:
        samples: [n, ...].
        resized: How the images of a folder were resized; "" if they were not.
        lossy: How many images of a folder are in a format that changes pixels.
    """

    samples: NDArray[Any]
    resized: str = ""
    lossy: int = 0


def read_samples(path: Path, shape: Shape | None, key: str | None = None, resize: bool = False) -> Stored:
    """Return the samples of a folder or file, [n, ...].

    Args:
        path: A folder of images, or a .npz, .npy or .pt file.
        shape: The shape of one sample of the dataset; None for colour images of a size that is not known yet.
        key: The name of the array in a file that holds several.
        resize: Whether images of a folder may have different sizes, or not be square; they are then resized.

    Raises:
        DataError: There is no such file, or it has no samples. The message says what was expected.
    """
    if not path.exists():
        raise DataError(f"samples {path}: no such file or folder; expected {FORMS}")
    if path.is_dir():
        if shape is not None and len(shape) != 3:
            raise DataError(f"samples {path}: a folder holds images, but the dataset has points; expected .npz or .npy")
        return _read_folder(path, shape, resize)
    readers = {".npy": _read_npy, ".npz": _read_npz, **dict.fromkeys(TENSORS, _read_tensors)}
    reader = readers.get(path.suffix.lower())
    if reader is None or not path.is_file():  # reading a pipe could wait for ever
        raise DataError(f"samples {path}: expected {FORMS}")
    dimensions = (2, 1) if shape is not None and len(shape) == 1 else (4, 3)
    try:
        return Stored(as_array(_only_array(reader(path), path, key, dimensions)))
    except DataError:
        raise
    except Exception as error:  # the loaders raise many types for files that are damaged, or not theirs
        raise _unreadable(path, error) from None


def _unreadable(path: Path, error: Exception) -> DataError:
    if isinstance(error, OSError) and error.errno:
        return DataError(f"samples {path} cannot be read: {describe_error(error)}")
    if "allow_pickle" in str(error) or "Python objects" in str(error):
        return DataError(
            f"samples {path}: not written by np.save or np.savez, or it holds Python objects, "
            f"which are not read because they can run code"
        )
    reason = str(error).partition("\n")[0].partition(". ")[0] or type(error).__name__
    return DataError(f"samples {path} cannot be read: {reason}")


def _read_npy(path: Path) -> object:
    return np.load(path, mmap_mode="r", allow_pickle=False)


def _read_npz(path: Path) -> object:
    with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
        if isinstance(stored, np.ndarray):
            raise DataError(f"samples {path}: this is one array; name it .npy")
        return {name: array for name in stored.files if (array := _member(stored, name)) is not None}


def _member(stored: Mapping[str, NDArray[Any]], name: str) -> NDArray[Any] | None:
    """Return an array of a .npz file; None if it holds Python objects."""
    try:
        return stored[name]
    except ValueError as error:
        if "allow_pickle" not in str(error):
            raise
        return None


def _read_tensors(path: Path) -> object:
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except OSError:
        raise
    except Exception as error:
        if not isinstance(error, UnpicklingError) or not zipfile.is_zipfile(path):
            raise DataError(f"samples {path} cannot be read: torch.save did not write it, or not all of it") from None
        raise DataError(
            f"samples {path}: holds more than tensors, which is not read because it can run code; "
            f"save the samples alone: torch.save(samples, {path.name!r})"
        ) from None


def _only_array(content: object, path: Path, key: str | None, dimensions: tuple[int, ...]) -> object:
    """Return the array named ``key``, or the only one that can be samples."""
    if not isinstance(content, Mapping):
        if key is not None:
            raise DataError(f"samples {path}: --key {key}: the file holds one array without a name")
        if isinstance(content, list | tuple) and (joined := _joined(content, dimensions)) is not None:
            return joined
        if not isinstance(content, np.ndarray | torch.Tensor):
            raise DataError(f"samples {path}: holds {type(content).__name__}, not an array or a tensor")
        return content
    arrays = {str(name): each for name, each in content.items() if isinstance(each, np.ndarray | torch.Tensor)}
    if key is not None:
        if key not in arrays:
            raise DataError(f"samples {path}: --key {key}: there is no such array{suggestion(key, arrays)}")
        return arrays[key]
    likely = [name for name, each in arrays.items() if each.ndim in dimensions and each.ndim == dimensions[0]]
    likely = likely or [name for name, each in arrays.items() if each.ndim in dimensions]
    if len(likely) != 1:
        listed = ", ".join(f"{name} {'×'.join(map(str, each.shape))}" for name, each in list(arrays.items())[:6])
        more = f" and {len(arrays) - 6} more" if len(arrays) > 6 else ""
        raise DataError(f"samples {path}: holds {listed or 'no array'}{more}; choose the samples with --key NAME")
    return arrays[likely[0]]


def _joined(content: Sequence[Any], dimensions: tuple[int, ...]) -> torch.Tensor | None:
    """Return a list of batches, or of single samples, as one tensor; None if it is neither."""
    tensors = [each for each in content if isinstance(each, torch.Tensor)]
    if not tensors or len(tensors) < len(content) or len({each.shape[1:] for each in tensors}) > 1:
        return None
    if tensors[0].ndim == dimensions[0]:
        return torch.cat(tensors)
    return torch.stack(tensors) if len({each.shape for each in tensors}) == 1 else None


def _read_folder(folder: Path, shape: Shape | None, resize: bool) -> Stored:
    """Return the images of a folder in their own size; with ``resize``, in the dataset's size if their sizes differ.

    They are in the order of the hashes of their paths, so that any part of them is a random part.
    """
    sizes = _image_sizes(folder)
    channels, size = (3, None) if shape is None else (shape[0], shape[1])
    common = set(sizes.values())
    first, (width, height) = next(iter(sizes.items()))
    resized = ""
    if len(common) == 1 and width == height:
        size = width
    elif not resize or size is None:
        path, other = next(((p, s) for p, s in sizes.items() if s != sizes[first]), (first, sizes[first]))
        found = f"{path} is {other[0]}×{other[1]}"
        found += f", {first} is {width}×{height}" if path != first else ""
        raise DataError(
            f"samples {folder}: expected square images of one size, but {found}; --resize crops and resizes"
        )
    else:
        resized = f"from {f'{height}×{width}' if len(common) == 1 else 'several sizes'}, bicubic"
    lossy = sum(path.suffix.lower() in LOSSY for path in sizes)
    with tempfile.TemporaryDirectory() as cache:
        return Stored(np.array(folder_arrays(folder, channels, size, Path(cache))), resized, lossy)


def _image_sizes(folder: Path) -> dict[Path, tuple[int, int]]:
    """Return the width and the height of every image in a folder and its subfolders, by path."""
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())
    if not paths:
        raise DataError(f"samples {folder}: no images ({', '.join(sorted(SUFFIXES))})")
    sizes = {}
    for path in paths:
        try:
            with Image.open(path) as image:
                sizes[path] = image.size
        except (UnidentifiedImageError, Image.DecompressionBombError, OSError, SyntaxError) as error:
            raise _unreadable(path, error) from None
    return sizes
