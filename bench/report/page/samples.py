"""Samples on the page: points as base64 of 16-bit integers, images and sounds as one PNG per run, strings as text."""

from __future__ import annotations

import base64
import io
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bench.evidence.results import Evidence
from bench.records.pairs import pairs_of
from bench.records.record import Record, read_all_samples
from bench.records.samples import evenly_spaced
from bench.records.spectrograms import spectrograms
from bench.report.figures.sample_square import image_grid
from bench.report.sample_views import Plane, can_be_shown, real_samples_of
from bench.report.signal_views import STRINGS, signal_of, text_of
from bench.report.translated_views import in_threes

MAX_TOTAL = 1_300_000  # characters for the samples of all runs together
MAX_PER_RUN = 8_000  # characters
MAX_EVALUATIONS = 8  # shown per run
POINT = 16 / 3  # characters of a point in base64: two coordinates of two bytes each
COORDINATE = np.iinfo(np.uint16).max  # of the upper and right edge of the window; the other edges have 0
MAX_SIDE = 32  # pixels of an image; larger ones are downsampled
LEVELS = 16  # of a channel
QUOTES = 3  # characters around a string
SIZES = ((4, 8), (3, 8), (3, 6), (2, 6), (2, 4), (1, 4), (1, 2))  # side of the grid of images, evaluations
SIZES_OF_THREES = ((6, 4), (6, 2), (3, 4), (3, 2), (3, 1))  # the same of source, translation and answer in turn


class Window(NamedTuple):
    """The part of the plane that is shown, [−reach, reach]², with the modes and their σ if known."""

    reach: float
    centres: list[list[float]]
    sigma: float


def window_of(plane: Plane | None) -> Window | None:
    """Return the window of a plane as the page has it, with rounded numbers."""
    if plane is None:
        return None
    return Window(round(plane.reach, 4) or plane.reach, np.round(plane.centres, 4).tolist(), plane.sigma)


def encode_samples(record: Record, plane: Plane | None, runs: int) -> dict[str, Any] | None:
    """Return the samples of a run as the page shows them; None if there are none that it can show.

    Args:
        record: The record of the run.
        plane: The plane of its dataset, if its samples are points.
        runs: The number of runs on the page, which share its room.
    """
    if not can_be_shown(record.metadata, plane):
        return None
    steps, frames = read_all_samples(record.path)
    room = min(MAX_PER_RUN, MAX_TOTAL // runs)
    if not steps:
        return None
    signal = signal_of(record.metadata)
    if signal and signal.alphabet:
        return _encode_strings(frames, steps, signal.alphabet, room)
    if signal:
        frames = np.stack([spectrograms(frame, MAX_SIDE) for frame in frames])
    pairs = pairs_of(record.metadata)
    if plane is None or frames.dtype == np.uint8:
        if pairs is None:
            return _encode_images(frames, steps, room)
        return _encode_images(np.stack([in_threes(frame, pairs) for frame in frames]), steps, room, SIZES_OF_THREES)
    window = window_of(plane)
    assert window is not None
    placed = np.stack([plane.place(frame) for frame in frames])
    if pairs is None:
        return _encode_points(placed, steps, window, room)
    both = {name: _encode_frame(plane.place(each), window) for name, each in pairs._asdict().items()}
    return {**_encode_points(placed, steps, window, room - sum(map(len, both.values()))), **both}


def encode_real(evidence: Evidence, dataset: str) -> dict[str, Any] | None:
    """Return real samples of a dataset as those of one evaluation; None if no record holds any."""
    real = real_samples_of(evidence, dataset)
    if real is None:
        return None
    if isinstance(real, list):
        return {"steps": [0], "strings": [real], "count": len(real)}
    return _encode_images(real[None], [0], MAX_PER_RUN)


def _encode_points(frames: NDArray[Any], steps: list[int], window: Window, room: int) -> dict[str, Any]:
    """Encode each evaluation as little-endian x, y, x, y, ...; points outside the window are left out."""
    shown = evenly_spaced(len(frames), MAX_EVALUATIONS)
    count = max(1, min(frames.shape[1], int(room / len(shown) / POINT)))
    texts = [_encode_frame(frame, window) for frame in frames[shown, :count].astype(float)]
    return {"steps": [steps[index] for index in shown], "points": texts, "count": count}


def _encode_frame(points: NDArray[Any], window: Window) -> str:
    inside = points[(np.abs(points) <= window.reach).all(axis=1)]
    coordinates = ((inside / window.reach + 1) / 2 * COORDINATE).round().astype("<u2")
    return base64.b64encode(coordinates.tobytes()).decode()


def _encode_strings(frames: NDArray[Any], steps: list[int], alphabet: str, room: int) -> dict[str, Any]:
    """Encode the first strings of each evaluation, as many as there is room for."""
    shown = evenly_spaced(len(frames), MAX_EVALUATIONS)
    count = max(1, min(STRINGS, room // (len(shown) * (frames.shape[-1] + QUOTES))))
    texts = text_of(frames[shown], alphabet, count)
    return {"steps": [steps[index] for index in shown], "strings": texts, "count": count}


def _encode_images(
    frames: NDArray[np.uint8], steps: list[int], room: int, sizes: tuple[tuple[int, int], ...] = SIZES
) -> dict[str, Any] | None:
    """Encode one PNG with a grid of images per evaluation, side by side, as many as there is room for."""
    for side, evaluations in sizes:
        shown = evenly_spaced(len(frames), evaluations)
        grids = [_downsampled_grid(frames[index, : side * side]) for index in shown]
        text = _encode_png(np.concatenate(grids, axis=1))
        if len(text) <= room:
            return {"steps": [steps[index] for index in shown], "image": text, "count": min(side**2, frames.shape[1])}
    return None


def _downsampled_grid(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A grid of images, [height, width(, 3)], with a white edge of one pixel on the right and at the bottom."""
    factor = -(-max(images.shape[2:]) // MAX_SIDE)
    images = images[:, :, ::factor, ::factor]
    grid = image_grid(images)
    edges = [(0, 1), (0, 1)] + [(0, 0)] * (grid.ndim - 2)
    return np.pad(grid, edges, constant_values=255)


def _encode_png(pixels: NDArray[np.uint8]) -> str:
    """A data URI of a PNG; fewer levels per channel compress better, and grey ones take four bits."""
    levels = ((pixels.astype(int) * (LEVELS - 1) + 127) // 255).astype(np.uint8)
    factor = 255 // (LEVELS - 1)
    is_grey = pixels.ndim == 2
    if is_grey:
        picture = Image.fromarray(levels, mode="P")
        picture.putpalette([level * factor for level in range(LEVELS) for _ in range(3)])
    else:
        picture = Image.fromarray(levels * factor)
    content = io.BytesIO()
    picture.save(content, format="PNG", optimize=True, **({"bits": 4} if is_grey else {}))
    return "data:image/png;base64," + base64.b64encode(content.getvalue()).decode()
