"""Some sources with their answers, which records of translations keep so that pictures can show both."""

from __future__ import annotations

from typing import Any, NamedTuple

from numpy.typing import NDArray

from bench.errors import ResultsError
from bench.records.packed_arrays import pack, unpack
from bench.records.schema import Metadata

PAIRS_OF_IMAGES, PAIRS_OF_POINTS = 12, 60  # in a record: those of the first samples that it keeps


class Pairs(NamedTuple):
    """The sources of the first samples of every evaluation, and their known translations, [n, *shape] each."""

    sources: NDArray[Any]
    answers: NDArray[Any]


def kept_pairs(sources: NDArray[Any], answers: NDArray[Any]) -> dict[str, str]:
    """Return the fields of a record's section on samples for the first of these pairs, [n, *shape] each."""
    count = PAIRS_OF_POINTS if answers.ndim == 2 else PAIRS_OF_IMAGES
    fields = {"sources": sources, "answers": answers}
    return {name: pack(each[:count]) for name, each in fields.items()}


def pairs_of(metadata: Metadata) -> Pairs | None:
    """Return the pairs that a record keeps, or None if it is not of translations.

    Raises:
        ResultsError: They are damaged.
    """
    layout = metadata.samples
    if not (layout.sources and layout.answers and layout.shape):
        return None
    count = min(layout.shape[0], PAIRS_OF_POINTS if len(layout.shape) == 2 else PAIRS_OF_IMAGES)
    shape = (count, *layout.shape[1:])
    try:
        return Pairs(*(unpack(text, layout.dtype, shape) for text in (layout.sources, layout.answers)))
    except ValueError:
        raise ResultsError(f"record of run {metadata.run}: its sources or answers are damaged") from None
