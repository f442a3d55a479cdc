"""Checkpoints: all that a run needs to go on bit by bit as if it had not been interrupted."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from bench.compute.environment import is_lost, is_out_of_memory
from bench.errors import ResultsError
from bench.files import atomic_write, describe_error
from bench.plan.runs import Run

DIGEST = hashlib.sha256().digest_size  # bytes before the content


@dataclass
class History:
    """What a run has measured so far; kept in its checkpoint."""

    step: int
    trace: list[dict[str, Any]]
    training_seconds: float = 0.0
    evaluation_seconds: float = 0.0
    wall_seconds: float = 0.0
    rates: tuple[float, ...] = ()
    resumed: int = 0
    diverged: str | None = None


def save(path: Path, run: Run, state: dict[str, Any], history: History) -> None:
    """Writes a checkpoint beside its place and moves it there.

    Args:
        path: Its place.
        run: Whose it is.
        state: Everything of the run, as ``Pack.state_dict`` gives it.
        history: What it has measured.

    Raises:
        ResultsError: it cannot be written; nothing half-written stays.
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
    """A run where it left off: its history, its state (None: at its first step), and what there is to say."""

    history: History
    state: dict[str, Any] | None = None
    notice: str = ""


def restore(path: Path, run: Run) -> Restored:
    """What a checkpoint holds of a run.

    A checkpoint that is cut short, damaged or of another run is removed, and the run begins anew.

    Raises:
        ResultsError: the file is there and cannot be read.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return Restored(History(step=0, trace=[]))
    except OSError as error:
        raise ResultsError(f"checkpoint {path} cannot be read: {describe_error(error)}") from None
    digest, content = content[:DIGEST], content[DIGEST:]
    problem = "" if hashlib.sha256(content).digest() == digest else "it is cut short or damaged"
    if not problem:
        found = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
        problem = "" if found["run"] == run.id else "it belongs to another run"
        if not problem and "state" not in found:
            problem = "it was made by another version"
    if problem:
        path.unlink()
        notice = f"checkpoint {path} is of no use: {problem}; the run begins anew"
        return Restored(History(step=0, trace=[]), notice=notice)
    history = History(**found["history"])
    notice = f"goes on from step {history.step:,}"
    return Restored(replace(history, resumed=history.resumed + 1), found["state"], notice)


@contextmanager
def loading(paths: Sequence[Path]) -> Iterator[None]:
    """Removes the checkpoint of a run alone whose state does not fit the code that loads it: next time it begins anew.

    Of several nobody knows which it is, and where memory runs out it is none of them.
    """
    try:
        yield
    except (KeyError, IndexError, RuntimeError, TypeError, ValueError) as error:
        if len(paths) > 1 or is_out_of_memory(error) or is_lost(error):
            raise
        paths[0].unlink(missing_ok=True)
        raise RuntimeError("its checkpoint was made by other code; the next attempt begins anew") from error
