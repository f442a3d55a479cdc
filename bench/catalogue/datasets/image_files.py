"""The image files of a folder: which files are images, and which split and class each belongs to."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from bench.catalogue.datasets.found_files import shown
from bench.errors import DataError
from bench.files import describe_error

SUFFIXES = {
    *(".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".avif", ".jp2"),
    *(".ppm", ".pgm", ".pbm", ".pnm"),
}
NOT_DATA = {"__MACOSX", "@eaDir", "lost+found"}  # made by macOS archives, Synology and ext4
RESULTS = {"records", "table.md"}  # both are in a results folder of ganbench, whose figures are no data
TRAINING, TEST, VALIDATION = {"train", "training"}, {"test", "testing"}, {"val", "valid", "validation"}
HEAD = 32  # bytes that tell the format of an image
BITMAP_HEADERS = {12, 40, 52, 56, 64, 108, 124}  # sizes of the second header of a BMP file


class ImageFile(NamedTuple):
    """An image file: its path relative to the folder with slashes, its size in bytes, and its time in ns."""

    name: str
    size: int
    time: int

    @property
    def folders(self) -> tuple[str, ...]:
        """The folders on the way to the file."""
        return tuple(self.name.split("/")[:-1])


@dataclass
class ImageFiles:
    """The image files below a folder.

    Attributes:
        files: The images: those of the training split first if folders are the splits. Within a split they are in the
            order of the hashes of their names, so any part of them is a random sample that is always the same.
        train: The number of training images if folders are the splits, else None.
        classes: The class folder of each file; None if some images are in no folder, or all in the same.
        dangling: Names of links that lead nowhere.
        ignored: Suffix → number of files that are no images.
        outside: Images outside the folders of the splits.
        repeated: Links to folders that were already read.
    """

    files: list[ImageFile] = field(default_factory=list)
    train: int | None = None
    classes: list[str] | None = None
    dangling: list[str] = field(default_factory=list)
    ignored: Counter[str] = field(default_factory=Counter)
    outside: int = 0
    repeated: int = 0


def find_images(folder: Path, where: str) -> ImageFiles:
    """Return the images in a folder and its subfolders; links are followed, and each folder is read once.

    Hidden files and folders are left out, and so are folders that systems make (``NOT_DATA``) and results folders.
    Files with the suffix of an image are images, whether or not they can be decoded; of other files the first bytes
    decide. If there are folders ``train`` and ``test`` (or ``val``), they are the splits.

    Args:
        folder: The folder.
        where: The name of the dataset, for messages.

    Raises:
        DataError: The folder or a subfolder cannot be read.
    """
    found = ImageFiles()
    for name, status in _walk(folder, found, where):
        suffix = PurePosixPath(name).suffix.lower()
        if status is None and suffix in {*SUFFIXES, ""}:  # without a suffix, it may have been a folder
            found.dangling.append(name)
        elif status is not None and stat.S_ISREG(status.st_mode) and (suffix in SUFFIXES or _is_image(folder / name)):
            found.files.append(ImageFile(name, status.st_size, status.st_mtime_ns))
        else:
            found.ignored[shown(suffix) or "no suffix"] += 1
    _divide(found)
    return found


def _walk(folder: Path, found: ImageFiles, where: str) -> Iterator[tuple[str, os.stat_result | None]]:
    """Yield relative names and stat results of everything but folders; None for a link that leads nowhere."""
    waiting = [""]
    visited: set[tuple[int, int]] = set()
    while waiting:
        prefix = waiting.pop()
        place = f"{folder}/{prefix}"  # a Path per file would take seconds in large folders
        try:
            status = os.stat(place)  # noqa: PTH116
            if (status.st_dev, status.st_ino) in visited:
                found.repeated += 1
                continue
            visited.add((status.st_dev, status.st_ino))
            folders = []
            names = sorted(os.listdir(place))  # noqa: PTH208
            if set(names) >= RESULTS:
                continue
            for name in names:
                entry = _status(place + name) if _is_data(name) else None
                if entry is not None and stat.S_ISDIR(entry.st_mode):
                    folders.append(f"{prefix}{name}/")
                elif _is_data(name):
                    yield f"{prefix}{name}", entry
        except OSError as error:
            raise DataError(f"{where}: cannot read folder {shown(place)}: {describe_error(error)}") from None
        waiting += reversed(folders)


def _is_data(name: str) -> bool:
    return not name.startswith(".") and name not in NOT_DATA


def _status(path: str) -> os.stat_result | None:
    try:
        return os.stat(path)  # noqa: PTH116
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ELOOP):
            return None
        raise


def _is_image(path: Path) -> bool:
    """Return whether the first bytes are those of an image format that Pillow decodes."""
    try:
        with path.open("rb") as file:
            head = file.read(HEAD)
    except OSError:
        return False
    return (
        head.startswith((b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a", b"II*\0", b"MM\0*"))
        or (head.startswith(b"RIFF") and head[8:12] == b"WEBP")
        or (head[:2] in (b"P4", b"P5", b"P6") and head[2:3].isspace() and head[3:4] in b"#0123456789")
        or (head.startswith(b"BM") and int.from_bytes(head[14:18], "little") in BITMAP_HEADERS)
        or head.startswith((b"\0\0\0\x0cjP  \r\n\x87\n", b"\xff\x4f\xff\x51"))  # JPEG 2000
        or head[4:12] in (b"ftypavif", b"ftypavis")
    )


def _shared(one: tuple[str, ...], other: tuple[str, ...]) -> int:
    """Return how many folders two ways share at their start. All ways between them in order share these too."""
    same = [first == second for first, second in zip(one, other, strict=False)]
    return same.index(False) if False in same else len(same)


def _divide(found: ImageFiles) -> None:
    """Order the files, and find the splits and the classes below the folders that all files share."""
    ways = [file.folders for file in found.files]
    shared = _shared(min(ways), max(ways)) if ways else 0
    splits = [way[shared].lower() if len(way) > shared else "" for way in ways]
    test = next((names for names in (TEST, VALIDATION) if names & set(splits)), set())
    divided = bool(test and TRAINING & set(splits))
    kept: list[tuple[bool, bytes, ImageFile]] = []
    for file, split in zip(found.files, splits, strict=True):
        if not divided or split in TRAINING | test:
            digest = hashlib.sha256(os.fsencode(file.name)).digest()
            kept.append((divided and split in test, digest, file))
    kept.sort(key=lambda entry: entry[:2])
    found.outside = len(found.files) - len(kept)
    found.files = [file for _, _, file in kept]
    if divided:
        found.train = sum(not in_test for in_test, _, _ in kept)
    level = shared + divided
    if found.files and all(len(file.folders) > level for file in found.files):
        found.classes = [shown(file.folders[level]) for file in found.files]
