"""Event files of TensorBoard as tables: one column per tag."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from bench.errors import TableError

STEP, SECONDS, RUN = "Step", "Wall time", "Run"  # as in the tables that TensorBoard itself exports


class EventTable:
    """The scalars of a folder with event files: one row per scalar, in the order in which they were logged."""

    def __init__(self, path: Path, run: str) -> None:
        """Read all scalars.

        Args:
            path: The folder.
            run: What the column "Run" says.

        Raises:
            TableError: The package tensorboard is not installed, or there are no scalars.
        """
        self.path, self.name, self._run = path, path.name, run
        self._scalars = _read_scalars(path)
        if not self._scalars:
            raise TableError(f"{path} has event files without scalars")
        self.columns: Sequence[str] = [STEP, SECONDS, RUN, *self._scalars]

    def pieces(self, names: Sequence[str]) -> Iterator[list[Sequence[Any]]]:
        """Yield the cells of some columns, one tag after another."""
        for tag, scalars in self._scalars.items():
            if tag not in names:
                continue
            steps, seconds, values = zip(*scalars, strict=True)
            cells = {STEP: steps, SECONDS: seconds, RUN: (self._run,) * len(steps), tag: values}
            yield [cells.get(name, (None,) * len(steps)) for name in names]

    def place(self, row: int) -> str:
        """Return the number of a scalar among those that are read."""
        return f"scalar {row + 1}"

    def hint(self) -> str:
        """Return nothing: the format leaves no doubt."""
        return ""


def _read_scalars(path: Path) -> dict[str, list[tuple[int, float, float]]]:
    """Return tag → steps, times in seconds since 1970, and values."""
    try:
        from tensorboard.backend.event_processing import event_accumulator, tag_types
        from tensorboard.util.tensor_util import make_ndarray
    except ImportError:
        raise TableError(
            f"{path} has event files, which need the package tensorboard: pip install 'ganbench[tensorboard]'"
        ) from None
    logging.getLogger("tensorboard").setLevel(logging.ERROR)  # it reports each restart of a run
    events = event_accumulator.EventAccumulator(
        str(path), size_guidance={tag_types.TENSORS: 0, event_accumulator.SCALARS: 0}, purge_orphaned_data=False
    )
    events.Reload()
    scalars = {
        tag: [(event.step, event.wall_time, event.value) for event in events.Scalars(tag)]
        for tag in events.Tags()[tag_types.SCALARS]
    }
    for tag in events.Tags()[tag_types.TENSORS]:  # scalars of TensorFlow 2
        if events.SummaryMetadata(tag).plugin_data.plugin_name == "scalars":
            scalars[tag] = [
                (event.step, event.wall_time, float(make_ndarray(event.tensor_proto))) for event in events.Tensors(tag)
            ]
    return {tag: values for tag, values in scalars.items() if values}
