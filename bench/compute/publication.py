"""Publishes what a run leaves at its end, and finds what an interrupted one has left, here or in a store."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from bench.compute.checkpoints import step_of
from bench.compute.kept_files import weights_of
from bench.errors import ResultsError
from bench.files import atomic_write, describe_error, read_regular
from bench.records.mirror import Mirror
from bench.records.schema import Metadata


def publish(path: Path, metadata: Metadata, trace: pa.Table, mirror: Mirror) -> None:
    """Publish a record, after the weights beside it if there are any.

    Args:
        path: The path of the record in the results folder.
        metadata: See ``bench.records.record.publish``.
        trace: See ``bench.records.record.publish``.
        mirror: The results folder.

    Raises:
        ResultsError: It cannot be written.
    """
    weights = weights_of(path)
    if mirror.address and weights.is_file():
        mirror.push(weights)
    mirror.publish(path, metadata, trace)


def bring_checkpoint(path: Path, mirror: Mirror) -> None:
    """Copy a checkpoint from the store to its path, unless the one there has got further because it was not sent.

    Args:
        path: The path of the checkpoint in the results folder.
        mirror: The results folder.

    Raises:
        ResultsError: The store cannot be read, or the folder not written.
    """
    content = mirror.read(path)
    if content is None:
        return
    try:
        here = read_regular(path) if path.is_file() else b""
        if step_of(content) >= step_of(here):
            with atomic_write(path) as partial:
                partial.write_bytes(content)
    except OSError as error:
        raise ResultsError(f"checkpoint {path} cannot be written: {describe_error(error)}") from None
