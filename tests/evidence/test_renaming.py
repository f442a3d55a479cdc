"""Names chosen for a report, the labels of today's suite, and the order of the suite."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bench.errors import ResultsError
from bench.evidence.renaming import renamed
from bench.evidence.results import Evidence, read_evidence
from bench.plan.published import PublishedResult
from bench.plan.suite import load_suite

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def ring() -> Evidence:
    return read_evidence(ROOT / "results" / "ring")


def test_a_label_has_its_new_name_everywhere(ring: Evidence) -> None:
    reference = PublishedResult.model_validate(
        {"source": "paper", "when": {"loss": ["hinge", "relativistic"], "dataset": "ring"}, "values": {"fd": 0.1}}
    )
    rules = ring.rules.model_copy(update={"reach": {"ring": 0.9}})
    new = renamed(
        replace(ring, references=(reference,), rules=rules), ["relativistic=RpGAN", "dataset.ring=8 Gaussians"]
    )
    assert list(new.runs["loss"].unique()) == ["minimax", "non-saturating", "hinge", "RpGAN", "wasserstein"]
    assert new.datasets() == ["8 Gaussians"]
    assert new.measures("8 Gaussians") == ring.measures("ring")
    assert new.rules.reach_of("8 Gaussians") == 0.9
    assert new.references[0].words("loss") == ("hinge", "RpGAN")
    assert new.references[0].words("dataset") == ("8 Gaussians",)
    assert {each.axes["dataset"] for each in new.metadata.values()} == {"8 Gaussians"}


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        ("wgan-pg=X", "no label, axis or measure 'wgan-pg'; did you mean 'wgan-gp'"),
        ("wgan-gp", "expected NAME=TEXT, not 'wgan-gp'"),
        ("wgan-gp= ", "expected NAME=TEXT"),
        ("hinge=minimax", "'minimax' and 'hinge' on axis loss would both be 'minimax'"),
    ],
)
def test_a_name_that_cannot_be_is_told(ring: Evidence, chosen: str, message: str) -> None:
    with pytest.raises(ResultsError) as caught:
        renamed(ring, [chosen])
    assert message in str(caught.value)


def test_a_label_on_several_axes_needs_its_axis(ring: Evidence) -> None:
    runs = ring.runs.assign(penalty=ring.runs["loss"])
    with pytest.raises(ResultsError, match=r"'hinge' has several meanings; write loss.hinge or penalty.hinge"):
        renamed(replace(ring, runs=runs), ["hinge=Hinge"])
    assert "Hinge" in set(renamed(replace(ring, runs=runs), ["penalty.hinge=Hinge"]).runs["penalty"])


def test_records_have_the_labels_and_the_order_of_todays_suite(tmp_path: Path) -> None:
    text = (ROOT / "suites" / "ring.toml").read_text()
    for losses in ('["hinge", {name = "relativistic", label = "RpGAN"}, "minimax", "non-saturating", "wasserstein"]',):
        given = text.replace('["minimax", "non-saturating", "hinge", "relativistic", "wasserstein"]', losses)
        assert given != text
        (tmp_path / "ring.toml").write_text(given)
        evidence = read_evidence(ROOT / "results" / "ring", suite=load_suite(str(tmp_path / "ring.toml")))
        assert list(evidence.runs["loss"].unique()) == ["hinge", "RpGAN", "minimax", "non-saturating", "wasserstein"]
        assert len(evidence.runs) == 150


@pytest.mark.parametrize(("version", "titled"), [(None, True), (99, False)])
def test_the_title_is_that_of_todays_suite_if_its_version_is_the_same(
    version: int | None, titled: bool, tmp_path: Path
) -> None:
    suite = load_suite("ring")
    changed = suite.model_copy(update={"title": "Renamed", "version": version or suite.version})
    evidence = read_evidence(ROOT / "results" / "ring", suite=changed)
    assert (evidence.title == "Renamed") is titled
