"""Checkpoints: the whole state of a run, so that a resumed run gives the same bits as an uninterrupted one."""

from __future__ import annotations

import hashlib
import io
import operator
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from bench.compute.environment import is_device_lost, is_out_of_memory
from bench.compute.training.pack import Pack
from bench.errors import ResultsError, summarise_error
from bench.files import NotAFileError, atomic_write, describe_error, put_aside, read_regular
from bench.plan.added_packages import packages_of
from bench.plan.runs import Run

DIGEST = hashlib.sha256().digest_size  # bytes before the content
LAYOUT = 2  # of the state; raised when checkpoints of earlier versions would be misread
OTHER_VERSION = "its content does not fit this version of ganbench"


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
    torch.save(
        {"run": run.id, "layout": LAYOUT, "packages": packages_of(run), "state": state, "history": vars(history)},
        buffer,
    )
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
        general: Whether the message holds for other runs too, so that it is shown only once.
        path: The file that the state is from, if it is not the run's checkpoint.
    """

    history: History
    state: dict[str, Any] | None = None
    notice: str = ""
    general: bool = False
    path: Path | None = None

    @property
    def discarded(self) -> bool:
        """Whether there was a checkpoint that could not be used."""
        return self.state is None and bool(self.notice)


def restore(path: Path, run: Run) -> Restored:
    """Return the state of a run from its checkpoint, or the initial state if there is none.

    A checkpoint that cannot be used, because it is damaged, belongs to another run or was made by another version, is
    renamed, and the run restarts.

    Raises:
        ResultsError: The checkpoint exists, but the system cannot read it; this says nothing about its content.
    """
    packages = packages_of(run)  # before anything is trained: files may change later, imported code does not
    try:
        content = read_regular(path)
    except FileNotFoundError:
        return Restored(History(step=0, trace=[]))
    except NotAFileError as error:
        return restart(path, f"it is {error}")
    except OSError as error:
        raise ResultsError(f"checkpoint {path} cannot be read: {describe_error(error)}") from None
    if hashlib.sha256(content[DIGEST:]).digest() != content[:DIGEST]:
        return restart(path, "it is truncated or damaged")
    try:
        checkpoint = torch.load(io.BytesIO(content[DIGEST:]), map_location="cpu", weights_only=True)
        if checkpoint["run"] != run.id:
            return restart(path, "it belongs to another run")
        if checkpoint.get("layout") != LAYOUT:
            return restart(path, OTHER_VERSION)
        if changed := _other_packages(checkpoint, packages):
            return restart(path, f"it was trained with other code of {changed}")
        state, history = checkpoint["state"], _checked(History(**checkpoint["history"]), run)
    except Exception as error:  # torch.load raises whatever its parts raise
        if is_out_of_memory(error):
            raise
        return restart(path, OTHER_VERSION)
    notice = f"resumes from step {history.step:,}"
    return Restored(replace(history, resumed=history.resumed + 1), state, notice)


def _other_packages(checkpoint: dict[str, Any], packages: dict[str, str]) -> str:
    """Return the packages that a run uses and whose code is not that of its checkpoint; "" if there are none.

    Checkpoints of earlier versions do not say which code they are from.
    """
    saved = checkpoint.get("packages", packages)
    return " and ".join(name for name, code in packages.items() if saved.get(name) != code)


def restart(path: Path, problem: str) -> Restored:
    """Put a checkpoint aside, and return the initial state of its run with a notice that says why.

    Raises:
        ResultsError: The checkpoint cannot be renamed.
    """
    renamed = put_aside(path)
    notice = f"checkpoint {path} cannot be used: {problem}; the run restarts, and it is kept as {renamed.name}"
    return Restored(History(step=0, trace=[]), notice=notice)


def _checked(history: History, run: Run) -> History:
    """Return a history if a record can be made of it."""
    rows = history.trace
    if not 0 <= operator.index(history.step) <= run.training.steps or operator.index(history.resumed) < 0:
        raise ValueError("its steps are not those of the run")
    if not isinstance(rows, list) or any(row.keys() != rows[0].keys() or "step" not in row for row in rows):
        raise ValueError("its trace has no rows of measures")
    seconds = (history.training_seconds, history.evaluation_seconds, history.wall_seconds, *history.rates)
    if not all(isinstance(value, float | int) for value in seconds) or type(history.diverged) not in (str, type(None)):
        raise ValueError("its times are no numbers")
    return replace(history, rates=tuple(history.rates))


def step_of(content: bytes) -> int:
    """Return the step of a checkpoint, given its bytes; -1 if they are damaged."""
    if hashlib.sha256(content[DIGEST:]).digest() != content[:DIGEST]:
        return -1
    try:
        checkpoint = torch.load(io.BytesIO(content[DIGEST:]), map_location="cpu", weights_only=True)
        return operator.index(checkpoint["history"]["step"])
    except Exception as error:  # torch.load raises whatever its parts raise
        if is_out_of_memory(error):
            raise
        return -1


class IncompatibleCheckpointError(Exception):
    """The state in a checkpoint does not fit the code that loads it."""


def load_states(pack: Pack, states: Sequence[dict[str, Any]]) -> None:
    """Restore the runs of a pack from their checkpoints.

    Raises:
        IncompatibleCheckpointError: A state does not fit; with several runs it is unknown which one.
    """
    try:
        pack.load_state_dicts(states)
    except Exception as error:
        if is_out_of_memory(error) or is_device_lost(error):
            raise
        raise IncompatibleCheckpointError(summarise_error(error)) from error
