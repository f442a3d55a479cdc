"""Identities of runs and cells, and the names of their records."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

Label = str | int | float | bool  # the value of a cell on one axis
MAIN_AXES = ("dataset", "architecture", "loss")  # every cell has a value on each, whether the suite varies it or not


class Identified:
    """A run that is identified by its content and its seed."""

    if TYPE_CHECKING:  # pydantic would make fields of these
        axes: Mapping[str, Label]
        seed: int

    @property
    def _content(self) -> dict[str, Any]:
        """What decides the numbers of the run, except for the seed."""
        raise NotImplementedError

    @cached_property
    def id(self) -> str:
        """The identity of the run: a hash of its content and its seed."""
        return hash_content({**self._content, "seed": self.seed})

    @cached_property
    def cell(self) -> str:
        """The identity of the run's cell: a hash of its content only. Only runs of the same cell may be averaged."""
        return hash_content(self._content)

    @property
    def file_name(self) -> str:
        """The name of the run's record: the axis values, the seed and the identity."""
        words = "-".join(re.sub(r"[^A-Za-z0-9._-]", "_", str(value)) for value in self.axes.values())
        return f"{words[:80]}-s{self.seed}-{self.id}.parquet"


def hash_content(content: Mapping[str, Any]) -> str:
    """Return the first 16 hexadecimal digits of the SHA-256 of the canonical JSON of ``content``."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def without_labels(value: Any) -> Any:
    """Return ``value`` without its labels, at any depth: labels are for readers and change no number."""
    if isinstance(value, dict):
        return {key: without_labels(nested) for key, nested in value.items() if key != "label"}
    return [without_labels(item) for item in value] if isinstance(value, list) else value
