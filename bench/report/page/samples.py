"""A few samples of every run at a few of its evaluations: points on a fine grid of the window, images as one PNG."""

from __future__ import annotations

import base64
import io
from typing import Any, NamedTuple

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray
from PIL import Image

from bench.evidence.results import Evidence
from bench.records.record import Record
from bench.report.figures.contact import image_grid
from bench.report.page.runs import spread

ROOM = 1_300_000  # characters that the samples of all runs may take together
MOST = 8_000  # characters of one run
EVALUATIONS = 8  # shown of one run
BITS = 12  # of a coordinate: two characters
ALPHABET = np.frombuffer(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", dtype=np.uint8)
SIDE = 32  # pixels of an image; larger ones are made smaller
GREYS = 4  # bits of a channel
LADDER = ((4, 8), (3, 8), (3, 6), (2, 6), (2, 4), (1, 4), (1, 2))  # images a side of the square; evaluations


class Window(NamedTuple):
    """The part of the plane that is shown, [−reach, reach]²; the modes in it, if they are known, and their σ."""

    reach: float
    centres: list[list[float]]
    sigma: float


def window(evidence: Evidence, dataset: str) -> Window | None:
    """What of the plane is shown of a dataset of points in it; None for any other."""
    records = [evidence.records[run] for run in evidence.runs.loc[evidence.runs["dataset"] == dataset, "run"]]
    kept = [each for each in records if each.metadata.keeps_samples]
    if {(each.metadata.samples.shape or ())[1:] for each in kept} != {(2,)}:
        return None
    modes = kept[0].metadata.data.modes
    if modes:
        centres = np.round(np.array(modes.centres, dtype=float), 4)
        return Window(round(1.35 * float(np.abs(centres).max()), 4) or 1.0, centres.tolist(), modes.sigma)
    values = np.abs(np.concatenate([frames[-1].ravel() for each in kept if len(frames := _frames(each)[1])] or [[]]))
    inner = values[np.isfinite(values)]
    return Window(round(1.1 * float(np.quantile(inner, 0.99)), 4) if inner.any() else 1.0, [], 0.0)


def shown_samples(record: Record, of: Window | None, runs: int) -> dict[str, Any] | None:
    """What the page shows of the samples of a run; None where there are none, or none that can be seen.

    Args:
        record: Of the run.
        of: The window of its dataset, if it is of points in the plane.
        runs: How many there are on the page, to share its room.
    """
    if not record.metadata.keeps_samples:
        return None
    steps, frames = _frames(record)
    room = min(MOST, ROOM // runs)
    if not steps:
        return None
    if frames.dtype == np.uint8 and frames.ndim == 5:
        return _images(frames, steps, room)
    return _points(frames, steps, of, room) if of is not None else None


def _frames(record: Record) -> tuple[list[int], NDArray[Any]]:
    """The steps at which a record keeps samples, and all of these, [steps, n, ...]."""
    kept = record.metadata.samples
    there = "samples" in pq.read_schema(record.path).names
    raw = pq.read_table(record.path, columns=["samples"]).column("samples").to_pylist() if there else []
    steps = [int(step) for step, each in zip(record.trace["step"], raw, strict=False) if each]
    content = b"".join(each for each in raw if each)
    return steps, np.frombuffer(content, dtype=kept.dtype).reshape(len(steps), *(kept.shape or ()))


def _points(frames: NDArray[Any], steps: list[int], of: Window, room: int) -> dict[str, Any]:
    """Each frame as text, four characters a point; points outside of the window are left out."""
    shown = spread(len(frames), EVALUATIONS)
    count = max(1, min(frames.shape[1], room // len(shown) // 4))
    texts = []
    for frame in frames[shown, :count].astype(float):
        inside = frame[(np.abs(frame) <= of.reach).all(axis=1)]
        places = ((inside + of.reach) / (2 * of.reach) * (2**BITS - 1)).round().astype(int).ravel()
        texts.append(ALPHABET[np.stack([places >> 6, places & 63], axis=-1)].tobytes().decode())
    return {"steps": [steps[index] for index in shown], "points": texts, "count": count}


def _images(frames: NDArray[np.uint8], steps: list[int], room: int) -> dict[str, Any] | None:
    """One PNG with the evaluations side by side, each a square of images; as many as there is room for."""
    for side, evaluations in LADDER:
        shown = spread(len(frames), evaluations)
        grids = [_small(frames[index, : side * side]) for index in shown]
        text = _png(np.concatenate(grids, axis=1))
        if len(text) <= room:
            return {"steps": [steps[index] for index in shown], "image": text, "count": min(side**2, frames.shape[1])}
    return None


def _small(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A square of images, [height, width(, 3)], an edge of one white pixel right and below."""
    factor = -(-max(images.shape[2:]) // SIDE)
    images = images[:, :, ::factor, ::factor]
    grid = image_grid(images if images.shape[1] in (1, 3) else images[:, :1])
    edges = [(0, 1), (0, 1)] + [(0, 0)] * (grid.ndim - 2)
    return np.pad(grid, edges, constant_values=255)


def _png(pixels: NDArray[np.uint8]) -> str:
    """A data URI; grey ones with 16 levels, colours with 16 levels a channel."""
    few = (pixels.astype(int) * (2**GREYS - 1) + 127) // 255
    if pixels.ndim == 2:
        picture = Image.fromarray(few.astype(np.uint8), mode="P")
        picture.putpalette([level * 17 for level in range(16) for _ in range(3)])
    else:
        picture = Image.fromarray((few * 17).astype(np.uint8))
    stored = io.BytesIO()
    picture.save(stored, format="PNG", optimize=True, **({"bits": GREYS} if pixels.ndim == 2 else {}))
    return "data:image/png;base64," + base64.b64encode(stored.getvalue()).decode()
