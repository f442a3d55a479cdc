"""What a suite evaluates if it does not say so: metrics, number of evaluations and of samples for each dataset."""

from __future__ import annotations

from pydantic import Field

from bench.catalogue import Options, find
from bench.catalogue.extractors import ExtractorChoice
from bench.catalogue.extractors.sample_kinds import samples_of
from bench.plan.specification import Choice, Evaluation, TomlTable, Training, choose, validated

EVALUATIONS = 10  # of a run, after the one before training
DIRAC_SAMPLES = 2  # its generator makes one point only
CLASSES, NO_CLASSES, DIRAC = ("modes", "frechet"), ("frechet", "neighbours"), ("equilibrium",)


class DefaultEvaluation(Options):
    """The section ``[evaluation]`` of a suite that does not choose metrics; each dataset then has its own.

    Attributes:
        every: Generator steps between evaluations. [default: a tenth of the steps]
        samples: Generated samples per evaluation. [default: 2,500, but 2 for the Dirac-GAN]
        extractor: The feature extractor of images. [default: the dataset's own]
    """

    every: int | None = Field(default=None, gt=0, le=1_000_000_000)
    samples: int | None = Field(default=None, ge=2, le=10_000_000)
    extractor: ExtractorChoice | None = None

    def of(self, training: Training, modes_known: bool) -> Evaluation:
        """Return the evaluation of a run.

        Modes or classes where they are known, with the Fréchet distance; otherwise the Fréchet distance with precision
        and recall; the distance to the equilibrium for the Dirac-GAN. For conditional runs also distances within
        classes, and for translations their errors.

        Args:
            training: How the run is trained.
            modes_known: Whether the true modes of its dataset are known.
        """
        is_dirac = training.architecture.name == training.critic.name == "dirac"
        chosen = self.of_dataset(training.dataset, modes_known, steps=training.steps, is_dirac=is_dirac)
        further = {"intra-class": training.conditional, "translation": training.translates}
        added = tuple(choose("metric", name) for name, applies in further.items() if applies)
        return chosen.model_copy(update={"metrics": (*chosen.metrics, *added)}) if added else chosen

    def of_dataset(
        self, dataset: Choice, modes_known: bool, *, steps: int = EVALUATIONS, is_dirac: bool = False
    ) -> Evaluation:
        """Return the evaluation of samples of a dataset; see ``of``."""
        extractor = find("dataset", dataset.name).extractor
        if samples_of(extractor) == "images" and self.extractor is not None:
            extractor = self.extractor.name
        has_classes = find("metric", "modes").needs(extractor, modes_known) is None
        names = DIRAC if is_dirac else CLASSES if has_classes else NO_CLASSES
        given = {"samples": DIRAC_SAMPLES} if is_dirac else {}
        chosen = {key: value for key, value in (("every", self.every), ("samples", self.samples)) if value is not None}
        return Evaluation(
            metrics=tuple(choose("metric", name) for name in names),
            extractor=self.extractor,
            **{"every": max(1, steps // EVALUATIONS), **given, **chosen},
        )


def parse_evaluation(table: TomlTable, where: str) -> Evaluation | DefaultEvaluation:
    """Return the section ``[evaluation]`` of a suite; without metrics, each dataset has its own.

    Raises:
        SuiteError: It is not valid.
    """
    if "metrics" in table:
        return validated(Evaluation, table, where)
    return validated(DefaultEvaluation, table, where)


def evaluation_of(given: Evaluation | DefaultEvaluation, training: Training, modes_known: bool = False) -> Evaluation:
    """Return the evaluation of a run: what its suite says, or what suits its dataset."""
    return given if isinstance(given, Evaluation) else given.of(training, modes_known)
