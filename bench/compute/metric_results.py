"""Metrics ready to use. What metrics of other packages return is checked at every call, so that nothing gets lost."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from numbers import Real
from typing import Any

import torch
from torch import Tensor

from bench.catalogue import find, is_added, naming, resolve, title
from bench.catalogue.metrics.context import Sampled
from bench.catalogue.metrics.declared import checked_declarations
from bench.catalogue.metrics.measures import MEASURES
from bench.errors import ContractError
from bench.plan.specification import Choice


class PreparedMetric:
    """A metric of samples or of the game: call it to get its measures by name.

    Args:
        choice: The metric.
        inputs: What its ``prepare`` needs before the options.

    Attributes:
        name: Its name.
        added: Whether another package provides it.

    Raises:
        PluginError: ``prepare`` of another package raised an exception, or does not return a function.
    """

    def __init__(self, choice: Choice, *inputs: object):
        self.name, self.added = choice.name, is_added("metric", choice.name)
        self._names: frozenset[str] | None = None
        with naming("metric", self.name, "prepare"):
            function = resolve(find("metric", self.name).prepare)(*inputs, choice.options)
        if not callable(function):
            raise ContractError(
                f"{title('metric', self.name)}: prepare returned {_describe(function)}, expected a function"
            )
        self._function: Callable[[Any], Any] = function

    @property
    def names(self) -> frozenset[str]:
        """The measures that it has returned; empty before its first call, and for metrics of ganbench."""
        return self._names or frozenset()

    def __call__(self, subject: object) -> dict[str, float]:
        """Return the measures of samples, or of a game.

        Raises:
            PluginError: A metric of another package raised an exception.
            ContractError: It did not return numbers by the names of measures that are known.
        """
        if not self.added:
            measures: dict[str, float] = self._function(subject)
            return measures
        tensors = subject.extracted_tensors() if isinstance(subject, Sampled) else []
        copies = [part.clone() for part in tensors]  # features of images are inference tensors, which have no version
        with naming("metric", self.name):
            returned = self._function(subject)
        if not all(map(_same, tensors, copies)):
            raise ContractError(f"{title('metric', self.name)}: changes the samples or features it is given in place")
        checked = self._check(returned)
        self._names = self._names or frozenset(checked)
        if self._names != checked.keys():
            before, now = (", ".join(sorted(names)) for names in (self._names, checked))
            raise ContractError(f"{title('metric', self.name)}: returned {now} now, but {before} before")
        return checked

    def _check(self, returned: object) -> dict[str, float]:
        who = title("metric", self.name)
        if not isinstance(returned, Mapping) or not returned:
            raise ContractError(f"{who}: returned {_describe(returned)}, expected a dict: measure → number")
        known = {*MEASURES, *checked_declarations(self.name)}
        for name in returned:
            if name not in known:
                declare = f'measures={{"{name}": bench.Measure("{name}", higher_is_better=True or False)}}'
                raise ContractError(
                    f"{who}: returned the measure {name!r}, but it is not known whether more is better; "
                    f"declare it: Metric(..., {declare})"
                )
        return {name: _number(value, f"{who}: measure {name!r}") for name, value in returned.items()}


def combine(metrics: Iterable[PreparedMetric], subject: object) -> dict[str, float]:
    """Return the measures of all metrics by name.

    Raises:
        ContractError: Two metrics return the same measure, so that one of the values would be lost.
    """
    combined: dict[str, float] = {}
    first: dict[str, str] = {}
    for metric in metrics:
        for name, value in metric(subject).items():
            if name in combined:
                both = f"{title('metric', first[name])} and {title('metric', metric.name)}"
                raise ContractError(f"{both} both return the measure {name!r}; use one of them")
            combined[name], first[name] = value, metric.name
    return combined


def _number(value: Any, where: str) -> float:
    shape = getattr(value, "shape", ())
    if len(shape):
        raise ContractError(f"{where} has shape {list(shape)}, expected one number")
    if hasattr(value, "item"):  # of numpy or torch
        value = value.item()
    if isinstance(value, bool) or not isinstance(value, Real):
        raise ContractError(f"{where} is {_describe(value)}, expected a number")
    try:
        return float(value)
    except OverflowError:  # an integer with hundreds of digits
        return math.inf


def _same(one: Tensor, other: Tensor) -> bool:
    return torch.equal(one.nan_to_num(), other.nan_to_num())


def _describe(value: object) -> str:
    return repr(value) if value is None or isinstance(value, str | bool | complex) else f"a {type(value).__name__}"
