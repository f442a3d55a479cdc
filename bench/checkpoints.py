"""Checkpoints: all that a run needs to go on bit by bit as if it had not been interrupted."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from bench.errors import ResultsError
from bench.files import told, written_whole
from bench.planning import Run
from bench.players import Players
from bench.random_streams import Streams

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


def save(path: Path, run: Run, players: Players, streams: Streams, history: History) -> None:
    """Writes a checkpoint beside its place and moves it there.

    Raises:
        ResultsError: it cannot be written; nothing half-written stays.
    """
    state = {
        "run": run.id,
        "players": players.state_dict(),
        "streams": streams.state_dict(),
        "history": vars(history),
    }
    buffer = io.BytesIO()
    torch.save(state, buffer)
    content = buffer.getbuffer()
    try:
        with written_whole(path) as partial, partial.open("wb") as file:
            file.write(hashlib.sha256(content).digest())
            file.write(content)
    except OSError as error:
        raise ResultsError(f"checkpoint {path} cannot be written: {told(error)}") from None


def restore(path: Path, run: Run, players: Players, streams: Streams) -> tuple[History, str]:
    """The history up to a checkpoint, whose state the players and streams then have, and what there is to say.

    A checkpoint that is cut short, damaged or of another run is removed, and the run begins anew.

    Raises:
        ResultsError: the file is there and cannot be read.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return History(step=0, trace=[]), ""
    except OSError as error:
        raise ResultsError(f"checkpoint {path} cannot be read: {told(error)}") from None
    digest, content = content[:DIGEST], content[DIGEST:]
    problem = "" if hashlib.sha256(content).digest() == digest else "it is cut short or damaged"
    if not problem:
        state = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
        problem = "" if state["run"] == run.id else "it belongs to another run"
    if problem:
        path.unlink()
        return History(step=0, trace=[]), f"checkpoint {path} is of no use: {problem}; the run begins anew"
    try:
        players.load_state_dict(state["players"])
        streams.load_state_dict(state["streams"])
        history = History(**state["history"])
    except (KeyError, RuntimeError, TypeError, ValueError) as error:
        path.unlink()
        raise RuntimeError(f"checkpoint {path} was made by other code; the next attempt begins anew") from error
    return replace(history, resumed=history.resumed + 1), f"goes on from step {history.step:,}"
