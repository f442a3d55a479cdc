"""Speed tables: how fast each cell trains alone, compared with the first cell of its dataset."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from bench.errors import ResultsError
from bench.escaping import for_markdown, for_markdown_text, latex_preamble
from bench.evidence.statistics import geometric_mean
from bench.files import atomic_write, describe_error
from bench.plan.identity import MAX_TITLE
from bench.records.timing_results import Timings, read_timings
from bench.report.tables.plain_text import to_csv, to_markdown
from bench.report.tables.text_tables import PACKAGES, render_text
from bench.report.venues import Page, page_of

MEBIBYTE = 2**20


def write_speed_table(
    folder: str | Path,
    output: str | Path | None = None,
    width: str | float = "two-column",
    *,
    title: str = "",
    label_prefix: str = "",
    only: Mapping[str, Collection[str]] | None = None,
    labels: Mapping[str, Mapping[str, str]] | None = None,
    names: Mapping[str, str] | None = None,
) -> list[Path]:
    """Write ``speed.md``, ``speed.tex`` (formatted) and ``speed.csv`` (numbers, one row per cell) from timings.

    Args:
        folder: The suite's results folder.
        output: The folder to write to; None means the results folder.
        width: The width of the page of ``speed.tex``, a name in ``bench.report.venues.WIDTHS`` or in inches.
        title: Another title than that of the suite.
        label_prefix: What the LaTeX label begins with, after ``tab:``.
        only: Axis → the labels to show; nothing is written if no cell has them.
        labels: Axis → label → another name for it.
        names: Axis → another name for it.

    Raises:
        ResultsError: There are no timings, or the folder cannot be written.
    """
    timings, folder = read_timings(folder), Path(folder if output is None else output)
    frame = timings.frame
    for axis, kept in (only or {}).items():
        frame = frame[frame[axis].astype(str).isin(kept)] if axis in timings.axes else frame
    if frame.empty:
        return []
    for axis, new in (labels or {}).items():
        frame = frame.assign(**{axis: [new.get(str(v), v) for v in frame[axis]]}) if axis in timings.axes else frame
    axes = [(names or {}).get(axis, axis) for axis in timings.axes]
    frame = frame.rename(columns=dict(zip(timings.axes, axes, strict=True)))
    timings = replace(timings, frame=frame, axes=axes, title=title or timings.title)
    csv = to_csv(summarise_speed(timings))
    latex = _latex(timings, page_of(width), f"{label_prefix}{timings.suite}-speed")
    texts = {"speed.md": _markdown(timings), "speed.csv": csv, "speed.tex": latex}
    try:
        for name, text in texts.items():
            with atomic_write(folder / name) as partial:
                partial.write_text(text, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise ResultsError(f"speed tables in {folder} cannot be written: {describe_error(error)}") from None
    return [folder / name for name in texts]


def summarise_speed(timings: Timings) -> pd.DataFrame:
    """Return the numbers of every cell over its rounds, one row per cell.

    Columns: the axes, rounds; steps_per_second (median) with its _lowest and _highest round; ratio of steps_per_second
    to that of the dataset's first cell in the same round (geometric mean) with the ends _low and _high of its 95% t
    interval on the log scale; images_per_second, seconds_per_evaluation (medians); peak_memory_bytes (maximum; NaN if
    unknown).
    """
    rows = []
    first: dict[object, pd.Series] = {}
    for place, cell in timings.frame.groupby(timings.axes, sort=False, dropna=False):
        labels = dict(zip(timings.axes, place, strict=True))
        rate = 1 / cell.set_index("round")["seconds_per_step"]
        is_first = labels.get("dataset") not in first
        reference = first.setdefault(labels.get("dataset"), rate)
        ratio = geometric_mean((rate / reference).to_numpy())
        rows.append(
            {
                **labels,
                "rounds": len(cell),
                "steps_per_second": rate.median(),
                "steps_per_second_lowest": rate.min(),
                "steps_per_second_highest": rate.max(),
                "ratio": ratio.value,
                "ratio_low": np.nan if is_first else ratio.low,
                "ratio_high": np.nan if is_first else ratio.high,
                "images_per_second": cell["images_per_second"].median(),
                "seconds_per_evaluation": cell["seconds_per_evaluation"].median(),
                "peak_memory_bytes": cell["peak_memory_bytes"].astype(float).max(),
            }
        )
    return pd.DataFrame(rows)


def format_speed(timings: Timings) -> pd.DataFrame:
    """Return the table as text: the axes that vary, then the measurements."""
    numbers = summarise_speed(timings)
    table = numbers[_shown_axes(timings)].astype(str)
    table["steps/s"] = [
        f"{_short(row.steps_per_second)} ({_short(row.steps_per_second_lowest)}–{_short(row.steps_per_second_highest)})"
        for row in numbers.itertuples()
    ]
    table["ratio"] = [_ratio(row.ratio, row.ratio_low, row.ratio_high) for row in numbers.itertuples()]
    table["images/s"] = [f"{value:,.0f}" for value in numbers["images_per_second"]]
    table["s/evaluation"] = [_short(value) for value in numbers["seconds_per_evaluation"]]
    table["peak MiB"] = ["–" if np.isnan(v) else f"{v / MEBIBYTE:,.0f}" for v in numbers["peak_memory_bytes"]]
    return table


def speed_note(timings: Timings) -> str:
    """Return what was measured and how, on which machine, and when."""
    environment, frame = timings.environment, timings.frame
    changed = ", with local changes" if environment["dirty"] else ""
    commit = f" (commit {environment['commit'][:10]}{changed})" if environment["commit"] else ""
    load = environment["load_average"]
    on_gpu = environment["device"].startswith("cuda")
    memory = "memory allocated on the device" if on_gpu else "memory of the process, data included"
    constant = [axis for axis in timings.axes if axis not in _shown_axes(timings)]
    fixed = "".join(f" {axis.capitalize()}: {frame[axis].iloc[0]}." for axis in constant)
    return (
        f"Suite {timings.suite}, version {timings.version}.{fixed} Each cell was timed alone in one process, in "
        f"{frame['round'].nunique()} rounds over all cells in varying order. steps/s: generator steps per second, "
        f"median (slowest–fastest round) of {_all_values(frame['steps'])} steps after {environment['warm_up']} warm-up "
        f"steps. Ratio: speed relative to the dataset's first row, paired by round; geometric mean [95% CI]. "
        f"s/evaluation: seconds per evaluation, median. Peak MiB: {memory}. "
        f"Timed with ganbench {environment['ganbench']}{commit} "
        f"and torch {environment['torch']} on {environment['device_name']} ({environment['device']}, threads: "
        f"{environment['threads']}), {environment['date']}"
        + ("." if load is None else f", load average before: {load:.2f}.")
    )


def _shown_axes(timings: Timings) -> list[str]:
    varying = [axis for axis in timings.axes if timings.frame[axis].nunique(dropna=False) > 1]
    return varying or timings.axes


def _all_values(values: pd.Series) -> str:
    return " or ".join(f"{value:,}" for value in sorted(values.unique()))


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"


def _ratio(value: float, low: float, high: float) -> str:
    return f"{value:.3g}" if np.isnan(low) else f"{value:.3g} [{low:.3g}, {high:.3g}]"


def _markdown(timings: Timings) -> str:
    table = format_speed(timings)
    align = ["left" if column in timings.axes else "right" for column in table]
    text = to_markdown(table, timings.axes, align)
    title = for_markdown(timings.title or timings.suite, MAX_TITLE)
    return f"# Speed: {title}\n\n{text}\n\n{for_markdown_text(speed_note(timings))}\n"


def _latex(timings: Timings, page: Page, label: str) -> str:
    caption = f"Speed: {timings.title or timings.suite}. {speed_note(timings)}"
    latex = render_text(format_speed(timings), timings.axes, caption, label, page)
    return f"{PACKAGES}{latex_preamble(latex)}{latex}"
