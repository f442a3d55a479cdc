"""Events as lines of a file, for workers that share only a folder with the driver."""

from __future__ import annotations

import json
import time
from base64 import b64decode, b64encode
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np

from bench import errors
from bench.compute.events import Evaluated, Event, Progress
from bench.errors import GanbenchError
from bench.plan.runs import Run

FLUSH = 1.0  # seconds between two writes, because the folder may be far away
Content = Mapping[str, Any]  # of a line: an event, or how all ended


class EventWriter:
    """Appends events to a file, which an earlier start of the same job may have begun.

    Args:
        path: The file.
    """

    def __init__(self, path: Path):
        self._file: IO[str] = path.open("a", encoding="utf-8")
        self._file.write("\n")  # the earlier start may have been killed within a line
        self._flushed = time.monotonic()

    def __enter__(self) -> EventWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, event: Event) -> None:
        """Append an event. Progress may become visible a second later."""
        self._write(_content(event), event.state != "progress")

    def end(self, error: BaseException | None = None) -> None:
        """Say that no event follows; with the error that ended all, if there was one."""
        kind, text = type(error).__name__ if error else "", str(error) if error else ""
        self._write({"end": kind, "text": text, "ours": isinstance(error, GanbenchError)}, True)

    def _write(self, content: Content, now: bool) -> None:
        self._file.write(json.dumps(content, default=float) + "\n")
        if now or time.monotonic() - self._flushed > FLUSH:
            self._file.flush()
            self._flushed = time.monotonic()


class EventReader:
    """Reads what has been appended to a file since it was last asked.

    Args:
        path: The file, which may not exist yet.
    """

    def __init__(self, path: Path):
        self._path = path
        self._read = 0

    def take(self) -> list[Content]:
        """Return the new lines; what is no whole line of JSON is left out."""
        try:
            with self._path.open("rb") as file:
                file.seek(self._read)
                whole, newline, _ = file.read().rpartition(b"\n")
        except FileNotFoundError:
            return []
        self._read += len(whole + newline)
        found = []
        for line in whole.split(b"\n"):
            try:
                content = json.loads(line)
            except ValueError:
                continue
            found.append(content)
        return found


def as_event(content: Content, run: Run) -> Event:
    """Return the event of a line, which is about a run."""
    progress = content["progress"]
    if progress is not None and progress["evaluated"] is not None:
        evaluated = progress["evaluated"]
        shape, data = evaluated["samples"]["shape"], b64decode(evaluated["samples"]["data"])
        samples = np.frombuffer(data, evaluated["samples"]["dtype"]).reshape(shape)
        progress = {**progress, "evaluated": Evaluated(evaluated["step"], evaluated["values"], samples)}
    return Event(
        run, content["state"], None if progress is None else Progress(**progress), content["text"], content["fault"]
    )


def as_error(content: Content) -> GanbenchError | None:
    """Return the error of the user with which a job ended, if it did."""
    if not content["ours"]:
        return None
    kind = getattr(errors, content["end"], GanbenchError)
    error: GanbenchError = kind(content["text"])
    return error


def _content(event: Event) -> dict[str, Any]:
    progress: dict[str, Any] | None = None
    if event.progress is not None:
        progress = {**vars(event.progress), "losses": dict(event.progress.losses)}
        evaluated = event.progress.evaluated
        if evaluated is not None:
            samples = evaluated.samples
            data = b64encode(samples.tobytes()).decode("ascii")
            layout = {"shape": samples.shape, "dtype": samples.dtype.str, "data": data}
            progress["evaluated"] = {"step": evaluated.step, "values": dict(evaluated.values), "samples": layout}
    kept = {"state": event.state, "text": event.text, "fault": event.fault}
    return {"run": event.run.id, **kept, "progress": progress}
