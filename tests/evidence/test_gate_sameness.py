"""A results folder compared with itself is OK whatever its runs are, and missing protocols are named."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from changed_records import content_of, publish_content, rows_of
from click.testing import CliRunner, Result
from made_runs import record

from bench.command import main
from bench.evidence.gate.compare import compare
from bench.evidence.gate.decision import Verdict
from bench.records.listing import record_paths

RESULTS = Path(__file__).parents[2] / "results"
NAN = math.nan
HEAD = "loss,seed,step,FID"
ALL_FAILED = ["hinge,0,0,398.1", "hinge,0,1000,nan", "hinge,1,0,398", "hinge,1,1000,nan", "hinge,2,0,398", "hinge,2,9,"]
TABLES: dict[str, tuple[str, Sequence[str]]] = {
    "all failed": (HEAD, ALL_FAILED),
    "some failed": (HEAD, [*ALL_FAILED, "hinge,3,0,398", "hinge,3,1000,12.5"]),
    "never learned": (HEAD, ["hinge,0,0,398.1", "hinge,0,1000,397.5", "hinge,1,0,398", "hinge,1,1000,398"]),
    "one seed": (HEAD, ["hinge,0,0,398.5", "hinge,0,1000,20.25"]),
    "whole numbers": (HEAD, ["hinge,0,0,398", "hinge,0,1000,20", "hinge,1,0,398", "hinge,1,1000,22"]),
    "no values at all": ("loss,seed,step,outcome,FID", ["hinge,0,0,failed,", "hinge,1,0,failed,"]),
    "a measure of some runs": (f"{HEAD},swd", ["hinge,0,0,398,1", "hinge,0,9,20,", "hinge,1,0,398,", "hinge,1,9,22,"]),
    "unknown measures": ("loss,seed,step,beauty", ["hinge,0,0,1", "hinge,0,9,2", "hinge,1,9,3"]),
}


def ganbench(*words: object) -> Result:
    return CliRunner().invoke(main, list(map(str, words)))


def imported(folder: Path, head: str, rows: Sequence[str], *options: str) -> Path:
    folder.mkdir()
    (folder / "table.csv").write_text("\n".join([head, *rows]) + "\n")
    maps = [word for name in head.split(",") for word in ("--map", f"{name}={name.lower()}")]
    maps += ["--lower", "beauty"] if "beauty" in head else []
    fixed = ["--set", "dataset=c", "--set", "architecture=d"]
    result = ganbench("import", folder / "table.csv", "--suite", "s", *maps, *fixed, *options, "--results", folder)
    assert result.exit_code == 0, result.output
    return folder / "s"


@pytest.mark.parametrize("name", TABLES)
def test_an_imported_table_is_ok_against_itself(tmp_path: Path, name: str) -> None:
    folder = imported(tmp_path / "a", *TABLES[name])
    copy = Path(shutil.copytree(folder, tmp_path / "copy" / "s"))
    for other in (folder, copy):
        result = ganbench("compare", folder, other)
        assert result.exit_code == 0, result.output
        assert "OK: 1 of 1 cell." in result.output


@pytest.mark.parametrize("suite", sorted(path.name for path in RESULTS.iterdir() if path.is_dir()))
def test_recorded_results_are_ok_against_themselves(suite: str) -> None:
    comparison = compare(RESULTS / suite, RESULTS / suite)
    assert {cell.verdict for cell in comparison.cells} == {Verdict.OK}
    assert comparison.unchecked == ""


def test_runs_that_failed_alike_are_the_same_also_if_they_were_recorded_again(tmp_path: Path) -> None:
    one = imported(tmp_path / "a", *TABLES["all failed"])
    other = imported(tmp_path / "b", *TABLES["all failed"])
    for path in record_paths(other):
        publish_content(path, content_of(path) | {"environment": {"date": "2030-01-01"}}, rows_of(path))
    assert compare(one, other).verdict == Verdict.OK


def test_runs_that_failed_at_other_steps_are_not_the_same(tmp_path: Path) -> None:
    one = imported(tmp_path / "a", *TABLES["all failed"])
    other = imported(tmp_path / "b", HEAD, [row.replace("1000", "2000") for row in ALL_FAILED])
    assert compare(one, other).verdict == Verdict.INCONCLUSIVE


def test_equal_whole_numbers_of_different_runs_are_weak_evidence(tmp_path: Path) -> None:
    one = imported(tmp_path / "a", *TABLES["whole numbers"])
    other = imported(tmp_path / "b", *TABLES["whole numbers"])
    for path in record_paths(other):
        publish_content(path, content_of(path) | {"environment": {"date": "2030-01-01"}}, rows_of(path))
    assert compare(one, other).verdict == Verdict.INCONCLUSIVE


def test_a_difference_in_one_seed_is_a_difference(tmp_path: Path) -> None:
    for name, last in (("a", 0.5), ("b", 0.7)):
        for seed in range(3):
            record(tmp_path / name, "hinge", seed, (1.0, 0.4), diverged=True)
        record(tmp_path / name, "hinge", 3, (1.0, 0.4, 0.3, last))
    (cell,) = compare(tmp_path / "a" / "made", tmp_path / "b" / "made").cells
    assert "seed by seed" not in cell.reason
    assert cell.verdict == Verdict.INCONCLUSIVE


PROTOCOL = ("--protocol", "samples=1000", "--protocol", "extractor=inception")


@pytest.mark.parametrize(
    ("one", "other", "reason"),
    [
        ((), (), "neither side records a protocol"),
        (PROTOCOL, (), "the candidate records no protocol"),
        ((), PROTOCOL, "the baseline records no protocol"),
    ],
)
def test_a_missing_protocol_is_named_in_every_format(
    tmp_path: Path, one: tuple[str, ...], other: tuple[str, ...], reason: str
) -> None:
    folders = [imported(tmp_path / name, *TABLES["one seed"], *o) for name, o in (("a", one), ("b", other))]
    expected = f"it is unknown whether both sides measured c in the same way, because {reason}"
    text, markdown, junit = (ganbench("compare", *folders, "--format", f) for f in ("text", "markdown", "junit"))
    for result in (text, markdown, junit):
        assert result.exit_code == 0, result.output
        assert f"Not checked: {expected}." in " ".join(result.output.split())
    assert f"Not checked: {expected}." in markdown.output.splitlines()
    (output,) = ElementTree.fromstring(junit.output).findall("testsuite/system-out")
    assert expected in str(output.text)
    assert json.loads(ganbench("compare", *folders, "--format", "json").output)["unchecked"] == expected


def test_with_a_protocol_on_both_sides_nothing_is_said_and_differences_are_refused(tmp_path: Path) -> None:
    one = imported(tmp_path / "a", *TABLES["one seed"], *PROTOCOL)
    assert "Not checked" not in ganbench("compare", one, one).output
    other = imported(tmp_path / "b", *TABLES["one seed"], "--protocol", "samples=50")
    refused = ganbench("compare", one, other)
    assert refused.exit_code == 2
    assert "c · d · hinge was measured differently" in refused.stderr


def two_datasets(folder: Path, factors: dict[str, float], protocol: dict[str, Any] | None = None) -> Path:
    """Record four seeds on each of two datasets, with a last FD near 0.1 times the factor of the dataset."""
    for dataset, factor in factors.items():
        for seed in range(6):
            values = (1.0, 0.9, 0.5, 0.1 * factor * (1 + 0.01 * ((seed * (1 + round(factor))) % 5)))
            changed = {} if protocol is None else {"protocol": protocol}
            record(folder, "hinge", seed, values, dataset=dataset, **changed)
    return folder / "made"


def found(result: Result) -> dict[str, tuple[str, float]]:
    cells = json.loads(result.stdout)["cells"]
    return {
        cell["axes"]["dataset"]: (
            next(each["verdict"] for each in cell["findings"] if each["family"] == "quality"),
            cell["tolerance"],
        )
        for cell in cells
        if cell["tolerance"] is not None
    }


def test_tolerances_by_dataset(tmp_path: Path) -> None:
    """Both datasets are 40% worse: too much for a tolerance of 10%, and allowed by one of 60%."""
    baseline = two_datasets(tmp_path / "a", {"ring": 1.0, "grid": 1.0})
    candidate = two_datasets(tmp_path / "b", {"ring": 1.4, "grid": 1.4})
    words = ("compare", baseline, candidate, "--format", "json")
    assert found(ganbench(*words, "--tolerance", 0.1)) == {"ring": ("REGRESSED", 0.1), "grid": ("REGRESSED", 0.1)}
    assert found(ganbench(*words, "--tolerance", 0.1, "--tolerance", "ring=0.6")) == {
        "ring": ("OK", 0.6),
        "grid": ("REGRESSED", 0.1),
    }
    assert found(ganbench(*words, "--tolerance", "ring=0.6"))["grid"] == ("REGRESSED", 0.25)  # the default


def test_different_tolerances_are_shown_with_their_cells(tmp_path: Path) -> None:
    baseline = two_datasets(tmp_path / "a", {"ring": 1.0, "grid": 1.0})
    options = ("--tolerance", "0.1", "--tolerance", "ring=0.6")
    text = ganbench("compare", baseline, baseline, *options).output
    assert "tolerance" in text
    assert "shown to be at most 10% (grid) / 60% (ring) worse" in " ".join(text.split()) or (
        "shown to be at most 60% (ring) / 10% (grid) worse" in " ".join(text.split())
    )
    markdown = ganbench("compare", baseline, baseline, *options, "--format", "markdown").output
    assert "| tolerance " in markdown
    assert "| tolerance " not in ganbench("compare", baseline, baseline, "--format", "markdown").output


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("--tolerance", "rng=0.3"), "--tolerance: no dataset 'rng' in these results; did you mean 'ring'?"),
        (("--tolerance", "much"), "--tolerance much: expected NUMBER or DATASET=NUMBER"),
        (("--tolerance", "ring=much"), "--tolerance ring=much: expected NUMBER or DATASET=NUMBER"),
        (("--tolerance", "-1"), "expected a number from 0 to 10"),
        (("--tolerance", "ring=nan"), "for 'ring' it is nan"),
        (("--tolerance", "0.1", "--tolerance", "0.2"), "--tolerance is given twice for all datasets"),
        (("--tolerance", "ring=0.1", "--tolerance", "ring=0.2"), "--tolerance is given twice for 'ring'"),
    ],
)
def test_wrong_tolerances_are_refused_in_one_line(tmp_path: Path, words: tuple[str, ...], text: str) -> None:
    folder = two_datasets(tmp_path / "a", {"ring": 1.0})
    result = ganbench("compare", folder, folder, *words)
    assert result.exit_code == 2
    assert text in result.stderr
    assert result.stderr.count("\n") == 1
