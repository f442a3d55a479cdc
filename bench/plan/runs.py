"""The runs of a suite, planned and checked before anything trains."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.catalogue import find, naming
from bench.catalogue.architectures.critic_options import check_groups
from bench.catalogue.families import GAN
from bench.catalogue.metrics.declared import declared_measures
from bench.errors import DataError, SuiteError
from bench.plan.combinations import check_combination
from bench.plan.conditional import check_labels
from bench.plan.datasets import declared_shape, describe_files, load_dataset
from bench.plan.default_evaluation import evaluation_of
from bench.plan.extraction import check_extraction, check_extractor_applies, hash_of_extractor
from bench.plan.families import check_extent
from bench.plan.filters import narrowed, only
from bench.plan.identity import Identified, Label, without_labels
from bench.plan.limits import MAX_EVALUATIONS, MAX_RUNS, check_count
from bench.plan.matrix import Cell, cells
from bench.plan.mistakes import Mistakes
from bench.plan.published import PublishedResult
from bench.plan.rules import GateOptions, Rules
from bench.plan.search import Place
from bench.plan.seeds import seeds_at
from bench.plan.soundness import check_regularisers
from bench.plan.specification import Choice, Evaluation, TomlTable, Training
from bench.plan.suite import Suite, check_tuning_seeds
from bench.plan.tuning import tuning_cells

NUMERICS = 1  # raised when a change of the code, or of a default, changes the numbers of a run; families have their own


@dataclass(frozen=True)
class Run(Identified):
    """One cell with one seed, fully specified: the unit of results.

    Attributes:
        suite: Name of the suite.
        version: Version of the suite.
        title: Title of the suite.
        axes: The run's value on each axis of the matrix.
        training: The training specification.
        evaluation: When and how the run is evaluated.
        seed: The seed from which all random streams are derived.
        data_fingerprint: Hash of the arrays of the dataset.
        extractor_hash: Hash of the weights of the feature extractor.
        rules: Outcome thresholds. They change no number, so they are no part of the identity.
        references: Published results, shown beside the run's own.
        gate: Options for comparing a candidate with this baseline; no part of the identity either.
        found: What the dataset was read from, on one line; "" if it is not read from the user's own files.
        search: Its place in the suite's search; no part of the identity.
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
    references: tuple[PublishedResult, ...] = ()
    gate: GateOptions = field(default_factory=GateOptions)
    found: str = ""
    search: Place | None = None

    @property
    def _content(self) -> dict[str, Any]:
        """What decides the numbers of the run, except for the seed.

        Device, engine, worker, pack, labels and paths (of a dataset, or of weights) are not included. Keys with their
        default values are left out, so that a new key does not change the identity of existing runs; when a default
        changes, ``NUMERICS`` is raised instead.
        """
        training = self.training.model_dump(mode="json", exclude_defaults=True)
        if self.training.family.name == GAN:
            training.pop("family", None)  # its label may not be the default
        numerics = find("family", self.training.family.name).numerics
        evaluation = self.evaluation.model_dump(mode="json", exclude_defaults=True, exclude={"extractor"})
        return {
            "numerics": NUMERICS if numerics == 1 else [NUMERICS, numerics],
            "training": without_labels({**training, "dataset": training["dataset"]["name"]}),
            "evaluation": without_labels(evaluation),
            "data": self.data_fingerprint,
            "extractor": self.extractor_hash,
        }

    def __str__(self) -> str:
        return f"{Cell(self.axes, self.training)} · seed {self.seed}"


# Long: half is the public signature and its docstring.
def plan_runs(
    suite: Suite,
    *,
    settings: TomlTable | None = None,
    seeds: int | Iterable[int] | None = None,
    filters: Mapping[str, set[str]] | None = None,
    inception_weights: Path | None = None,
    skip_broken: bool = False,
    download: bool = False,
) -> list[Run]:
    """Plan all runs of a suite, ordered by cell and then by seed.

    Of a suite with a search these are the tuning runs; ``bench.plan.confirmation`` plans the others.

    Args:
        suite: The suite.
        settings: Training keys that replace the suite's.
        seeds: A number of seeds, or the seeds, instead of the suite's. They do not change the tuning seeds.
        filters: Axis → the values to keep.
        inception_weights: File with the Inception weights.
        skip_broken: Whether to set the option ``skip_broken`` of every dataset that has it.
        download: Whether missing datasets may be downloaded.

    Raises:
        SuiteError: A cell cannot be run as specified.
        DataError: A dataset or the file with the Inception weights is missing.
    """
    if inception_weights is not None and not inception_weights.is_file():
        raise DataError(f"--inception-weights: no such file: {inception_weights}")
    if isinstance(suite.evaluation, Evaluation):
        declared_measures(metric.name for metric in suite.evaluation.metrics)
    seeds = suite.seeds if seeds is None else seeds_at(seeds, "seeds")
    if suite.search:
        check_tuning_seeds(suite, seeds)
        seeds, selected = suite.search.seeds, tuning_cells(suite, suite.search, settings, filters or {})
    else:
        selected = only(cells(narrowed(suite, settings, filters or {}), settings), filters or {})
    _check_number(len(selected), len(seeds), suite)
    if skip_broken:
        selected = [cell.skipping_broken() for cell in selected]
    mistakes = Mistakes()
    for cell in selected:
        with mistakes.noted():
            _check_networks(cell, suite)
    mistakes.check()
    datasets = {cell.training.dataset: None for cell in selected}
    if not (settings or filters):  # these may leave only points
        check_extractor_applies(datasets, suite.evaluation.extractor, f"{suite.where}: [evaluation]")
    data = {dataset: load_dataset(dataset, download) for dataset in datasets}
    modes_known = {dataset: data[dataset].modes is not None for dataset in datasets}
    judged = [
        (cell, evaluation_of(suite.evaluation, cell.training, modes_known[cell.training.dataset])) for cell in selected
    ]
    for cell, evaluation in judged:
        with mistakes.noted():
            check_labels(cell.training, data[cell.training.dataset], f"{suite.where}: cell ({cell})")
            _check_metrics(cell, suite.where, evaluation, modes_known[cell.training.dataset])
            check_extent(cell.training, data[cell.training.dataset], f"{suite.where}: cell ({cell})")
    mistakes.check()
    runs = [
        Run(
            suite=suite.name,
            version=suite.version,
            title=suite.title,
            axes=cell.axes,
            training=cell.training,
            evaluation=evaluation,
            seed=seed,
            data_fingerprint=data[cell.training.dataset].fingerprint_for(cell.training.conditional),
            extractor_hash=hash_of_extractor(cell.training.dataset, evaluation, inception_weights),
            rules=suite.outcome,
            references=suite.reference,
            gate=suite.compare,
            found=describe_files(cell.training.dataset, data[cell.training.dataset]),
            search=cell.search,
        )
        for cell, evaluation in judged
        for seed in seeds
    ]
    _check_distinct(runs, suite)
    return runs


def _check_number(cell_count: int, seed_count: int, suite: Suite) -> None:
    try:
        check_count(cell_count * seed_count, MAX_RUNS, f"runs ({cell_count:,} cells × {seed_count:,} seeds)")
    except ValueError as error:
        raise SuiteError(f"{suite.where}: {error}") from None


def _check_distinct(runs: list[Run], suite: Suite) -> None:
    first: dict[str, Run] = {}
    for run in runs:
        twin = first.setdefault(run.id, run)
        if twin is not run:
            raise SuiteError(f"{suite.where}: ({twin}) and ({run}) are the same run")


def check_architecture(architecture: Choice, dataset: Choice, where: str) -> tuple[int, ...]:
    """Check that an architecture supports the samples of a dataset; return the shape of a sample.

    Raises:
        SuiteError: It does not; the message begins with ``where``.
    """
    shape = declared_shape(dataset)
    with naming("architecture", architecture.name, "fits"):
        limitation = find("architecture", architecture.name).fits(shape)
    if limitation:
        raise SuiteError(
            f"{where}: architecture {architecture.name!r} makes {limitation}, "
            f"but dataset {dataset.name!r} has samples of shape {shape}"
        )
    return shape


def _check_networks(cell: Cell, suite: Suite) -> None:
    training = cell.training
    where = f"{suite.where}: cell ({cell})"
    evaluation = evaluation_of(suite.evaluation, training)
    evaluations = training.steps // evaluation.every
    if evaluations > MAX_EVALUATIONS:
        raise SuiteError(
            f"{where}: {training.steps:,} steps with an evaluation every {evaluation.every:,} are "
            f"{evaluations:,} evaluations, more than the {MAX_EVALUATIONS:,} that a run can have"
        )
    check_combination(training, evaluation, where)
    for architecture in (training.architecture, training.critic):
        check_regularisers(training, check_architecture(architecture, training.dataset, where), where)
        if training.batch_size == 1 and getattr(architecture.options, "normalisation", None) == "batch":
            raise SuiteError(f"{where}: batch normalisation needs a batch_size of at least 2")
    check_groups(training.critic.options, training.batch_size, training.pac, f"{where}: batch_size")


def _check_metrics(cell: Cell, where: str, evaluation: Evaluation, modes_known: bool) -> None:
    players, mistakes = {cell.training.architecture.name, cell.training.critic.name}, Mistakes()
    for metric in evaluation.metrics:
        entry = find("metric", metric.name)
        if entry.architecture and players != {entry.architecture}:
            mistakes.note(
                f"{where}: cell ({cell}): metric {metric.name!r} requires architecture {entry.architecture!r}"
            )
        if entry.of == "game" and hasattr(metric.options, "samples"):
            what = f"{where}: cell ({cell}): metric {metric.name!r}: samples"
            with mistakes.noted():
                check_groups(cell.training.critic.options, metric.options.samples, cell.training.pac, what)
    with mistakes.noted():
        given = {"labelled": cell.training.conditional, "answered": cell.training.translates}
        check_extraction(cell.training.dataset, evaluation, modes_known, where, **given)
    mistakes.check()
