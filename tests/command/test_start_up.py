"""How a command with little to do is kept short: no worker for a small pack, and only the report that is asked for."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import bench
from bench.compute.engines import worker_processes


@pytest.fixture
def no_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    def started(*_: Any) -> None:
        raise AssertionError("a worker was started")

    monkeypatch.setattr(worker_processes.Reserve, "_start", started)


@pytest.mark.usefixtures("no_workers", "no_figures")
def test_a_single_small_pack_trains_in_the_process_of_the_command(tiny: str, tmp_path: Path) -> None:
    summary = bench.run(tiny, results=tmp_path, device="cpu", filters={"loss": {"non-saturating"}}, seeds=1)
    assert len(summary.recorded) == 1
    assert summary.report is not None


@pytest.mark.usefixtures("no_workers", "no_figures")
@pytest.mark.parametrize(
    ("options", "settings"), [({"workers": 1}, {}), ({"pack": "off", "seeds": 2}, {}), ({}, {"steps": 10**6})]
)
def test_other_work_goes_to_workers(
    tiny: str, tmp_path: Path, options: dict[str, Any], settings: dict[str, Any]
) -> None:
    arguments = {"seeds": 1, **options}
    with pytest.raises(AssertionError, match="a worker was started"):
        bench.run(
            tiny, results=tmp_path, device="cpu", filters={"loss": {"non-saturating"}}, settings=settings, **arguments
        )


def test_the_report_is_as_large_as_asked_for(tiny: str, tmp_path: Path) -> None:
    arguments: dict[str, Any] = {"results": tmp_path, "workers": 0, "filters": {"loss": {"non-saturating"}}, "seeds": 1}
    folder = tmp_path / "tiny"

    def files() -> set[str]:
        return {path.name for path in folder.iterdir() if path.is_file() and not path.name.startswith(".")}

    assert bench.run(tiny, **arguments, report="none").report is None
    assert files() == set()
    report = bench.run(tiny, **arguments, report="tables").report
    assert report is not None
    assert report.page is None
    assert not report.figures
    assert files() == {"table.md", "table.csv", "table.tex", "table.json", "notes.tex"}
    report = bench.run(tiny, **arguments).report
    assert report is not None
    assert report.page == folder / "report.html"
    assert {path.suffix for path in report.figures} == {".png"}
    again = bench.run(tiny, **arguments).report
    assert again is not None
    assert not again.anew


def test_the_script_of_the_page_is_bundled_in_another_process() -> None:
    """Bundling holds Python's lock, so a thread would stop the command for more than a second."""
    script = (
        "import sys; from bench.report.vega import bundle; print(len(bundle().result()), 'vl_convert' in sys.modules)"
    )
    printed = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    length, is_loaded = printed.split()
    assert int(length) > 100_000
    assert is_loaded == "False"


INTERRUPTED_BUNDLE = """
import concurrent.futures, os, signal
from bench.report.vega import bundle

signal.signal(signal.SIGINT, lambda *_: None)
script = bundle()
while not script.done():
    os.killpg(0, signal.SIGINT)
    concurrent.futures.wait([script], timeout=0.02)
print(len(script.result()))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no process groups")
def test_ctrl_c_does_not_end_the_bundling_of_libraries_with_a_traceback() -> None:
    arguments = [sys.executable, "-c", INTERRUPTED_BUNDLE]
    done = subprocess.run(arguments, capture_output=True, text=True, start_new_session=True, check=False)
    assert done.stderr == ""
    assert int(done.stdout) > 100_000
