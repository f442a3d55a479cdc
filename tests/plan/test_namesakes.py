"""Suites of users that have the name of one of ganbench's, whose thresholds would apply to their results."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from bench.command import main
from bench.plan.suite import describe_namesake, load_suite, suite_files

GATE = suite_files()["gate"].read_text()
STRICTER = GATE + "\n[compare]\ntolerance = 0.1\n"


@pytest.mark.parametrize(
    ("text", "warned"), [(GATE, False), (STRICTER, True), (STRICTER.replace('name = "gate"', 'name = "mine"'), False)]
)
def test_a_namesake_with_other_thresholds_is_told(text: str, warned: bool, tmp_path: Path) -> None:
    path = tmp_path / "gate.toml"
    path.write_text(text)
    assert len(describe_namesake(load_suite(str(path)))) == warned
    output = " ".join(CliRunner().invoke(main, ["plan", str(path), "--results", str(tmp_path)]).stdout.split())
    assert ("ganbench has a suite 'gate' of its own, whose [outcome], [compare]" in output) == warned


def test_suites_of_ganbench_are_no_namesakes() -> None:
    assert not [name for name in suite_files() if describe_namesake(load_suite(name))]
