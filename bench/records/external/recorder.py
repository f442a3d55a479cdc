"""The recorder: publishes what any training script measures as a record, like those of ganbench's own runs."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from bench.catalogue.metrics.measures import PROBES, known_name
from bench.errors import GanbenchError, ResultsError, SuiteError
from bench.files import check_writable, remove_partial_files
from bench.plan.identity import MAIN_AXES, Label
from bench.plan.rules import Rules
from bench.plan.specification import validated
from bench.records.addresses import place_of
from bench.records.external.early_end import early_reason, ended_early
from bench.records.external.external_run import ExternalRun, describe_record, ended, is_loss_or_probe
from bench.records.external.logbook import Logbook, as_step
from bench.records.external.origin import describe_script, describe_versions
from bench.records.external.staging import sweep_staging
from bench.records.mirror import Mirror
from bench.records.samples import kept_samples
from bench.records.schema import Ending, Samples

SETTINGS = ("seed", "steps", "batch_size", "critic_steps", "version", "title", "real", "protocol", "outcome", "replace")


class Recorder:
    """Publishes one run of your own code as a record when its ``with`` block ends.

    A loss that is not finite, a call of ``fail`` or an exception gives the outcome "diverged" with the reason; the
    exception is raised again. A block that is left clearly before the planned steps gives "diverged" too, with a
    warning. Nothing is published if the run is interrupted (KeyboardInterrupt, SystemExit) or if the recorder is used
    incorrectly.

    Attributes:
        run: The specification of the run.
        path: The path of its record, or of the copy on this machine if the results are at an address.
        failure: Why the run failed; "" if it has not, so that a training loop can stop early.
    """

    # Long: two thirds are the signature and its docstring.
    def __init__(
        self,
        results: str | Path,
        *,
        suite: str,
        dataset: str,
        architecture: str,
        loss: str,
        seed: int,
        higher_is_better: Mapping[str, bool | None] | None = None,
        steps: int | None = None,
        batch_size: int | None = None,
        critic_steps: int = 1,
        version: int = 1,
        title: str = "",
        real: Mapping[str, float] | None = None,
        protocol: Mapping[str, Label | None] | None = None,
        outcome: Mapping[str, Any] | None = None,
        replace: bool = False,
        **axes: Label,
    ) -> None:
        """Create a recorder. All arguments and the results folder are checked now, before training starts.

        Args:
            results: Folder or address for results. The record is written to ``<results>/<suite>/records``.
            suite: Name of the results folder and the report that the run belongs to.
            dataset: Name of the dataset, as shown in tables.
            architecture: Name of the generator's architecture.
            loss: Name of the loss.
            seed: Seed of this run.
            higher_is_better: The direction of measures that ganbench does not define: True, False, or None if neither
                is better.
            steps: Planned generator steps. A run that clearly ends before them counts as diverged. [default: the most
                that any run of its cell took]
            batch_size: Batch size of the critic. If missing, the number of images seen is unknown.
            critic_steps: Critic steps per generator step.
            version: Version of the experiment; raise it when its numbers change.
            title: Title of the report.
            real: Measures of real data under the same protocol.
            protocol: Settings of the evaluation that values must share to be compared: extractor, samples,
                reference_samples, and so on.
            outcome: Outcome thresholds, like the section ``[outcome]`` of a suite.
            replace: Whether to replace an existing record of the same run.
            axes: Whatever else differs between runs: ``penalty="r1"``, ``width=64``.

        Raises:
            ResultsError: The run is already recorded, or the folder cannot be written.
            SuiteError: An argument is not valid.
        """
        names = {"dataset": dataset, "architecture": architecture, "loss": loss, **axes}
        fields = {
            **{"suite": suite, "version": version, "title": title, "seed": seed, "steps": steps, "axes": names},
            **{
                "batch_size": batch_size,
                "critic_steps": critic_steps,
                "higher_is_better": {} if higher_is_better is None else higher_is_better,
            },
            **{"real": {} if real is None else real, "protocol": {} if protocol is None else protocol},
        }
        for axis in MAIN_AXES:
            if not isinstance(names[axis], str):
                raise SuiteError(f"Recorder: {axis}: expected a name, not {names[axis]!r}")
        for axis in axes:
            if (meant := known_name(axis, SETTINGS)) != axis:
                raise SuiteError(f"Recorder: unknown argument {axis!r}; did you mean {meant!r}?")
        rules = validated(Rules, outcome or {}, "Recorder: outcome")
        self.run = validated(ExternalRun, {**_without_numpy(fields), "rules": rules}, "Recorder")
        self.path = self.run.record_path(results)
        self._mirror = Mirror.at(self.path.parents[1])
        self.failure = ""
        self._replace = replace
        self._mirror.check_usable()
        check_writable(self.path.parent)
        if self._mirror.has(self.path) and not replace:
            raise ResultsError(f"{self.run} is already recorded as {place_of(self.path)}; replace=True replaces it")
        remove_partial_files(self.path.parent)
        sweep_staging(self.path.parent.parent)
        self._log = Logbook(self.run.higher_is_better)
        self._sample_format = Samples()
        self._failed = ended(0)
        self._is_open = False

    def __enter__(self) -> Recorder:
        self._is_open = True
        self._log.restart()
        return self

    def log(self, step: int, *, seconds: float | None = None, **values: Any) -> None:
        """Log values measured at a generator step; step 0 is before the first update.

        Args:
            step: The generator step. Steps must not decrease; logging the same step again adds values to it.
            seconds: Training time so far in seconds; give it at all steps or at none. [default: the time since the
                ``with`` block was entered]
            values: Losses (critic_loss, generator_loss), probes and measures by name, in any case (FID is fid); None if
                not measured. Shares are between 0 and 1.

        Raises:
            ResultsError: The step decreases, a value is not a number or not possible, or a measure is unknown.
        """
        self._check_open()
        row = self._log.add(step, seconds, values)
        for name, value in row.items():
            if _is_loss(name) and not math.isfinite(value):
                self._fail_not_finite(name.replace("_", " "), row["step"])

    def samples(self, step: int, images: Any, *, value_range: tuple[float, float] | None = None) -> None:
        """Keep generated samples of a step: the first 25 images or the first 250 points.

        The record has those of four steps: the first, the last, and evenly spaced ones between them.

        Args:
            step: The generator step, as for ``log``.
            images: Array or tensor of images [n, channels, h, w] or [n, h, w], uint8 or float, or of points [n, d].
            value_range: Range of float images, which require it: (-1, 1) or (0, 1).

        Raises:
            ResultsError: The shape or type is not supported, or differs from that of earlier steps.
        """
        self._check_open()
        row = self._log.row(step)
        kept = kept_samples(images, value_range)
        if kept is None:
            self._log.put(row)
            self._fail_not_finite("samples", row["step"])
            return
        sample_format = Samples(shape=kept.shape, dtype=str(kept.dtype))
        if self._sample_format not in (Samples(), sample_format):
            before, now = (f"{one.dtype} {list(one.shape or ())}" for one in (self._sample_format, sample_format))
            raise ResultsError(f"Recorder.samples: {now} at step {row['step']:,}, but {before} before")
        self._sample_format = sample_format
        self._log.put(row | {"samples": kept.tobytes()})

    def fail(self, reason: str, step: int | None = None) -> None:
        """Mark the run as failed: its outcome is "diverged". Only the first reason is kept.

        Args:
            reason: Why it failed.
            step: The step at which it failed. [default: the last step logged]
        """
        self._check_open()
        self._fail(ended(self._log.last if step is None else as_step(step), str(reason).strip() or "failed"))

    def _fail(self, ending: Ending) -> None:
        if not self.failure:
            self.failure, self._failed = ending.reason, ending

    def _fail_not_finite(self, name: str, step: int) -> None:
        self._fail(ended(step, f"{name} not finite at step {step:,}", name))

    def _check_open(self) -> None:
        if not self._is_open:
            raise ResultsError("Recorder: use it inside its with block: with Recorder(...) as recorder:")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self._is_open = False
        if isinstance(error, GanbenchError) or not isinstance(error, Exception | None):
            return
        if error is not None:
            text = f"{type(error).__name__}: {error}".splitlines()[0].removesuffix(": ")
            self._fail(ended(self._log.last, text))
        self._publish()
        self._warn_of_early_end()

    def _publish(self) -> None:
        if self._log.is_empty and not self.failure:
            raise ResultsError("Recorder: nothing was logged, so nothing is recorded")
        trace, batch = self._log.trace(), self.run.batch_size
        metadata = describe_record(
            self.run,
            trace,
            self._failed if self.failure else ended(self._log.last),
            describe_script(),
            timing=self._log.timing(None if batch is None else self.run.critic_steps * batch),
            environment=describe_versions(),
            samples=self._sample_format,
        )
        if self._mirror.has(self.path) and not self._replace:
            raise ResultsError(f"{self.run} was meanwhile recorded by another process as {place_of(self.path)}")
        self._mirror.publish(self.path, metadata, trace, replace=self._replace)

    def _warn_of_early_end(self) -> None:
        """Warn if the block was left before the planned steps, because the run then counts as diverged."""
        planned = self.run.steps
        if planned is not None and not self.failure and ended_early(self._log.steps, planned):
            reason = early_reason(self._log.last, planned)
            remedy = "log its last step, or give the steps that it was meant to take"
            warnings.warn(f"Recorder: {self.run} {reason} and counts as diverged; {remedy}", stacklevel=3)


def _is_loss(name: str) -> bool:
    return is_loss_or_probe(name) and name not in PROBES


def _without_numpy(value: Any) -> Any:
    """Return ``value`` with Python numbers in place of NumPy's, also inside mappings."""
    if isinstance(value, Mapping):
        return {key: _without_numpy(nested) for key, nested in value.items()}
    return (
        value.item() if isinstance(value, np.generic) or (isinstance(value, np.ndarray) and not value.ndim) else value
    )
