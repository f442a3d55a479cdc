"""Tick labels that never touch: where they would, every second or third is left out."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axis import Axis
from matplotlib.backend_bases import RendererBase
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FixedFormatter, FixedLocator, Formatter, NullFormatter
from matplotlib.transforms import Bbox

GAP = 3.0  # points between two labels of an axis
LARGEST_STEP = 8


def separate_tick_labels(figure: Figure) -> bool:
    """Leave out tick labels that would touch another one of their axis, and return whether there were any.

    Labels that are names, which a figure sets itself, all stay.
    """
    renderer = FigureCanvasAgg(figure).get_renderer()
    changed = False
    for axis in [axis for axes in figure.axes for axis in (axes.xaxis, axes.yaxis)]:
        if axis.get_visible() and not isinstance(axis.get_major_formatter(), FixedFormatter | NullFormatter):
            changed |= _thin_out(axis, renderer)
    return changed


def _thin_out(axis: Axis, renderer: RendererBase) -> bool:
    low, high = sorted(axis.get_view_interval())
    ticks = [float(place) for place in axis.get_majorticklocs() if low <= place <= high]
    formatter: Formatter = axis.get_major_formatter()
    for step in range(1, LARGEST_STEP):
        if step > 1:
            axis.set_major_locator(FixedLocator(ticks[::step]))
            axis.set_major_formatter(formatter)
        if not touch(label_boxes(axis, renderer), GAP * axis.figure.dpi / 72):
            return step > 1
    return True


def label_boxes(axis: Axis, renderer: RendererBase) -> list[Bbox]:
    """Return the boxes of the visible tick labels of an axis, in pixels."""
    axis.get_tightbbox(renderer)  # places the ticks and writes their labels
    low, high = sorted(axis.get_view_interval())
    shown = [
        label
        for tick, place in zip(axis.get_major_ticks(), axis.get_majorticklocs(), strict=False)
        for label in (tick.label1,)
        if low <= place <= high and label.get_visible() and label.get_text()
    ]
    return [label.get_window_extent(renderer) for label in shown]


def touch(boxes: Sequence[Bbox], gap: float) -> bool:
    """Return whether any two boxes are closer than a gap, in both directions."""
    grown = [Bbox.from_extents(box.x0 - gap / 2, box.y0 - gap / 4, box.x1 + gap / 2, box.y1 + gap / 4) for box in boxes]
    return any(one.overlaps(other) for index, one in enumerate(grown) for other in grown[:index])
