"""Events survive a file: with numbers that JSON lacks, samples, lines cut in two, and errors of the user."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bench.compute.engines.event_lines import EventReader, EventWriter, as_error, as_event
from bench.compute.events import Evaluated, Event, Progress
from bench.errors import ResultsError
from bench.plan.runs import Run


def test_an_event_is_read_as_it_was_written(tiny_runs: list[Run], tmp_path: Path) -> None:
    samples = np.arange(24, dtype=np.uint8).reshape(2, 3, 2, 2)
    values = {"fd": np.float32(0.5), "modes": 3.0, "kl": float("inf")}
    progress = Progress(50, 10.0, "notice", 2, "first", 1, True, {"critic_loss": 0.25}, Evaluated(50, values, samples))
    events = [
        Event(tiny_runs[0], "progress", progress),
        Event(tiny_runs[0], "progress", Progress(100, 9.0)),
        Event(tiny_runs[0], "failed", text="ValueError: no\nTraceback", fault=True),
    ]
    with EventWriter(tmp_path / "events") as writer:
        for event in events:
            writer.add(event)
    first, *others = (as_event(content, tiny_runs[0]) for content in EventReader(tmp_path / "events").take())
    assert others == events[1:]
    assert first.progress is not None
    assert first.progress.evaluated is not None
    np.testing.assert_array_equal(first.progress.evaluated.samples, samples)
    assert first.progress.evaluated.samples.dtype == np.uint8
    assert first.progress.evaluated.values == values
    assert first.progress.losses == {"critic_loss": 0.25}
    assert (first.progress.notice, first.progress.general) == ("notice", True)


def test_only_whole_new_lines_are_read(tiny_runs: list[Run], tmp_path: Path) -> None:
    """A job is killed within a line, and the next start of it appends."""
    path = tmp_path / "events"
    reader = EventReader(path)
    assert reader.take() == []
    with EventWriter(path) as writer:
        writer.add(Event(tiny_runs[0], "recorded"))
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"run": "cut')
    assert [content["run"] for content in reader.take()] == [tiny_runs[0].id]
    assert reader.take() == []
    with EventWriter(path) as writer:
        writer.add(Event(tiny_runs[1], "recorded"))
        writer.end()
    assert [content.get("run") for content in reader.take()] == [tiny_runs[1].id, None]


@pytest.mark.parametrize(
    ("error", "kind"), [(ResultsError("disk full"), ResultsError), (ValueError("bug"), None), (None, None)]
)
def test_an_error_of_the_user_is_raised_again(error: Exception | None, kind: type | None, tmp_path: Path) -> None:
    with EventWriter(tmp_path / "events") as writer:
        writer.end(error)
    (content,) = EventReader(tmp_path / "events").take()
    found = as_error(content)
    assert (type(found), str(found)) == (kind, "disk full") if kind else found is None
    assert bool(content["end"]) == (error is not None)
