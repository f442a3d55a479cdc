"""Parses the values of options: settings, filters, seeds and tables."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from bench.errors import SuiteError
from bench.escaping import as_label

SAMPLE_FILES = (".npz", ".npy", ".pt", ".pth")


def parse_value(text: str) -> Any:
    """Return the TOML value that ``text`` stands for, or ``text`` itself if it is not valid TOML."""
    import tomllib

    try:
        content = tomllib.loads(f"value = {text}")
    except (ValueError, RecursionError):  # no TOML, a number of thousands of digits, or brackets without end
        return text
    return content["value"] if len(content) == 1 else text


def parse_choice(option: str, text: str | None) -> Any:
    """Return the table that an option gives as TOML, ``{ name = ... }``, or the text itself.

    Raises:
        SuiteError: The text begins like a table, but is not valid TOML.
    """
    if text is None or not text.lstrip().startswith("{"):
        return text
    value = parse_value(text)
    if isinstance(value, str):
        raise SuiteError(f'{option} {text}: not a valid table; expected for example {{ name = "ring", radius = 2.0 }}')
    return value


def parse_setting(text: str) -> tuple[str, Any]:
    """Return a training key and its value: ``steps=100`` → ("steps", 100)."""
    from bench.plan.limits import MAX_DEPTH
    from bench.plan.specification import TRAINING_KEYS
    from bench.plan.tables import check_key

    key, equals, value = text.partition("=")
    if not equals or not value or not all(key.split(".")):
        raise SuiteError(f"--set {as_label(text)}: expected KEY=VALUE")
    check_key(key.partition(".")[0], TRAINING_KEYS, "--set")
    if key.count(".") > MAX_DEPTH:
        raise SuiteError(f"--set {as_label(text)}: no option is nested that deeply")
    return key, parse_value(value)


def parse_slurm(
    given: Iterable[str], partition: str | None, time: str | None, gpus_per_node: int | None
) -> dict[str, Any]:
    """Return what to ask Slurm for, from options with a name of their own and from ``--slurm``.

    Raises:
        SuiteError: ``--slurm`` has no value, or names what another option gives.
    """
    named = {"partition": partition, "time": time, "gpus_per_node": gpus_per_node}
    parameters = {key: value for key, value in named.items() if value is not None}
    for text in given:
        key, equals, value = text.partition("=")
        if not equals or not key or not value:
            raise SuiteError(f"--slurm {as_label(text)}: expected KEY=VALUE")
        if key in named:
            raise SuiteError(f"--slurm {as_label(text)}: use --{key.replace('_', '-')} {as_label(value)}")
        parameters[key] = parse_value(value)
    return parameters


def is_count(text: str) -> bool:
    """Return whether ``--seeds`` is a number of seeds, not a list or a range."""
    return text.isascii() and text.isdigit()


def parse_count(text: str) -> int:
    """Return the number of seeds that ``--seeds 3`` gives.

    Raises:
        SuiteError: There are none, or too many.
    """
    from bench.plan.limits import LARGEST_SEED, MAX_SEEDS, check_count

    count = int(text) if len(text) < 30 else 10**30
    hint = f"; for the one seed {count}, write {count}-{count}" if count <= LARGEST_SEED else ""
    try:
        check_count(count, MAX_SEEDS, "seeds")
    except ValueError as error:
        raise SuiteError(f"--seeds {as_label(text, 40)}: {error}{hint}") from None
    if not count:
        raise SuiteError("--seeds 0: at least one seed is needed")
    return count


def parse_seeds(text: str | None) -> tuple[int, ...] | None:
    """Return seeds: ``3`` → 0, 1, 2; ``0,4,7`` → 0, 4, 7; ``10-12`` → 10, 11, 12."""
    from bench.plan.limits import MAX_SEEDS, check_count
    from bench.plan.seeds import as_seeds

    if text is None:
        return None
    if is_count(text):
        return as_seeds(parse_count(text))
    try:
        seeds: list[int] = []
        for part in text.split(","):
            first, last = _parse_range(part)
            check_count(len(seeds) + last - first + 1, MAX_SEEDS, "seeds")
            seeds += range(first, last + 1)
        return as_seeds(seeds)
    except ValueError as error:
        raise SuiteError(f"--seeds {as_label(text, 80)}: {error}") from None


def _parse_range(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"\s*([0-9]{1,40})\s*(?:-\s*([0-9]{1,40})\s*)?", text)
    if match is None:
        raise ValueError("expected a number of seeds (3), a list (0,4,7) or a range (10-19)")
    first, last = int(match[1]), int(match[2] or match[1])
    if last < first:
        raise ValueError("at least one seed is needed, and a range must not end before it begins")
    return first, last


def parse_filters(texts: tuple[str, ...]) -> dict[str, set[str]]:
    """Return axis → values to keep: ``loss=hinge`` → {"loss": {"hinge"}}. Values of the same axis are joined."""
    filters: dict[str, set[str]] = {}
    for text in texts:
        axis, equals, value = text.partition("=")
        if not equals or not value:
            raise SuiteError(f"--only {as_label(text)}: expected AXIS=VALUE")
        filters.setdefault(axis, set()).add(value)
    return filters


def parse_steps(names: tuple[str, ...], given: tuple[int, ...], single: Any) -> list[int]:
    """Return the generator step of each set of samples: as given, or the only number in its name.

    Args:
        names: The sets, as they are given.
        given: The values of --step.
        single: The value of --set step=N; None if there is none.

    Raises:
        SuiteError: Steps are missing or not valid, or two sets have the same.
    """
    if single is not None:
        if given or len(names) > 1 or type(single) is not int or single < 0:
            raise SuiteError(f"--set step={single}: expected one integer ≥ 0 for one SAMPLES; otherwise give --step N")
        given = (single,)
    if given and len(given) != len(names):
        raise SuiteError(f"--step is given {len(given)} times, but there are {len(names)} SAMPLES")
    steps = list(given)
    for name in () if given else names:
        numbers = re.findall(r"\d+", Path(name).stem if Path(name).suffix.lower() in SAMPLE_FILES else Path(name).name)
        if len(numbers) != 1:
            raise SuiteError(f"--record: at which generator step was {name} sampled? Give --step N for each SAMPLES")
        steps.append(int(numbers[0]))
    if len(set(steps)) < len(steps):
        twice = next(step for step in steps if steps.count(step) > 1)
        raise SuiteError(f"--record: step {twice:,} has two SAMPLES; give --step N for each of them")
    return steps
