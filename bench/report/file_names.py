"""Names of files made from labels, and which of a series of files a page belongs to."""

from __future__ import annotations

import re
import zlib

MAX_SLUG = 60  # characters of a label in the name of a file


def slug(text: str) -> str:
    """Return text as part of a file name; a checksum replaces letters that a file name should not have."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-")
    if plain and len(plain) <= MAX_SLUG and not any(letter.isalnum() and not letter.isascii() for letter in text):
        return plain
    return f"{plain[:MAX_SLUG]}-{zlib.crc32(text.encode(errors='surrogatepass')):08x}".strip("-")


def distinct(names: list[str]) -> list[str]:
    """Return names of which those that occur again have a number, so that no two are equal without regard to case."""
    taken: set[str] = set()
    result = []
    for name in names:
        number, candidate = 1, name
        while candidate.casefold() in taken:
            number += 1
            candidate = f"{name}-{number}"
        taken.add(candidate.casefold())
        result.append(candidate)
    return result
