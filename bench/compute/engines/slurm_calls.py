"""Functions called on a node of a Slurm cluster: one job answers all, so that only the first waits in the queue."""

from __future__ import annotations

import pickle
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ParamSpec, TypeVar
from uuid import uuid4

from bench.compute.engines.slurm_queue import Queue, is_alive
from bench.files import atomic_write

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")
IDLE = 60.0  # seconds after which the job ends if nobody calls
LOOK = 0.2  # seconds between two looks for a call or an answer
CHECK = 10.0  # seconds between two questions whether the job is alive


@dataclass(frozen=True)
class CallServer:
    """The job: it answers one call after another.

    Attributes:
        folder: Where calls and answers lie.
        name: How their files begin.
        first: The number of the first call.
    """

    folder: Path
    name: str
    first: int

    def __call__(self) -> None:
        """Answer calls until none has come for a while, or the driver has no more."""
        number, seen = self.first, time.monotonic()
        while time.monotonic() - seen < IDLE and not _path(self.folder, self.name, "end").exists():
            call = _path(self.folder, self.name, f"{number}.call")
            if not call.exists():
                time.sleep(LOOK)
                continue
            function, arguments, options = pickle.loads(call.read_bytes())
            answer: tuple[Any, Exception | None]
            try:
                answer = function(*arguments, **options), None
            except Exception as error:
                answer = None, error
            _write(_path(self.folder, self.name, f"{number}.answer"), answer)
            number, seen = number + 1, time.monotonic()


class Calls:
    """Calls functions in a job, which is submitted with the first call.

    Args:
        queue: Where to submit it.
        folder: Where calls and answers lie; the nodes must see it.
    """

    def __init__(self, queue: Queue, folder: Path):
        self._queue, self._folder = queue, folder
        self._name, self._number = f"calls-{uuid4().hex[:12]}", 0
        self._job = ""

    def call(
        self, function: Callable[Parameters, Result], *arguments: Parameters.args, **options: Parameters.kwargs
    ) -> Result:
        """Return what a function of a module returns on a node.

        Raises:
            Exception: What the function raised.
            ChildProcessError: The job ended without an answer; the next call submits another one.
            DeviceError: Slurm refuses the job.
        """
        if self._job and not self._is_alive():
            self._job = ""
        _write(_path(self._folder, self._name, f"{self._number}.call"), (function, arguments, options))
        if not self._job:
            (self._job,) = self._queue.submit([CallServer(self._folder, self._name, self._number)])
        path = _path(self._folder, self._name, f"{self._number}.answer")
        self._number += 1
        checked = time.monotonic()
        while not path.exists():
            time.sleep(LOOK)
            if time.monotonic() - checked > CHECK:
                if not self._is_alive() and not path.exists():
                    job, self._job = self._job, ""
                    raise ChildProcessError(f"Slurm job {job} ended without an answer")
                checked = time.monotonic()
        answer, error = pickle.loads(path.read_bytes())
        if error is not None:
            raise error
        result: Result = answer
        return result

    def close(self) -> str:
        """End the job, and delete what was left for it; return its name, as it may take a moment to end, or ""."""
        ended, self._job = self._job, ""
        if ended:
            self._queue.cancel([ended])
        for path in [*self._folder.glob(f"{self._name}-*"), *self._folder.glob(f"{ended or '?'}_*")]:
            with suppress(OSError):
                path.unlink()
        return ended

    def _is_alive(self) -> bool:
        states = self._queue.states()
        return states is None or is_alive(states.get(self._job, ""))


def _path(folder: Path, name: str, end: str) -> Path:
    return folder / f"{name}-{end}"


def _write(path: Path, content: Any) -> None:
    with atomic_write(path) as partial:
        partial.write_bytes(pickle.dumps(content))
