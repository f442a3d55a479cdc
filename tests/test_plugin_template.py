"""The plug-in package of docs/plugin-template/ can be installed, and its own test passes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the template, with the package installed in its folder ``site``."""
    folder = tmp_path_factory.mktemp("template") / "ganbench-example"
    shutil.copytree(ROOT / "docs" / "plugin-template", folder)
    quiet = ["--quiet", "--disable-pip-version-check", "--no-deps", "--no-build-isolation"]
    run("-m", "pip", "install", *quiet, "--target", "../site", "..", folder=folder)
    return folder


def run(*words: str, folder: Path, expected: int = 0) -> str:
    """Run Python in the folder ``tests`` of the template, where the package is found only if it is installed."""
    path = os.pathsep.join([str(folder / "site"), str(ROOT)])
    environment = {**os.environ, "PYTHONPATH": path, "GANBENCH_DATA": str(folder / "data")}
    done = subprocess.run(
        [sys.executable, *words], cwd=folder / "tests", env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == expected, done.stdout + done.stderr
    return done.stdout


def test_its_own_test_passes(template: Path) -> None:
    assert "1 passed" in run("-m", "pytest", ".", "-p", "no:cacheprovider", folder=template)


def test_the_check_finds_a_fault_in_its_loss(template: Path) -> None:
    module = template / "site" / "ganbench_example" / "losses.py"
    sound = module.read_text()
    module.write_text(sound.replace("return (-scale * fake).exp()", "return (-scale * fake).exp().mean()"))
    told = run("-m", "bench", "check", "exponential", folder=template, expected=1)
    module.write_text(sound)
    assert "shapes             failed: generator returned shape [], expected [6] (one value per sample)" in told
