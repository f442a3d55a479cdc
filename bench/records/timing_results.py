"""The timings that ``ganbench time`` takes: one JSON file per results folder."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from bench.errors import ResultsError
from bench.files import NotAFileError, atomic_write, describe_error, read_regular, with_digest, without_digest

SCHEMA = 1
CONDITIONS = ("device_name", "device", "threads", "workers", "pack", "alone")
MEASURED = ("steps", "seconds_per_step", "images_per_second", "seconds_per_evaluation", "peak_memory_bytes")
NEITHER_FASTER_NOR_SLOWER = ("steps", "every", "label", "path")
BUSY = 0.5  # cores that other work may have used while cells were timed
Table = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Timings:
    """What ``ganbench time`` measured.

    Attributes:
        suite: Its name.
        version: Of the suite.
        title: Of the suite.
        axes: Of its matrix.
        environment: Versions, commit, machine, device, threads; date, the load average before it began, and the mean
            number of cores that other processes used meanwhile (None if the system does not say it).
        frame: One row per cell and round. Columns: the axes, round, steps (timed), seconds_per_step (of the generator),
            images_per_second, seconds_per_evaluation, peak_memory_bytes.
        work: Labels of a cell → its ``training`` and ``evaluation``, as in a record.
    """

    suite: str
    version: int
    title: str
    axes: list[str]
    environment: Table
    frame: pd.DataFrame
    work: dict[tuple[Any, ...], Table]

    @property
    def alone(self) -> bool:
        """Whether each cell had the machine to itself, as far as ganbench is concerned."""
        return bool(self.environment.get("alone")) and self.environment.get("workers") == 1


def describe_load(timings: Timings) -> str:
    """Return that the machine had other work while these timings were taken; empty if it had not, or it is unknown.

    Timings that do not say what other processes did are judged by the load average before.
    """
    cores, before = (timings.environment.get(key) for key in ("other_load", "load_average"))
    if cores is not None:
        return f"other processes used {cores:.1f} CPU cores meanwhile" if cores > BUSY else ""
    return f"the load average was {before:.2f} before" if before is not None and before > BUSY else ""


def timings_path(folder: Path) -> Path:
    """The path of the timings in a suite's results folder."""
    return folder / "timings.json"


def write_timings(folder: Path, content: Mapping[str, Any]) -> Path:
    """Write timings, replacing earlier ones.

    Args:
        folder: The suite's results folder.
        content: suite, version, title, axes, environment, and cells: each with axes, training, evaluation and rounds.

    Raises:
        ResultsError: they cannot be written; no partial file is left.
    """
    path = timings_path(folder)
    signed = with_digest({"schema": SCHEMA, **content})
    try:
        with atomic_write(path) as partial:
            partial.write_text(json.dumps(signed, indent=1, allow_nan=False) + "\n", "utf-8")
    except OSError as error:
        raise ResultsError(f"timings {path} cannot be written: {describe_error(error)}") from None
    return path


def read_timings(folder: str | Path) -> Timings:
    """The timings of a suite's results folder.

    Raises:
        ResultsError: there are none, or the file is cut short or of another kind.
    """
    path = timings_path(Path(folder))
    try:
        content = json.loads(read_regular(path))
        if content["schema"] != SCHEMA:
            raise ResultsError(f"{path} has schema {content['schema']}; this version of ganbench reads schema {SCHEMA}")
        return _timings(without_digest(content))
    except (FileNotFoundError, NotADirectoryError):
        raise ResultsError(f"{folder} holds no timings ({path.name}); run `ganbench time SUITE` to take them") from None
    except NotAFileError as error:
        raise ResultsError(f"{path} is {error}, not a file of timings") from None
    except OSError as error:
        raise ResultsError(f"{path} cannot be read: {describe_error(error)}") from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise ResultsError(f"{path} is cut short or not a file of timings; run `ganbench time SUITE` again") from None


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
    """Why two sets of timings cannot be compared: the first difference that matters; None if they can.

    Suite, hardware, device, threads and parallel work must agree, and so must training and evaluation of each cell that
    both have, including precision and TF32. Versions of ganbench and torch may differ: they may be what is compared.
    """
    if a.suite != b.suite:
        return _differs("suite", a.suite, b.suite)
    for key in CONDITIONS:
        sides = [each.environment.get(key) for each in (a, b)]
        if key == "device":
            sides = [str(side).partition(":")[0] for side in sides]  # cuda:1 equals cuda:0
        if sides[0] != sides[1]:
            return _differs(key.replace("_", " "), *sides)
    for place in (place for place in a.work if place in b.work):
        for key, left, right in changed_settings(a.work[place], b.work[place]):
            return f"cell ({' · '.join(map(str, place))}): {_differs(key, left, right)}"
    return None


def _differs(name: str, one: Any, other: Any) -> str:
    return f"{name} is {one} and {other}"


def changed_settings(one: Any, other: Any, key: str = "") -> list[tuple[str, Any, Any]]:
    """Return settings with different values on both sides; a setting that one side lacks comes from another version."""
    if isinstance(one, dict) and isinstance(other, dict):
        shared = [name for name in one if name in other and name not in NEITHER_FASTER_NOR_SLOWER]
        places = {name: f"{key}.{name}".lstrip(".") for name in shared}
        return [each for name in shared for each in changed_settings(one[name], other[name], places[name])]
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        return [each for i in range(len(one)) for each in changed_settings(one[i], other[i], key)]
    return [] if one == other else [(key, one, other)]
