"""``ganbench report --watch`` follows a suite that trains: the page is written again, and reloads itself meanwhile."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest
from click.testing import CliRunner

from bench.command import main, watching
from bench.command.watching import RELOAD, watch_report
from bench.compute.claim import claimed, is_claimed
from bench.report import Report

pytestmark = pytest.mark.usefixtures("no_figures")


def test_whether_a_process_trains_in_a_folder(tmp_path: Path) -> None:
    assert not is_claimed(tmp_path / "missing")
    with claimed(tmp_path):
        assert is_claimed(tmp_path)
        assert is_claimed(tmp_path)
    assert not is_claimed(tmp_path)


def test_the_report_follows_the_records_until_training_ends(tiny_results: Path) -> None:
    """Three records while a process trains, then a fourth, and then the process ends."""
    last = max((tiny_results / "records").iterdir())
    hidden = tiny_results / "later"
    last.rename(hidden)
    page = tiny_results / "report.html"
    written: list[int] = []
    pages: list[str] = []

    def write() -> Report:
        written.append(len(list((tiny_results / "records").iterdir())))
        page.write_text("<html><head><title>x</title></head></html>")
        return Report([], [], page, {})

    with ExitStack() as training:
        training.enter_context(claimed(tiny_results))

        def pause(seconds: float) -> None:
            pages.append(page.read_text())
            if len(pages) == 2:
                hidden.rename(last)
            elif len(pages) == 3:
                training.close()

        watch_report(tiny_results, write, pause)
    assert written == [3, 4, 4]
    assert all(RELOAD in text for text in pages)
    assert RELOAD not in page.read_text()


def test_the_command_writes_the_report_and_stops_with_ctrl_c(
    tiny_results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []

    def interrupt(seconds: float) -> None:
        seen.append((tiny_results / "report.html").read_text())
        raise KeyboardInterrupt

    monkeypatch.setattr(watching.watch_report, "__defaults__", (interrupt,))
    result = CliRunner().invoke(main, ["report", str(tiny_results), "--watch"])
    assert result.exit_code == 0
    assert RELOAD in seen[0]
    assert RELOAD not in (tiny_results / "report.html").read_text()
    assert f"4 runs in {tiny_results / 'report.html'}" in result.output
