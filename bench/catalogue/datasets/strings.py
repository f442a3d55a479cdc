"""Strings: sentences of a small probabilistic grammar, whose eight productions are the modes.

Every sentence has 16 letters: four words of three letters with single spaces, and a final mark. The start symbol has
one production per mode (``PRODUCTIONS``); a nonterminal becomes any of its words (``WORDS``) with equal probability.
No sentence has two derivations, so both its mode and whether the grammar accepts it can be decided exactly.
"""

from __future__ import annotations

from itertools import product
from math import prod

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from bench.catalogue import Options
from bench.catalogue.datasets.data import Data, Labels, make_data
from bench.catalogue.datasets.signals import Recognised, RecognisedModes, Signal

WORDS = {
    "N": ("cat", "dog", "hen", "fox", "pig", "cow", "ant", "bee"),
    "A": ("old", "big", "sad", "red"),
    "V": ("saw", "met", "fed", "hit"),
    "I": ("ran", "hid", "sat", "ate"),
    "B": ("run", "eat", "sit", "win"),
}
PRODUCTIONS = {  # a production of the start symbol → its probability
    "N V the N.": 0.22,
    "the A N I.": 0.18,
    "the N was A.": 0.16,
    "N and N I.": 0.14,
    "did the N B?": 0.10,
    "who V the N?": 0.08,
    "why did N B?": 0.07,
    "not one N I!": 0.05,
}
WORD = 3  # letters
ALPHABET = " .?!abcdefghilmnoprstuwxy"  # all letters of the language
LENGTH = 16


class StringsOptions(Options):
    """``strings``: number of strings in the training split, by default 20,000; the test split has a fifth of it."""

    strings: int = Field(default=20_000, ge=10, le=1_000_000)


def strings(options: StringsOptions) -> Data:
    """Return one-hot strings, float32 [n, letters, 16], with their modes and labels."""
    modes = string_modes()
    train, test = np.random.SeedSequence(0).spawn(2)
    first, second = _draw(modes, options.strings, train), _draw(modes, options.strings // 5, test)
    labels = Labels(first[1], second[1], modes.names)
    return make_data(first[0], second[0], modes, labels=labels, signal=Signal(alphabet=ALPHABET))


def string_modes() -> RecognisedModes:
    """Return the modes: the productions of the start symbol."""
    return RecognisedModes(tuple(PRODUCTIONS), np.array(list(PRODUCTIONS.values())), recognise)


def language() -> dict[str, float]:
    """Return every string that the grammar accepts, with its probability."""
    return {
        _sentence(words, production[-1]): weight / prod(map(len, choices))
        for production, weight in PRODUCTIONS.items()
        for choices in [_choices(production)]
        for words in product(*choices)
    }


def recognise(samples: NDArray[np.float32]) -> Recognised:
    """Return the nearest mode of each string, [n], and whether the grammar accepts the string.

    The most probable letter of each place counts. The nearest production is the one that needs the fewest letters
    replaced; if there are several, the first of them.

    Args:
        samples: Probabilities of letters, [n, letters, 16].
    """
    letters = samples.argmax(axis=1)
    right = np.stack([_right_letters(letters, production) for production in PRODUCTIONS], axis=1)
    return right.argmax(axis=1).astype(np.int64), right.max(axis=1) == LENGTH


def one_hot(texts: list[str]) -> NDArray[np.float32]:
    """Return strings of 16 letters of the alphabet as one-hot numbers, [n, letters, 16]."""
    places = np.array([[ALPHABET.index(letter) for letter in text] for text in texts])
    return np.eye(len(ALPHABET), dtype=np.float32)[places].transpose(0, 2, 1).copy()


def _choices(production: str) -> list[tuple[str, ...]]:
    """Return the words that each of the four places of a production allows."""
    return [WORDS.get(symbol, (symbol,)) for symbol in production[:-1].split()]


def _sentence(words: tuple[str, ...], mark: str) -> str:
    return " ".join(words) + mark


def _right_letters(letters: NDArray[np.int64], production: str) -> NDArray[np.int64]:
    """Return how many letters of each string [n, 16] agree with the closest sentence of a production, [n]."""
    count = np.zeros(len(letters), dtype=np.int64)
    for place, choices in enumerate(_choices(production)):
        begin = place * (WORD + 1)
        after = production[-1] if begin + WORD == LENGTH - 1 else " "
        words = np.array([[ALPHABET.index(letter) for letter in word] for word in choices])
        count += (letters[:, None, begin : begin + WORD] == words).sum(axis=2).max(axis=1)
        count += letters[:, begin + WORD] == ALPHABET.index(after)
    return count


def _draw(
    modes: RecognisedModes, count: int, seed: np.random.SeedSequence
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return one-hot strings [count, letters, 16] and the mode of each."""
    generator = np.random.Generator(np.random.PCG64(seed))
    labels = generator.choice(len(modes.names), size=count, p=modes.weights).astype(np.int64)
    uniform = generator.random((count, LENGTH // (WORD + 1)))
    choices = [_choices(production) for production in modes.names]
    texts = [
        _sentence(tuple(words[int(u * len(words))] for words, u in zip(choices[label], row, strict=True)), name[-1])
        for label, row in zip(labels, uniform, strict=True)
        for name in [modes.names[label]]
    ]
    return one_hot(texts), labels
