"""The CI workflow in docs/: its commands parse, and it fails only on a regression or on invalid input."""

from __future__ import annotations

import math
import os
import re
import shlex
import subprocess
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from bench.command import main
from bench.evidence.gate.compare_speed import SPEED_TOLERANCE
from bench.evidence.gate.mean_tests import compare_means
from bench.evidence.gate.sample_sizes import smallest_found
from bench.plan.runs import plan_runs
from bench.plan.suite import parse_suite, suite_files

DOCS = Path(__file__).parent.parent / "docs"
WORKFLOW = yaml.safe_load((DOCS / "ganbench.yml").read_text())
STEPS = {step.get("name", step.get("uses", "")): step for step in WORKFLOW["jobs"]["stability"]["steps"]}
COMPARE, CONFIRM = "Compare", "Confirm regressions on fresh seeds"
SUMMARY, COMMENT = "Write the job summary", "Create or update the pull request comment"

GANBENCH = """#!/bin/sh
echo "ganbench $*" >> calls
case $1 in
  compare) echo "the comparison"; exit "$COMPARE_STATUS" ;;
  confirm) echo "the confirmation"; exit "$CONFIRM_STATUS" ;;
esac
"""
GH = """#!/bin/sh
echo "gh $*" >> calls
case "$*" in *--jq*) printf "$COMMENTS" ;; esac
"""


def commands() -> list[list[str]]:
    blocks = re.findall(r"```bash\n(.*?)```", (DOCS / "ci.md").read_text(), flags=re.S)
    lines = [
        line for text in (*blocks, *(step.get("run", "") for step in STEPS.values())) for line in text.splitlines()
    ]
    parts = [re.split(r" > | \|\| ", line)[0] for line in lines]
    return [shlex.split(part)[1:] for part in parts if re.match(r"\s*(\S*/)?ganbench ", part)]


def test_the_gate_uses_all_its_verbs() -> None:
    assert {words[0] for words in commands()} == {"run", "plan", "compare", "confirm", "time"}


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_every_command_parses(words: list[str]) -> None:
    main.commands[words[0]].make_context(words[0], words[1:])


def test_the_table_of_speed_shows_what_the_gate_finds() -> None:
    """Eight tests: steps and evaluations of four cells."""
    rows = re.findall(r"^\| (\d+) \| ([\d.]+)× \| ([\d.]+)× \| ([\d.]+)× \|$", (DOCS / "ci.md").read_text(), flags=re.M)
    assert len(rows) == 4
    for rounds, *shown in rows:
        seconds = np.linspace(1, 1.01, int(rounds))
        options: dict[str, Any] = {"higher_is_better": False, "tolerance": SPEED_TOLERANCE, "alpha": 0.05}
        test = compare_means("speed", "seconds per step", seconds, seconds, **options)
        for spread, text in zip((0.01, 0.03, 0.1), shown, strict=True):
            found = smallest_found(replace(test, deviation=spread), 0.05 / 8, 0.05)
            assert found is not None
            assert f"{math.exp(found):.2f}" == text


def test_the_workflow_runs_on_pull_requests_and_may_comment() -> None:
    triggers = WORKFLOW[True]  # YAML 1.1 reads the key "on" as true
    assert set(triggers) == {"pull_request", "workflow_dispatch"}
    assert WORKFLOW["permissions"] == {"contents": "read", "pull-requests": "write"}
    scripts = [step["run"] for step in STEPS.values() if "run" in step]
    assert not [text for text in scripts if "${{" in text]  # untrusted text is passed in variables, never in a script


def run_workflow(folder: Path, compare: int, confirm: int = 0, comments: str = "") -> tuple[str, str]:
    """Return the first failed step (or "success") and the commands that were called."""
    for name, script in (("ganbench", GANBENCH), ("gh", GH)):
        (folder / name).write_text(script)
        (folder / name).chmod(0o755)
    environment = {
        "PATH": f"{folder}:{os.environ['PATH']}",
        **{key: WORKFLOW["env"][key] for key in ("BASELINE", "SUITE", "CANDIDATE")},
        "COMPARE_STATUS": str(compare),
        "CONFIRM_STATUS": str(confirm),
        "COMMENTS": comments,
        "GITHUB_OUTPUT": str(folder / "output"),
        "GITHUB_STEP_SUMMARY": str(folder / "summary"),
        "GITHUB_REPOSITORY": "owner/name",
        "NUMBER": "7",
    }
    (folder / "output").touch()

    def status() -> str:
        return (folder / "output").read_text().strip().rpartition("=")[2]  # of the last step that set one

    def succeeds(step: dict[str, Any]) -> bool:
        return not subprocess.run(
            ["bash", "-e", "-c", step["run"]], cwd=folder, env=environment | {"STATUS": status()}, check=False
        ).returncode

    conclusion = "success"
    for name in (COMPARE, CONFIRM, SUMMARY, COMMENT, "Verdict"):
        wanted = {COMPARE: True, CONFIRM: status() == "1"}.get(name, status() != "")
        always = str(STEPS[name].get("if", "")).startswith("always()")
        if wanted and (always or conclusion == "success") and not succeeds(STEPS[name]) and conclusion == "success":
            conclusion = name
    return conclusion, (folder / "calls").read_text()


@pytest.mark.parametrize(
    ("compare", "confirm", "conclusion"),
    [
        (0, 0, "success"),
        (3, 0, "success"),
        (1, 1, "Verdict"),
        (1, 0, "success"),  # a false alarm, according to the confirmation
        (1, 3, "success"),
        (2, 0, COMPARE),
        (1, 2, CONFIRM),
    ],
)
def test_only_regressions_and_invalid_input_fail(tmp_path: Path, compare: int, confirm: int, conclusion: str) -> None:
    ending, calls = run_workflow(tmp_path, compare, confirm)
    assert ending == conclusion
    assert ("ganbench confirm" in calls) == (compare == 1)
    assert ("gh pr comment" in calls) == (compare != 2)
    if compare != 2:
        comment = (tmp_path / "comment.md").read_text()
        assert comment.startswith("<!-- ganbench -->\nthe comparison\n")
        assert ("the confirmation" in comment) == (compare == 1 and confirm != 2)
        assert (tmp_path / "comparison.xml").read_text() == "the comparison\n"
        assert (tmp_path / "summary").read_text() in comment


def test_a_suite_of_ones_own_is_set_in_one_place(tmp_path: Path) -> None:
    """Only the variables name the suite and its results, so that no other line has to change."""
    scripts = [step["run"] for step in STEPS.values() if "run" in step]
    assert not [text for text in scripts if re.search(r"\bgate\b", text)]
    assert 'ganbench run "$SUITE"' in STEPS["Train"]["run"]
    _, calls = run_workflow(tmp_path, 1)
    assert calls.count(f"baseline {WORKFLOW['env']['CANDIDATE']} --format") == 3


def test_the_suite_of_the_page_is_valid() -> None:
    (text,) = re.findall(r"```toml\n(.*?)```", (DOCS / "ci.md").read_text(), flags=re.S)
    suite = parse_suite(tomllib.loads(text.replace("my-loss", "hinge")), "ci.md")
    assert len(plan_runs(suite)) == 10
    assert suite.name not in suite_files()


def test_an_existing_comment_is_updated(tmp_path: Path) -> None:
    _, calls = run_workflow(tmp_path, 0, comments="42\\n43\\n")
    assert "gh api --method PATCH repos/owner/name/issues/comments/42 --field body=@comment.md" in calls
    assert "gh pr comment" not in calls


def test_the_conditions_of_the_steps_match_this_test() -> None:
    assert STEPS[COMPARE]["if"] == "github.event_name == 'pull_request'"
    assert STEPS[CONFIRM]["if"] == f"steps.{STEPS[COMPARE]['id']}.outputs.status == '1'"
    for name in (SUMMARY, COMMENT, "Verdict"):
        assert "steps.compare.outputs.status != ''" in STEPS[name]["if"]
    assert STEPS["Verdict"]["env"]["STATUS"] == "${{ steps.confirm.outputs.status || steps.compare.outputs.status }}"
