"""A candidate that was trained with ``--set``, which makes the setting an axis of its records alone."""

from __future__ import annotations

from pathlib import Path

import pytest
from changed_records import content_of, publish_content, rows_of
from click.testing import CliRunner, Result

from bench.command import main
from bench.records.listing import record_paths

GATE = Path(__file__).parents[2] / "results" / "gate"


@pytest.fixture
def shorter(tmp_path: Path) -> Path:
    for path in record_paths(GATE):
        content = content_of(path)
        content["axes"]["steps"] = "400"
        content["training"]["steps"] = 400
        content["cell"] = content["cell"][::-1]
        publish_content(tmp_path / "shorter" / "records" / path.name, content, rows_of(path))
    return tmp_path / "shorter"


def compare(*words: object) -> Result:
    return CliRunner().invoke(main, ["compare", *map(str, words)])


def test_a_setting_of_one_side_is_a_difference_that_can_be_allowed(shorter: Path) -> None:
    for sides, values in (((GATE, shorter), ("5,000", "400")), ((shorter, GATE), ("400", "5,000"))):
        refused = compare(*sides)
        difference = "steps is {} in the baseline and {} in the candidate".format(*values)
        assert refused.exit_code == 2
        assert f"specified differently: {difference}. To compare them anyway: --allow steps" in refused.stderr
        allowed = compare(*sides, "--allow", "steps", "--format", "markdown")
        assert allowed.exit_code == 0, allowed.output
        assert f"Allowed differences: {difference}." in allowed.stdout
        assert "OK: 4 of 4 cells." in allowed.stdout
