"""Failures with other thresholds: counted by hand."""

from __future__ import annotations

from pathlib import Path

from made_runs import record

from bench.evidence.results import read_evidence
from bench.report.tables.across import sections
from bench.report.tables.sensitivity import failures_by_threshold


def test_failures_with_other_thresholds(tmp_path: Path) -> None:
    """FD is 1 at initialisation and 0.001 for real data, so 10^−1.65 leaves the share 0.55 of the logarithmic way.

    Shares left by hinge: 0.33, 0.49, 0.59 and 0.77. Minimax learns, and keeps 0.8 and 0.9 of the modes.
    """
    for seed, last in enumerate((0.01, 0.03, 0.06, 0.2)):
        record(tmp_path, "hinge", seed, (1.0, 0.5, 0.3, last))
    for seed, modes in enumerate((1.6, 1.8)):
        record(tmp_path, "minimax", seed, (1.0, 0.01, 0.005, 0.005), measures=[{"modes": modes}] * 4)
    for seed in range(2):
        record(tmp_path, "wasserstein", seed, (1.0, 0.01, 0.005, 0.005))
    evidence = read_evidence(tmp_path)
    counts = failures_by_threshold(evidence).set_index("loss")
    as_given = {"as reported": "2", "never_learned × 0.8": "3", "never_learned × 1.2": "1"}
    assert counts.loc["hinge", [*as_given]].to_dict() == as_given
    assert counts.loc["hinge", ["collapsed − 0.1", "collapsed + 0.1"]].to_list() == ["2", "2"]
    assert counts.loc["minimax", [*as_given, "collapsed − 0.1", "collapsed + 0.1"]].to_list() == [
        "1",
        "1",
        "1",
        "0",
        "2",
    ]
    assert "wasserstein" not in counts.index  # no threshold matters
    (section,) = (text for text in sections(evidence) if "other thresholds" in text)
    assert "wasserstein" not in section
    assert (evidence.runs["outcome"] != "stable").sum() == 3
