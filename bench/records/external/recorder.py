"""The recorder: any training script publishes what it measures as a record, beside those of ganbench's own runs."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from bench.catalogue.metrics.measures import PROBES
from bench.errors import GanbenchError, ResultsError, SuiteError
from bench.files import told
from bench.plan.rules import Rules
from bench.plan.specification import validated
from bench.records.external import origin as caller
from bench.records.external.external_run import PLACE, ForeignRun, describe_record, ended, is_dynamic
from bench.records.external.logbook import Logbook, as_step
from bench.records.record import publish
from bench.records.samples import kept_samples
from bench.records.schema import Ending, Label, Samples

LONGEST = 200  # characters of an exception that become the reason


class Recorder:
    """Publishes one run of other code as a record when its ``with`` block ends: all of it or nothing.

    A loss that is not finite, ``fail``, or an exception makes the outcome "diverged", with the reason; the exception
    goes on. A run that is interrupted (KeyboardInterrupt, SystemExit), or that uses the recorder wrongly, publishes
    nothing.

    Attributes:
        run: What is known of the run.
        path: Of its record.
        failure: Why the run failed; "" as long as it has not, so that a loop can end.
    """

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
        """Checks everything that can be checked before training begins.

        Args:
            results: Folder for results; the record goes to ``<results>/<suite>/records``.
            suite: Name of what belongs together in one report.
            dataset: What is trained on.
            architecture: Of the generator.
            loss: As tables call it.
            seed: Of this run.
            higher_is_better: Of measures that ganbench does not have, whether more is better; None: neither.
            steps: Generator steps that the run is to take. [default: the last one that is logged]
            batch_size: Of the critic; without it, images seen are unknown.
            critic_steps: For each generator step.
            version: Of the experiment: raised when its numbers change.
            title: Of the report.
            real: Measures of real data under the same protocol.
            protocol: What two values must share to be compared: extractor, samples, reference_samples, and so on.
            outcome: Thresholds, as the section ``[outcome]`` of a suite.
            replace: Whether a record of the same run is replaced.
            axes: What else differs between runs: ``penalty="r1"``, ``width=64``.

        Raises:
            ResultsError: the run is recorded already, or the folder cannot be written.
            SuiteError: an argument is not valid.
        """
        names = {"dataset": dataset, "architecture": architecture, "loss": loss, **axes}
        given = {
            **{"suite": suite, "version": version, "title": title, "seed": seed, "steps": steps},
            **{"batch_size": batch_size, "critic_steps": critic_steps, "axes": names},
            **{"ways": dict(higher_is_better or {}), "real": dict(real or {}), "protocol": dict(protocol or {})},
        }
        for name in (each for each in PLACE if not isinstance(names[each], str)):
            raise SuiteError(f"Recorder: {name}: expected a name, not {names[name]!r}")
        rules = validated(Rules, outcome or {}, "Recorder: outcome")
        self.run = validated(ForeignRun, {**_plain(given), "rules": rules}, "Recorder")
        self.path = self.run.record(Path(results))
        self.failure = ""
        self._replace = replace
        self._check_place()
        self._log = Logbook(self.run.ways)
        self._kind = Samples()
        self._failed = ended(0)
        self._is_open = False

    def _check_place(self) -> None:
        if self.path.exists() and not self._replace:
            raise ResultsError(f"{self.run} is recorded already, as {self.path}; replace=True takes its place")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            tempfile.TemporaryFile(dir=self.path.parent).close()
        except OSError as error:
            raise ResultsError(f"results folder {self.path.parent} cannot be written: {told(error)}") from None

    def __enter__(self) -> Recorder:
        self._is_open = True
        self._log.restart()
        return self

    def log(self, step: int, *, seconds: float | None = None, **values: Any) -> None:
        """Adds to what was measured at a generator step; 0 is before the first update.

        Args:
            step: Never less than before; the same again adds to its values.
            seconds: Of training until then, at all steps or at none. [default: a clock's since the block began]
            values: Losses (critic_loss, generator_loss), probes and measures by their names; None: not measured.

        Raises:
            ResultsError: the step goes back, a value is no number, or of a measure it is not known which way is better.
        """
        self._check_open()
        row = self._log.add(step, seconds, values)
        for name in values:
            if _is_loss(name) and not math.isfinite(row.get(name, 0.0)):
                self._not_finite(name.replace("_", " "), row["step"])

    def samples(self, step: int, images: Any, *, value_range: tuple[float, float] | None = None) -> None:
        """Keeps some of what the generator makes at a step: the first 25 images, or the first 500 points.

        Args:
            step: As for ``log``.
            images: [n, channels, h, w] or [n, h, w], uint8 or floats, or points [n, 2]; arrays or tensors.
            value_range: Of images in floats, which must say so: (-1, 1) or (0, 1).

        Raises:
            ResultsError: another shape or type, or other than at the steps before.
        """
        self._check_open()
        row = self._log.row(step)
        kept = kept_samples(images, value_range)
        if kept is None:
            self._log.put(row)
            self._not_finite("samples", row["step"])
            return
        kind = Samples(shape=kept.shape, dtype=str(kept.dtype))
        if self._kind not in (Samples(), kind):
            was, now = (f"{each.dtype} {list(each.shape or ())}" for each in (self._kind, kind))
            raise ResultsError(f"Recorder.samples: {now} at step {row['step']:,}, and {was} before")
        self._kind = kind
        self._log.put(row | {"samples": kept.tobytes()})

    def fail(self, reason: str, step: int | None = None) -> None:
        """Says that the run has failed: its outcome is "diverged". The first reason stays.

        Args:
            reason: In words.
            step: At which. [default: the last one that was logged]
        """
        self._check_open()
        self._fail(ended(self._log.last if step is None else as_step(step), str(reason).strip() or "failed"))

    def _fail(self, ending: Ending) -> None:
        if not self.failure:
            self.failure, self._failed = ending.reason, ending

    def _not_finite(self, what: str, step: int) -> None:
        self._fail(ended(step, f"{what} not finite at step {step:,}", what))

    def _check_open(self) -> None:
        if not self._is_open:
            raise ResultsError("Recorder: it records inside its block: with Recorder(...) as recorder:")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self._is_open = False
        if isinstance(error, GanbenchError) or not isinstance(error, Exception | None):
            return
        if error is not None:
            text = f"{type(error).__name__}: {error}".splitlines()[0].removesuffix(": ")
            self._fail(ended(self._log.last, text[:LONGEST]))
        self._publish()

    def _publish(self) -> None:
        if self._log.is_empty and not self.failure:
            raise ResultsError("Recorder: nothing was logged, so there is nothing to record")
        trace, batch = self._log.trace(), self.run.batch_size
        metadata = describe_record(
            self.run,
            trace,
            self._failed if self.failure else ended(self._log.last),
            caller.origin(),
            timing=self._log.timing(None if batch is None else self.run.critic_steps * batch),
            environment=caller.versions(),
            samples=self._kind,
        )
        if self.path.exists() and not self._replace:
            raise ResultsError(f"{self.run} was recorded by another process meanwhile, as {self.path}")
        publish(self.path, metadata, trace, replace=self._replace)


def _is_loss(name: str) -> bool:
    return is_dynamic(name) and name not in PROBES


def _plain(given: Any) -> Any:
    """Numbers of numpy as Python's, in tables too."""
    if isinstance(given, Mapping):
        return {key: _plain(value) for key, value in given.items()}
    return given.item() if isinstance(given, np.generic) else given
