"""What a comparison refuses unless it is allowed: other specifications, cells without runs, timings under load."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from changed_records import content_of, publish_content, rows_of
from click.testing import CliRunner, Result
from made_runs import record

from bench.command import main
from bench.confirming import confirm
from bench.evidence.gate.specification_differences import differences
from bench.records.listing import record_paths
from bench.records.record import read_metadata
from bench.records.schema import Metadata

Content = dict[str, Any]


def compare(*words: object) -> Result:
    return CliRunner().invoke(main, ["compare", *map(str, words)])


def side(folder: Path, change: Callable[[Content], object] = lambda content: None, losses: int = 2) -> Path:
    """Write three runs of each of two losses with their content changed, which gives the cell another identity."""
    for loss in ("minimax", "hinge")[:losses]:
        for seed, last in enumerate((0.02, 0.03, 0.04)):
            record(folder, loss, seed, (1.0, 0.5, 0.2, last))
    for path in record_paths(folder / "made"):
        content, rows = content_of(path), rows_of(path)
        before = json.dumps(content)
        change(content)
        if json.dumps(content) != before:
            content["cell"] = json.dumps(content["training"])
        publish_content(path, content, rows)
    return folder / "made"


def fewer_steps(content: Content) -> None:
    content["training"]["steps"] = 1500


def fewer_steps_of_hinge(content: Content) -> None:
    if content["axes"]["loss"] == "hinge":
        fewer_steps(content)


def test_other_specifications_are_refused_in_one_line(tmp_path: Path) -> None:
    one, other = side(tmp_path / "a"), side(tmp_path / "b", fewer_steps)
    result = compare(one, other)
    assert result.exit_code == 2
    assert "steps is 120 in the baseline and 1,500 in the candidate. To compare" in result.stderr
    assert result.stderr.rstrip().endswith("--allow steps")
    assert result.stderr.count("\n") == 1
    some = compare(one, side(tmp_path / "c", fewer_steps_of_hinge))
    assert "in the candidate (ring · mlp · hinge). To compare" in some.stderr


@pytest.mark.parametrize("form", ["text", "json", "markdown", "junit"])
def test_allowed_differences_are_named(tmp_path: Path, form: str) -> None:
    one, other = side(tmp_path / "a"), side(tmp_path / "b", fewer_steps)
    result = compare(one, other, "--allow", "steps", "--format", form)
    assert result.exit_code == 0
    text = " ".join(result.stdout.split())
    assert "Allowed differences: steps is 120 in the baseline and 1,500 in the candidate." in text


def test_a_section_or_all_can_be_allowed_and_wrong_keys_are_refused(tmp_path: Path) -> None:
    def changed(content: Content) -> None:
        content["training"]["loss"]["options"]["margin"] = 1.0 if content["run"].startswith("ring-m") else 2.0

    def both(content: Content) -> None:
        changed(content)
        content["training"]["loss"]["options"]["margin"] += 1

    one, other = side(tmp_path / "a", changed), side(tmp_path / "b", both)
    assert "loss.margin is 1.0 in the baseline" in compare(one, other).stderr
    for key in ("loss.margin", "loss", "all"):
        assert compare(one, other, "--allow", key).exit_code == 0
    assert compare(one, other, "--allow", "steps").exit_code == 2
    assert "no setting 'loss.margn'; did you mean 'loss.margin'?" in compare(one, other, "--allow", "loss.margn").stderr


def test_other_thresholds_are_a_difference_unless_one_suite_judges_both(tmp_path: Path) -> None:
    def lenient(content: Content) -> None:
        content["rules"] = {"relapsed": 9.0}

    one, other = side(tmp_path / "a"), side(tmp_path / "b", lenient)
    result = compare(one, other)
    assert result.exit_code == 2
    assert "outcome.relapsed is default in the baseline and 9.0 in the candidate" in result.stderr
    assert compare(one, other, "--allow", "outcome.relapsed").exit_code == 0


def metadata(tmp_path: Path, name: str, **training: Any) -> Metadata:
    folder = side(tmp_path / name, lambda content: content["training"].update(training), losses=1)
    return read_metadata(record_paths(folder)[0])


def test_a_setting_that_one_version_did_not_record_has_its_default(tmp_path: Path) -> None:
    old = metadata(tmp_path, "old")
    assert not differences(old, metadata(tmp_path, "new", unroll=0, latent=16))
    assert [key for key, _ in differences(old, metadata(tmp_path, "changed", unroll=5))] == ["unroll"]
    adam = {"name": "adam", "label": "adam", "options": {"lr": 0.1}}
    full = {**adam, "options": {"lr": 0.1, "eps": 1e-8, "weight_decay": 0.5}}
    sides = [metadata(tmp_path, name, optimizer=each) for name, each in (("plain", adam), ("full", full))]
    assert [key for key, _ in differences(*sides)] == ["optimizer.weight_decay"]


def test_labels_and_paths_are_no_difference(tmp_path: Path) -> None:
    def renamed(content: Content) -> None:
        content["training"]["loss"]["label"] = "another"
        content["training"]["dataset"]["options"]["path"] = "elsewhere"

    assert compare(side(tmp_path / "a"), side(tmp_path / "b", renamed)).exit_code == 0


def test_what_other_code_does_not_record_is_no_difference(tmp_path: Path) -> None:
    def foreign(content: Content) -> None:
        content["origin"] = {"kind": "table"}
        content["training"] |= {"unroll": 5, "batch_size": None, "critic_steps": 1}

    assert compare(side(tmp_path / "a"), side(tmp_path / "b", foreign)).exit_code == 0


def test_a_cell_without_runs_fails_the_gate_unless_it_is_accepted(tmp_path: Path) -> None:
    one, other = side(tmp_path / "a"), side(tmp_path / "b", losses=1)
    result = compare(one, other)
    assert result.exit_code == 1
    assert "REGRESSED: 1 of 2 cells (1 OK)." in " ".join(result.stdout.split())
    root = ElementTree.fromstring(compare(one, other, "--format", "junit").stdout.encode())
    assert root.attrib["failures"] == "1"
    accepted = compare(one, other, "--missing", "ok", "--format", "json")
    assert accepted.exit_code == 0
    assert json.loads(accepted.stdout)["missing_cells"] == ["ring · mlp · hinge"]
    again = compare(other, one)  # new cells are never a fault
    assert again.exit_code == 0


def test_fresh_seeds_do_not_clear_a_cell_without_runs(tmp_path: Path) -> None:
    one, other = side(tmp_path / "a"), side(tmp_path / "b", losses=1)
    confirmation = confirm(one, other)
    assert confirmation.comparison.verdict == "REGRESSED"
    assert confirmation.notices == ["the candidate has no runs of the REGRESSED cells, so there is nothing to confirm"]


def test_a_tolerance_that_tolerates_everything_is_refused(tmp_path: Path) -> None:
    one = side(tmp_path / "a")
    assert compare(one, one, "--metric", "modes", "--tolerance", "0.99").exit_code == 0
    result = compare(one, one, "--metric", "modes", "--tolerance", "1")
    assert result.exit_code == 2
    assert "modes cannot fall by more than all of it" in result.stderr
    assert compare(one, one, "--metric", "fd", "--tolerance", "1").exit_code == 0


def test_results_of_a_suite_are_the_same_after_copying(tmp_path: Path) -> None:
    one = side(tmp_path / "a")
    other = shutil.copytree(one, tmp_path / "b" / "made")
    assert compare(one, other).exit_code == 0


def test_a_key_that_only_some_cells_have_can_be_allowed(tmp_path: Path) -> None:
    """It need not differ now, and need not be in the first cell: CI passes the same options to every comparison."""

    def margin_of_hinge(content: Content) -> None:
        if content["axes"]["loss"] == "hinge":
            content["training"]["loss"]["options"]["margin"] = 1.0

    one, other = side(tmp_path / "a", margin_of_hinge), side(tmp_path / "b", margin_of_hinge)
    assert compare(one, other, "--allow", "loss.margin").exit_code == 0
