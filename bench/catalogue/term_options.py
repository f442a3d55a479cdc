"""The options of every penalty that is a term of the critic's loss."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from pydantic import Field, NonNegativeFloat, PositiveFloat

from bench.catalogue import Options
from bench.catalogue.annealing import Share

if TYPE_CHECKING:
    from bench.catalogue.penalties import Penalty


class TermOptions(Options):
    """Options of a penalty that is added to the critic's loss.

    ``weight``: the factor of the penalty, by default 10.
    ``every``: the penalty is added in every k-th update of the critic, with k times its weight (lazy regularisation,
    Karras et al. 2020, section 3.1). By default 1, every update.
    ``final_weight``: the weight moves from ``weight`` to this value along half a cosine. By default it is constant.
    ``burn_in``: the share of training over which ``final_weight`` is reached, by default 1.
    """

    weight: PositiveFloat = 10.0
    every: int = Field(default=1, gt=0, le=1_000_000_000)
    final_weight: NonNegativeFloat | None = None
    burn_in: Share = 1.0


def with_own_options(penalty: Penalty, options: Options) -> Penalty:
    """Return a penalty whose ``term`` and ``joint`` have the options that its class adds to ``TermOptions``.

    They are keyword arguments, as the options of a loss are. The options of ``TermOptions`` are applied by ganbench.
    """
    own = {name: value for name, value in options if name not in TermOptions.model_fields}
    if not own:
        return penalty
    term = partial(penalty.term, **own) if penalty.term is not None else None
    joint = partial(penalty.joint, **own) if penalty.joint is not None else None
    return penalty._replace(term=term, joint=joint)
