"""Checkpoints: the whole state of a run, so that a resumed run gives the same bits as an uninterrupted one."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from bench.compute.environment import is_device_lost, is_out_of_memory
from bench.errors import ResultsError
from bench.files import atomic_write, describe_error
from bench.plan.runs import Run

DIGEST = hashlib.sha256().digest_size  # bytes before the content


@dataclass
class History:
    """What a run has measured so far; saved with its checkpoint.

    Attributes:
        step: The number of generator steps done.
        trace: One row per evaluation.
        training_seconds: The time spent on training steps.
        evaluation_seconds: The time spent on evaluations.
        wall_seconds: The total time.
        rates: Steps per second of each chunk.
        resumed: How often the run was resumed.
        diverged: Which value was the first to be non-finite, or None.
    """

    step: int
    trace: list[dict[str, Any]]
    training_seconds: float = 0.0
    evaluation_seconds: float = 0.0
    wall_seconds: float = 0.0
    rates: tuple[float, ...] = ()
    resumed: int = 0
    diverged: str | None = None


def save(path: Path, run: Run, state: dict[str, Any], history: History) -> None:
    """Write a checkpoint atomically.

    Args:
        path: The path of the checkpoint.
        run: The run.
        state: The state of the run, from ``Pack.state_dict``.
        history: What the run has measured so far.

    Raises:
        ResultsError: The checkpoint cannot be written. No partial file remains.
    """
    buffer = io.BytesIO()
    torch.save({"run": run.id, "state": state, "history": vars(history)}, buffer)
    content = buffer.getbuffer()
    try:
        with atomic_write(path) as partial, partial.open("wb") as file:
            file.write(hashlib.sha256(content).digest())
            file.write(content)
    except OSError as error:
        raise ResultsError(f"checkpoint {path} cannot be written: {describe_error(error)}") from None


@dataclass(frozen=True)
class Restored:
    """Where a run continues.

    Attributes:
        history: What the run has measured so far.
        state: The state of the run, or None if it starts from the beginning.
        notice: A message for the user, or "".
    """

    history: History
    state: dict[str, Any] | None = None
    notice: str = ""

    @property
    def discarded(self) -> bool:
        """Whether there was a checkpoint that could not be used."""
        return self.state is None and bool(self.notice)


def restore(path: Path, run: Run) -> Restored:
    """Return the state of a run from its checkpoint, or the initial state if there is none.

    A checkpoint that is truncated, damaged or belongs to another run is deleted, and the run restarts.

    Raises:
        ResultsError: The checkpoint exists but cannot be read.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return Restored(History(step=0, trace=[]))
    except OSError as error:
        raise ResultsError(f"checkpoint {path} cannot be read: {describe_error(error)}") from None
    digest, content = content[:DIGEST], content[DIGEST:]
    problem = "" if hashlib.sha256(content).digest() == digest else "it is truncated or damaged"
    if not problem:
        checkpoint = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
        problem = "" if checkpoint["run"] == run.id else "it belongs to another run"
        if not problem and "state" not in checkpoint:
            problem = "it was made by another version of ganbench"
    if problem:
        path.unlink()
        notice = f"checkpoint {path} cannot be used: {problem}; the run restarts"
        return Restored(History(step=0, trace=[]), notice=notice)
    history = History(**checkpoint["history"])
    notice = f"resumes from step {history.step:,}"
    return Restored(replace(history, resumed=history.resumed + 1), checkpoint["state"], notice)


@contextmanager
def deleting_incompatible(paths: Sequence[Path]) -> Iterator[None]:
    """Delete the checkpoint of a run if its state does not fit the code that loads it, so the next attempt restarts.

    With several checkpoints it is unknown which one is incompatible, so all are kept. They are also kept when memory
    runs out or the device fails.
    """
    try:
        yield
    except (KeyError, IndexError, RuntimeError, TypeError, ValueError) as error:
        if len(paths) > 1 or is_out_of_memory(error) or is_device_lost(error):
            raise
        paths[0].unlink(missing_ok=True)
        raise RuntimeError("the checkpoint was made by different code; the next attempt restarts the run") from error
