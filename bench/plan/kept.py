"""What the end of a run leaves besides its record: the weights of its generator, and the state to go on from."""

from __future__ import annotations

from bench.catalogue import suggestion
from bench.escaping import quote

KEPT = {
    "weights": "the generator, and its moving average, in weights/",
    "state": "everything that a longer run needs to go on from there, in states/",
}


def as_kept(given: object) -> tuple[str, ...]:
    """Return the names in ``KEPT`` that a name, or a list of names, stands for, each once.

    Raises:
        ValueError: It is neither, or has an unknown name; the message suggests the closest known one.
    """
    names = [given] if isinstance(given, str) else given
    if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
        raise ValueError(f"expected {' or '.join(map(repr, KEPT))}, or a list of them")
    for name in names:
        if name not in KEPT:
            raise ValueError(f"unknown value {quote(name)}{suggestion(name, KEPT)}")
    return tuple(dict.fromkeys(names))
