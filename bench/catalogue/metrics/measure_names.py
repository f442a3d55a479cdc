"""Names of measures: with the suffix of averaged generators, and as users write them."""

from __future__ import annotations

from collections.abc import Iterable

AVERAGED = "_ema"


def plain_name(name: str) -> str:
    """The name of the measure itself: ``fd`` for ``fd`` and ``fd_ema``."""
    return name.removesuffix(AVERAGED)


def is_averaged(name: str) -> bool:
    """Whether a measure was taken of the average of the generator's weights."""
    return name.endswith(AVERAGED)


def averaged(name: str) -> str:
    """The name under which a measure of the average of the generator's weights is recorded."""
    return f"{name}{AVERAGED}"


def known_name(name: str, known: Iterable[str]) -> str:
    """Return the known name that is meant, without regard to case and to ``-`` or blanks in place of ``_``.

    A name that is known as it stands, or that could mean none or several of the known ones, is returned unchanged.
    """
    names = set(known)
    if name in names:
        return name
    meant = [other for other in names if _folded(other) == _folded(name)]
    return meant[0] if len(meant) == 1 else name


def _folded(name: str) -> str:
    return name.strip().casefold().replace("-", "_").replace(" ", "_")
