"""Known losses and other entries of the catalogue have the same style in every suite."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from made_runs import record

from bench.catalogue import entries
from bench.evidence.renaming import renamed
from bench.evidence.results import Evidence, read_evidence
from bench.report.figures.series import panels
from bench.report.figures.series_styles import style_numbers
from bench.report.figures.style import COLOURS, series_style
from bench.report.page.data import page_data


def evidence_of(folder: Path, labels: Sequence[tuple[str, str]]) -> Evidence:
    """Runs of losses, each given as its name in the catalogue and its label."""
    for number, (name, label) in enumerate(labels):
        names = {"dataset": "ring", "architecture": "mlp", "loss": name}
        training = {
            **{axis: {"name": each, "label": each, "options": {}} for axis, each in names.items()},
            **{"penalty": [], "steps": 120, "batch_size": 16},
        }
        training["loss"] = {"name": name, "label": label, "options": {}}
        changed = {"run": f"{number}", "cell": f"{number}", "axes": {**names, "loss": label}, "training": training}
        record(folder, label, 0, (1.0, 0.5, 0.2, 0.1), **changed)
    return read_evidence(folder)


def colours(evidence: Evidence) -> dict[str, str]:
    (panel,) = panels(evidence, "ring")
    return {series.name: series.style.colour for series in panel.series}


def test_a_loss_has_the_same_colour_in_every_suite(tmp_path: Path) -> None:
    one = colours(evidence_of(tmp_path / "one", [("minimax", "minimax"), ("hinge", "hinge"), ("wgan-gp", "wgan-gp")]))
    other = colours(evidence_of(tmp_path / "other", [("hinge", "hinge"), ("relativistic", "relativistic")]))
    assert one["hinge"] == other["hinge"]
    assert len(set(one.values())) == 3
    assert len(entries("loss")) >= 8
    every = colours(evidence_of(tmp_path / "every", [(name, name) for name in [*entries("loss")][:8]]))
    assert set(every.values()) == set(COLOURS)
    assert {name: every[name] for name in one} == one


def test_another_name_or_selection_does_not_change_a_colour(tmp_path: Path) -> None:
    evidence = evidence_of(tmp_path, [("minimax", "minimax"), ("hinge", "hinge")])
    before, after = colours(evidence), colours(renamed(evidence, ["hinge=Hinge (Lim & Ye)"]))
    assert after["Hinge (Lim & Ye)"] == before["hinge"]


def test_techniques_that_share_a_loss_have_styles_of_their_own(tmp_path: Path) -> None:
    names = [("non-saturating", label) for label in ("r1", "non-saturating", "dragan")]
    evidence = evidence_of(tmp_path, [*names, ("hinge", "hinge")])
    numbers = style_numbers(evidence, "loss")
    assert numbers["non-saturating"] == [*entries("loss")].index("non-saturating")
    assert len({series_style(number) for number in numbers.values()}) == 4


@pytest.mark.parametrize("axis", ["loss", "architecture"])
def test_the_page_has_the_styles_of_the_figures(pair: Evidence, axis: str) -> None:
    numbers = page_data(pair)["style_numbers"][pair.axes.index(axis)]
    assert numbers == style_numbers(pair, axis)
    assert set(numbers) == set(pair.runs[axis])
