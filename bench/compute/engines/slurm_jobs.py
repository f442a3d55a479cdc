"""The jobs of a suite: what each carries, noted beside it, so that a driver that starts again finds them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from bench.compute.engines.event_lines import EventReader
from bench.compute.engines.slurm_queue import is_alive
from bench.files import atomic_write
from bench.plan.runs import Run

SLURM = "slurm"  # the folder of jobs
KINDS = ("json", "events", "stop")  # files of a job: what it carries, its events, and that it should stop


@dataclass
class Job:
    """A job that carries packs.

    Attributes:
        name: Its name, as Slurm shows it: "12", or "12_3" in an array.
        packs: Its packs.
        events: Its events.
        starts: How often its packs have been submitted.
        missed: How often in a row Slurm did not list it among those that wait and run.
    """

    name: str
    packs: list[list[Run]]
    events: EventReader
    starts: int = 1
    missed: int = 0


class JobFiles:
    """The files of jobs, in the results folder of a suite.

    Args:
        results: The results folder.
    """

    def __init__(self, results: Path):
        self.folder = results / SLURM

    def add(self, name: str, packs: Sequence[Sequence[Run]], starts: int = 1) -> Job:
        """Note a job that has been submitted, and return it."""
        content = {"packs": [[run.id for run in pack] for pack in packs], "starts": starts}
        with atomic_write(self.folder / f"{name}.json") as partial:
            partial.write_text(json.dumps(content), encoding="utf-8")
        return self._job(name, packs, starts)

    def queued(self, runs: Mapping[str, Run], states: Mapping[str, str]) -> Iterator[Job]:
        """Yield the jobs of other drivers that still carry some of the runs.

        Args:
            runs: The runs of interest, by identity.
            states: The state of each job that Slurm knows.
        """
        for path in sorted(self.folder.glob("*.json")):
            if not is_alive(states.get(path.stem, "")):
                continue
            with suppress(OSError, ValueError, KeyError, TypeError):  # not written by a driver
                content = json.loads(path.read_text(encoding="utf-8"))
                packs = [[runs[name] for name in pack if name in runs] for pack in content["packs"]]
                if any(packs):
                    yield self._job(path.stem, [pack for pack in packs if pack], int(content["starts"]))

    def names(self) -> list[str]:
        """Return the jobs that have files by which drivers and jobs know of each other."""
        return sorted({path.stem for kind in KINDS for path in self.folder.glob(f"*.{kind}")})

    def carries(self, name: str) -> bool:
        """Return whether a job still carries runs, as far as its drivers have noted."""
        return (self.folder / f"{name}.json").exists()

    def end(self, name: str) -> None:
        """Note that a job carries nothing any more."""
        (self.folder / f"{name}.json").unlink(missing_ok=True)

    def ask_to_stop(self, name: str) -> None:
        """Ask a job to save checkpoints and stop."""
        (self.folder / f"{name}.stop").touch()

    def log(self, name: str) -> Path:
        """Return the path of what a job wrote to its standard error."""
        return self.folder / f"{name}_0_log.err"

    def remove(self, name: str, *, keep_log: bool = False) -> None:
        """Delete the files of a job that has left the queue."""
        for path in [*self.folder.glob(f"{name}.*"), *self.folder.glob(f"{name}_*")]:
            if not (keep_log and path == self.log(name)):
                path.unlink(missing_ok=True)

    def tidy(self) -> None:
        """Delete the folder if no job uses it any more, except for logs of jobs that were lost."""
        if self.names():
            return
        for pattern in ("*.sh", ".*.sh", "*.pkl"):
            for path in self.folder.glob(pattern):
                path.unlink(missing_ok=True)
        with suppress(OSError):  # logs are left
            self.folder.rmdir()

    def _job(self, name: str, packs: Sequence[Sequence[Run]], starts: int) -> Job:
        return Job(name, [list(pack) for pack in packs], EventReader(self.folder / f"{name}.events"), starts)
