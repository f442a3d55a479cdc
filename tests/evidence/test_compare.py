"""The compare and confirm commands: verdicts, exit status, refused input, formats, fresh seeds, timings."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from changed_records import content_of, publish_content, rows_of
from click.testing import CliRunner, Result
from conftest import train_suite

from bench.command import main
from bench.compute.engines.in_process import in_process
from bench.errors import SuiteError
from bench.evidence.gate.compare import compare as bench_compare
from bench.plan.rebuilding import rebuild
from bench.records.listing import record_paths
from bench.records.record import read_metadata
from bench.records.remote import remote
from bench.records.timing_results import write_timings

RESULTS = Path(__file__).parents[2] / "results"
Content = dict[str, Any]


def compare(*words: object) -> Result:
    return CliRunner().invoke(main, ["compare", *map(str, words)])


def changed(
    source: Path,
    target: Path,
    metadata: Callable[[Content], None] | None = None,
    fd: Callable[[Content], float] | None = None,
    only: str = "",
) -> Path:
    """Copy records, or those with a word in their name, with changed metadata, or with FD multiplied by a factor."""
    shutil.rmtree(target, ignore_errors=True)
    for path in record_paths(source):
        if only not in path.name:
            continue
        record, rows = content_of(path), rows_of(path)
        for row in rows:
            row["fd"] *= fd(record) if fd else 1.0
        if metadata:
            metadata(record)
        publish_content(target / "records" / path.name, record, rows)
    return target


def worse(cell: str, factor: float) -> Callable[[Content], float]:
    """Return a change of FD by a little noise and, in cells with this word in a label, by a factor."""
    noise = np.random.default_rng(0)

    def of(record: Content) -> float:
        return math.exp(noise.normal(0, 0.05)) * (
            factor if cell in " ".join(map(str, record["axes"].values())) else 1.0
        )

    return of


@pytest.fixture(scope="module")
def regressed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The recorded digits (5 seeds) with the FD of hinge doubled."""
    return changed(RESULTS / "digits", tmp_path_factory.mktemp("worse") / "digits", fd=worse("hinge", 2.0))


def test_results_are_ok_against_themselves_by_path_and_by_name() -> None:
    for baseline in ("quick", RESULTS / "quick"):
        result = compare(baseline, RESULTS / "quick")
        assert result.exit_code == 0, result.output
        assert "OK: 10 of 10 cells." in result.output


def test_records_from_before_the_overlap_are_compared_by_its_bound(tmp_path: Path) -> None:
    def from_before(record: Content) -> None:
        for part in ("final", "best", "real", "again", "higher_is_better"):
            for name in ("overlap", "overlap_ema"):
                (record[part] or {}).pop(name, None)

    older = changed(RESULTS / "quick", tmp_path / "quick", from_before)
    for baseline, candidate in ((older, "quick"), ("quick", older)):
        result = compare(baseline, candidate, "--format", "json")
        assert result.exit_code == 0, result.output
        cells = [cell for cell in json.loads(result.stdout)["cells"] if cell["axes"]["dataset"] == "ring"]
        assert {cell["findings"][0]["compared"] for cell in cells} == {"overlap at least"}


def test_a_planted_regression_is_found_and_named(regressed: Path) -> None:
    result = compare("digits", regressed)
    assert result.exit_code == 1
    assert "REGRESSED digits · dcgan · hinge" in " ".join(result.output.split())
    assert "Holm's correction" in result.output
    assert compare(regressed, "digits").exit_code == 3  # better, but 5 seeds cannot bound the failure rate


def test_few_noisy_runs_that_mostly_fail_are_inconclusive(tmp_path: Path) -> None:
    noise = np.random.default_rng(1)
    failing = changed(RESULTS / "digits", tmp_path / "digits", only="dcgan")
    noisy = changed(failing, tmp_path / "noisy", fd=lambda record: math.exp(noise.normal(0, 0.2)))
    result = compare(failing, noisy)
    assert result.exit_code == 3
    text = " ".join(result.output.split())
    assert "More seeds do not help where most of the baseline's runs fail." in text
    assert "In every cell, most of the baseline's own runs fail (digits · dcgan · minimax 6 of 6, " in text


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (
            lambda record: record["protocol"].update(samples=5000),
            "protocol.samples is 2500 in the baseline and 5000 in the candidate",
        ),
        (lambda record: record["protocol"].update(extractor_sha256="abc"), "protocol.extractor_sha256 is"),
        (
            lambda record: record.update(version=99),
            "the version of the suite is 3 in the baseline and 99 in the candidate",
        ),
        (lambda record: record.update(suite="other"), "the suite is quick in the baseline and other in the candidate"),
        (
            lambda record: record["evaluation"].update(every=100),
            "evaluation.every is 250 in the baseline and 100 in the candidate",
        ),
        (lambda record: record["data"].update(fingerprint="x"), "data.fingerprint is"),
    ],
)
def test_other_protocols_are_refused_in_one_line(tmp_path: Path, change: Callable[[Content], None], text: str) -> None:
    result = compare("quick", changed(RESULTS / "quick", tmp_path / "quick", change))
    assert result.exit_code == 2
    assert text in result.stderr
    assert result.stderr.count("\n") == 1
    assert result.stdout == ""


def test_each_cell_is_compared_with_its_own_protocol(tmp_path: Path) -> None:
    """Cells of one dataset may be measured in different ways, and records may be in any order."""

    def measure(record: Content, hinge: int, wgan_gp: int) -> None:
        record["evaluation"]["every"] = {"hinge": hinge, "wgan-gp": wgan_gp}.get(record["axes"]["loss"], 250)

    baseline = changed(RESULTS / "quick", tmp_path / "a" / "quick", lambda record: measure(record, 100, 250))
    for path in record_paths(changed(baseline, tmp_path / "b" / "quick")):
        if "hinge" in path.name:
            path.unlink()
    assert compare(baseline, tmp_path / "b" / "quick", "--missing", "ok").exit_code == 0
    other = changed(RESULTS / "quick", tmp_path / "c" / "quick", lambda record: measure(record, 100, 50))
    result = compare(baseline, other)
    assert result.exit_code == 2
    assert "mlp · wgan-gp was measured differently: evaluation.every is 250" in result.stderr


def test_runs_that_a_new_version_left_as_they_were_are_compared(tmp_path: Path) -> None:
    """One side was trained anew, the other keeps runs of the version before."""

    def age(record: Content) -> None:
        record["version"] -= record["seed"] % 2

    result = compare("quick", changed(RESULTS / "quick", tmp_path / "quick", age))
    assert result.exit_code == 0, result.stderr


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["quick", "quik"], "there is no results folder quik; did you mean 'quick'"),
        (["quick", "quick", "--metric", "fdd"], "did you mean 'fd'"),
        (["dirac", "dirac", "--metric", "theta"], "neither higher nor lower values are better"),
        (["quick", "quick", "--alpha", "2"], "alpha"),
        (["quick", "quick", "--tolerance", "-1"], "tolerance"),
        (["quick", "quick", "--speed"], "holds no timings"),
        (["quick", "quick", "--speed", "--metric", "fd"], "do not apply"),
    ],
)
def test_bad_input_is_one_clear_line(words: list[str], text: str) -> None:
    result = compare(*words)
    assert result.exit_code == 2
    assert text in result.stderr
    assert result.stderr.count("\n") == 1


def test_missing_and_new_cells_are_reported(tmp_path: Path) -> None:
    fewer = tmp_path / "quick"
    shutil.copytree(RESULTS / "quick" / "records", fewer / "records")
    for path in record_paths(fewer):
        if "hinge" in path.name and "ring" in path.name:
            path.unlink()
    gone = compare("quick", fewer)
    assert gone.exit_code == 1
    assert "REGRESSED ring · mlp · hinge: the candidate has no runs of this cell" in " ".join(gone.output.split())
    accepted = compare("quick", fewer, "--missing", "ok")
    assert accepted.exit_code == 0
    assert "because the candidate does not have them: ring · mlp · hinge" in " ".join(accepted.output.split())
    new = compare(fewer, "quick")
    assert new.exit_code == 0
    assert "Not compared, because the baseline does not have them: ring · mlp · hinge" in " ".join(new.output.split())


def test_gate_options_come_from_the_command_the_suite_or_the_records(
    tiny: str, tiny_results: Path, tmp_path: Path
) -> None:
    def gate(*words: object) -> Any:
        return json.loads(compare(tiny_results, tiny_results, *words, "--format", "json").stdout)["gate"]

    assert gate()["tolerance"] == 0.25
    assert gate("--tolerance", "0.5", "--failure-tolerance", "0.1", "--alpha", "0.01") == {
        "alpha": 0.01, "tolerance": 0.5, "failure_tolerance": 0.1, "metric": None,
    }  # fmt: skip
    Path(tiny).write_text(Path(tiny).read_text() + '[compare]\ntolerance = 0.75\nmetric = "modes"\n')
    assert gate("--suite", tiny)["tolerance"] == 0.75
    own = changed(tiny_results, tmp_path / "own", lambda record: record["gate"].update(tolerance=0.6))
    output = json.loads(compare(own, own, "--format", "json").stdout)
    assert output["gate"]["tolerance"] == 0.6
    Path(tiny).write_text(Path(tiny).read_text().replace("tolerance = 0.75", "tolerence = 0.75"))
    wrong = compare(tiny_results, tiny_results, "--suite", tiny)
    assert wrong.exit_code == 2
    assert "[compare]: unknown key 'tolerence'; did you mean 'tolerance'" in wrong.stderr


def test_json_has_every_number_and_is_strict(regressed: Path) -> None:
    result = compare("digits", regressed, "--format", "json")
    output = json.loads(result.stdout, parse_constant=lambda text: pytest.fail(f"{text} is not JSON"))
    assert result.exit_code == 1
    assert output["verdict"] == "REGRESSED"
    (cell,) = [
        each for each in output["cells"] if each["axes"]["loss"] == "hinge" and each["axes"]["architecture"] == "dcgan"
    ]
    (quality,) = [finding for finding in cell["findings"] if finding["family"] == "quality"]
    assert quality["low"] < quality["effect"] < quality["high"]
    assert quality["effect"] == pytest.approx(2, rel=0.1)
    assert quality["p_holm"] >= quality["p"]
    assert (quality["n_baseline"], quality["n_candidate"]) == (6, 6)


def test_few_and_missing_seeds_are_reported(tmp_path: Path) -> None:
    fewer = tmp_path / "ring"
    shutil.copytree(RESULTS / "ring" / "records", fewer / "records")
    for path in record_paths(fewer):
        if read_metadata(path).seed > 3:
            path.unlink()
    text = " ".join(compare("ring", fewer).stdout.split())
    assert (
        "The candidate has fewer seeds than the baseline in 15 cells; runs that end with an error leave no record"
        in text
    )
    assert "With 4 seeds per side, no test of the measure in one cell can give p below" in text
    assert "fewer seeds" not in compare("ring", "ring").stdout


def hostile(record: Content) -> None:
    record["suite"] = "odd"  # of no suite that has labels for it
    record["axes"]["loss"] = f'{record["axes"]["loss"]} | <b>"&</b>\n\b.'


def test_markdown_and_junit_escape_labels(tmp_path: Path) -> None:
    odd = changed(RESULTS / "quick", tmp_path / "quick", hostile)
    markdown = compare(odd, odd, "--format", "markdown").stdout
    assert '\\| &lt;b&gt;"&amp;&lt;/b&gt;' in markdown
    rows = [line for line in markdown.splitlines() if line.startswith("|")]
    assert {line.replace("\\|", "").count("|") for line in rows} == {rows[0].count("|")}
    assert markdown.startswith("### ganbench: 🟢 OK: 10 of 10 cells.")
    root = ElementTree.fromstring(compare(odd, odd, "--format", "junit").stdout.encode())
    cases = root.findall(".//testcase")
    assert int(root.attrib["tests"]) == len(cases) == 20
    assert any('| <b>"&</b>\n\ufffd.' in case.attrib["classname"] for case in cases)


def test_junit_totals_match_its_test_cases(regressed: Path) -> None:
    root = ElementTree.fromstring(compare("digits", regressed, "--format", "junit").stdout.encode())
    suite = root.find("testsuite")
    assert suite is not None
    for word, tag in (("failures", "failure"), ("skipped", "skipped")):
        assert int(suite.attrib[word]) == len(suite.findall(f".//{tag}")) > 0
    assert all(failure.attrib["message"] for failure in suite.findall(".//failure"))


MANY = """
name = "many"
title = "Many seeds, few steps"
seeds = 8
[matrix]
loss = ["non-saturating"]
dataset = [{ name = "ring", points = 500 }]
architecture = [{ name = "mlp", width = 8, depth = 1, label = "mlp" }]
[training]
steps = 20
batch_size = 8
latent = 2
[evaluation]
every = 10
samples = 100
metrics = ["frechet"]
"""


@pytest.fixture(scope="module")
def trained_many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train_suite(MANY, tmp_path_factory.mktemp("trained"))


@pytest.fixture
def many(trained_many: Path, tmp_path: Path) -> Path:
    """Records of eight short runs."""
    return Path(shutil.copytree(trained_many, tmp_path / "results" / "many"))


def confirm(*words: object) -> Result:
    return CliRunner().invoke(main, ["confirm", *map(str, words), "--workers", "1", "--seeds", "8"])


def test_a_false_alarm_is_cleared_on_fresh_seeds(many: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The records have ten times the FD that the code gives, so runs on fresh seeds are not worse."""
    monkeypatch.setattr("bench.compute.engines.choice.choose_engine", lambda *_: in_process)
    wrong = changed(many, tmp_path / "candidate" / "many", fd=worse("non-saturating", 10.0))
    assert compare(many, wrong).exit_code == 1
    first = confirm(many, wrong)
    assert first.exit_code in (0, 3), first.output
    assert "1 flagged cell was trained on fresh seeds 8 to 15" in first.stderr
    assert "the baseline's records are reused, because only the code differs;" in first.stderr
    records = record_paths(tmp_path / "candidate" / "many-confirmation")
    assert sorted(read_metadata(path).seed for path in records) == list(range(8, 16))
    assert not (many.parent / "many-confirmation").exists()
    before = {path: path.stat().st_mtime_ns for path in records}
    monkeypatch.setattr("bench.confirming.versions", lambda: {"commit": "of another day"})
    again = confirm(many, wrong)
    assert again.stdout == first.stdout
    assert "8 runs in" in again.stderr
    assert "the current commit is of another" in again.stderr
    assert {path: path.stat().st_mtime_ns for path in record_paths(records[0].parent.parent)} == before


def test_results_at_an_address_are_confirmed_there(
    many: Path, tmp_path: Path, in_memory: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bench.compute.engines.choice.choose_engine", lambda *_: in_process)
    wrong = changed(many, tmp_path / "candidate" / "many", fd=worse("non-saturating", 10.0))
    store = remote(f"{in_memory}/many")
    for path in record_paths(wrong):
        store.write(f"records/{path.name}", path.read_bytes())
    found = confirm(many, store.address, "--format", "json")
    assert found.exit_code in (0, 3), found.output
    assert f"on fresh seeds 8 to 15; records: {in_memory}/many-confirmation" in found.stderr
    assert json.loads(found.stdout)["candidate"] == f"{in_memory}/many-confirmation"
    names = remote(f"{in_memory}/many-confirmation").entries()
    assert [name.partition("/")[0] for name in names] == ["records"] * 8
    assert len(store.entries()) == len(record_paths(wrong))


@pytest.mark.slow
def test_a_true_regression_is_confirmed_and_both_sides_are_trained(
    many: Path, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A tenth of the learning rate, in records that keep the place: the specifications differ."""
    text = MANY.replace("steps = 20", 'steps = 20\noptimizer = { name = "adam", lr = 1e-9 }')
    slow = changed(
        train_suite(text, tmp_path_factory.mktemp("slow")),
        tmp_path / "candidate" / "many",
        fd=worse("non-saturating", 10.0),
    )
    allowed = ("--allow", "optimizer.lr", "--allow", "critic_optimizer.lr")
    assert compare(many, slow).exit_code == 2
    assert compare(many, slow, *allowed).exit_code == 1
    confirm(many, slow, *allowed)
    assert len(record_paths(many.parent / "many-confirmation")) == 8
    assert len(record_paths(tmp_path / "candidate" / "many-confirmation")) == 8


def test_only_the_given_cells_and_seeds_are_compared() -> None:
    one = {"dataset": "ring", "loss": "hinge", "penalty": "r1", "another axis": "anything"}
    (cell,) = bench_compare("ring", "ring", only=[one], seeds=(None, {0, 1, 2, 3})).cells
    assert cell.axes["loss"] == "hinge"
    assert cell.findings[-1].test.n == (10, 4)


def test_extra_tests_are_corrected_for(regressed: Path) -> None:
    """Holm's correction multiplies the smallest of n p-values by n, and with k extra tests by n + k."""
    plain, corrected = (bench_compare("digits", regressed, extra_tests=count) for count in (0, 10**6))
    tested = [
        [f for cell in each.cells for f in cell.findings if not math.isnan(f.p_holm)] for each in (plain, corrected)
    ]
    one, other = (min(findings, key=lambda finding: finding.test.significance.p) for findings in tested)
    assert other.p_holm == pytest.approx(min(1, one.p_holm + 10**6 * one.test.significance.p))
    assert (plain.verdict, corrected.verdict) == ("REGRESSED", "INCONCLUSIVE")


def test_a_candidate_that_fails_everywhere_is_regressed_with_three_seeds(tmp_path: Path) -> None:
    """No cell is significant alone: with three of three against none, Boschloo's p is 1/64."""

    def lenient(record: Content) -> None:
        record["suite"] = "lenient"
        record["rules"] = {"never_learned": 1.0, "collapsed": 1e-9, "relapsed": 1e9, "oscillating": 1e9}

    def diverged(record: Content) -> None:
        lenient(record)
        record["ending"].update(status="diverged", reason="a loss of NaN", step=10)
        record["seed"] += 100

    whole = changed(RESULTS / "networks", tmp_path / "whole", lenient)
    broken = changed(RESULTS / "networks", tmp_path / "broken", diverged)
    result = compare(whole, broken, "--format", "markdown")
    assert result.exit_code == 1
    assert "REGRESSED: 0 of 6 cells (6 INCONCLUSIVE); the overall failure rate rose." in result.stdout
    assert "- **all cells together**: 18 of 18 runs failed" in result.stdout
    output = json.loads(compare(whole, broken, "--format", "json").stdout)
    assert output["cells"][-1]["axes"] == {"dataset": "all", "architecture": "all", "loss": "all"}
    text = " ".join(compare(whole, broken).stdout.split())
    assert "REGRESSED all cells together: 18 of 18 runs failed" in text


def test_nothing_is_trained_if_no_cell_is_regressed(many: Path) -> None:
    result = confirm(many, many)
    assert result.exit_code == 0
    assert "nothing to confirm" in result.stderr
    assert not (many.parent / "many-confirmation").exists()


def test_seeds_must_be_fresh_and_records_ganbenchs_own(many: Path, tmp_path: Path) -> None:
    wrong = changed(many, tmp_path / "candidate" / "many", fd=worse("non-saturating", 10.0))
    stale = CliRunner().invoke(main, ["confirm", str(many), str(wrong), "--seeds", "7-9"])
    assert stale.exit_code == 2
    assert "--seeds: 7 not fresh" in stale.stderr
    foreign = changed(wrong, tmp_path / "foreign" / "many", lambda record: record.update(origin={"kind": "table"}))
    refused = confirm(many, foreign)
    assert refused.exit_code == 2
    assert "trained by other code" in refused.stderr


@pytest.mark.parametrize("name", ["quick", "ring", "grid", "digits", "dirac", "techniques", "stacked-digits"])
def test_a_run_is_rebuilt_from_its_record(name: str) -> None:
    cells = {read_metadata(path).cell: path for path in record_paths(RESULTS / name)}
    for path in cells.values():
        record = content_of(path)
        again = rebuild(record, record["seed"])
        assert again.id == record["run"]
        assert again.file_name == path.name
        assert rebuild(record, 10_000).cell == record["cell"]


def test_a_run_with_other_numerics_is_not_rebuilt() -> None:
    record = content_of(record_paths(RESULTS / "quick")[0])
    with pytest.raises(SuiteError, match="has changed since it was recorded; run the suite again"):
        rebuild({**record, "run": "0" * 16}, 3)


def timings(folder: Path, seconds: dict[str, float], **environment: Any) -> Path:
    """Write timings of five rounds per cell, 1% apart."""
    steady = {"device_name": "a chip", "device": "cpu", "threads": 1, "workers": 1, "pack": 1, "alone": True}
    cells = [
        {
            "axes": {"loss": loss},
            "training": {"steps": 10},
            "evaluation": {"samples": 10},
            "rounds": [
                {
                    "round": number,
                    "steps": 100,
                    "seconds_per_step": each * (1 + 0.01 * number),
                    "images_per_second": 1.0,
                    "seconds_per_evaluation": 0.1 * (1 + 0.01 * number),
                    "peak_memory_bytes": None,
                }
                for number in range(5)
            ],
        }
        for loss, each in seconds.items()
    ]
    content = {"suite": "quick", "version": 1, "title": "", "axes": ["loss"], "environment": {**steady, **environment}}
    write_timings(folder, {**content, "cells": cells})
    return folder


def test_timings_are_compared_only_under_the_same_conditions(tmp_path: Path) -> None:
    before = timings(tmp_path / "a", {"hinge": 0.01, "wgan-gp": 0.05})
    slower = timings(tmp_path / "b", {"hinge": 0.02, "wgan-gp": 0.05})
    result = compare(before, slower, "--speed")
    assert result.exit_code == 1
    assert "REGRESSED hinge: seconds per step 2× the baseline" in " ".join(result.stdout.split())
    assert "one value per round" in " ".join(result.stdout.split())
    assert compare(slower, before, "--speed").exit_code == 0
    assert compare(before, before, "--speed").exit_code == 0
    for change, text in (
        ({"device_name": "another chip"}, "device name is a chip and another chip"),
        ({"threads": 4}, "threads is 1 and 4"),
        ({"alone": False}, "alone"),
    ):
        refused = compare(before, timings(tmp_path / "c", {"hinge": 0.01}, **change), "--speed")
        assert refused.exit_code == 2
        assert text in refused.stderr


def test_timings_are_ok_against_themselves_however_few(tmp_path: Path) -> None:
    """Rounds 1% apart are within the tolerance; one round alone decides nothing, unless it is the same on both sides."""
    folder = timings(tmp_path / "a", {"hinge": 0.01})
    path = folder / "timings.json"
    content = json.loads(path.read_text())
    content["cells"][0]["rounds"] = content["cells"][0]["rounds"][:1]
    write_timings(folder, {key: value for key, value in content.items() if key not in ("sha256", "schema")})
    assert compare(folder, folder, "--speed").exit_code == 0
    other = timings(tmp_path / "b", {"hinge": 0.011})
    assert compare(folder, other, "--speed").exit_code == 3


def test_tolerances_of_timings_by_dataset(tmp_path: Path) -> None:
    sides = [timings(tmp_path / name, {"hinge": seconds}) for name, seconds in (("a", 0.01), ("b", 0.015))]
    for side in sides:
        content = json.loads((side / "timings.json").read_text())
        content["axes"].append("dataset")
        content["cells"][0]["axes"]["dataset"] = "ring"
        write_timings(side, {key: value for key, value in content.items() if key not in ("sha256", "schema")})
    assert compare(*sides, "--speed").exit_code == 1
    assert compare(*sides, "--speed", "--tolerance", "ring=0.8").exit_code == 0
    assert "no dataset 'rnig'" in compare(*sides, "--speed", "--tolerance", "rnig=0.8").stderr


def test_timings_have_their_own_tolerance_of_a_tenth(tmp_path: Path) -> None:
    before = timings(tmp_path / "a", {"hinge": 0.01, "wgan-gp": 0.05})
    slower = timings(tmp_path / "b", {"hinge": 0.012, "wgan-gp": 0.05})
    assert compare(before, slower, "--speed").exit_code == 1
    assert compare(before, slower, "--speed", "--tolerance", "0.25").exit_code == 0
    alike = timings(tmp_path / "c", {"hinge": 0.0105, "wgan-gp": 0.05})
    assert compare(before, alike, "--speed").exit_code == 0
    assert json.loads(compare(before, alike, "--speed", "--format", "json").stdout)["gate"]["tolerance"] == 0.1


@pytest.mark.parametrize(
    ("environment", "text"),
    [
        ({"other_load": 1.26, "load_average": 0.0}, "b: other processes used 1.3 CPU cores meanwhile"),
        ({"load_average": 6.4}, "b: the load average was 6.40 before"),
        ({"other_load": 0.1, "load_average": 6.4}, ""),  # the load of this very command, a minute before
    ],
)
def test_timings_of_a_busy_machine_are_refused_unless_allowed(
    tmp_path: Path, environment: dict[str, float], text: str
) -> None:
    before = timings(tmp_path / "a", {"hinge": 0.01})
    after = timings(tmp_path / "b", {"hinge": 0.0101}, **environment)
    result = compare(before, after, "--speed")
    assert result.exit_code == (2 if text else 0)
    assert text in result.stderr
    if text:
        allowed = compare(before, after, "--speed", "--allow", "load")
        assert allowed.exit_code == 0
        assert "Allowed differences: " in allowed.stdout
    wrong = compare(before, after, "--speed", "--allow", "steps")
    assert wrong.exit_code == 2
    assert "--speed allows only load" in wrong.stderr


def test_a_cell_that_was_not_timed_is_regressed_unless_accepted(tmp_path: Path) -> None:
    both = timings(tmp_path / "a", {"hinge": 0.01, "wgan-gp": 0.05})
    one = timings(tmp_path / "b", {"hinge": 0.01})
    assert compare(both, one, "--speed").exit_code == 1
    accepted = compare(both, one, "--speed", "--missing", "ok")
    assert accepted.exit_code == 0
    assert "because the candidate does not have them: wgan-gp" in " ".join(accepted.stdout.split())
    none = compare(both, timings(tmp_path / "c", {"minimax": 0.01}), "--speed")
    assert none.exit_code == 2
    assert "no cell in common" in none.stderr
