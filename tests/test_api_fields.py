"""docs/api.md names every field of the classes that authors of plug-ins meet, and no others."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

import bench

FIELDS = (Path(__file__).parent.parent / "docs" / "api.md").read_text().partition("## Fields")[2]
CLASSES = {
    *("Data", "Modes", "Labels", "Sampled", "Context", "GameView", "GanLoss", "Penalty", "LatentConsistency"),
    *(
        "Sources",
        "Translated",
        "RecognisedModes",
        "Signal",
        "TermOptions",
        "OptimizerEntry",
        "Architecture",
        "Dataset",
        "Metric",
        "Measure",
    ),
}


def fields_of(name: str) -> set[str]:
    kind = getattr(bench, name)
    declared = {*getattr(kind, "_fields", ()), *getattr(kind, "model_fields", ())}
    if dataclasses.is_dataclass(kind):
        declared |= {field.name for field in dataclasses.fields(kind)}
    inherent = {"Sampled": {"samples"}, "TermOptions": set(), "Measure": set()}.get(name, set())
    other = set() if hasattr(kind, "_fields") or hasattr(kind, "model_fields") else {*vars(kind)}
    return {field for field in declared | inherent | other if not field.startswith("_")}


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_the_page_names_every_field(name: str) -> None:
    named = set(re.findall(rf"`{name}\.(\w+)`", FIELDS))
    assert named == fields_of(name)


def test_the_page_names_fields_of_no_other_class() -> None:
    assert set(re.findall(r"`(\w+)\.\w+`", FIELDS)) - {"torch"} == CLASSES
