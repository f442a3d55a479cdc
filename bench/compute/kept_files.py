"""Where the weights and states that runs leave behind lie, and what can be said of them without loading torch."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

from bench.errors import ResultsError
from bench.plan.runs import Run
from bench.records.mirror import Mirror

KEPT_IN = ("weights", "states")  # folders beside that of the records


def weights_of(record: Path) -> Path:
    """Return the path of the weights of the generator that belong to a record."""
    return record.parent.parent / "weights" / f"{record.stem}.safetensors"


def state_of(folder: Path, run: Run) -> Path:
    """Return the path of the state at the end of a run: runs that differ only in length share all but the last number.

    Args:
        folder: The suite's results folder.
        run: The run.
    """
    return folder / "states" / f"{with_steps(run, 1).id}-{run.training.steps}.pt"


def with_steps(run: Run, steps: int) -> Run:
    """Return the run with another number of steps."""
    return replace(run, training=run.training.model_copy(update={"steps": steps}))


def check_can_keep(what: str) -> None:
    """Check that files of weights can be written and read.

    Raises:
        ResultsError: The package safetensors is not installed; the message begins with ``what``.
    """
    if find_spec("safetensors") is None:
        raise ResultsError(f"{what} needs the package safetensors: pip install 'ganbench[weights]'")


def check_kept(keep: Collection[str], recorded: Iterable[Run], folder: Path) -> list[str]:
    """Check, before anything is trained, that what runs should leave behind can be written.

    Args:
        keep: What runs leave behind.
        recorded: The runs that have a record already.
        folder: The suite's results folder.

    Returns:
        Notices for the user: recorded runs that left nothing behind, because nobody asked for it then.

    Raises:
        ResultsError: The package safetensors is not installed.
    """
    if "weights" in keep:
        check_can_keep("keep weights")
    notices, runs, mirror = [], list(recorded), Mirror.at(folder)
    in_store = {path for kind in KEPT_IN for path in (mirror.paths(folder / kind) if keep else ())}
    for kind, what in (("weights", "weights"), ("state", "a state")):
        paths = [_path(kind, run, folder) for run in runs if kind in keep]
        without = sum(not path.is_file() and path not in in_store for path in paths)
        if without:
            notices.append(
                f"{without} {'run was' if without == 1 else 'runs were'} recorded earlier without {what}, which a run "
                f"leaves only at its end; to train again, use another --results folder"
            )
    return notices


def _path(kind: str, run: Run, folder: Path) -> Path:
    return state_of(folder, run) if kind == "state" else weights_of(folder / "records" / run.file_name)
