"""Event files of TensorBoard, written while runs train: losses, penalties, measures, probes and samples."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.catalogue.metrics.measures import LOSSES, PROBES
from bench.compute.sample_pictures import picture
from bench.errors import ResultsError
from bench.files import describe_error
from bench.plan.runs import Run

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

    from bench.compute.events import Event

FLUSH_SECONDS = 5
REAL_POINTS = 1000  # shown behind generated ones
PENALTY = "penalty_"


def check_can_watch(folder: Path) -> None:
    """Check, before anything is trained, that event files can be written to a folder, which is created.

    Raises:
        ResultsError: The package tensorboard is not installed, or the folder cannot be created.
    """
    if find_spec("tensorboard") is None:
        raise ResultsError("--tensorboard needs the package tensorboard: pip install 'ganbench[tensorboard]'")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ResultsError(f"--tensorboard: folder {folder} cannot be created: {describe_error(error)}") from None


@contextmanager
def watching_with(watch: Callable[[Event], None], folder: Path | None) -> Iterator[Callable[[Event], None]]:
    """Yield a function that passes events to ``watch`` and, if a folder is given, writes them to event files.

    Raises:
        ResultsError: An event file cannot be written.
    """
    if folder is None:
        yield watch
        return
    files = EventFiles(folder)

    def both(event: Event) -> None:
        watch(event)
        files.add(event)

    try:
        yield both
    finally:
        files.close()


class EventFiles:
    """The event files of the runs that are training, in a folder for each run: ``suite/name of its record``.

    Args:
        folder: The folder for all of them.
    """

    def __init__(self, folder: Path):
        self._folder = folder
        self._writers: dict[str, SummaryWriter] = {}
        self._steps: dict[str, int] = {}

    def add(self, event: Event) -> None:
        """Write what an event reports.

        Raises:
            ResultsError: A file cannot be written.
        """
        run, progress = event.run, event.progress
        try:
            if event.state != "progress":
                self._close(run.id)
            elif progress is not None and (progress.losses or progress.evaluated):
                writer = self._writer(run, progress.step)
                evaluated = progress.evaluated.values if progress.evaluated else {}
                _add_values(writer, {**progress.losses, **evaluated}, progress.step)
                if progress.evaluated:
                    shown = picture(progress.evaluated.samples, _real_points(run, progress.evaluated.samples))
                    writer.add_image("samples", shown, progress.step, dataformats="HWC")
        except OSError as error:
            raise ResultsError(f"event files in {self._folder} cannot be written: {describe_error(error)}") from None

    def close(self) -> None:
        """Write what is left, and close all files."""
        for run in list(self._writers):
            self._close(run)

    def _writer(self, run: Run, step: int) -> SummaryWriter:
        """Return the writer of a run; what an earlier process wrote of this step and later ones is discarded."""
        if step <= self._steps.get(run.id, -1):  # the run went back to its checkpoint
            self._close(run.id)
        if run.id not in self._writers:
            from torch.utils.tensorboard import SummaryWriter

            folder = self._folder / run.suite / run.file_name.removesuffix(".parquet")
            self._writers[run.id] = SummaryWriter(str(folder), purge_step=step, flush_secs=FLUSH_SECONDS)
            self._writers[run.id].add_text("run", str(run), step)
        self._steps[run.id] = step
        return self._writers[run.id]

    def _close(self, run: str) -> None:
        writer = self._writers.pop(run, None)
        if writer is not None:
            writer.close()


def _add_values(writer: SummaryWriter, values: Mapping[str, float | None], step: int) -> None:
    for name, value in values.items():
        if value is not None and math.isfinite(value) and name != "seconds":
            writer.add_scalar(f"{_group(name)}/{name.removeprefix(PENALTY)}", value, step)


def _group(name: str) -> str:
    if name in LOSSES:
        return "losses"
    if name in PROBES:
        return "probes"
    return "penalties" if name.startswith(PENALTY) else "measures"


def _real_points(run: Run, samples: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return held-out real samples; for images none, because nothing is drawn behind them."""
    if samples.dtype == np.uint8:
        return samples[:0]
    from bench.compute.training.real_data import cached_dataset

    return np.asarray(cached_dataset(run.training.dataset).test[:REAL_POINTS])
