"""Timings of the cells of a suite, each alone: one JSON file a results folder, written whole and read without torch."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from bench.errors import ResultsError
from bench.files import atomic_write, describe_error

SCHEMA = 1
CONDITIONS = ("device_name", "device", "threads", "workers", "pack", "alone")
MEASURED = ("steps", "seconds_per_step", "images_per_second", "seconds_per_evaluation", "peak_memory_bytes")
NEITHER_FASTER_NOR_SLOWER = ("steps", "every", "label", "path")
Table = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Timings:
    """What ``ganbench time`` measured.

    Attributes:
        suite: Its name.
        version: Of the suite.
        title: Of the suite.
        axes: Of its matrix.
        environment: Versions, commit, machine, device, threads; date, and the load average before it began.
        frame: One row a cell and round. Columns: the axes, round, steps (timed), seconds_per_step (of the generator),
            images_per_second, seconds_per_evaluation, peak_memory_bytes.
        work: Place of a cell (its labels) → its ``training`` and ``evaluation``, as a record has them.
    """

    suite: str
    version: int
    title: str
    axes: list[str]
    environment: Table
    frame: pd.DataFrame
    work: dict[tuple[Any, ...], Table]


def timings_path(folder: Path) -> Path:
    """Where the timings of a suite's results folder are."""
    return folder / "timings.json"


def write_timings(folder: Path, content: Mapping[str, Any]) -> Path:
    """Writes timings whole, in the place of those that were there.

    Args:
        folder: The suite's results folder.
        content: suite, version, title, axes, environment, and cells: each with axes, training, evaluation and rounds.

    Raises:
        ResultsError: they cannot be written; nothing half-written stays.
    """
    path = timings_path(folder)
    try:
        with atomic_write(path) as partial:
            partial.write_text(json.dumps({"schema": SCHEMA, **content}, indent=1, allow_nan=False) + "\n", "utf-8")
    except OSError as error:
        raise ResultsError(f"timings {path} cannot be written: {describe_error(error)}") from None
    return path


def read_timings(folder: str | Path) -> Timings:
    """The timings of a suite's results folder.

    Raises:
        ResultsError: there are none, or the file is cut short or not one of timings.
    """
    path = timings_path(Path(folder))
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["schema"] != SCHEMA:
            raise ResultsError(f"{path} has schema {content['schema']}; this version of ganbench reads schema {SCHEMA}")
        return _timings(content)
    except (FileNotFoundError, NotADirectoryError):
        raise ResultsError(f"{folder} holds no timings ({path.name}); ganbench time SUITE makes them") from None
    except OSError as error:
        raise ResultsError(f"{path} cannot be read: {describe_error(error)}") from None
    except (ValueError, KeyError, TypeError):
        raise ResultsError(f"{path} is cut short or no timings; ganbench time SUITE makes them again") from None


def _timings(content: Table) -> Timings:
    axes, cells = list(content["axes"]), content["cells"]
    columns = ["round", *MEASURED]
    rows = [{**cell["axes"], **{key: each[key] for key in columns}} for cell in cells for each in cell["rounds"]]
    return Timings(
        suite=content["suite"],
        version=content["version"],
        title=content["title"],
        axes=axes,
        environment=content["environment"],
        frame=pd.DataFrame(rows, columns=[*axes, *columns]),
        work={
            tuple(cell["axes"][axis] for axis in axes): {key: cell[key] for key in ("training", "evaluation")}
            for cell in cells
        },
    )


def incomparable(a: Timings, b: Timings) -> str | None:
    """Why two timings must not be compared: the first thing in which they differ; None where they may.

    Suite, hardware, device, threads, what ran beside, and for each cell that both have what it trains and evaluates,
    precision and TF32 among it. Versions of the code and of torch may differ: they can be what is compared.
    """
    if a.suite != b.suite:
        return _differs("suite", a.suite, b.suite)
    for key in CONDITIONS:
        sides = [each.environment.get(key) for each in (a, b)]
        if key == "device":
            sides = [str(side).partition(":")[0] for side in sides]  # cuda:1 of the same name is as good as cuda:0
        if sides[0] != sides[1]:
            return _differs(key.replace("_", " "), *sides)
    for place in (place for place in a.work if place in b.work):
        for key, left, right in _changed(a.work[place], b.work[place]):
            return f"cell ({' · '.join(map(str, place))}): {_differs(key, left, right)}"
    return None


def _differs(name: str, one: Any, other: Any) -> str:
    return f"{name} is {one} and {other}"


def _changed(one: Any, other: Any, key: str = "") -> list[tuple[str, Any, Any]]:
    """Settings that both have with different values; those that only one knows are of another version."""
    if isinstance(one, dict) and isinstance(other, dict):
        shared = [name for name in one if name in other and name not in NEITHER_FASTER_NOR_SLOWER]
        return [each for name in shared for each in _changed(one[name], other[name], f"{key}.{name}".lstrip("."))]
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        return [each for i in range(len(one)) for each in _changed(one[i], other[i], key)]
    return [] if one == other else [(key, one, other)]
