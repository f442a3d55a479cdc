"""What was found where a dataset is read from: how many images there are, and what was left out or changed."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated

from pydantic import AfterValidator

NAMED_SUFFIXES = 3  # in one line; the others are only counted


@dataclass(frozen=True)
class FoundFiles:
    """What a dataset was read from. A record keeps it, and ``ganbench plan`` and ``run`` print it.

    Attributes:
        samples: Images or points in both splits.
        ignored: Files that are no images: suffix in lower case → number of files.
        broken: Images that cannot be decoded, and were left out as requested.
        enlarged: Images that were smaller than the size of the dataset.
        first_frames: Animations and files with several pages, of which only the first frame was read.
        outside: Images outside ``train/`` and ``test/`` where these are the splits; they are not used.
        repeated: Links to folders that were already read; they are not followed.
        kind: What the samples are, "images" or "points".
    """

    samples: int
    ignored: Mapping[str, int] = field(default_factory=dict)
    broken: int = 0
    enlarged: int = 0
    first_frames: int = 0
    outside: int = 0
    repeated: int = 0
    kind: str = "images"

    def __str__(self) -> str:
        """Return for example "30 images, 2 ignored (.txt)"."""
        parts = [
            (self.samples, self.kind if self.samples != 1 else self.kind[:-1]),
            (sum(self.ignored.values()), f"ignored ({self._suffixes()})"),
            (self.broken, "broken and left out"),
            (self.outside, "not used, outside train/ and test/"),
            (self.repeated, "not followed, linked to folders already read"),
            (self.enlarged, "enlarged to the chosen size"),
            (self.first_frames, "with several frames, of which the first is used"),
        ]
        return ", ".join(f"{count:,} {what}" for index, (count, what) in enumerate(parts) if count or not index)

    @property
    def tells_more(self) -> bool:
        """Whether there is more to tell than the number of samples."""
        return ", " in str(self)

    def and_also(self, other: FoundFiles) -> FoundFiles:
        """Return what was found in two folders together."""
        ignored = Counter(self.ignored) + Counter(other.ignored)
        numbers = {name: value + getattr(other, name) for name, value in vars(self).items() if isinstance(value, int)}
        return replace(self, **numbers, ignored=dict(sorted(ignored.items())))

    def _suffixes(self) -> str:
        ordered = sorted(self.ignored, key=lambda suffix: (-self.ignored[suffix], suffix))
        more = len(ordered) - NAMED_SUFFIXES
        return ", ".join(ordered[:NAMED_SUFFIXES]) + (f" and {more} more suffixes" if more > 0 else "")


def _encodable(path: str) -> str:
    try:
        path.encode()
    except UnicodeEncodeError:
        raise ValueError("expected a path in UTF-8, because records keep it; rename it, or make a link to it") from None
    return path


DataPath = Annotated[str, AfterValidator(_encodable)]


def shown(text: str | os.PathLike[str]) -> str:
    """Return a path or a name as one line that every stream can print.

    Control characters and bytes that are not UTF-8 are escaped.
    """
    name = os.fspath(text).encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in name)


def listed(names: Iterable[str], most: int = 10) -> str:
    """Return names as "a, b, c and 4 more"."""
    every = list(names)
    more = len(every) - most
    return ", ".join(every[:most]) + (f" and {more:,} more" if more > 0 else "")
