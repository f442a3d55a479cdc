"""The file with the weights of a run, chosen by its record, by the file itself or by the identity of the run."""

from __future__ import annotations

import re
from pathlib import Path

from bench.compute.kept_files import weights_of
from bench.errors import ResultsError
from bench.escaping import quote
from bench.records.addresses import path_here, place_of, readable_folder
from bench.records.mirror import Mirror

IDENTITY = re.compile(r"[0-9a-f]{4,16}")


def find_weights(run: str | Path, results: str | Path) -> Path:
    """Return the file with the weights of a run.

    Args:
        run: A record, a file of weights, either of which may be at an address, or the first characters of a run's
            identity.
        results: The folder, or the address, to search for an identity.

    Raises:
        ResultsError: There is none, or several fit.
    """
    path = path_here(run)
    if path.suffix == ".safetensors":
        _bring(path)
        return path
    if path.suffix == ".parquet":
        return _weights_beside(path)
    if not IDENTITY.fullmatch(str(run)):
        raise ResultsError(
            f"{quote(str(run))}: expected a record (.parquet), weights (.safetensors), or at least 4 characters of the "
            f"identity of a run, which ends the name of its record"
        )
    folder = readable_folder(results)
    records = sorted(folder.rglob(f"records/*-{run}*.parquet"))
    found = [each for each in records if each.stem.rpartition("-")[2].startswith(str(run))]
    if not found:
        raise ResultsError(f"{place_of(folder)} has no record of a run whose identity begins with {quote(str(run))}")
    if len(found) > 1:
        first, second, *_ = map(place_of, found)
        raise ResultsError(f"{quote(str(run))} fits {len(found)} records, for example {first} and {second}")
    return _weights_beside(found[0])


def _weights_beside(record: Path) -> Path:
    weights = weights_of(record.absolute())
    if weights.is_file() or _bring(weights):
        return weights
    if not (record.is_file() or _bring(record)):
        raise ResultsError(f"there is no record {place_of(record)}")
    raise ResultsError(f"{place_of(record)} has no weights; they are written only by ganbench run --keep weights")


def _bring(path: Path) -> bool:
    """Copy a file of a suite's results to this machine, if it is at an address; return whether it is there."""
    return Mirror.at(path.parent.parent).bring(path)
