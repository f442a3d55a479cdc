"""A pack that trains without CUDA graphs says so once."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.compute import execution
from bench.compute.engines.retries import attempt
from bench.compute.settings import Settings
from bench.plan.runs import Run


def test_the_reason_is_told_once(tiny_runs: list[Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(execution, "graph_refusal", lambda pack: "an operation waits for the host")
    events = list(attempt(tiny_runs[:1], Settings(folder=tmp_path), lambda: False))
    (told,) = [event.progress for event in events if event.progress and "CUDA graphs" in event.progress.notice]
    assert "an operation waits for the host" in told.notice
    assert told.general
    assert told.affected
