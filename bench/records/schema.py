"""What a record says about its run, besides the trace: one model for all writers and readers.

Whatever a writer does not know is None. A record holds the model as JSON under the key ``ganbench`` of its schema.
"""

from __future__ import annotations

import math
from typing import Any, Literal

from pydantic import ConfigDict, Field

from bench.catalogue.metrics.measures import MEASURES, Directions, Measure
from bench.catalogue.metrics.possible_ranges import Range
from bench.plan.identity import Label
from bench.records.circumstances import Environment, Section, Timing

SCHEMA = 3
SINCE_DIGESTS = 3  # schemas from this on have digests; see bench.records.record_file


class RecordedChoice(Section):
    """A name of the catalogue with its options."""

    name: str = Field(description="Name in the catalogue, or the name that other code uses.")
    label: str = Field(description="Name in tables and figures.")
    options: dict[str, Any] = Field({}, description="All options, defaults included.")


class Training(Section):
    """How the run was trained. All training keys of the suite are here; the ones below have a fixed type."""

    model_config = ConfigDict(frozen=True, extra="allow")

    dataset: RecordedChoice = Field(description="What was trained on.")
    architecture: RecordedChoice = Field(description="The generator's architecture.")
    loss: RecordedChoice = Field(description="The loss.")
    penalty: tuple[RecordedChoice, ...] | Label | None = Field((), description="Regularisers, or the label of an axis.")
    steps: int = Field(description="Generator steps to take.")
    batch_size: int | None = Field(None, description="Samples in each batch of the critic.")
    critic_steps: int = Field(1, description="Critic updates per generator step.")
    updates: str | None = Field(None, description='"alternating", "simultaneous" or "extragradient".')

    @property
    def penalties(self) -> tuple[RecordedChoice, ...]:
        """The regularisers; none if other code only gave a label."""
        return self.penalty if isinstance(self.penalty, tuple) else ()

    @property
    def settings(self) -> dict[str, Any]:
        """All keys that were recorded, as plain tables."""
        return self.model_dump(mode="json", exclude_unset=True)


class RecordedExtractor(Section):
    """A feature extractor that the suite names. The protocol has the hash of its weights; their path may differ."""

    name: str = Field(description="Name of the extractor.")
    weights: str = Field("", description="File of the weights, if the user named one.")
    further: tuple[RecordedExtractor, ...] = Field((), description="Extractors after the first, if there are several.")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RecordedExtractor) and (self.name, self.further) == (other.name, other.further)

    def __hash__(self) -> int:
        return hash((self.name, self.further))


class Evaluation(Section):
    """When and how the run was evaluated."""

    metrics: tuple[RecordedChoice, ...] = Field((), description="Metrics, with their options.")
    every: int | None = Field(None, description="Generator steps between two evaluations.")
    samples: Label | None = Field(None, description="Generated samples per evaluation.")
    extractor: RecordedExtractor | None = Field(None, description="Extractor of features, if the suite names one.")


class Modes(Section):
    """The true modes of a synthetic dataset: Gaussians, or those that a rule recognises in sounds and strings."""

    centres: tuple[tuple[float, ...], ...] = Field((), description="Coordinates of the centres, [modes, d].")
    sigma: float = Field(0.0, description="Standard deviation of each Gaussian.")
    names: tuple[str, ...] = Field((), description="Names of the modes that a rule recognises.")
    weights: tuple[float, ...] | None = Field(None, description="Probability of each mode; None if they are equal.")


class Files(Section):
    """What was found in a folder or file of the user."""

    samples: int = Field(description="Images or points that were read, in both splits.")
    ignored: dict[str, int] = Field({}, description="Files that are no images: suffix → number of files.")
    broken: int = Field(0, description="Images that cannot be decoded and were left out as requested.")
    enlarged: int = Field(0, description="Images that were smaller than the size of the dataset.")
    first_frames: int = Field(0, description="Files with several frames, of which the first was read.")
    outside: int = Field(0, description="Images outside `train/` and `test/`, which were not read.")
    repeated: int = Field(0, description="Links to folders that were already read, which were not followed.")
    kind: str = Field("images", description='"images" or "points".')


class Data(Section):
    """The data that the run was trained on."""

    fingerprint: str | None = Field(None, description="SHA-256 of the arrays.")
    shape: tuple[int, ...] | None = Field(None, description="Shape of one sample.")
    train: int | None = Field(None, description="Size of the training split.")
    test: int | None = Field(None, description="Size of the test split.")
    modes: Modes | None = Field(None, description="The true modes, where they are known.")
    files: Files | None = Field(None, description="The files it was read from, for images of the user.")


class DeclaredMeasure(Section):
    """A measure that ganbench does not define, as the metric of another package declares it."""

    label: str = Field(description="Name in tables and figures.")
    spec: str = Field(".3g", description="Format of a value in tables.")
    scale: float = Field(1.0, description="Factor of a value in tables.")
    logarithmic: bool = Field(False, description="Whether figures draw it on a logarithmic axis.")
    primary_rank: float | None = Field(None, description="Runs are classified by the measure of the lowest rank.")
    coverage_rank: float | None = Field(None, description="A collapse shows in the coverage of the lowest rank.")
    table: Literal["main", "details"] = Field("main", description="Whether narrow terminals leave it out first.")
    range: tuple[float | None, float | None] = Field(
        (None, None), description="The smallest and the largest value; None where there is none."
    )

    @property
    def measure(self) -> dict[str, Any]:
        """The fields of a measure, but its direction."""
        least, most = self.range
        possible = Range(-math.inf if least is None else least, math.inf if most is None else most)
        return {**dict(self), "range": possible}


class Samples(Section):
    """The samples that the trace keeps of each evaluation."""

    shape: tuple[int, ...] | None = Field(None, description="Shape of one array, [n, ...]; None if none are kept.")
    dtype: str | None = Field(None, description='"uint8" for images, else "float32".')
    sample_rate: int = Field(0, description="Of sounds, samples per second.")
    alphabet: str = Field("", description="Of strings, whose channels are letters: one letter per channel.")
    real: tuple[tuple[float, ...], ...] = Field((), description="A few real points, if no modes are known, [m, d].")
    sources: str = Field("", description="Of translations, the first sources: zlib in base64, of this type.")
    answers: str = Field("", description="Of translations, the known answers to these sources, like `sources`.")
    held_out: str = Field(
        "", description="Of images, sounds and strings, a few of the test split: zlib in base64, of this type."
    )
    held_out_count: int = Field(0, ge=0, description="How many these are.")


class Parameters(Section):
    """Numbers of parameters."""

    generator: int | None = Field(None, description="Of the generator.")
    critic: int | None = Field(None, description="Of the critic.")


class Ending(Section):
    """How the run ended."""

    status: Literal["finished", "diverged"] = Field(description="Whether a value was not finite, or the run failed.")
    step: int = Field(description="The last step, or the step at which the run failed.")
    place: str | None = Field(None, description='What was not finite, such as "critic loss".')
    reason: str = Field("", description="Why the run failed, in words.")

    @property
    def finished(self) -> bool:
        """Whether the run reached its end."""
        return self.status == "finished"


class Search(Section):
    """The place of a run in the search of its suite."""

    phase: Literal["tuning", "confirmation"] = Field(description="Whether it chooses a setting, or confirms it.")
    draw: int = Field(description="Number of the drawn setting, from 0.")
    setting: dict[str, Any] = Field({}, description="The drawn values: key → value.")


class Metadata(Section):
    """Everything that a record says about its run, except the trace."""

    schema_version: int = Field(SCHEMA, alias="schema", description="Version of this schema.")
    run: str = Field(description="Identity of the run: a hash of everything that decides its numbers.")
    cell: str = Field(description="The same without the seed.")
    suite: str = Field(description="Name of the suite.")
    version: int = Field(1, description="Version of the suite.")
    title: str = Field("", description="Title of the suite.")
    axes: dict[str, Label | None] = Field(description="The run's place in the matrix: axis → label.")
    seed: int = Field(description="The seed.")
    training: Training = Field(description="How the run was trained.")
    evaluation: Evaluation = Field(Evaluation(), description="When and how it was evaluated.")
    search: Search | None = Field(None, description="Its place in the search of the suite, if that has one.")
    rules: dict[str, Any] = Field({}, description="Thresholds of outcomes in the suite.")
    gate: dict[str, Any] = Field({}, description="The suite's settings for `ganbench compare`.")
    references: tuple[dict[str, Any], ...] = Field((), description="Published results in the suite.")
    data: Data = Field(Data(), description="What it was trained on.")
    protocol: dict[str, Label | None] = Field({}, description="What two values must share to be compared.")
    real: dict[str, float | None] = Field({}, description="Measures of real data under the same protocol.")
    again: dict[str, float | None] = Field({}, description="Measures of the last generator on a second set of samples.")
    higher_is_better: dict[str, bool | None] = Field(description="Measures in the trace, and whether more is better.")
    measures: dict[str, DeclaredMeasure] = Field({}, description="Measures that ganbench does not define.")
    samples: Samples = Field(Samples(), description="Which samples the trace keeps.")
    parameters: Parameters = Field(Parameters(), description="Numbers of parameters.")
    ending: Ending = Field(description="How the run ended.")
    timing: Timing = Field(Timing(), description="What it cost.")
    environment: Environment = Field(Environment(), description="Where it was trained.")
    origin: dict[str, Any] | None = Field(
        None, description="How the record of a run of other code was made, and what was said of its steps and its end."
    )
    final: dict[str, float | None] = Field({}, description="Last value of each measure; None if the run diverged.")
    best: dict[str, float | None] = Field({}, description="Best value of each measure after step 0.")
    measured: dict[str, tuple[int, ...]] = Field(
        {}, description="Rows of the trace that have a value, for columns with gaps."
    )

    @property
    def of_other_code(self) -> bool:
        """Whether other code trained the run, and Recorder or import made the record."""
        return self.origin is not None

    @property
    def directions(self) -> Directions:
        """Whether more is better, for every measure in the trace; the whole description of those that declare one."""
        declared = {
            name: Measure(higher_is_better=self.higher_is_better[name], **each.measure)
            for name, each in self.measures.items()
            if name in self.higher_is_better and name not in MEASURES
        }
        return {**self.higher_is_better, **declared}

    @property
    def keeps_samples(self) -> bool:
        """Whether the trace holds samples; that of other code's runs need not."""
        return self.samples.dtype is not None
