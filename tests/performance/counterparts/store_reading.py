"""Reading many records from a store: a local S3 server (moto) that takes as long for each record as a server elsewhere."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple
from unittest.mock import patch

from test_loading import write_copies

import bench
from bench.records.addresses import readable_folder
from bench.records.remote import remote

sys.path.insert(0, str(Path(__file__).parents[2]))
import s3_server

FAR = s3_server.FAR

ONE_BY_ONE = 100  # records, read one after another


class Reading(NamedTuple):
    """What it takes to read records, in seconds.

    Attributes:
        folder: ``bench.load`` of a folder.
        first: The first ``bench.load`` of an address.
        second: The second one, which finds copies of all records on this machine.
        each: The time of a record if records are read one after another.
        at_once: How many records the server gave at the same time at most.
        read_again: How many records the second reading copied.
    """

    folder: float
    first: float
    second: float
    each: float
    at_once: int
    read_again: int


def measure(count: int) -> Reading:
    """Return what it takes to read so many records."""
    with tempfile.TemporaryDirectory() as place, s3_server.running():
        folder = write_copies(Path(place) / "ring", count)
        with patch.dict(os.environ, {"GANBENCH_DATA": f"{place}/data"}):
            store = remote("s3://bucket/far/ring")
            paths = sorted((folder / "records").iterdir())
            store._files.pipe({f"{store._root}/records/{path.name}": path.read_bytes() for path in paths})
            few = [f"records/{path.name}" for path in paths[:ONE_BY_ONE]]
            each = _seconds(lambda: [store.read(name) for name in few]) / len(few)
            local = _seconds(lambda: bench.load(folder))
            first = _seconds(lambda: bench.load(store.address))
            read = s3_server.counts()["read"]
            second = _seconds(lambda: bench.load(store.address))
            counts = s3_server.counts()
            assert len(list((readable_folder(store.address) / "records").iterdir())) == count
            return Reading(local, first, second, each, counts["at once"], counts["read"] - read)


def _seconds(function: Callable[[], object]) -> float:
    began = time.perf_counter()
    function()
    return time.perf_counter() - began
