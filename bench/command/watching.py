"""``ganbench report --watch``: the report is written again whenever runs have ended, until the suite has."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from bench.command.streams import say
from bench.compute.claim import is_claimed
from bench.files import atomic_write
from bench.records.listing import paths_in

if TYPE_CHECKING:
    from bench.report import Report

INTERVAL = 10  # seconds between two looks at the records, and between two reloads of the page
HEAD = "<head>"
RELOAD = f'{HEAD}\n<meta http-equiv="refresh" content="{INTERVAL}">'


def watch_report(folder: Path, write: Callable[[], Report], pause: Callable[[float], None] = time.sleep) -> Report:
    """Write a report again whenever its records change, with a page that reloads itself.

    Ends when a process that trained runs of the suite has ended, or with Ctrl-C, and then writes the report as usual.

    Args:
        folder: The suite's results folder; it may not exist yet.
        write: Writes the report.
        pause: Waits for some seconds.

    Raises:
        ResultsError: The report cannot be written, or Ctrl-C came before the first record.
    """
    seen: list[tuple[str, int, int]] = []
    claimed = False
    say(f"watching {folder}; press Ctrl-C to stop", err=True)
    with suppress(KeyboardInterrupt):
        while True:
            is_training = is_claimed(folder)  # asked first, so that no record is missed when it ends
            found = _records(folder)
            if found and found != seen:
                report = write()
                _add_reload(report.page)
                say(f"{time.strftime('%H:%M:%S')}  {len(found)} runs in {report.page}", err=True)
            if claimed and not is_training:
                break
            seen, claimed = found, is_training or claimed
            pause(INTERVAL)
    return write()


def _records(folder: Path) -> list[tuple[str, int, int]]:
    """Return the name, size and time of each record; a record that vanishes meanwhile is left out."""
    found = []
    for path in paths_in(folder):
        with suppress(FileNotFoundError):
            status = path.stat()
            found.append((path.name, status.st_size, status.st_mtime_ns))
    return found


def _add_reload(page: Path | None) -> None:
    if page is not None:
        text = page.read_text(encoding="utf-8")
        with atomic_write(page) as partial:
            partial.write_text(text.replace(HEAD, RELOAD, 1), encoding="utf-8")
