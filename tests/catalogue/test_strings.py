"""Strings: the grammar decides what it accepts and by which production; n-grams have the distances of closed forms."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import torch

from bench.catalogue import Options
from bench.catalogue.datasets.checks import check_data
from bench.catalogue.datasets.signals import Signal, letters_of
from bench.catalogue.datasets.strings import (
    ALPHABET,
    LENGTH,
    PRODUCTIONS,
    StringsOptions,
    language,
    one_hot,
    recognise,
    string_modes,
    strings,
)
from bench.catalogue.extractors.signal_features import letters
from bench.catalogue.metrics.context import Context, Sampled
from bench.catalogue.metrics.modes import mixture_modes
from bench.catalogue.metrics.ngrams import jensen_shannon, ngrams, prepare
from bench.errors import DataError

FEW = StringsOptions(strings=4000)


def test_probabilities_sum_to_1_over_the_language() -> None:
    known = language()
    assert sum(known.values()) == pytest.approx(1, abs=1e-12)
    assert len(known) == 8 * 4 * 8 + 4 * 8 * 4 + 8 * 4 + 8 * 8 * 4 + 4 * (8 * 4)  # 800, so no sentence occurs twice
    assert {len(text) for text in known} == {LENGTH}
    assert set("".join(known)) == set(ALPHABET)
    assert len(set(ALPHABET)) == len(ALPHABET)
    assert known["the old cat ran."] == pytest.approx(0.18 / (4 * 8 * 4))


def test_every_sentence_is_accepted_by_one_production_only() -> None:
    texts = list(language())
    mode, good = recognise(one_hot(texts))
    assert good.all()
    first = {"who": "who V the N?", "why": "why did N B?", "did": "did the N B?", "not": "not one N I!"}
    for text, index in zip(texts, mode, strict=True):
        words = text.split()
        other = "N and N I." if words[1] == "and" else "N V the N."
        known = first.get(words[0], other)
        if words[0] == "the":
            known = "the N was A." if words[2] == "was" else "the A N I."
        assert list(PRODUCTIONS)[index] == known, text


@pytest.mark.parametrize(
    ("text", "nearest"),
    [
        ("the cat saw old.", "the N was A."),  # one letter from "the cat was old."
        ("cat saw the dig.", "N V the N."),
        ("cat saw the dog?", "N V the N."),
        ("why did the run?", "why did N B?"),
        ("the old  at ran.", "the A N I."),
    ],
)
def test_a_string_with_a_wrong_letter_is_rejected_and_has_the_nearest_mode(text: str, nearest: str) -> None:
    mode, good = recognise(one_hot([text]))
    assert (list(PRODUCTIONS)[mode[0]], bool(good[0])) == (nearest, False)


def test_sampled_frequencies_match_the_probabilities() -> None:
    data, modes = strings(StringsOptions(strings=20_000)), string_modes()
    texts = Counter(letters_of(np.asarray(data.train), ALPHABET))
    assert texts.keys() <= language().keys()
    assert data.labels is not None
    shares = np.bincount(data.labels.train, minlength=8) / 20_000
    assert shares == pytest.approx(modes.weights, abs=0.01)  # standard errors of at most 0.003
    expected = np.array(list(language().values())) * 20_000
    found = np.array([texts[text] for text in language()])
    assert ((found - expected) ** 2 / expected).sum() < 800 + 5 * np.sqrt(2 * 800)  # chi squared, 5 standard deviations
    mode, good = recognise(np.asarray(data.test))
    assert good.all()
    assert (mode == data.labels.test).all()
    assert check_data("strings", data, (len(ALPHABET), LENGTH)).signal == Signal(alphabet=ALPHABET)


def test_a_repeated_sentence_covers_one_mode() -> None:
    samples = torch.from_numpy(one_hot(["the old cat ran."] * 6 + ["x" * LENGTH] * 2))
    measured = mixture_modes(samples, string_modes())
    assert (measured["modes"], measured["high_quality"]) == (1, 0.75)
    assert measured["overlap"] == pytest.approx(0.18)


def test_the_divergence_is_0_for_equal_and_1_for_disjoint_distributions() -> None:
    kinds, other, shares = np.array([1, 3, 7]), np.array([2, 4]), np.array([0.5, 0.25, 0.25])
    assert jensen_shannon(kinds, shares, kinds, shares) == 0
    assert jensen_shannon(kinds, shares, other, np.array([0.1, 0.9])) == pytest.approx(1, abs=1e-12)
    # p = (1, 0), q = (½, ½), m = (¾, ¼): ½ log₂(4/3) + ½ (½ log₂(2/3) + ½ log₂ 2) = 0.3113
    half = jensen_shannon(np.array([0]), np.array([1.0]), np.array([0, 1]), np.array([0.5, 0.5]))
    assert half == pytest.approx(0.311278, abs=1e-6)


def test_ngrams_are_counted_at_all_places() -> None:
    counts = ngrams(np.array([[0, 1, 0, 1, 2]]), 3)
    assert dict(zip(*counts[1], strict=True)) == {0: 0.4, 1: 0.4, 2: 0.2}
    assert dict(zip(*counts[2], strict=True)) == {0 * 3 + 1: 0.5, 1 * 3 + 0: 0.25, 1 * 3 + 2: 0.25}
    assert [len(counts[n][0]) for n in (1, 2, 3, 4)] == [3, 3, 3, 2]


def test_the_training_split_has_the_ngrams_of_the_language() -> None:
    data = strings(StringsOptions(strings=20_000))
    found = ngrams(np.asarray(data.train).argmax(axis=1), len(ALPHABET))
    exact: dict[int, Counter[str]] = {n: Counter() for n in found}
    for text, probability in language().items():
        for n, counter in exact.items():
            for place in range(LENGTH - n + 1):
                counter[text[place : place + n]] += probability / (LENGTH - n + 1)  # type: ignore[assignment]
    for n, counter in exact.items():
        codes = {
            sum(ALPHABET.index(c) * len(ALPHABET) ** k for k, c in enumerate(reversed(gram))): gram for gram in counter
        }
        order = sorted(codes)
        shares = np.array([counter[codes[code]] for code in order])
        assert jensen_shannon(*found[n], np.array(order), shares) < 1e-3


def measured(samples: np.ndarray) -> dict[str, float]:
    data = strings(FEW)
    metric = prepare(Context(data, "letters", lambda given: (letters(given), None)), Options())
    return metric(Sampled(torch.from_numpy(samples), torch.empty(0)))


def test_real_strings_have_small_divergences_and_are_all_accepted() -> None:
    real = measured(np.asarray(strings(FEW).test))
    assert real["accepted"] == 1
    assert 0 < real["js_1"] < real["js_2"] < real["js_3"] < real["js_4"] < 0.02
    repeated = measured(one_hot(["the old cat ran."] * 50))
    assert repeated["accepted"] == 1
    assert repeated["js_4"] > 0.5
    soft = np.asarray(strings(FEW).test) * 0.4 + 0.1  # the most probable letter counts
    assert measured(soft.astype(np.float32)) == real


def test_letters_are_features_whose_distance_counts_different_letters() -> None:
    features = letters(torch.from_numpy(one_hot(["the old cat ran.", "the old cow ran."])) * 0.3)
    assert features.shape == (2, len(ALPHABET) * LENGTH)
    assert (features[0] - features[1]).square().sum() == 2 * 2  # two letters differ


def test_strings_without_an_alphabet_are_refused_in_one_line() -> None:
    data = strings(StringsOptions(strings=10))
    for wrong in (None, Signal(alphabet="abc"), Signal(sample_rate=100)):
        bad = type(data)(data.train, data.test, data.fingerprint, signal=wrong)
        with pytest.raises(
            DataError, match=r"say what they are: make_data\(signal=Signal\(alphabet=\.\.\.\) with 25 letters\)"
        ):
            check_data("strings", bad, (len(ALPHABET), LENGTH))
