"""The events that engines report about runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from numpy.typing import NDArray

from bench.plan.runs import Run


@dataclass(frozen=True)
class Evaluated:
    """One evaluation of a run, as its record will have it.

    Attributes:
        step: The number of generator steps done.
        values: Everything measured by name: measures, probes, losses and penalties; NaN where it was not measured.
        samples: The first generated samples, [n, *shape]: images as uint8, points as float32.
    """

    step: int
    values: Mapping[str, float]
    samples: NDArray[Any]


@dataclass(frozen=True)
class Progress:
    """The progress of a running run.

    Attributes:
        step: The number of generator steps done.
        steps_per_second: The speed of the last chunk; in a pack, with the run's share of the time.
        notice: A message about the run, or "".
        pack: The number of runs that train together.
        first: The identity of the first of these runs.
        affected: The number of runs that the notice warns about; 0 if it is not a warning.
        general: Whether the notice holds for other runs too, so that it is shown only once.
        losses: The mean of both losses and of each penalty over the last chunk of steps; empty if there was none.
        evaluated: The evaluation after this step, if there was one.
    """

    step: int
    steps_per_second: float
    notice: str = ""
    pack: int = 1
    first: str = ""
    affected: int = 0
    general: bool = False
    losses: Mapping[str, float] = field(default_factory=dict)
    evaluated: Evaluated | None = None


@dataclass(frozen=True)
class Event:
    """One event of a run: it made progress, its record was published, it was stopped, or its code failed.

    From an engine, "elsewhere" says that another process trains the run. Nobody who watches a suite gets this event.

    Attributes:
        run: The run.
        state: The kind of event.
        progress: The progress, if the state is "progress".
        text: The error, if the state is "failed": its last line, then the traceback.
        fault: Whether the text is about a plug-in, which all runs that use it share.
    """

    run: Run
    state: Literal["progress", "recorded", "stopped", "failed", "elsewhere"]
    progress: Progress | None = None
    text: str = ""
    fault: bool = False
