"""Drawn settings in words."""

from typing import Any

import pytest

from bench.plan.setting_words import setting_in_words, value_in_words

BOTH = [{"name": "r1", "weight": 0.1, "final_weight": 0.01}, {"name": "r2", "weight": 0.1}]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0.0012345678, "0.00123457"),
        ("adam", "adam"),
        ([0.0, 0.9], "[0.0, 0.9]"),
        ({"name": "adam"}, "adam"),
        ({"name": "adam", "lr": 1e-3, "label": "fast"}, "fast"),
        ({"width": 64}, "width 64"),
        (BOTH, "r1 (weight 0.1, final_weight 0.01) + r2 (weight 0.1)"),
    ],
)
def test_values_in_words(value: Any, words: str) -> None:
    assert value_in_words(value) == words


def test_a_setting_names_its_keys() -> None:
    assert (
        setting_in_words({"optimizer.lr": 1e-3, "penalty": BOTH[1:]}) == "optimizer.lr 0.001, penalty r2 (weight 0.1)"
    )
    assert setting_in_words({}) == "–"
