"""A breakpoint in a plug-in works with ``--workers 0 --pack off``, and leaving the debugger ends the command."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from plugin_packages import Package, package_in

SUITE = """
name = "debugged"
seeds = 2
[matrix]
loss = ["halting"]
[training]
dataset = { name = "ring", points = 100 }
architecture = { name = "mlp", width = 4, depth = 1 }
steps = 2
batch_size = 4
latent = 2
[evaluation]
every = 2
samples = 20
metrics = ["modes"]
"""

LOSS = """
from bench import GanLoss

def critic(real, fake):
    {before}
    return fake - real

halting = GanLoss("halts", critic=critic, generator=lambda real, fake: -fake)
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Package:
    return package_in(tmp_path / "packages", monkeypatch)


def run_command(folder: Path, *options: str, typed: str = "") -> subprocess.CompletedProcess[str]:
    (folder / "debugged.toml").write_text(SUITE)
    paths = [str(folder / "packages"), *sys.path]
    return subprocess.run(
        [sys.executable, "-m", "bench", "run", "debugged.toml", "--device", "cpu", "--report", "none", *options],
        cwd=folder,
        input=typed,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths), "PYTHONBREAKPOINT": ""},
        timeout=300,
    )


@pytest.mark.parametrize("call", ["breakpoint()", "import pdb; pdb.set_trace()"])
def test_a_breakpoint_shows_a_prompt_and_quitting_ends_the_command(tmp_path: Path, package: Package, call: str) -> None:
    package.write(LOSS.format(before=call), {"losses": {"halting": "halting"}})
    ended = run_command(tmp_path, "--workers", "0", "--pack", "off", typed="p 6 * 7\nq\n")
    assert "(Pdb) 42" in ended.stdout
    assert ended.stderr.splitlines()[-1] == (
        "ganbench: stopped with 0 of 2 runs recorded; run the same command to resume"
    )
    assert "Traceback" not in ended.stderr
    assert ended.returncode == 130


def test_in_a_worker_process_a_breakpoint_says_what_to_do(tmp_path: Path, package: Package) -> None:
    only_in_workers = "import multiprocessing; multiprocessing.parent_process() and breakpoint()"
    package.write(LOSS.format(before=only_in_workers), {"losses": {"halting": "halting"}})
    ended = run_command(tmp_path, "--workers", "1", "--pack", "off")
    said = "error: a breakpoint cannot be used in a worker process; debug with --workers 0 --pack off"
    assert ended.stderr.count(said) == 1
    assert "Traceback" not in ended.stderr
    assert ended.returncode == 2
