"""Arrays in .npy and .npz files, read piece by piece: never as a whole, and never as pickled objects."""

from __future__ import annotations

import math
import os
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from lzma import LZMAError
from pathlib import Path
from tokenize import TokenError
from typing import IO

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from bench.catalogue.datasets.found_files import listed, shown
from bench.errors import DataError
from bench.files import describe_error

PIECE = 16_000_000  # bytes that are read at once
MAX_HEADER = 10_000  # bytes; numpy's own bound
DAMAGES = (ValueError, EOFError, KeyError, RuntimeError, TokenError, zipfile.BadZipFile, zlib.error, LZMAError)


@dataclass(frozen=True)
class StoredArray:
    """One array in a file.

    Attributes:
        name: Its key in a .npz file, or the name of a .npy file without its suffix.
        path: The file.
        shape: Its shape.
        dtype: Its type, which is never a Python object.
        fortran: Whether the first index varies fastest in the file.
        open: Opens it at its first byte.
    """

    name: str
    path: Path
    shape: tuple[int, ...]
    dtype: np.dtype[np.generic]
    fortran: bool
    open: Callable[[], IO[bytes]]

    def __str__(self) -> str:
        return f"{shown(self.name)} {self.dtype} {list(self.shape)}"

    def pieces(self, where: str) -> Iterator[NDArray[np.generic]]:
        """Yield consecutive samples, [k, ...] each time.

        Raises:
            DataError: The file is damaged.
        """
        with reading(self.path, where), self.open() as file:
            if self.fortran and len(self.shape) > 1:  # samples are scattered over the file
                yield npy.read_array(file, allow_pickle=False)
                return
            _read_header(file)
            row = math.prod(self.shape[1:]) * self.dtype.itemsize
            step = max(1, PIECE // max(row, 1))
            for start in range(0, self.shape[0], step):
                count = min(step, self.shape[0] - start)
                content = _exactly(file, count * row)
                yield np.frombuffer(content, self.dtype).reshape(count, *self.shape[1:])

    def whole(self, where: str) -> NDArray[np.generic]:
        """Return all samples: those of a .npy file are memory-mapped, others are read.

        Raises:
            DataError: The file is damaged.
        """
        if self.path.suffix == ".npy" and 0 not in self.shape and not zipfile.is_zipfile(self.path):
            with reading(self.path, where):
                mapped: NDArray[np.generic] = np.load(self.path, mmap_mode="r", allow_pickle=False)
                return mapped
        pieces = list(self.pieces(where))
        return np.concatenate(pieces) if pieces else np.empty(self.shape, self.dtype)


def stored_arrays(path: str | Path, where: str, *, skip_objects: bool = False) -> dict[str, StoredArray]:
    """Return the arrays of a .npz file, of a .npy file, or of the .npy files of a folder, by name.

    Args:
        path: The file or the folder.
        where: What asks for the arrays, for messages.
        skip_objects: Whether pickled objects beside other arrays are left out, and are no error.

    Raises:
        DataError: There is no such file, it is no file of numpy's, or it has pickled objects.
    """
    if not os.fspath(path):
        raise DataError(f"{where}: path is empty; it should name a .npz or .npy file")
    place = f"{where}: {shown(path)}"
    try:
        file = Path(path).expanduser()
        found = file.exists()
    except (OSError, ValueError, RuntimeError) as error:  # too long, with a null byte, or an unknown home
        raise DataError(f"{place}: {error.strerror if isinstance(error, OSError) else error}") from None
    if not found:
        raise DataError(f"{place} does not exist")
    with reading(file, where):
        if file.is_dir():
            arrays = [_of_npy(member) for member in sorted(file.glob("[!.]*.npy"))]
        elif not file.is_file():
            raise ValueError("it is no ordinary file")
        elif zipfile.is_zipfile(file):
            arrays = _of_npz(file, skip_objects)
        else:
            arrays = [_of_npy(file)]
    if not arrays:
        raise DataError(f"{place} holds no arrays (.npy); for images, use dataset 'image-folder'")
    return {array.name: array for array in arrays}


@contextmanager
def reading(path: Path, where: str) -> Iterator[None]:
    """Turn what goes wrong with a file into one line.

    Raises:
        DataError: The file is damaged, or cannot be read.
    """
    try:
        yield
    except DAMAGES as error:
        reason = shown(" ".join(str(error).split())) or type(error).__name__
        raise DataError(f"{where}: cannot read {shown(path)}: {reason}") from None
    except OSError as error:
        raise DataError(f"{where}: cannot read {shown(path)}: {describe_error(error)}") from None


def _of_npy(path: Path) -> StoredArray:
    with path.open("rb") as file:
        shape, fortran, dtype = _read_header(file)
        stored = path.stat().st_size - file.tell()
    return _checked(StoredArray(path.stem, path, shape, dtype, fortran, lambda: path.open("rb")), stored)


def _of_npz(path: Path, skip_objects: bool) -> list[StoredArray]:
    arrays, pickled = [], None
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            if not member.filename.endswith(".npy"):
                continue
            with archive.open(member) as file:
                shape, fortran, dtype = _read_header(file)
                stored = member.file_size - file.tell()
            name = member.filename.removesuffix(".npy")
            array = StoredArray(name, path, shape, dtype, fortran, _opener(path, member.filename))
            if skip_objects and dtype.hasobject:
                pickled = array
            else:
                arrays.append(_checked(array, stored))
    return arrays if arrays or pickled is None else [_checked(pickled, 0)]


def _opener(path: Path, member: str) -> Callable[[], IO[bytes]]:
    def opened() -> IO[bytes]:
        with zipfile.ZipFile(path) as archive:  # its open members keep the file open
            return archive.open(member)

    return opened


def _read_header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[np.generic]]:
    """Read the header of an array; the file is then at its first value."""
    try:
        version = npy.read_magic(file)
    except ValueError:
        raise ValueError("it is not in numpy's format (.npy or .npz)") from None
    if version not in ((1, 0), (2, 0)):
        raise ValueError(f"version {version[0]}.{version[1]} of numpy's format is for structured arrays")
    read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, fortran, dtype = read(file, max_header_size=MAX_HEADER)
    return tuple(map(int, shape)), fortran, dtype


def _checked(array: StoredArray, stored: int) -> StoredArray:
    if array.dtype.hasobject:
        raise ValueError(f"array {shown(array.name)!r} holds pickled Python objects, which are not loaded")
    if array.dtype.fields is not None or array.dtype.subdtype is not None:
        raise ValueError(f"array {shown(array.name)!r} is structured; expected plain numbers")
    if min(array.shape, default=0) < 0:
        raise ValueError(f"array {array}: a negative size")
    wanted = math.prod(array.shape) * array.dtype.itemsize
    if wanted > stored:
        raise ValueError(f"array {array} needs {wanted:,} bytes, but the file holds {stored:,}")
    return array


def _exactly(file: IO[bytes], count: int) -> bytes:
    parts = []
    while count > 0:
        part = file.read(count)
        if not part:
            raise ValueError("it ends early")
        parts.append(part)
        count -= len(part)
    return b"".join(parts)


def choose_array(arrays: dict[str, StoredArray], wanted: str, usual: tuple[str, ...], what: str) -> StoredArray | None:
    """Return the array called ``wanted``, or if that is empty, the first one with a usual name; None if there is none.

    Raises:
        ValueError: There is no array called ``wanted``.
    """
    if wanted:
        if wanted not in arrays:
            raise ValueError(f"{what} = {wanted!r}: no such array; available: {listed(map(str, arrays.values()))}")
        return arrays[wanted]
    by_lower = {name.lower(): array for name, array in arrays.items()}
    return next((by_lower[name] for name in usual if name in by_lower), None)
