"""Generated nonsense in place of a user's files and arguments gives a right result or one line, and nothing by halves."""

from __future__ import annotations

import io
import json
import math
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

import bench
from bench.command import main
from bench.errors import GanbenchError
from bench.records.record import read_metadata

pytestmark = pytest.mark.slow
EXAMPLES = settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))

TEXT = st.text(max_size=12) | st.sampled_from(
    ["", " ", "\x1b[31m", "<script>", "[x", "%", "1,5", "ring", "\ufeff", "ü"]
)
NUMBERS = st.integers(-5, 5000) | st.sampled_from([10**30, -1, 2**53 + 1, 2**63, 2**64]) | st.floats() | st.floats(0, 1)
CELLS = st.one_of(
    NUMBERS.map(str), TEXT, st.sampled_from(["nan", "inf", "-inf", "", "93 %", "1.234,5", "1e400", "None"])
)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)


def check_answer(result: Result, results: Path) -> None:
    """A command ends with its result or with one line, and what it leaves can be read."""
    told = f"{result.exit_code}: {result.output}"
    assert result.exit_code in (0, 2), told
    assert "Traceback" not in result.output, told
    if result.exit_code == 2 and "Usage:" not in result.output:
        assert len(result.stderr.strip().splitlines()) == 1, told
    check_whole(results, expected=result.exit_code == 0)


def check_whole(results: Path, *, expected: bool) -> None:
    """All files that a results folder holds are complete records."""
    left = [path for path in results.rglob("*") if path.is_file()]
    assert all(path.suffix == ".parquet" and not path.name.startswith(".") for path in left), left
    assert bool(left) == expected
    for path in left:
        assert read_metadata(path).run
    if expected:
        (suite,) = {path.parent.parent for path in left}
        assert len(bench.load(suite)) == len(left)


@contextmanager
def empty_folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


HEADERS = st.lists(
    st.sampled_from(["run", "iters", "FID", "loss", "data", "net", "seed", "precision", "seconds", "outcome"]) | TEXT,
    min_size=1,
    max_size=7,
)


@st.composite
def tables(draw: Callable[[st.SearchStrategy[Any]], Any]) -> tuple[str, bytes]:
    """The name and the bytes of a table, more or less."""
    headers = draw(HEADERS)
    rows = draw(st.lists(st.lists(CELLS, min_size=len(headers) - 1, max_size=len(headers) + 1), max_size=8))
    separator = draw(st.sampled_from([",", ",", ",", ";", "\t", "|"]))
    text = "\n".join(separator.join(cells) for cells in [headers, *rows])
    encoding = draw(st.sampled_from(["utf-8", "utf-8", "utf-16", "utf-8-sig"]))
    objects = draw(VALUES | st.lists(st.dictionaries(st.sampled_from(headers), VALUES, max_size=4), max_size=4))
    content = draw(
        st.sampled_from(
            [
                text.encode(encoding, "replace"),
                json.dumps(objects).encode(),
                "\n".join(map(json.dumps, objects if isinstance(objects, list) else [objects])).encode(),
                draw(st.binary(max_size=60)),
            ]
        )
    )
    return "log." + draw(st.sampled_from(["csv", "csv", "csv", "tsv", "txt", "json", "jsonl", "parquet"])), content


ROLES = [
    "loss",
    "dataset",
    "architecture",
    "seed",
    "step",
    "fid",
    "precision",
    "seconds",
    "outcome",
    "measure",
    "value",
]


@EXAMPLES
@given(
    tables(),
    st.lists(st.tuples(st.sampled_from(["run", "iters", "FID"]) | TEXT, st.sampled_from(ROLES) | TEXT), max_size=3),
    st.lists(st.tuples(st.sampled_from(ROLES) | TEXT, CELLS), max_size=3),
    st.booleans(),
)
def test_import(
    table: tuple[str, bytes], mapped: list[tuple[str, str]], fixed: list[tuple[str, str]], sensible: bool
) -> None:
    words = ["--suite", "theirs"]
    if sensible:  # otherwise, little gets as far as the values
        words += ["--map", "run=seed", "--map", "iters=step", "--map", "FID=fid"]
        words += ["--set", "loss=hinge", "--set", "dataset=c10", "--set", "architecture=dcgan"]
    words += [word for column, role in mapped for word in ("--map", f"{column}={role}")]
    words += [word for role, value in fixed for word in ("--set", f"{role}={value}")]
    with empty_folder() as folder:
        name, content = table
        (folder / name).write_bytes(content)
        results = folder / "results"
        result = CliRunner().invoke(main, ["import", str(folder / name), *words, "--results", str(results)])
        check_answer(result, results)


SENSIBLE = {"dataset": "ring", "architecture": "mlp", "loss": "hinge", "seed": 0}
OPTIONS = ["steps", "batch_size", "critic_steps", "version", "title", "real", "protocol", "outcome", "penalty"]
MEASURES = st.sampled_from(["fid", "modes", "precision", "critic_loss", "seconds", "mine"]) | TEXT


@EXAMPLES
@given(
    st.dictionaries(st.sampled_from([*SENSIBLE, *OPTIONS]) | TEXT, VALUES, max_size=3),
    st.lists(st.tuples(NUMBERS, st.dictionaries(MEASURES, VALUES, max_size=3)), max_size=4),
)
def test_recorder(arguments: dict[str, Any], rows: list[tuple[Any, dict[str, Any]]]) -> None:
    with empty_folder() as folder:
        options: dict[str, Any] = {"suite": "theirs", **SENSIBLE, **arguments}
        problem = _recorded(folder, options, rows)
        assert len(problem.splitlines()) <= 1
        check_whole(folder, expected=not problem)


def _recorded(folder: Path, options: dict[str, Any], rows: list[tuple[Any, dict[str, Any]]]) -> str:
    """Return what a recorder objects to; "" if the run is published."""
    try:
        with bench.Recorder(folder, **options) as recorder:
            for step, values in rows:
                recorder.log(step, **values)
    except GanbenchError as error:
        return str(error)
    except TypeError as error:  # Python's own answer to wrong keywords
        if "argument" not in str(error):
            raise
        return str(error)
    return ""


SUITE: dict[str, Any] = {
    "name": "made",
    "version": 1,
    "title": "Made up",
    "seeds": 2,
    "matrix": {"loss": ["hinge", "wgan-gp"], "dataset": [{"name": "ring", "points": 1000}], "architecture": ["mlp"]},
    "training": {"steps": 100, "batch_size": 32, "optimizer": {"name": "adam", "lr": 1e-3}},
    "evaluation": {"every": 50, "samples": 100, "metrics": ["modes"]},
    "outcome": {"tau": 0.5},
}


def paths_in(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from paths_in(inner, (*path, key))


def toml(value: Any) -> str:
    """Return a value as inline TOML."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(str(key))} = {toml(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return json.dumps(value) if isinstance(value, str) else str(value)


@EXAMPLES
@given(
    st.lists(st.tuples(st.sampled_from([*paths_in(SUITE)][1:]), VALUES, TEXT), min_size=1, max_size=2), st.booleans()
)
def test_suite(changes: list[tuple[tuple[Any, ...], Any, str]], added: bool) -> None:
    suite = json.loads(json.dumps(SUITE))
    for (*parents, last), value, name in changes:
        target = suite
        for key in parents:
            target = target[key] if isinstance(target, dict | list) and _has(target, key) else {}
        if isinstance(target, dict) and added:
            target[name] = value
        elif isinstance(target, dict | list) and _has(target, last):
            target[last] = value
    with empty_folder() as folder:
        path = folder / "made.toml"
        path.write_bytes(
            "\n".join(f"{json.dumps(key)} = {toml(suite[key])}" for key in suite).encode("utf-8", "replace")
        )
        result = CliRunner().invoke(main, ["plan", str(path), "--results", str(folder / "results")])
        assert result.exit_code in (0, 2), result.output
        if result.exit_code:
            assert len(result.stderr.strip().splitlines()) == 1, result.stderr


def _has(target: Any, key: Any) -> bool:
    return key in target if isinstance(target, dict) else isinstance(key, int) and key < len(target)


def image_bytes(mode: str, width: int, height: int, form: str) -> bytes:
    stream = io.BytesIO()
    try:
        Image.fromarray(np.arange(width * height * 4, dtype=np.uint8).reshape(height, width, 4)).convert(mode).save(
            stream, form
        )
    except (OSError, ValueError, KeyError):  # not every format takes every mode
        return b""
    return stream.getvalue()


PICTURES = st.builds(
    image_bytes,
    st.sampled_from(["RGB", "RGB", "L", "RGBA", "LA", "P", "1", "I", "F", "CMYK"]),
    st.integers(1, 40),
    st.integers(1, 40),
    st.sampled_from(["PNG", "PNG", "JPEG", "GIF", "TIFF", "BMP"]),
)
NAMES = st.sampled_from(["a", "b/c", ".hidden", "__MACOSX/x", "train/a", "test/a", "ü ö", "a.tar", "0"])
SUFFIXES = st.sampled_from([".png", ".jpg", ".JPEG", ".tif", ".txt", "", ".npy", ".gif"])


@EXAMPLES
@given(
    st.lists(st.tuples(NAMES, SUFFIXES, PICTURES | st.binary(max_size=40)), max_size=8),
    st.integers(0, 25),
    st.dictionaries(st.sampled_from(["size", "channels", "background", "range"]), VALUES, max_size=2),
)
def test_folder(files: list[tuple[str, str, bytes]], good: int, options: dict[str, Any]) -> None:
    with empty_folder() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("GANBENCH_DATA", str(folder / "cache"))
        images = folder / "images"
        contents = {f"{name}{number}{suffix}": content for number, (name, suffix, content) in enumerate(files)}
        contents |= {f"good{number}.png": image_bytes("RGB", 8, 8, "PNG") for number in range(good)}
        for name, content in contents.items():
            (images / name).parent.mkdir(parents=True, exist_ok=True)
            (images / name).write_bytes(content)
        choice = toml({"name": "image-folder", "path": str(images), "size": 8, **options})
        path = folder / "made.toml"
        suite = {**SUITE, "matrix": {"loss": ["hinge"], "dataset": [0], "architecture": ["mlp"]}, "outcome": {}}
        suite["evaluation"] = {"every": 50, "samples": 100, "metrics": ["sliced-wasserstein"]}
        text = "\n".join(f"{json.dumps(key)} = {toml(suite[key])}" for key in suite)
        path.write_bytes(text.replace('"dataset" = [0]', f'"dataset" = [{choice}]').encode("utf-8", "replace"))
        result = CliRunner().invoke(main, ["plan", str(path), "--results", str(folder / "results")])
        assert result.exit_code in (0, 2), result.output
        if result.exit_code:
            assert len(result.stderr.strip().splitlines()) == 1, result.stderr
        assert not list((folder / "cache").rglob("*.partial"))
