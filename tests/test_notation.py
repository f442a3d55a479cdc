"""Numbers as a paper prints them."""

from __future__ import annotations

import pytest

from bench.escaping import for_latex
from bench.notation import with_commas, with_exponents, with_powers


@pytest.mark.parametrize(
    ("plain", "printed"),
    [
        ("1.1e-05", "1.1·10⁻⁵"),
        ("1e+08", "1·10⁸"),
        ("-2.50e-12", "-2.50·10⁻¹²"),
        ("0.25", "0.25"),
        ("hinge-2e", "hinge-2e"),
    ],
)
def test_exponents_become_powers_of_ten(plain: str, printed: str) -> None:
    assert with_powers(plain) == printed


def test_powers_of_ten_can_be_read_again() -> None:
    assert float(with_exponents(with_powers("1.1e-05"))) == 1.1e-05
    assert float(with_exponents(with_powers("-3e+21"))) == -3e21


def test_latex_prints_powers_of_ten() -> None:
    assert for_latex("10⁻⁵") == "10\\ensuremath{^{-}}\\ensuremath{^{5}}"


@pytest.mark.parametrize(
    ("plain", "printed"),
    [("12345.67", "12,345.67"), ("-1240", "-1,240"), ("999", "999"), ("0.12345", "0.12345"), ("–", "–")],
)
def test_thousands_have_commas(plain: str, printed: str) -> None:
    assert with_commas(plain) == printed
