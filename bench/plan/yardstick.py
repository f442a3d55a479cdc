"""What given samples are held against: a dataset, and the evaluation of a suite or one of one's own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from numbers import Integral
from pathlib import Path
from typing import Any

from bench.catalogue import entries, find, suggestion
from bench.errors import SuiteError
from bench.plan.extraction import (
    UNLABELLED,
    check_extraction,
    check_extractor_applies,
    extractor_of,
    metrics_of_samples,
)
from bench.plan.matrix import cells
from bench.plan.specification import Choice, Evaluation, choose, validated
from bench.plan.suite import Suite, load_suite

WHERE = "measure"


class Yardstick:
    """A dataset and an evaluation, as asked for.

    Attributes:
        suite: The suite whose evaluation applies, or None.
        count: The number of samples to use; None for all.
        left_out: The metrics of the suite that need labels, which given samples do not have; set by ``evaluation``.
    """

    def __init__(
        self, against: Any, metrics: Iterable[Any] | None, count: int | None, suite: str | None, extractor: Any
    ) -> None:
        """Check that the arguments go together; see ``bench.measuring.measure`` for their meaning.

        Raises:
            SuiteError: They do not, or there is no such suite.
        """
        if count is not None and (not isinstance(count, Integral) or isinstance(count, bool) or count < 2):
            raise SuiteError(f"{WHERE}: samples: expected a number of at least 2, not {count!r}")
        for name, value in (("metrics", metrics), ("samples", count), ("extractor", extractor)):
            if suite is not None and value is not None:
                raise SuiteError(f"{WHERE}: suite {suite!r} decides {name}; leave one of the two out")
        if against is None and suite is None:
            raise SuiteError(f"{WHERE}: give the dataset to measure against (--against), or a suite (--suite)")
        self._against, self._extractor = against, extractor
        self._metrics = [metrics] if isinstance(metrics, str | Mapping) else metrics and list(metrics)
        self.left_out: tuple[str, ...] = ()
        self.suite = None if suite is None else load_suite(suite)
        self.count = None if count is None else int(count)
        if self.suite is not None:
            self.count = self.suite.evaluation.samples or Evaluation.model_fields["samples"].default

    def dataset(self, size_of_samples: Callable[[], tuple[int, int]]) -> Choice:
        """Return the dataset.

        Args:
            size_of_samples: Returns the number of channels and the size of the samples. A folder of real images is
                read in that size.

        Raises:
            SuiteError: There is no such dataset.
        """
        against = self._against
        if self.suite is not None:
            return dataset_of(self.suite, against)
        if is_folder(against):
            channels, size = size_of_samples()
            against = {"name": "image-folder", "path": str(against), "size": size, "channels": channels}
        return against if isinstance(against, Choice) else choose("dataset", against)

    def evaluation(self, dataset: Choice, modes_known: bool, count: int) -> Evaluation:
        """Return the evaluation of so many samples.

        Raises:
            SuiteError: The dataset does not support a metric, or a metric does not look at samples.
        """
        if self.suite is not None:
            given = self.suite.evaluation
            evaluation = given if isinstance(given, Evaluation) else given.of_dataset(dataset, modes_known)
            self.left_out = tuple(each.name for each in evaluation.metrics if find("metric", each.name).needs_labels)
            kept = tuple(each for each in evaluation.metrics if each.name not in self.left_out)
            if not kept:
                raise SuiteError(f"{WHERE}: metric {self.left_out[0]!r} {UNLABELLED}")
            evaluation = evaluation.model_copy(update={"metrics": kept})
        else:
            table = {
                "metrics": ["frechet"] if self._metrics is None else self._metrics,
                "samples": count,
                "extractor": self._extractor,
            }
            evaluation = validated(Evaluation, table, WHERE)
            check_extractor_applies([dataset], evaluation.extractor, WHERE)
        games = [metric.name for metric in evaluation.metrics if find("metric", metric.name).of == "game"]
        if len(games) == len(evaluation.metrics) or (games and self.suite is None):
            raise SuiteError(f"{WHERE}: metric {games[0]!r} looks at the networks, not at samples")
        check_extraction(dataset, evaluation, modes_known, WHERE)
        if self.suite is None and self._metrics is None:
            metrics, _ = metrics_of_samples(extractor_of(dataset, evaluation).name, modes_known)
            evaluation = evaluation.model_copy(update={"metrics": tuple(metrics)})
        return evaluation


def is_folder(against: Any) -> bool:
    """Return whether a dataset is given as a folder; a name in the catalogue is not, even if there is such a folder."""
    named = isinstance(against, str) and against not in entries("dataset") and Path(against).is_dir()
    return named or isinstance(against, Path)


def dataset_of(suite: Suite, against: Any) -> Choice:
    """Return the dataset of a suite with a label or name, or its only one.

    Raises:
        SuiteError: There is none, or there are several.
    """
    datasets = list(dict.fromkeys(cell.training.dataset for cell in cells(suite)))
    labels = [dataset.label for dataset in datasets]
    if against is None and len(datasets) > 1:
        raise SuiteError(f"{suite.where}: there are several datasets ({', '.join(labels)}): choose one with --against")
    matching = [each for each in datasets if against in (None, each.label)]
    matching = matching or [each for each in datasets if each.name == against]
    if len(matching) != 1:
        raise SuiteError(f"{suite.where}: no dataset {against!r}{suggestion(str(against), labels)}")
    return matching[0]
