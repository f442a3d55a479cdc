"""Reads the metadata of records that older versions wrote."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bench.records.schema import SCHEMA


def migrated(content: Mapping[str, Any]) -> dict[str, Any]:
    """The content of an older record in the present schema.

    Schema 1 repeated some columns of the trace under ``judged``, and 1 and 2 have no digests. The sections are the
    same; those that early records lack have defaults.

    Raises:
        ValueError: the schema is newer than this version of ganbench, or unknown.
    """
    version = content.get("schema")
    if version not in range(1, SCHEMA + 1):
        raise ValueError(f"schema {version}; this version of ganbench reads schemas 1 to {SCHEMA}")
    return {key: value for key, value in content.items() if key != "judged"} | {"schema": SCHEMA}
