"""What a ranking says beside its numbers: from where runs count as learned, and which modes their samples miss."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from made_runs import CENTRES, drawn, made_evidence, record
from matplotlib.collections import EllipseCollection

from bench.evidence.learned import learned_from
from bench.evidence.outcomes import classify_run
from bench.evidence.results import Evidence, read_evidence
from bench.report.figures.final_quality import LEARNED
from bench.report.figures.ranking import draw_ranking
from bench.report.figures.sample_square import missed_modes
from bench.report.figures.sheet import Sheet
from bench.report.figures.style import styled
from bench.report.sample_views import Plane


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    return made_evidence(tmp_path_factory.mktemp("made"))


def test_the_dashed_line_is_where_the_rule_of_never_learned_cuts(made: Evidence) -> None:
    """FD 1 before training and 0.001 of real data: 0.55 of the way in logarithms remain at 0.001^0.45."""
    panel = drawn(made, "ranking-ring").axes[1]
    dashed = [line for line in panel.lines if line.get_color() == LEARNED["color"]]
    assert [line.get_xdata()[0] for line in dashed] == pytest.approx([0.001**0.45] * 2)
    assert "threshold for having learned" in legend_of(made)
    rules = made.rules.model_copy(update={"tau": 0.03})
    assert learned_from(made.records["ring-minimax-0"], rules) == 0.03


@pytest.mark.parametrize(("share", "outcome"), [(1.01, "never-learned"), (0.99, "stable")])
def test_a_run_learns_where_it_passes_the_line(tmp_path: Path, share: float, outcome: str) -> None:
    record(tmp_path, "minimax", 0, (1.0, 0.5, 0.2, share * 0.001**0.45))
    evidence = read_evidence(tmp_path)
    (run,) = evidence.records.values()
    assert classify_run(run.trace, run.metadata, evidence.rules).state == outcome


def test_without_a_rule_there_is_no_line(tmp_path: Path) -> None:
    """Generators that are better than real data before training leave no way to go."""
    for seed in range(2):
        record(tmp_path, "minimax", seed, (0.0005, 0.2, 0.2, 0.2))
    evidence = read_evidence(tmp_path)
    assert "threshold for having learned" not in legend_of(evidence)
    with styled():
        (drawing,) = draw_ranking(evidence, "ring", Sheet(width=6.75))
    assert "dashed" not in drawing.description


def test_circles_are_around_the_modes_that_samples_miss(made: Evidence) -> None:
    plane = Plane(2.0, np.array(CENTRES), 0.1, np.zeros(2), np.empty((0, 2)))
    assert missed_modes(np.array([[1.2, 0.2], [0.0, 0.0]]), plane).tolist() == [[-1, 0]]
    assert missed_modes(np.array(CENTRES) + 0.31, plane).tolist() == CENTRES
    on_line = plane._replace(origin=np.zeros(1))
    assert missed_modes(np.array([[1.2, 1.9]]), on_line).tolist() == [[-1, 0]]
    assert "mode without a drawn point" in legend_of(made)
    for name in ("ranking-ring", "samples-ring-mlp"):
        rings = [each for each in drawn(made, name).axes[-1].collections if isinstance(each, EllipseCollection)]
        assert rings
        assert max(len(each.get_offsets()) for each in rings) <= 2


def test_a_title_is_short_and_the_caption_explains(made: Evidence) -> None:
    with styled():
        (drawing,) = draw_ranking(made, "ring", Sheet(width=6.75))
    title = drawing.figure.get_suptitle()
    assert title == "ring: cells by failure rate, then by median final FD"
    assert drawing.description.startswith(title)
    assert "Wilson" in drawing.description
    assert "dashed" in drawing.description


def test_values_at_the_ends_of_their_range_are_whole_dots(tmp_path: Path) -> None:
    for seed, last in enumerate((0.0, 1.0)):
        values = [{"overlap": 0.0}, {"overlap": last}]
        declared = {"higher_is_better": {"overlap": True}, "real": {"overlap": 0.95}}
        record(tmp_path, "minimax", seed, (1.0, 0.5), measures=values, **declared)
    panel = drawn(read_evidence(tmp_path), "ranking-ring").axes[1]
    low, high = panel.get_xlim()
    assert low < 0
    assert high > 1
    assert {0.0, 1.0} <= {round(tick, 6) for tick in panel.get_xticks()}


@pytest.mark.parametrize("width", [3.25, 5.0, 6.75])
def test_no_title_ends_in_a_single_word(width: float) -> None:
    sheet = Sheet(width=width)
    words = "grid: cells by failure rate (95% CI, Wilson), then median final overlap; right: samples of the median run"
    for count in range(8, len(words.split()) + 1):
        lines = sheet.wrap_title(" ".join(words.split()[:count])).split("\n")
        assert len(lines) == 1 or len(lines[-1].split()) > 1, lines
    assert replace(sheet, titles=False).wrap_title(words) == ""


def legend_of(evidence: Evidence) -> set[str]:
    return {str(each.get_label()) for each in drawn(evidence, "ranking-ring").legends[0].legend_handles}
