"""Drawn settings in words, for tables, figures and the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def value_in_words(value: Any) -> str:
    """Return a drawn value as text: a table by its label, or by its name and options; a list of tables joined by +."""
    if isinstance(value, Mapping):
        options = ", ".join(f"{key} {value_in_words(option)}" for key, option in value.items() if key != "name")
        named = f"{value['name']} ({options})" if "name" in value and options else value.get("name") or options
        return str(value.get("label") or named)
    if isinstance(value, list | tuple) and value and all(isinstance(part, Mapping) for part in value):
        return " + ".join(map(value_in_words, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def setting_in_words(setting: Mapping[str, Any]) -> str:
    """Return a setting as text, such as ``optimizer.lr 0.001, penalty.weight 0.3``."""
    return ", ".join(f"{key} {value_in_words(value)}" for key, value in setting.items()) or "–"
