"""How samples of any shape are shown on a flat page: points in a plane, images, sounds, text; and what is not shown."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.escaping import as_label
from bench.evidence.results import Evidence
from bench.records.held_out import held_out_of
from bench.records.record import Record, read_all_samples
from bench.records.schema import Metadata
from bench.report.dirac import has_dirac
from bench.report.signal_views import as_shown, describe_signal, signal_of
from bench.report.translated_views import OF_IMAGES, OF_POINTS

MARGIN, WIDE_MARGIN = 1.1, 1.35  # half the side of a window, in units of the samples and of the farthest mode
AROUND_MODES = "Circles: 3σ around the true modes."  # on the page, of all modes
POOLED = 5_000  # samples of all runs together that decide a principal plane
RANK = 1e-9  # of the largest singular value: below it, points lie on a line


class Plane(NamedTuple):
    """The plane in which points of a dataset are drawn, and its window [−reach, reach]².

    Attributes:
        reach: Half the side of the window.
        centres: The true modes in the plane, [k, 2]; none if they are unknown.
        sigma: Their standard deviation.
        origin: The point of the data, [d], that lies in the middle.
        directions: The axes of the plane, [2, d], orthonormal; empty for points on a line.
        of_real: Whether ``centres`` are a few real samples, because modes are not known.
    """

    reach: float
    centres: NDArray[np.float64]
    sigma: float
    origin: NDArray[np.float64]
    directions: NDArray[np.float64]
    of_real: bool = False

    @property
    def dimension(self) -> int:
        """The dimension of the data."""
        return len(self.origin)

    def place(self, points: NDArray[Any]) -> NDArray[Any]:
        """Return points [n, d] in the plane, [n, 2].

        Points of the plane stay as they are. Numbers become their distribution function: from left to right their
        values, and upwards the share of values below.
        """
        if self.dimension == 2:
            return points
        if self.dimension == 1:
            order = np.arange(len(points)) + 0.5
            return np.column_stack([np.sort(points[:, 0]), self.reach * (2 * order / len(points) - 1)])
        return _projected(points, self.origin, self.directions)


def plane_of(evidence: Evidence, dataset: str) -> Plane | None:
    """Return the plane of a dataset of points; None if its samples are no points, or differ in dimension.

    Points of more than two dimensions are projected onto the first two principal components: of the true modes where
    at least three are known that do not lie on a line, else of a few real samples, else of the last samples of all
    runs if their records hold no real ones.
    """
    sampled = _sampled(evidence, dataset)
    shapes = {shape_of(record.metadata) for record in sampled}
    if len(shapes) != 1 or len(shape := next(iter(shapes))) != 1 or sampled[0].metadata.samples.dtype == "uint8":
        return None
    (dimension,) = shape
    modes = sampled[0].metadata.data.modes
    centres = np.array(modes.centres, dtype=float) if modes else np.empty((0, dimension))
    if centres.shape[1:] != (dimension,):
        modes, centres = None, np.empty((0, dimension))
    origin, directions = np.zeros(dimension), np.empty((0, dimension))
    last: list[NDArray[Any]] = []
    real = _real_samples(sampled, dimension)
    if dimension > 2:
        spread = np.linalg.svd(centres - centres.mean(axis=0), compute_uv=False) if len(centres) > 2 else np.zeros(2)
        if spread[1] > RANK * spread[0]:
            origin, directions = _principal_plane(centres)
        else:
            last = [real] if len(real) else list(_last_samples(sampled))
            origin, directions = _principal_plane(np.concatenate(last or [np.zeros((1, dimension))]))
    if modes:
        placed = centres
        if dimension == 1:
            placed = np.column_stack([centres[:, 0], np.zeros(len(centres))])
        elif dimension > 2:
            placed = _projected(centres, origin, directions)
        return Plane(float(np.abs(placed).max()) * WIDE_MARGIN or 1.0, placed, modes.sigma, origin, directions)
    values = [real] if len(real) else last or list(_last_samples(sampled))
    if dimension > 2:
        values = [_projected(each, origin, directions) for each in values]
    flat = np.abs(np.concatenate([each.ravel() for each in values] or [np.empty(0)]))
    finite = flat[np.isfinite(flat)]
    if len(real):  # a window that generated samples do not change, as with modes
        return Plane(WIDE_MARGIN * float(finite.max(initial=0.0)) or 1.0, values[0], 0.0, origin, directions, True)
    reach = MARGIN * float(np.quantile(finite, 0.99)) if finite.any() else 1.0
    return Plane(reach or 1.0, np.empty((0, 2)), 0.0, origin, directions)


def can_be_shown(metadata: Metadata, plane: Plane | None) -> bool:
    """Return whether the samples of a run can be drawn: images, sounds, strings, or points in its dataset's plane."""
    shape = shape_of(metadata)
    if signal_of(metadata):
        return metadata.keeps_samples
    if metadata.samples.dtype == "uint8":
        return len(shape) == 3
    return metadata.keeps_samples and plane is not None and shape == (plane.dimension,)


def real_samples_of(evidence: Evidence, dataset: str) -> NDArray[Any] | list[str] | None:
    """Return a few real images, sounds as images, or strings of a dataset; None if no record holds any."""
    for record in _sampled(evidence, dataset):
        if can_be_shown(record.metadata, None) and (real := held_out_of(record.metadata)) is not None:
            return as_shown(real, record.metadata)
    return None


def shape_of(metadata: Metadata) -> tuple[int, ...]:
    """Return the shape of one sample of a run."""
    return (metadata.samples.shape or ())[1:]


def describe_view(evidence: Evidence, dataset: str, plane: Plane | None) -> str:
    """Return what a picture of the samples of a dataset shows, as sentences; "" if there are no samples."""
    shown = [record.metadata for record in _sampled(evidence, dataset) if can_be_shown(record.metadata, plane)]
    sentences = [not_shown(evidence, dataset, plane)]
    if shown and (signal := signal_of(shown[0])):
        sentences.insert(0, describe_signal(signal))
    elif shown and plane is None:
        which = OF_IMAGES if shown[0].samples.answers else ""
        described = f"A few images of every run.{_describe_channels({shape_of(each)[0] for each in shown})}"
        sentences[:0] = filter(None, [described, which])
    elif shown and plane is not None:
        sentences.insert(0, f"{_describe_plane(plane)}{f' {OF_POINTS}' if shown[0].samples.answers else ''}")
    return " ".join(filter(None, sentences))


def not_shown(evidence: Evidence, dataset: str, plane: Plane | None) -> str:
    """Return a sentence about samples of a dataset that no picture shows; "" if there are none."""
    hidden = [each.metadata for each in _sampled(evidence, dataset) if not can_be_shown(each.metadata, plane)]
    if not hidden:
        return ""
    shapes = sorted({_times(shape_of(metadata)) for metadata in hidden})
    runs = "1 run" if len(hidden) == 1 else f"{len(hidden)} runs"
    return (
        f"Samples of {runs} on {as_label(dataset)} (shape {' and '.join(shapes)}) are not shown: "
        f"pictures need images, sounds or strings, or points of one dimension in all runs."
    )


def visible_channels(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the channels of images [n, channels, h, w] that are shown: one as grey, or three as colours."""
    channels = images.shape[1]
    return images if channels in (1, 3) else images[:, : 3 if channels > 3 else 1]


def _describe_channels(counts: set[int]) -> str:
    others = sorted(counts - {1, 3})
    if not others:
        return ""
    which = "first 3" if others[0] > 3 else "first"
    return f" Only the {which} of {' or '.join(map(str, others))} channels {'are' if others[0] > 3 else 'is'} shown."


def _describe_plane(plane: Plane) -> str:
    circles = f" {AROUND_MODES}" if len(plane.centres) else ""
    circles = " Circles: real samples." if plane.of_real else circles
    if plane.dimension == 1:
        return f"Distribution functions: values from left to right, the share below them upwards.{circles}"
    if plane.dimension > 2:
        return f"First two principal components of {plane.dimension} dimensions.{circles}"
    return circles.strip() or "Points of every run."


def _sampled(evidence: Evidence, dataset: str) -> list[Record]:
    if has_dirac(evidence, dataset):  # it has trajectories instead
        return []
    records = [evidence.records[run] for run in evidence.runs.loc[evidence.runs["dataset"] == dataset, "run"]]
    return [record for record in records if record.metadata.keeps_samples]


def _real_samples(sampled: Iterable[Record], dimension: int) -> NDArray[np.float64]:
    """Return the real samples of the first record that holds some, [m, d]; none of single numbers."""
    held = (np.array(record.metadata.samples.real) for record in sampled if dimension > 1)
    return next((real for real in held if real.ndim == 2 and real.shape[1] == dimension), np.empty((0, dimension)))


def _last_samples(sampled: Iterable[Record]) -> Iterable[NDArray[Any]]:
    """Yield the last samples of each run, [n, d]."""
    for record in sampled:
        frames = read_all_samples(record.path)[1]
        if len(frames):
            yield frames[-1]


def _principal_plane(points: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the mean [d] of points [n, d] and their first two principal directions [2, d]."""
    points = points[np.isfinite(points).all(axis=1)].astype(float)
    points = points[:: -(-len(points) // POOLED) or 1]
    if not len(points):
        points = np.zeros((1, points.shape[1]))
    origin = points.mean(axis=0)
    directions = np.linalg.svd(np.vstack([points - origin, np.zeros_like(origin)]), full_matrices=False)[2][:2]
    largest = np.abs(directions).argmax(axis=1)
    signs = np.sign(directions[np.arange(2), largest])  # a singular vector has no sign of its own
    return origin, directions * np.where(signs == 0, 1, signs)[:, None]


def _projected(
    points: NDArray[Any], origin: NDArray[np.float64], directions: NDArray[np.float64]
) -> NDArray[np.float64]:
    placed: NDArray[np.float64] = (points - origin) @ directions.T
    return placed


def _times(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape)) or "one number"
