"""Checkpoints: all that a run needs to go on bit by bit as if it had not been interrupted."""

from __future__ import annotations

import pickle
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from bench.errors import ResultsError
from bench.files import written_whole
from bench.planning import Run
from bench.players import Players
from bench.random_streams import Streams


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
    try:
        with written_whole(path) as partial:
            torch.save(state, partial)
    except (OSError, RuntimeError) as error:  # torch raises a RuntimeError where a write comes up short
        reason = getattr(error, "strerror", None) or str(error).partition("\n")[0]
        raise ResultsError(f"checkpoint {path} cannot be written: {reason}") from None


def restore(path: Path, run: Run, players: Players, streams: Streams, device: torch.device) -> tuple[History, str]:
    """The history up to the checkpoint, whose state the players and streams then have, and what there is to say."""
    if not path.exists():
        return History(step=0, trace=[]), ""
    try:
        state = torch.load(path, map_location=device, weights_only=True)
        if state["run"] != run.id:
            raise ValueError("it belongs to another run")
        history = History(**state["history"])
        players_state, streams_state = state["players"], {k: v.cpu() for k, v in state["streams"].items()}
    except (
        OSError,
        RuntimeError,
        ValueError,
        KeyError,
        TypeError,
        EOFError,
        pickle.UnpicklingError,
    ) as error:
        reason = str(error).partition("\n")[0]
        path.unlink()
        return History(step=0, trace=[]), f"checkpoint {path} is cut short ({reason}); the run begins anew"
    players.load_state_dict(players_state)
    streams.load_state_dict(streams_state)
    return replace(history, resumed=history.resumed + 1), f"goes on from step {history.step:,}"
