"""What a suite says about judging its runs: thresholds of outcomes, and published numbers to stand beside ours."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from bench.catalogue import Options, suggestion
from bench.catalogue.metrics.measures import MEASURES, plain_name
from bench.errors import SuiteError


def check_measure(name: str, key: str) -> None:
    """That there is a measure, or one of an average (``fd_ema``), of this name.

    Raises:
        SuiteError: there is none; the text gives the nearest one.
    """
    if plain_name(name) not in MEASURES:
        raise SuiteError(f"{key}: unknown measure {name!r}{suggestion(name, MEASURES)}")


def as_threshold(given: object) -> object:
    """A number for all datasets, or a table dataset → number, as it is.

    Raises:
        ValueError: neither.
    """
    numbers: list[Any] = list(given.values()) if isinstance(given, dict) else [given]
    known = [type(number) in (int, float) and math.isfinite(number) for number in numbers]
    if not known or not all(known):
        raise ValueError("expected a finite number, or a table dataset → number")
    return {key: float(value) for key, value in given.items()} if isinstance(given, dict) else given


Threshold = Annotated[float | dict[str, float] | None, BeforeValidator(lambda v: v if v is None else as_threshold(v))]
Share = Annotated[float, Field(gt=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
Factor = Annotated[float, Field(gt=1)]


class Rules(Options):
    """The thresholds of outcomes; they decide no number of a run and can change without a re-run.

    ``primary`` is the measure that a run is judged by, else the first in ``PRIMARY_ORDER`` that was measured. The
    way of a run leads from the untrained generator's value of it to that of real data. ``never_learned``, ``near`` are
    shares of this way that are left, ``collapsed`` a share of the modes (else recall, else coverage) of real data,
    ``relapsed``, ``exploding`` ratios, ``oscillating`` a coefficient of variation, ``exploding_loss`` an absolute
    value of the critic's loss, ``tau``, ``reach`` values of the primary measure, for all datasets or by their labels.
    """

    primary: str | None = None
    never_learned: Share = 0.5
    tau: Threshold = None
    collapsed: Share = 0.5
    relapsed: Factor = 1.5
    oscillating: Positive = 0.5
    near: Annotated[float, Field(ge=0, lt=1)] = 0.01
    exploding: Factor = 100.0
    exploding_loss: Positive = 1e8
    reach: Threshold = None

    @field_validator("primary")
    @classmethod
    def _a_measure(cls, primary: str | None) -> str | None:
        if primary is not None:
            check_measure(primary, "primary")
            if MEASURES[plain_name(primary)].higher_is_better is None:
                raise SuiteError(f"primary: of {primary!r} neither more nor less is better")
        return primary

    def tau_of(self, dataset: str) -> float | None:
        """The absolute threshold of never-learned for a dataset, if there is one."""
        return self.tau.get(dataset) if isinstance(self.tau, dict) else self.tau

    def reach_of(self, dataset: str) -> float | None:
        """The value of the primary measure that time-to-threshold asks for, if there is one."""
        return self.reach.get(dataset) if isinstance(self.reach, dict) else self.reach


class Gate(Options):
    """How a candidate is held against a baseline; it decides no number of a run.

    ``alpha`` is the chance of a false alarm in a whole comparison, ``tolerance`` by what share of the baseline a
    measure may be worse, ``failure_tolerance`` by how much more often runs may fail, ``metric`` the measure that is
    compared, else the one that the runs are judged by.
    """

    alpha: Annotated[float, Field(gt=0, le=0.2)] = 0.05
    tolerance: Annotated[float, Field(ge=0, le=10)] = 0.25
    failure_tolerance: Annotated[float, Field(ge=0, lt=1)] = 0.25
    metric: str | None = None


class Reference(Options):
    """Published numbers: ``when`` gives their place (axis → label, or labels), ``source`` where they are printed.

    ``values`` and ``plus_minus`` are in the unit of the measure in a record (shares, not percents). ``at`` says whether
    they were taken after the last step or, as is usual, from the best checkpoint.
    """

    source: Annotated[str, Field(min_length=1)]
    when: dict[str, Any] = {}
    values: Annotated[dict[str, float], Field(min_length=1)]
    plus_minus: dict[str, float] = {}
    at: Literal["final", "best"] = "best"
    note: str = ""

    @field_validator("values")
    @classmethod
    def _of_measures(cls, values: dict[str, float]) -> dict[str, float]:
        for name in values:
            check_measure(name, "values")
        return values

    @model_validator(mode="after")
    def _plus_minus_of_values(self) -> Reference:
        for name in self.plus_minus:
            if name not in self.values:
                raise SuiteError(f"plus_minus: {name!r} has no value{suggestion(name, self.values)}")
        return self

    def words(self, axis: str) -> tuple[str, ...]:
        """The labels on an axis that it is about; none where it does not say."""
        wanted = self.when.get(axis, ())
        return tuple(str(each) for each in (wanted if isinstance(wanted, list | tuple) else (wanted,)))
