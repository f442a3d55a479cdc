"""The size of a plan is counted before anything is built, and whatever a suite file holds gives one line."""

from __future__ import annotations

import time
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from bench.command import main
from bench.errors import SuiteError
from bench.plan.identity import MAX_NAME, MAX_TITLE
from bench.plan.limits import LARGEST_SEED, MAX_CELLS, MAX_RUNS, MAX_SEEDS
from bench.plan.matrix import cells
from bench.plan.runs import plan_runs
from bench.plan.seeds import as_seeds
from bench.plan.suite import load_suite, parse_suite
from bench.plan.throughput import Rates, read_rates, write_rates

SUITE = """
name = "sizes"
seeds = 2
[matrix]
loss = ["hinge"]
dataset = ["ring"]
architecture = ["mlp"]
[training]
steps = 10
[evaluation]
every = 10
metrics = ["modes"]
"""
NESTED = {
    "lists": ("steps = 10", "steps = " + "[" * 50_000 + "]" * 50_000),
    "lists without end": ("seeds = 2", "seeds = " + "[" * 100_000),
    "a few lists": ("steps = 10", "steps = " + "[" * 300 + "]" * 300),
    "inline tables": ("steps = 10", "steps = " + "{a=" * 300 + "1" + "}" * 300),
    "a dotted key": ("steps = 10", ".".join(["a"] * 50_000) + " = 1"),
    "a dotted heading": ("[training]", "[" + ".".join(["a"] * 50_000) + "]\n[training]"),
}
NUMBERS = ("1000000000000", "1" + "0" * 30, "9" * 5000, "0x" + "f" * 5000, "inf", "-inf", "nan", "1e400", "-1", "0")
AMOUNTS = {
    **{key: ("steps = 10", f"{key} = N") for key in ("steps", "batch_size", "latent", "critic_steps")},
    **{key: ("every = 10", f"every = 10\n{key} = N") for key in ("samples",)},
    "every": ("every = 10", "every = N"),
    "seeds": ("seeds = 2", "seeds = N"),
    "a seed": ("seeds = 2", "seeds = [N, N]"),
    "modes": ('"ring"', '{ name = "ring", modes = N }'),
    "points": ('"ring"', '{ name = "ring", points = N }'),
    "side": ('"ring"', '{ name = "grid", side = N }'),
    "images": ('"ring"', '{ name = "stacked-digits", images = N }'),
    "width": ('"mlp"', '{ name = "mlp", width = N }'),
    "depth": ('"mlp"', '{ name = "mlp", depth = N }'),
    "axis": ('loss = ["hinge"]', 'loss = ["hinge"]\nlatent = [N]'),
    "version": ("seeds = 2", "seeds = 2\nversion = N\ntitle = 5"),
    "lr": ("[training]", "[training.optimizer]\nname = 'adam'\nlr = N\nbeta1 = 2\n[training]"),
}


def write(folder: Path, content: str | bytes) -> str:
    path = folder / "sizes.toml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return str(path)


def refused(arguments: list[str]) -> str:
    """Check for one short line with exit status 2, within seconds and without much memory; return the line."""
    tracemalloc.start()
    begin = time.process_time()
    result = CliRunner().invoke(main, arguments)
    seconds, (_, peak) = time.process_time() - begin, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1), result.stderr
    assert result.stderr.startswith("ganbench: ")
    assert len(result.stderr) < 1500
    assert seconds < 20
    assert peak < 300e6
    return result.stderr


@pytest.mark.parametrize("key", AMOUNTS)
def test_an_impossible_amount_is_refused_before_anything_is_built(tmp_path: Path, key: str) -> None:
    old, new = AMOUNTS[key]
    for number in NUMBERS:
        if key in ("a seed",) and number == "0":
            continue
        refused(["plan", write(tmp_path, SUITE.replace(old, new.replace("N", number)))])


def test_cells_are_counted_before_they_are_built(tmp_path: Path) -> None:
    axes = "\n".join(f"{key} = {list(range(1, 1001))}" for key in ("steps", "latent", "critic_steps"))
    line = refused(["plan", write(tmp_path, SUITE.replace('loss = ["hinge"]', f'loss = ["hinge"]\n{axes}'))])
    assert "1,000,000,000 cells (1 × 1000 × 1000 × 1000 × 1 × 1)" in line
    assert f"{MAX_CELLS:,}" in line


def test_runs_are_counted_before_they_are_built(tmp_path: Path) -> None:
    many = SUITE.replace('loss = ["hinge"]', f'loss = ["hinge"]\nlatent = {[1, 2, 3]}')
    with pytest.raises(SuiteError, match=rf"60,000 runs \(3 cells × 20,000 seeds\) are more than the {MAX_RUNS:,}"):
        plan_runs(load_suite(write(tmp_path, many)), seeds=MAX_SEEDS)


def test_millions_of_listed_seeds_are_refused_before_they_are_read(tmp_path: Path) -> None:
    listed = ",".join(map(str, range(1_000_000)))
    line = refused(["plan", write(tmp_path, SUITE.replace("seeds = 2", f"seeds = [{listed}]"))])
    assert "larger than the 2,000,000 bytes that a suite file can have" in line
    fewer = ",".join(map(str, range(MAX_SEEDS + 1)))
    line = refused(["plan", write(tmp_path, SUITE.replace("seeds = 2", f"seeds = [{fewer}]"))])
    assert f"more seeds are listed than the {MAX_SEEDS:,}" in line


@pytest.mark.parametrize("given", [10**9, 10**30, range(10**30), iter(range(10**9)), [LARGEST_SEED + 1]])
def test_seeds_are_counted_before_they_are_listed(given: Any) -> None:
    with pytest.raises(ValueError, match=r"more than the|more seeds are listed|is above"):
        as_seeds(given)


def test_an_evaluation_at_every_step_of_many_is_refused(tmp_path: Path) -> None:
    often = SUITE.replace("steps = 10", "steps = 1_000_000_000").replace("every = 10", "every = 1")
    assert "1,000,000,000 evaluations, more than the 100,000" in refused(["plan", write(tmp_path, often)])


@pytest.mark.parametrize("case", NESTED)
def test_tables_that_are_nested_without_end_give_one_line(tmp_path: Path, case: str) -> None:
    line = refused(["plan", write(tmp_path, SUITE.replace(*NESTED[case], 1))])
    assert "nested" in line or "dots" in line


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (SUITE.encode("utf-16"), "line 1 is not encoded as UTF-8"),
        (SUITE.replace("seeds = 2", "seeds = 2\ntitle = 'é'").encode("latin-1"), "line 4 is not encoded as UTF-8"),
        (b"\0" * 100, "not a valid TOML file"),
        (b"", "name is missing"),
    ],
)
def test_a_file_that_is_no_text_gives_one_line(tmp_path: Path, content: bytes, words: str) -> None:
    line = refused(["plan", write(tmp_path, content)])
    assert words in line or "missing" in line


def test_a_byte_order_mark_is_no_part_of_a_suite(tmp_path: Path) -> None:
    assert load_suite(write(tmp_path, b"\xef\xbb\xbf" + SUITE.encode())).name == "sizes"


@pytest.mark.parametrize("name", ["/dev/zero", "no\0name", "n" * 300, "", "."])
def test_what_is_no_suite_file_gives_one_line(name: str) -> None:
    refused(["plan", name])


SEEDS = ("1000000000", "9" * 5000, "0-999999999999", f"0-{10**33}", "-1", "²", "1,,2", "5-3", str(2**64), "1e3", "0")


@pytest.mark.parametrize("seeds", [*SEEDS, "a" * 10_000, "\x1b[31m", f"{2**63}-{2**63 + 1}", "0-19999,0-19999"])
def test_seeds_of_the_command_are_counted_first(tmp_path: Path, seeds: str) -> None:
    assert "--seeds" in refused(["plan", write(tmp_path, SUITE), "--seeds", seeds])


SETTINGS = (
    *("steps=" + "[" * 20_000, "steps=" + "9" * 5000, "a." * 5000 + "b=1", "optimizer." + "a." * 5000 + "b=1"),
    *("steps=inf", "latent=0x" + "f" * 6000, "loss=" + "x" * 100_000, "steps=5\nlatent=6", "loss.label=" + "y" * 300),
)


@pytest.mark.parametrize("setting", SETTINGS)
def test_a_setting_of_any_form_gives_one_line(tmp_path: Path, setting: str) -> None:
    refused(["plan", write(tmp_path, SUITE), "--set", setting])


def test_seeds_stay_whole_numbers(tmp_path: Path) -> None:
    """The two seeds are one as floats: 2⁵³ and 2⁵³ + 1."""
    two = [2**53, 2**53 + 1]
    listed = load_suite(write(tmp_path, SUITE.replace("seeds = 2", f"seeds = {two}")))
    assert [run.seed for run in plan_runs(listed)] == two
    result = CliRunner().invoke(main, ["plan", write(tmp_path, SUITE), "--seeds", f"{two[0]}-{two[1]}"])
    assert "1 cell, 2 runs" in " ".join(result.stdout.split())
    runs = plan_runs(listed, seeds=[*two, LARGEST_SEED])
    assert len({run.id for run in runs}) == len({run.file_name for run in runs}) == 3
    line = refused(["plan", write(tmp_path, SUITE), "--seeds", str(two[1])])
    assert f"for the one seed {two[1]}, write {two[1]}-{two[1]}" in line


@pytest.mark.parametrize(
    ("label", "words"),
    [
        ("a" * 300_000, "longer than the 200 characters"),
        ("\x1b[31m", "control"),
        ("a\nb", "line break"),
        ("\u202e", "control"),
    ],
)
def test_a_label_that_nothing_can_show_is_refused(label: str, words: str) -> None:
    content: dict[str, Any] = {
        **{"name": "s", "seeds": 1, "evaluation": {"metrics": ["modes"]}},
        "matrix": {"loss": [{"name": "hinge", "label": label}], "dataset": ["ring"], "architecture": ["mlp"]},
    }
    with pytest.raises(SuiteError, match=words) as caught:
        cells(parse_suite(content, "x.toml"))
    assert len(str(caught.value)) < 300


def test_names_and_titles_have_a_length(tmp_path: Path) -> None:
    name = "n" * (MAX_NAME + 1)
    refused(["plan", write(tmp_path, SUITE.replace('"sizes"', f'"{name}"'))])
    refused(["plan", write(tmp_path, SUITE.replace("seeds = 2", f"seeds = 2\ntitle = '{'t' * (MAX_TITLE + 1)}'"))])
    refused(["plan", write(tmp_path, SUITE.replace("seeds = 2", 'seeds = 2\ntitle = "\\u001b[31m"'))])
    longest = load_suite(write(tmp_path, SUITE.replace('"sizes"', f'"{name[1:]}"')))
    assert all(len(run.file_name) < 200 for run in plan_runs(longest))


BROKEN = ('{"0": 1.0}', '{"-8": 1.0}', '{"8": 0}', '{"8": -1}', '{"8": null}', '{"many": 1}', '{"1e30": 1}', "[8]")


@pytest.mark.parametrize("seconds", BROKEN)
def test_pack_sizes_that_cannot_be_are_measured_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seconds: str
) -> None:
    monkeypatch.setenv("GANBENCH_DATA", str(tmp_path))
    (tmp_path / "packs.json").write_text(f'{{"cpu": {{"key": {{"seconds": {seconds}}}}}}}')
    assert read_rates("key", "cpu") is None
    write_rates("key", "cpu", Rates({1: 1.0, 8: 0.5}))
    assert read_rates("key", "cpu") == Rates({1: 1.0, 8: 0.5})


@pytest.mark.parametrize(
    "content", [b"", b"\xff\xfe", b"[" * 100_000, b"null", b'{"cpu": 5}', b'{"cpu": {"key": {"bytes": {"2": -1}}}}']
)
def test_a_file_of_pack_sizes_that_is_garbage_is_ignored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    monkeypatch.setenv("GANBENCH_DATA", str(tmp_path))
    (tmp_path / "packs.json").write_bytes(content)
    assert read_rates("key", "cpu") is None
