"""The schema of records: its page, what it refuses, and that recorded results keep to it."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from bench.records.listing import record_paths
from bench.records.migration import migrated
from bench.records.record import read_metadata
from bench.records.schema import Ending, Metadata
from bench.records.schema_page import page

ROOT = Path(__file__).parents[2]


def test_the_page_is_written_from_the_schema() -> None:
    assert (ROOT / "docs" / "record-format.md").read_text() == page(), (
        "python -m bench.records.schema_page > docs/record-format.md"
    )


def test_every_key_is_described() -> None:
    for name, field in Metadata.model_fields.items():
        assert field.description, name
        assert f"| `{field.alias or name}` | " in page()


@pytest.mark.parametrize("suite", sorted(path.name for path in (ROOT / "results").iterdir()))
def test_recorded_results_keep_to_it(suite: str) -> None:
    for path in record_paths(ROOT / "results" / suite):
        metadata = read_metadata(path)
        again = Metadata.model_validate(metadata.model_dump(mode="json", by_alias=True, exclude_unset=True))
        assert again == metadata
        assert metadata.run in path.name


@pytest.mark.parametrize("version", [0, 4, None, "1"])
def test_another_schema_is_refused(version: object) -> None:
    with pytest.raises(ValueError, match=r"reads schemas 1 to 3"):
        migrated({"schema": version})


def test_a_misspelt_key_is_refused() -> None:
    with pytest.raises(ValidationError, match="stepp"):
        Ending.model_validate({"status": "finished", "step": 1, "stepp": 1})


def test_metadata_never_change() -> None:
    ending = Ending(status="finished", step=1)
    with pytest.raises(ValidationError):
        ending.step = 2  # type: ignore[misc]
