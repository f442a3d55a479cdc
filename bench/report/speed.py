"""The table of timings: how fast each cell trains, alone, beside the first one of its dataset."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from bench.errors import ResultsError
from bench.evidence.statistics import geometric_mean
from bench.files import atomic_write, describe_error
from bench.records.timing_results import Timings, read_timings
from bench.report.tables.latex import NO_WIDER, escape

MEBIBYTE = 2**20


def write_speed_table(folder: str | Path, output: str | Path | None = None) -> list[Path]:
    """Writes ``speed.md``, ``speed.tex`` (formatted) and ``speed.csv`` (numbers, one row a cell) from timings.

    Args:
        folder: The suite's results folder.
        output: Where to write; None: there.

    Raises:
        ResultsError: there are no timings, or the folder cannot be written.
    """
    timings, folder = read_timings(folder), Path(folder if output is None else output)
    csv = summarise_speed(timings).to_csv(index=False, float_format="%.6g", lineterminator="\n")
    texts = {"speed.md": _markdown(timings), "speed.csv": csv, "speed.tex": _latex(timings)}
    try:
        for name, text in texts.items():
            with atomic_write(folder / name) as partial:
                partial.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ResultsError(f"speed tables in {folder} cannot be written: {describe_error(error)}") from None
    return [folder / name for name in texts]


def summarise_speed(timings: Timings) -> pd.DataFrame:
    """Numbers of every cell, over its rounds.

    Columns: the axes, rounds; steps_per_second (median), with _lowest and _highest; ratio of the same to the dataset's
    first cell in the same round (geometric mean), with _low and _high of its 95 % t interval on the log scale;
    images_per_second, seconds_per_evaluation (medians); peak_memory_bytes (the highest; NaN where it is not known).
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
    """The table as text: the axes that vary, and what was measured."""
    numbers = summarise_speed(timings)
    axes = _shown(timings)
    table = numbers[axes].astype(str)
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
    """What was measured and how, on what, and when."""
    where, frame = timings.environment, timings.frame
    commit = f" (commit {where['commit'][:10]}{', changed' if where['dirty'] else ''})" if where["commit"] else ""
    load = where["load_average"]
    memory = "allocated on the device" if where["device"].startswith("cuda") else "of the process, all data included"
    same = [axis for axis in timings.axes if axis not in _shown(timings)]
    fixed = "".join(f" {axis.capitalize()}: {frame[axis].iloc[0]}." for axis in same)
    return (
        f"Suite {timings.suite} version {timings.version}.{fixed} Each cell alone in one process, "
        f"{frame['round'].nunique()} rounds over all of them, each in another order. steps/s: generator steps per "
        f"second, median (lowest–highest round) of {_all(frame['steps'])} steps after {where['warm_up']} that are not "
        f"counted. Ratio: to the first row of the dataset, paired by rounds: geometric mean [95 % t interval]. "
        f"s/evaluation: seconds of an evaluation, median. Peak MiB: memory {memory}. Timed by ganbench "
        f"{where['ganbench']}{commit} with torch {where['torch']} on {where['device_name']} ({where['device']}, "
        f"threads: {where['threads']}), {where['date']}"
        + ("." if load is None else f", load average before: {load:.2f}.")
    )


def _shown(timings: Timings) -> list[str]:
    varying = [axis for axis in timings.axes if timings.frame[axis].nunique(dropna=False) > 1]
    return varying or timings.axes


def _all(values: pd.Series) -> str:
    return " or ".join(f"{value:,}" for value in sorted(values.unique()))


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"


def _ratio(value: float, low: float, high: float) -> str:
    return f"{value:.3g}" if np.isnan(low) else f"{value:.3g} [{low:.3g}, {high:.3g}]"


def _markdown(timings: Timings) -> str:
    table = format_speed(timings)
    align = ["left" if column in timings.axes else "right" for column in table]
    text = table.to_markdown(index=False, colalign=align, disable_numparse=True)
    return f"# Speed: {timings.title or timings.suite}\n\n{text}\n\n{speed_note(timings)}\n"


def _latex(timings: Timings) -> str:
    table = format_speed(timings)
    style = table.style.hide(axis="index").format(escape).format_index(escape, axis=1)
    latex = style.to_latex(
        hrules=True,
        column_format="".join("l" if column in timings.axes else "r" for column in table),
        caption=escape(f"Speed: {timings.title or timings.suite}. {speed_note(timings)}"),
        label=f"tab:{timings.suite}-speed",
        position="t",
        position_float="centering",
        environment="table*",
    )
    latex = latex.replace("\\centering", "\\centering\\scriptsize\\setlength{\\tabcolsep}{3pt}", 1)
    latex = latex.replace("\\begin{tabular}", f"{NO_WIDER}{{!}}{{%\n\\begin{{tabular}}", 1)
    latex = latex.replace("\\end{tabular}", "\\end{tabular}}", 1)
    return f"% needs \\usepackage{{booktabs,graphicx}}\n{latex}"
