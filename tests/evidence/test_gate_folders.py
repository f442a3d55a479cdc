"""Results folders that do not exist: the nearest one is named, in the folder where it was looked for first."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.errors import ResultsError
from bench.evidence.gate.compare import resolve


@pytest.mark.parametrize(
    ("given", "nearest"),
    [("basline", "baseline"), ("new/steady-gat", "new/steady-gate"), ("quik", "quick"), ("nowhere/quik", None)],
)
def test_the_nearest_folder_is_named(
    given: str, nearest: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "recorded" / "quick").mkdir(parents=True)  # what a checkout has; an installed package has none
    monkeypatch.setattr("bench.evidence.gate.compare.RECORDED", tmp_path / "recorded")
    (tmp_path / "baseline").mkdir()
    (tmp_path / "new" / "steady-gate").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    said = f"there is no results folder {given}; " + (f"did you mean {nearest!r}" if nearest else "")
    with pytest.raises(ResultsError, match=f"^{said}"):
        resolve(given)
