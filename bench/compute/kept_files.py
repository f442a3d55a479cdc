"""Where the weights and states that runs leave behind lie, and what can be said of them without loading torch."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from importlib.util import find_spec
from pathlib import Path

from bench.errors import ResultsError
from bench.plan.runs import Run


def weights_of(record: Path) -> Path:
    """Return the path of the weights of the generator that belong to a record."""
    return record.parent.parent / "weights" / f"{record.stem}.safetensors"


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
    if "weights" not in keep:
        return []
    check_can_keep("keep weights")
    without = [run for run in recorded if not weights_of(folder / "records" / run.file_name).is_file()]
    if not without:
        return []
    runs, have = ("run was", "has") if len(without) == 1 else ("runs were", "have")
    return [
        f"{len(without)} {runs} recorded earlier and {have} no weights, which are kept only when training ends; "
        f"to train again, use another --results folder"
    ]
