"""Measures: the orders that follow from their descriptions, and the names of averages."""

from __future__ import annotations

import pytest

from bench.catalogue.metrics.measures import (
    COVERAGE_ORDER,
    MEASURES,
    PRIMARY_ORDER,
    averaged,
    describe,
    is_averaged,
    plain_name,
)


def test_distances_classify_runs_before_everything_else() -> None:
    assert PRIMARY_ORDER[:2] == ["answer_error", "overlap"]  # measured only where answers, or modes, are known
    assert [each for each in PRIMARY_ORDER[1:] if not each.startswith("overlap")][:9] == [
        "fid",
        "fd",
        "spectral_fd",
        "distance",
        "js_4",
        "swd",
        "kid",
        "kd",
        "kl",
    ]
    better = [MEASURES[name].higher_is_better for name in PRIMARY_ORDER if not name.startswith("overlap")]
    assert None not in better
    assert better == sorted(better)  # False before True
    assert set(PRIMARY_ORDER) == {name for name, each in MEASURES.items() if each.higher_is_better is not None}


def test_modes_recognise_a_collapse_before_recall_and_coverage() -> None:
    assert COVERAGE_ORDER == ["modes", "recall", "coverage"]


def test_ranks_are_distinct() -> None:
    for ranks in ([m.primary_rank for m in MEASURES.values()], [m.coverage_rank for m in MEASURES.values()]):
        given = [rank for rank in ranks if rank is not None]
        assert len(given) == len(set(given))


@pytest.mark.parametrize("name", MEASURES)
def test_the_name_of_an_average_leads_back_to_its_measure(name: str) -> None:
    assert not is_averaged(name)
    assert is_averaged(averaged(name))
    assert plain_name(averaged(name)) == plain_name(name) == name
    assert describe(averaged(name)).label == f"{MEASURES[name].label}, EMA"
    assert describe(name) == MEASURES[name]


def test_a_measure_of_other_code_has_the_direction_that_the_record_gives() -> None:
    assert describe("word_error", {"word_error": False})[:3] == ("word error", False, ".4g")
    with pytest.raises(KeyError):
        describe("word_error")


@pytest.mark.parametrize(
    ("name", "value", "text"), [("high_quality", 0.25, "25"), ("fd", 0.00123, "0.00123"), ("swd", 1e-7, "1·10⁻⁷")]
)
def test_values_in_sentences_have_no_trailing_zeros(name: str, value: float, text: str) -> None:
    assert MEASURES[name].format(value) == text
