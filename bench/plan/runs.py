"""What is to be run, decided before anything runs: runs with their identity, and what of them is recorded already."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from bench.catalogue import find
from bench.catalogue.datasets import Data
from bench.catalogue.extractors import extractor_hash
from bench.errors import DataError, MissingDataError, SuiteError
from bench.plan.matrix import Cell, Label, cells, only
from bench.plan.rules import Gate, Reference, Rules
from bench.plan.specification import Choice, Evaluation, Table, Training
from bench.plan.suite import Suite, as_seeds

NUMERICS = 1  # raised when a change of the code, or of a default, moves the numbers that a run gives


@dataclass(frozen=True)
class Run:
    """A cell and a seed, fully resolved: the unit of result.

    Attributes:
        suite: Name of the suite.
        version: Version of the suite.
        title: Title of the suite.
        axes: Place in the matrix.
        training: What to do.
        evaluation: When and how to measure.
        seed: From which all random streams are derived.
        data_fingerprint: Of the arrays that the dataset gave.
        extractor_hash: Of the weights that the features come from.
        rules: Thresholds of outcomes, which decide no number and so are no part of its identity.
        references: Published numbers to stand beside its own.
        gate: How a candidate is held against it; no part of its identity either.
    """

    suite: str
    version: int
    title: str
    axes: Mapping[str, Label]
    training: Training
    evaluation: Evaluation
    seed: int
    data_fingerprint: str
    extractor_hash: str
    rules: Rules = field(default_factory=Rules)
    references: tuple[Reference, ...] = ()
    gate: Gate = field(default_factory=Gate)

    @cached_property
    def id(self) -> str:
        """SHA-256 of what decides the numbers, 16 hexadecimal digits.

        Device, engine, worker and pack are not in it, nor are labels, nor the path of a dataset. Keys that stand at
        their default are left out, so that a new key does not give every run a new name; ``NUMERICS`` is raised when
        a default changes.
        """
        return hashed({**self._content, "seed": self.seed})

    @cached_property
    def cell(self) -> str:
        """The same without the seed: runs with the same may be averaged, others never."""
        return hashed(self._content)

    @property
    def _content(self) -> dict[str, Any]:
        training = self.training.model_dump(mode="json", exclude_defaults=True)
        evaluation = self.evaluation.model_dump(mode="json", exclude_defaults=True)
        return {
            "numerics": NUMERICS,
            "training": _without_labels({**training, "dataset": training["dataset"]["name"]}),
            "evaluation": _without_labels(evaluation),
            "data": self.data_fingerprint,
            "extractor": self.extractor_hash,
        }

    @property
    def file_name(self) -> str:
        """Name of the record: the place in the matrix for people, the identity for the machine."""
        return record_name(self.axes, self.seed, self.id)

    def __str__(self) -> str:
        return f"{Cell(self.axes, self.training)} · seed {self.seed}"


def record_name(axes: Mapping[str, Label], seed: int, identity: str) -> str:
    """Name of the record of a run."""
    words = "-".join(re.sub(r"[^A-Za-z0-9._-]", "_", str(value)) for value in axes.values())
    return f"{words[:80]}-s{seed}-{identity}.parquet"


def hashed(content: Mapping[str, Any]) -> str:
    """SHA-256 of the canonical JSON of what identifies something, 16 hexadecimal digits."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def _without_labels(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_labels(each) for key, each in value.items() if key != "label"}
    return [_without_labels(each) for each in value] if isinstance(value, list) else value


def plan_runs(
    suite: Suite,
    *,
    settings: Table | None = None,
    seeds: int | Iterable[int] | None = None,
    filters: Mapping[str, set[str]] | None = None,
    inception_weights: Path | None = None,
    download: bool = False,
) -> list[Run]:
    """All runs of a suite, cell by cell and seed by seed.

    Args:
        suite: The suite.
        settings: Training keys set above all that the suite says.
        seeds: Instead of the suite's.
        filters: Axis → the values that are wanted.
        inception_weights: File of Inception's weights.
        download: Whether a dataset that is not here may be fetched.

    Raises:
        SuiteError: a cell cannot be run as it is asked for.
        DataError: a dataset is not here.
    """
    if inception_weights is not None and not inception_weights.is_file():
        raise DataError(f"--inception-weights: there is no file {inception_weights}")
    chosen = only(cells(suite, settings), filters or {})
    numbers = suite.seeds if seeds is None else as_seeds(seeds)
    for cell in chosen:
        _check_shapes(cell, suite)
    loaded: dict[Choice, Data] = {}
    for cell in chosen:
        if cell.training.dataset not in loaded:
            loaded[cell.training.dataset] = load_dataset(cell.training.dataset, download)
    for cell in chosen:
        _check_metrics(cell, suite, loaded[cell.training.dataset])
    runs = [
        Run(
            suite=suite.name,
            version=suite.version,
            title=suite.title,
            axes=cell.axes,
            training=cell.training,
            evaluation=suite.evaluation,
            seed=seed,
            data_fingerprint=loaded[cell.training.dataset].fingerprint,
            extractor_hash=extractor_hash(find("dataset", cell.training.dataset.name).extractor, inception_weights),
            rules=suite.outcome,
            references=suite.reference,
            gate=suite.compare,
        )
        for cell in chosen
        for seed in numbers
    ]
    _check_distinct(runs, suite)
    return runs


def _check_distinct(runs: list[Run], suite: Suite) -> None:
    seen: dict[str, Run] = {}
    for run in runs:
        twin = seen.setdefault(run.id, run)
        if twin is not run:
            raise SuiteError(f"{suite.where}: ({twin}) and ({run}) come down to the same run")


def load_dataset(dataset: Choice, download: bool) -> Data:
    """The data of a choice, fetched where it may be.

    Raises:
        DataError: it is not here, or not of the shape that it should be.
    """
    entry = find("dataset", dataset.name)
    try:
        data: Data = entry.load(dataset.options)
    except MissingDataError as missing:
        if not (download and entry.download):
            raise
        try:
            entry.download()
        except DataError as error:
            raise DataError(f"{missing} ({error})") from None
        data = entry.load(dataset.options)
    wanted, found = entry.shape(dataset.options), data.train.shape[1:]
    if found != wanted:
        raise DataError(
            f"dataset {dataset.name!r}: its files hold samples of shape {_times(found)}, not {_times(wanted)}"
        )
    return data


def _times(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape))


def _check_shapes(cell: Cell, suite: Suite) -> None:
    training = cell.training
    shape = find("dataset", training.dataset.name).shape(training.dataset.options)
    for architecture in (training.architecture, training.critic):
        wanted = find("architecture", architecture.name).fits(shape)
        if wanted:
            raise SuiteError(
                f"{suite.where}: cell ({cell}): architecture {architecture.name!r} makes {wanted}, "
                f"dataset {training.dataset.name!r} has samples of shape {_times(shape)}"
            )
        if training.batch_size == 1 and getattr(architecture.options, "normalisation", None) == "batch":
            raise SuiteError(f"{suite.where}: cell ({cell}): batch normalisation needs a batch_size of 2 or more")


def _check_metrics(cell: Cell, suite: Suite, data: Data) -> None:
    dataset = cell.training.dataset
    players = {cell.training.architecture.name, cell.training.critic.name}
    for metric in suite.evaluation.metrics:
        one = find("metric", metric.name).architecture
        if one and players != {one}:
            raise SuiteError(f"{suite.where}: cell ({cell}): metric {metric.name!r} is for architecture {one!r} alone")
        extractor = find("dataset", dataset.name).extractor
        wanted = find("metric", metric.name).needs(extractor, data.modes is not None)
        if wanted:
            raise SuiteError(
                f"{suite.where}: metric {metric.name!r} needs {wanted}, which dataset {dataset.name!r} has not"
            )
