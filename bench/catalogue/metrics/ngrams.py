"""The Jensen-Shannon divergence of n-grams, and the share of strings that the grammar of the data accepts."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import rel_entr
from torch import Tensor

from bench.catalogue import Options
from bench.catalogue.datasets.signals import RecognisedModes
from bench.catalogue.metrics.context import Context, Sampled

LONGEST = 4
Counts = Mapping[int, tuple[NDArray[np.int64], NDArray[np.float64]]]  # n → the n-grams that occur, and their shares


def prepare(context: Context, options: Options) -> Callable[[Sampled], dict[str, float]]:
    """Return the metric: ``js_1`` to ``js_4`` in bits, 0 to 1; and ``accepted`` if a grammar is known.

    The n-grams of all places together are compared with those of the training split. Each place has its most probable
    letter. Source: Gulrajani et al. 2017, section 5.3, with the base of their code.
    """
    train = np.asarray(context.data.train)
    reference, modes = ngrams(train.argmax(axis=1), train.shape[1]), context.data.modes

    def measure(sampled: Sampled) -> dict[str, float]:
        counts = ngrams(_letters(sampled.samples), train.shape[1])
        measures = {f"js_{n}": jensen_shannon(*counts[n], *reference[n]) for n in counts}
        if isinstance(modes, RecognisedModes):
            measures["accepted"] = float(modes.recognise(sampled.samples.cpu().numpy())[1].mean())
        return measures

    return measure


def ngrams(letters: NDArray[np.int64], alphabet: int) -> Counts:
    """Return the n-grams of strings and their shares, for each n from 1 to 4.

    Args:
        letters: The strings as indices of letters, [m, length].
        alphabet: The number of letters, a; an n-gram is a number with n digits to the base a.
    """
    found, codes = {}, letters.astype(np.int64)
    for n in range(1, LONGEST + 1):
        kinds, counts = np.unique(codes, return_counts=True)
        found[n] = kinds, counts / counts.sum()
        codes = codes[:, :-1] * alphabet + letters[:, n:]
    return found


def jensen_shannon(
    kinds: NDArray[np.int64], shares: NDArray[np.float64], others: NDArray[np.int64], other_shares: NDArray[np.float64]
) -> float:
    """Return the Jensen-Shannon divergence of two distributions in bits: 0 if they are equal, 1 if they are disjoint.

    Args:
        kinds: What occurs in the first, in ascending order, [k].
        shares: How often, with sum 1, [k].
        others: What occurs in the second, in ascending order, [l].
        other_shares: How often, with sum 1, [l].
    """
    union = np.union1d(kinds, others)
    p, q = np.zeros(len(union)), np.zeros(len(union))
    p[np.searchsorted(union, kinds)], q[np.searchsorted(union, others)] = shares, other_shares
    middle = (p + q) / 2
    nats = (rel_entr(p, middle).sum() + rel_entr(q, middle).sum()) / 2
    return float(max(nats, 0.0) / np.log(2))  # rounding can make it slightly negative


def _letters(samples: Tensor) -> NDArray[np.int64]:
    letters: NDArray[np.int64] = torch.argmax(samples, dim=1).cpu().numpy()
    return letters
