"""Measures of given samples, as a table on the terminal, as CSV or as JSON."""

from __future__ import annotations

import csv
import json
import math
import sys
from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table

from bench.catalogue.metrics.measures import MEASURES, Measure
from bench.command.streams import say, write_data
from bench.command.terminal import Terminal
from bench.escaping import for_csv, visible

if TYPE_CHECKING:
    from bench.compute.measured import Measured

MOST_COLUMNS = 4  # sets of samples; more become rows
BETTER = {True: "higher", False: "lower", None: "–"}


def show_measured(names: list[str], measured: list[Measured]) -> None:
    """Print the measures of each set of samples and of real data, then how they were measured."""
    from bench.report.tables.entries import format_number  # scipy

    console, first = Terminal(), measured[0]
    measures, known = _in_order(first), MEASURES | first.declared
    about = {name: known.get(name, Measure(name, None, ".4g")) for name in measures}
    rows = [*zip(names, (each.values for each in measured), strict=True), ("real data", first.real)]
    texts = [
        (label, [format_number(values[name], about[name].scale, about[name].spec) or "nan" for name in measures])
        for label, values in rows
    ]
    labels = [about[name].label for name in measures]
    better = [BETTER[about[name].higher_is_better] for name in measures]
    if len(names) <= MOST_COLUMNS:
        headings = ["measure", *(label for label, _ in texts), "better"]
        lines = [list(line) for line in zip(labels, *(column for _, column in texts), better, strict=True)]
    else:
        headings = ["samples", *labels]
        lines = [[label, *cells] for label, cells in [*texts, ("better", better)]]
    table = Table(title=escape(str(first.dataset)), title_justify="left", title_style="bold", box=None)
    for number, text in enumerate(headings):
        table.add_column(escape(text), justify="right" if number else "left", overflow="fold")
    for line in lines:
        table.add_row(*map(escape, line))
    console.print(table)
    console.print()
    for note in _notes(first):
        say(visible(note))
    for notice in dict.fromkeys(notice for each in measured for notice in each.notices):
        say(visible(f"Warning: {notice}"))


def _in_order(measured: Measured) -> list[str]:
    """Return the names of the measures, in the order of tables."""
    return sorted(measured.values, key=lambda name: list(MEASURES).index(name) if name in MEASURES else len(MEASURES))


def _notes(measured: Measured) -> list[str]:
    protocol = measured.protocol
    sha256 = str(protocol["extractor_sha256"])
    resize = protocol["resize"]
    weights = f" ({sha256.rpartition(':')[2][:12]})" if protocol["extractor"] != sha256 else ""
    notes = [
        f"{protocol['samples']:,} samples; reference: {protocol['reference_samples']:,} samples of the training split; "
        f"real data: {protocol['real_samples']:,} samples of the test split",
        f"features: {protocol['extractor']}{weights}" + ("" if resize == "none" else f", of images resized: {resize}"),
    ]
    if "samples_resized" in protocol:
        notes.append(f"the samples were resized {protocol['samples_resized']}")
    return notes


def write_csv(names: list[str], measured: list[Measured]) -> None:
    """Write CSV: one row per set of samples and measure, in the unit of the measure, with the whole protocol."""
    rows = [
        {
            "samples_from": for_csv(name),
            "dataset": for_csv(str(each.dataset)),
            "measure": measure,
            "value": each.values[measure],
            "real": each.real[measure],
            **each.protocol,
        }
        for name, each in zip(names, measured, strict=True)
        for measure in _in_order(each)
    ]
    fields = list(dict.fromkeys(key for row in rows for key in row))
    writer = csv.DictWriter(sys.stdout, fields, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)


def write_json(names: list[str], measured: list[Measured]) -> None:
    """Write JSON: the protocol, the values of real data, and those of each set of samples; null if not finite."""
    content = [
        {
            "samples": name,
            "dataset": str(each.dataset),
            "values": _finite(each.values),
            "real": _finite(each.real),
            "protocol": each.protocol,
            "notices": each.notices,
        }
        for name, each in zip(names, measured, strict=True)
    ]
    write_data(json.dumps(content, indent=2, allow_nan=False, ensure_ascii=False) + "\n", "json")


def _finite(values: dict[str, float]) -> dict[str, float | None]:
    return {name: value if math.isfinite(value) else None for name, value in values.items()}
