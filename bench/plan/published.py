"""Published numbers that a suite shows beside its own, and tests its own against."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator

from bench.catalogue import Options, suggestion
from bench.errors import SuiteError
from bench.plan.rules import check_measure


class PublishedShare(Options):
    """The published share of runs whose measure is at least, or at most, some value.

    Attributes:
        measure: The measure.
        at_least: The smallest value that counts.
        at_most: The largest value that counts; either this or ``at_least`` is given.
        share: The published share, from 0 to 1.
    """

    measure: str
    at_least: float | None = None
    at_most: float | None = None
    share: Annotated[float, Field(ge=0, le=1)]

    @field_validator("measure")
    @classmethod
    def _known(cls, measure: str, info: ValidationInfo) -> str:
        check_measure(measure, "shares", info.context)
        return measure

    @model_validator(mode="after")
    def _has_one_bound(self) -> PublishedShare:
        if (self.at_least is None) == (self.at_most is None):
            raise SuiteError(f"shares: {self.measure!r} needs either at_least or at_most")
        return self

    def holds(self, values: Any) -> Any:
        """Return for each value whether it counts, an array of the same kind."""
        return values >= self.at_least if self.at_least is not None else values <= self.at_most

    def words(self) -> str:
        """Return what is counted, such as "runs with modes ≥ 8"."""
        bound = f"≥ {self.at_least:g}" if self.at_least is not None else f"≤ {self.at_most:g}"
        return f"runs with {self.measure} {bound}"


class PublishedResult(Options):
    """Published values of measures, shown beside those of the suite.

    Attributes:
        source: Where they are published.
        when: The cells to compare with: axis → label, or a list of labels.
        values: Measure → value, in the unit of a record (fractions, not percentages).
        shares: Shares of the runs, such as of those that found all modes.
        runs: The number of published runs, with which shares are tested.
        plus_minus: Measure → published uncertainty, in the same unit.
        at: Whether the values are from the last step or, as is usual, from the best checkpoint.
        note: Remark shown with the values.
    """

    source: Annotated[str, Field(min_length=1)]
    when: dict[str, Any] = {}
    values: dict[str, float] = {}
    shares: Annotated[tuple[PublishedShare, ...], Field(strict=False)] = ()
    runs: Annotated[int, Field(gt=0)] | None = None
    plus_minus: dict[str, float] = {}
    at: Literal["final", "best"] = "best"
    note: str = ""

    @field_validator("values")
    @classmethod
    def _of_measures(cls, values: dict[str, float], info: ValidationInfo) -> dict[str, float]:
        for name in values:
            check_measure(name, "values", info.context)
        return values

    @model_validator(mode="after")
    def _plus_minus_of_values(self) -> PublishedResult:
        if not self.values and not self.shares:
            raise SuiteError("a published value, or a share of runs, is required: values or shares")
        for name in self.plus_minus:
            if name not in self.values:
                raise SuiteError(f"plus_minus: {name!r} has no value{suggestion(name, self.values)}")
        return self

    def words(self, axis: str) -> tuple[str, ...]:
        """Return the labels on an axis that these values are for; empty if they do not depend on it."""
        wanted = self.when.get(axis, ())
        return tuple(str(label) for label in (wanted if isinstance(wanted, list | tuple) else (wanted,)))
