"""What the command prints reaches every stream: any encoding, a full disk, a reader who left, a strange width."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from click.testing import CliRunner, Result
from made_runs import made_evidence

from bench.command import main
from bench.command.streams import READER_LEFT

HOSTILE = "Umläute → 漢 ± 5 %"
SUITE = f"""
name = "made"
title = "{HOSTILE}"
seeds = 2
[matrix]
loss = ["hinge"]
dataset = [{{ name = "ring", points = 500, label = "Kreis · 環" }}]
architecture = ["mlp"]
[training]
steps = 10
[evaluation]
every = 10
samples = 50
metrics = ["modes"]
"""
MAPPED = [
    word for role in ("dataset", "architecture", "loss", "seed", "step", "fid") for word in ("--map", f"{role}={role}")
]
VERBS = {
    "list": ("list",),
    "help": ("run", "--help"),
    "plan": ("plan", "suite.toml"),
    "report": ("report", "made", "--format", "none"),
    "compare": ("compare", "made", "made"),
    "compare as Markdown": ("compare", "made", "made", "--format", "markdown"),
    "compare as JSON": ("compare", "made", "made", "--format", "json"),
    "compare as JUnit": ("compare", "made", "made", "--format", "junit"),
    "import": ("import", "table.csv", "--suite", "imported", "--title", HOSTILE, *MAPPED),
    "calibrate": ("calibrate", "ring", "--samples", "50", "--seeds", "1"),
    "calibrate as CSV": ("calibrate", "ring", "--samples", "50", "--seeds", "1", "--format", "csv"),
    "measure": ("measure", "漢.npy", "--against", '{ name = "ring", points = 500, label = "Kreis · 環" }'),
    "measure as CSV": ("measure", "漢.npy", "--against", "ring", "--format", "csv"),
    "measure as JSON": ("measure", "漢.npy", "--against", "ring", "--format", "json"),
    "a mistake": ("plan", "漢.toml"),
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a suite, a table and records, which is the current folder."""
    monkeypatch.chdir(tmp_path)
    made_evidence(tmp_path)
    Path("suite.toml").write_text(SUITE, encoding="utf-8")
    Path("table.csv").write_text("dataset,architecture,loss,seed,step,fid\nzahlen,mlp,Größe 漢,0,10,3.5\n", "utf-8")
    np.save("漢.npy", np.random.default_rng(0).normal(size=(60, 2)))
    return tmp_path


def run(arguments: tuple[str, ...], charset: str = "utf-8") -> Result:
    shutil.rmtree("results", ignore_errors=True)
    return CliRunner(charset=charset).invoke(main, list(arguments), catch_exceptions=False)


@pytest.mark.parametrize("verb", VERBS)
def test_no_encoding_changes_the_exit_status(folder: Path, verb: str) -> None:
    expected = run(VERBS[verb])
    assert expected.exit_code == (2 if verb == "a mistake" else 0), expected.output
    for charset in ("cp1252", "ascii"):
        result = run(VERBS[verb], charset)
        assert result.exit_code == expected.exit_code, (charset, result.output)
        assert "Traceback" not in result.output
        lines, wanted = result.stdout.splitlines(), expected.stdout.splitlines()
        assert abs(len(lines) - len(wanted)) <= 3, charset  # a replaced "±" may wrap a line


def test_what_an_encoding_lacks_is_spelt_out(folder: Path) -> None:
    text = run(("plan", "suite.toml"), "ascii").stdout
    assert "Umlaute -> ? +/- 5 %" in text
    assert "Kreis / ?" in text
    latin = run(("plan", "suite.toml"), "cp1252").stdout
    assert "Umläute -> ? ± 5 %" in latin
    assert "Umläute -> ? ± 5 %" in run(("plan", "suite.toml"), "iso8859-15").stdout


@pytest.mark.parametrize("charset", ["utf-8", "cp1252", "ascii"])
def test_json_and_junit_are_valid_in_every_encoding(folder: Path, charset: str) -> None:
    content = json.loads(run(VERBS["compare as JSON"], charset).stdout)
    assert content["verdict"] == "INCONCLUSIVE" or content["cells"]
    ElementTree.fromstring(run(VERBS["compare as JUnit"], charset).stdout_bytes)


def test_a_locale_without_utf_8_writes_the_same_files(folder: Path) -> None:
    """Also the file of the theory: every file is UTF-8, whatever the locale is."""
    run(("report", "made", "--format", "none", "--output", "here"))
    environment = os.environ | {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = command("report", "made", "--format", "none", "--output", "there", env=environment)
    assert done.returncode == 0, done.stderr
    for file in Path("here").iterdir():
        assert file.read_bytes() == (Path("there") / file.name).read_bytes()


def command(*arguments: str | bytes, **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "bench", *arguments],
        **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "check": False, **options},  # type: ignore[call-overload]
    )


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no full device here")
@pytest.mark.parametrize("verb", ["list", "help", "plan", "compare", "compare as JSON"])
def test_a_full_device_gives_one_line(folder: Path, verb: str) -> None:
    with Path("/dev/full").open("w") as full:
        done = command(*VERBS[verb], stdout=full)
        assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
        assert "output cannot be written: No space left on device" in done.stderr
        silent = command(*VERBS[verb], stderr=full)
        assert silent.returncode == 0
        assert silent.stdout


@pytest.mark.parametrize("verb", ["list", "help", "plan", "compare"])
def test_a_reader_who_left_gives_silence(folder: Path, verb: str) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = command(*VERBS[verb], stdout=writer)
    os.close(writer)
    assert (done.returncode, done.stderr) == (READER_LEFT, "")


def test_closed_streams_are_no_error(folder: Path) -> None:
    shell = f'"{sys.executable}" -m bench plan suite.toml'
    assert subprocess.run(f"{shell} >&-", shell=True, check=False, stderr=subprocess.PIPE).returncode == 0
    assert subprocess.run(f"{shell} 2>&-", shell=True, check=False, stdout=subprocess.PIPE).returncode == 0


@pytest.mark.parametrize("width", ["0", "1", "-5", "²", "wide", "99999999999999999999999", ""])
def test_a_width_that_no_terminal_has_is_ignored(folder: Path, monkeypatch: pytest.MonkeyPatch, width: str) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    expected = run(("report", "made", "--format", "none")).stdout
    monkeypatch.setenv("COLUMNS", width)
    assert run(("report", "made", "--format", "none")).stdout == expected
    assert run(("plan", "suite.toml")).exit_code == 0


def test_a_wide_terminal_is_used(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    assert max(map(len, run(("report", "made", "--format", "none")).stdout.splitlines())) > 100


@pytest.fixture
def undecodable(folder: Path) -> str:
    """The name of a folder whose bytes are not valid UTF-8, as Python passes it on."""
    name = os.fsdecode(b"caf\xe9")
    try:
        Path(name).mkdir()
    except (OSError, UnicodeError):
        pytest.skip("this file system has no such names")
    return name


def test_a_name_that_is_not_text_is_shown_with_escapes(undecodable: str, folder: Path) -> None:
    shutil.copy("suite.toml", undecodable)
    for charset in ("utf-8", "ascii"):
        result = run(("plan", f"{undecodable}/suite.toml", "--results", undecodable), charset)
        assert result.exit_code == 0
        assert "caf\\xe9" in result.stdout
        missing = run(("plan", f"{undecodable}/none.toml"), charset)
        assert (missing.exit_code, missing.stderr.count("\n")) == (2, 1)
        assert "caf\\xe9/none.toml" in missing.stderr
        assert run(("report", undecodable), charset).exit_code == 2


def test_an_error_is_one_line_whatever_it_quotes(folder: Path) -> None:
    for argument in ("\x1b[31mred", "two\nlines", "x" * 100_000, "a\u202eb"):
        for arguments in (("plan", argument), ("plan", "suite.toml", "--only", argument), ("report", argument)):
            result = run(arguments)
            assert result.exit_code == 2
            assert result.stderr.count("\n") == 1
            assert len(result.stderr) < 5000
            assert not {"\x1b", "\u202e"} & set(result.stderr)


def test_a_progress_line_has_no_control_characters() -> None:
    from bench.command.terminal import Terminal

    console = Terminal()
    console.file = log = io.StringIO()
    console.print("a\x1b[2Jb", highlight=False, markup=False, soft_wrap=True)
    console.print("[bold]c\x07[/]\nd")
    assert log.getvalue().splitlines() == ["a\\x1b[2Jb", "c\\x07", "d"]


HUGE = str(10**12)
TOO_MUCH = (
    ("time", "suite.toml", "--rounds", HUGE),
    ("time", "suite.toml", "--steps", HUGE),
    ("time", "suite.toml", "--threads", HUGE),
    ("run", "suite.toml", "--workers", HUGE),
    ("run", "suite.toml", "--threads", str(10**30)),
    ("run", "suite.toml", "--pack", str(10**30)),
    ("run", "suite.toml", "--checkpoint-every", "nan"),
    ("run", "suite.toml", "--checkpoint-every", "inf"),
    ("calibrate", "ring", "--samples", HUGE),
    ("calibrate", "ring", "--seeds", HUGE),
    ("calibrate", "ring", "--latent", HUGE),
    ("compare", "made", "made", "--alpha", "nan"),
    ("plan", "suite.toml", "--results", "n" * 300),
    ("report", "n" * 300),
    ("report", "made", "--format", "none", "--output", "n" * 300),
)


@pytest.mark.parametrize("arguments", TOO_MUCH, ids=lambda words: " ".join(words)[:40])
def test_a_number_or_a_name_of_no_use_is_refused_at_once(folder: Path, arguments: tuple[str, ...]) -> None:
    result = run(arguments)
    assert result.exit_code == 2
    assert "Traceback" not in result.stderr
    assert not Path("results").exists()
