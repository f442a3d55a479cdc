"""Seeds, from a number of seeds or a list."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from itertools import islice

from bench.errors import SuiteError
from bench.escaping import quote
from bench.plan.limits import LARGEST_SEED, MAX_SEEDS, check_count


def as_seeds(given: object) -> tuple[int, ...]:
    """Return seeds from a number of seeds (3 → 0, 1, 2) or a list.

    Raises:
        ValueError: There is no seed, one that is negative or above ``LARGEST_SEED``, one is listed twice, or there are
            more than ``MAX_SEEDS``.
    """
    if isinstance(given, int) and not isinstance(given, bool):
        check_count(given, MAX_SEEDS, "seeds")
        given = range(given)
    # one more than allowed is enough to know: the rest of a generator, or of a range of 10⁹, is never made
    listed = given if isinstance(given, Iterable) and not isinstance(given, str) else None
    seeds = None if listed is None else tuple(islice(listed, MAX_SEEDS + 1))
    if seeds is None or not all(type(seed) is int and seed >= 0 for seed in seeds):
        raise ValueError("expected a number of seeds, or a list of integers ≥ 0")
    if not seeds:
        raise ValueError("at least one seed is needed")
    if len(seeds) > MAX_SEEDS:
        raise ValueError(f"more seeds are listed than the {MAX_SEEDS:,} that a plan can have")
    if max(seeds) > LARGEST_SEED:
        raise ValueError(f"seed {quote(max(seeds), 30)} is above {LARGEST_SEED}, the largest that tables keep exactly")
    repeated = sorted(seed for seed, count in Counter(seeds).items() if count > 1)
    if repeated:
        more = f" and {len(repeated) - 5:,} more" if len(repeated) > 5 else ""
        raise ValueError(f"seed {', '.join(map(str, repeated[:5]))}{more} is listed twice")
    return seeds


def seeds_at(given: object, where: str) -> tuple[int, ...]:
    """Return what ``as_seeds`` returns.

    Raises:
        SuiteError: The seeds are not valid; the message begins with ``where``.
    """
    try:
        return as_seeds(given)
    except ValueError as error:
        raise SuiteError(f"{where}: {error}") from None
