"""Identities of runs and cells, and the names of their records."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator

from bench.errors import SuiteError
from bench.escaping import MAX_LABEL, hides_something, quote

SUITE_NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"
MAX_NAME = 100  # characters of the name of a suite, which is the name of a folder
MAX_TITLE = 500  # characters of a title
Label = str | int | float | bool  # the value of a cell on one axis
MAIN_AXES = ("dataset", "architecture", "loss")  # every cell has a value on each, whether the suite varies it or not


def check_label(label: object, what: str) -> None:
    """Check a label of something new; records may have any.

    Args:
        label: The label; only text is checked.
        what: What it is the label of, for the message.

    Raises:
        SuiteError: It is longer than ``MAX_LABEL``, or has a control character or a line break.
    """
    if isinstance(label, int) and not -(2**63) <= label < 2**64:
        raise SuiteError(f"{what}: {quote(label, 40)} is a whole number of more than 64 bits")
    if not isinstance(label, str):
        return
    if len(label) > MAX_LABEL:
        raise SuiteError(f"{what}: {quote(label, 40)} is longer than the {MAX_LABEL} characters that a label can have")
    if hides_something(label):
        raise SuiteError(f"{what}: {quote(label)} has a control character or a line break, which a label cannot have")


def check_title(title: str) -> str:
    """Return a title.

    Raises:
        ValueError: It is longer than ``MAX_TITLE``, or has control characters.
    """
    if len(title) > MAX_TITLE:
        raise ValueError(f"longer than the {MAX_TITLE} characters that a title can have")
    if hides_something(" ".join(title.split())):
        raise ValueError("control characters are not allowed")
    return title


Title = Annotated[str, AfterValidator(check_title)]


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
