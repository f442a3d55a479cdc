"""Columns whose values span many orders of magnitude are in scientific notation, and others are not."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_runs import record

from bench.evidence.results import Evidence, read_evidence
from bench.report.tables import Layout, write_tables
from bench.report.tables.model import Entry
from bench.report.tables.powers import _scientific

LAYOUT = Layout(measures=("fd", "modes"), values="final")


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    """Four losses whose FD lies between 31 and 0.0004, with three seeds each."""
    folder = tmp_path_factory.mktemp("wide")
    for loss, level in {"minimax": 0.0004, "non-saturating": 0.03, "wgan-gp": 1.2, "hinge": 31.0}.items():
        for seed, factor in enumerate((0.9, 1.0, 1.1)):
            record(folder, loss, seed, (60.0, 40.0, 35.0, level * factor))
    return read_evidence(folder)


def test_a_wide_column_fits_one_column_of_the_page(wide: Evidence, tmp_path: Path) -> None:
    write_tables(wide, tmp_path, LAYOUT, "ieee-column")
    latex = (tmp_path / "table.tex").read_text()
    assert "part 2 of" not in latex
    assert "\\begin{table}[t]" in latex
    rows = {line.split(" & ")[0]: line for line in latex.splitlines() if " & " in line}
    assert "3.99 & [3.11, 5.12]\\ensuremath{\\cdot}10\\ensuremath{^{-}}\\ensuremath{^{4}}" in rows["minimax"]
    assert "1.20 & [0.932, 1.53] &" in rows["wgan-gp"]  # a power of 0 is left out
    assert "3.09 & [2.41, 3.96]\\ensuremath{\\cdot}10\\ensuremath{^{1}}" in rows["hinge"]
    assert "table-format=1.2]" in latex
    assert "Powers of ten apply to the value and its interval." in latex


def test_the_file_of_entries_has_the_same_numbers_in_plain_notation(wide: Evidence, tmp_path: Path) -> None:
    write_tables(wide, tmp_path, LAYOUT, "ieee-column")
    (table,) = json.loads((tmp_path / "table.json").read_text())
    texts = {entry["row"]["loss"]: entry["text"] for entry in table["entries"] if entry["shows"] == "FD final"}
    assert texts["minimax"] == "0.000399 [0.000311, 0.000512]"


def test_a_column_of_few_orders_stays_as_it_is(tmp_path: Path) -> None:
    for loss, level in {"minimax": 0.03, "hinge": 31.0}.items():
        for seed, factor in enumerate((0.9, 1.0, 1.1)):
            record(tmp_path, loss, seed, (60.0, 40.0, level * factor), real={"fd": 0.02, "modes": 2.0})
    write_tables(read_evidence(tmp_path), tmp_path, LAYOUT)
    latex = (tmp_path / "table.tex").read_text()
    assert "Powers of ten" not in latex
    assert "{^{-}}" not in latex


@given(st.decimals(min_value="1e-9", max_value="1e9", allow_nan=False), st.integers(2, 5))
def test_scientific_notation_keeps_the_value_to_its_digits(value: Decimal, digits: int) -> None:
    number = _scientific(Entry(f"{value:f}", f"[{value:f}, {2 * value:f}]"), digits, apart=True)
    assert len(number.value.replace(".", "")) in (digits, digits + 1)  # 9.996 is rounded to 10.00
    order = value.adjusted()
    assert abs(Decimal(number.value) - value.scaleb(-order)) <= Decimal(1).scaleb(1 - digits) / 2
