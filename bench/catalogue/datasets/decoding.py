"""Images decoded in one pass into a file of the cache, which is then memory-mapped."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.catalogue.datasets.found_files import listed, shown
from bench.catalogue.datasets.pixels import LARGEST, OptionNeeded, PixelOptions, read_pixels
from bench.errors import DataError
from bench.files import atomic_write, describe_error, remove_partial_files

VERSION = 1  # raised when images are decoded to other values
MAX_REFUSED = 100  # images that need an option, before the pass ends early
DIM = 4095  # a 16-bit image without a larger value is taken for one of 12 bits
HALF = 32767  # so are all 16-bit images together if none has a larger value
MAX_REASON = 120  # letters
HINTS = {
    "background": 'set background to "white", "black" or [red, green, blue] in the dataset\'s options '
    "(measure: --background)",
    "range": "set range = [lowest, highest], the values of black and white, in the dataset's options "
    "(measure: --range)",
}


class Broken(NamedTuple):
    """An image that cannot be decoded: its position among all images, its name, and why."""

    position: int
    name: str
    reason: str


class Decoded(NamedTuple):
    """Decoded images.

    Attributes:
        images: uint8 [n, channels, size, size], memory-mapped; broken images are left out.
        broken: The broken images.
        enlarged: Number of images that were smaller than ``size``.
        several_frames: Number of files with further frames.
    """

    images: NDArray[np.uint8]
    broken: list[Broken]
    enlarged: int
    several_frames: int


@dataclass
class _Pass:
    """What one pass over all images has found."""

    rows: int = 0
    broken: list[Broken] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    refused: dict[str, list[str]] = field(default_factory=dict)
    enlarged: int = 0
    several_frames: int = 0
    brightest: int = 0  # of the images of 16 bits, in 16 bits
    lightest: int = 0  # of all images, in 8 bits
    looked_at: int = 0
    dim: list[tuple[str, int]] = field(default_factory=list)

    def refuse(self, option: str, text: str) -> None:
        self.refused.setdefault(option, []).append(text)


def decode_once(
    sources: Iterable[tuple[str, Path | bytes]],
    count: int,
    options: PixelOptions,
    target: Path,
    where: str,
) -> Decoded:
    """Return all images, decoded now or by an earlier call with the same ``target``.

    Args:
        sources: The name of each image, and its path or its content. It is not iterated if the images are cached.
        count: The number of images.
        options: How to decode them.
        target: The file of the cache, whose name depends on the images and the options; a second file with the suffix
            ``.json`` says what is in it.
        where: The dataset and its place, for messages.

    Raises:
        DataError: Images need an option, cannot be read from the disk, or the cache cannot be written. Broken images
            are no error here.
    """
    cached = _read_cache(target, options)
    if cached is None:
        _decode(sources, count, options, target, where)
        cached = _read_cache(target, options)
    if cached is None:
        raise DataError(f"{where}: the decoded images in {shown(target)} cannot be read")
    return cached


def _read_cache(target: Path, options: PixelOptions) -> Decoded | None:
    try:
        content: dict[str, Any] = json.loads(target.with_suffix(".json").read_text("utf-8"))
        broken = [Broken(*entry) for entry in content["broken"]]
        shape = (int(content["images"]), options.channels, options.size, options.size)
        if target.stat().st_size != np.prod(shape, dtype=np.int64):
            return None
        images = np.memmap(target, np.uint8, "c", shape=shape) if shape[0] else np.zeros(shape, np.uint8)
        return Decoded(images, broken, int(content["enlarged"]), int(content["several_frames"]))
    except (OSError, ValueError, KeyError, TypeError):  # missing or damaged
        return None


def _decode(
    sources: Iterable[tuple[str, Path | bytes]], count: int, options: PixelOptions, target: Path, where: str
) -> None:
    found = _Pass()
    try:
        _check_space(count * options.channels * options.size**2, target, where)
        remove_partial_files(target.parent)
        with atomic_write(target) as partial:
            with partial.open("wb") as file:  # a full disk is an error here, but a signal in a memory map
                for index, (name, source) in enumerate(sources):
                    found.looked_at += 1
                    row = _one(index, name, source, options, found)
                    if row is not None:
                        file.write(row.tobytes())
                        found.rows += 1
                    if sum(map(len, found.refused.values())) >= MAX_REFUSED:
                        break
            _check(found, count, where)
        content = {
            "images": found.rows,
            "broken": found.broken,
            "enlarged": found.enlarged,
            "several_frames": found.several_frames,
        }
        with atomic_write(target.with_suffix(".json")) as partial:
            partial.write_text(json.dumps(content), "utf-8")
    except OSError as error:
        raise DataError(f"{where}: cannot write {shown(target)}: {describe_error(error)}") from None


def _one(index: int, name: str, source: Path | bytes, options: PixelOptions, found: _Pass) -> NDArray[np.uint8] | None:
    """Decode one image; note what is wrong with it."""
    from PIL import UnidentifiedImageError

    try:
        pixels = read_pixels(source, options)
    except OptionNeeded as needed:
        found.refuse(needed.option, f"{shown(name)} ({needed.reason})")
        return None
    except MemoryError:
        raise
    except OSError as error:
        if error.errno is not None:  # the system's, which says nothing about the image
            found.unreadable.append(f"{shown(name)} ({describe_error(error)})")
            return None
        unknown = isinstance(error, UnidentifiedImageError)
        reason = _what_it_is(source) if unknown else _one_line(error)
        found.broken.append(Broken(index, shown(name), reason))
        return None
    except Exception as error:  # Pillow raises many types on damaged files
        found.broken.append(Broken(index, shown(name), _one_line(error)))
        return None
    found.enlarged += pixels.enlarged
    found.several_frames += pixels.several_frames
    found.lightest = max(found.lightest, int(pixels.square.max()))
    if pixels.peak is not None:
        found.brightest = max(found.brightest, pixels.peak)
        if 0 < pixels.peak <= DIM:
            found.dim.append((shown(name), pixels.peak))
    return pixels.square


def _what_it_is(source: Path | bytes) -> str:
    empty = source.stat().st_size == 0 if isinstance(source, Path) else not source
    return "empty file" if empty else "no image that can be decoded"


def _one_line(error: Exception) -> str:
    text = shown(" ".join(str(error).split()))[:MAX_REASON]
    return text or type(error).__name__


def _check(found: _Pass, count: int, where: str) -> None:
    """Check that no image was unreadable, or needs an option.

    Raises:
        DataError: One was or does; the message lists all of them.
    """
    problems = []
    if found.unreadable:
        problems.append(f"{len(found.unreadable):,} images cannot be read: {listed(found.unreadable)}")
    for name, peak in found.dim:
        bits = f"as with {peak.bit_length()} bits; [0, {LARGEST}] if it is that dark"
        found.refuse("range", f"{name} (16 bits, but no value above {peak:,}, {bits})")
    if not found.dim and 0 < found.brightest <= HALF:
        found.refuse(
            "range",
            f"16-bit images, but no value above {found.brightest:,}, which look like "
            f"{found.brightest.bit_length()} bits; [0, {LARGEST}] if they are that dark",
        )
    elif found.lightest == 1 and not found.refused:
        problems.append("no value above 1 of 255 in any image; save them with values from 0 to 255")
    for option, texts in found.refused.items():
        problems.append(f"{listed(sorted(texts))}: {HINTS[option]}")
    if found.looked_at < count:
        problems.append(f"only the first {found.looked_at:,} of {count:,} images were looked at")
    if problems and found.broken:
        problems.append(broken_images(found.broken))
    if problems:
        raise DataError(f"{where}: {'; '.join(problems)}")


def broken_images(broken: list[Broken]) -> str:
    """Return how many images are broken, which, and why."""
    images = "image" if len(broken) == 1 else "images"
    names = listed(f"{name} ({reason})" for _, name, reason in sorted(broken, key=lambda image: image.name))
    return f"cannot read {len(broken):,} {images}: {names}"


def _check_space(needed: int, target: Path, where: str) -> None:
    nearest = next(path for path in target.absolute().parents if path.exists())
    free = shutil.disk_usage(nearest).free
    if needed > free:
        raise DataError(
            f"{where}: the decoded images take {needed / 1e9:,.1f} GB, but {shown(nearest)} has {free / 1e9:,.1f} GB "
            f"left; set GANBENCH_DATA to a folder with more space"
        )
