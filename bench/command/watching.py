"""``ganbench report --watch``: the report is written again whenever runs have ended, until the suite has."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from bench.command.streams import say
from bench.compute.active_runs import active_runs
from bench.compute.claim import is_claimed
from bench.files import atomic_write
from bench.records.addresses import is_address, path_here, readable_folder
from bench.records.listing import paths_in

if TYPE_CHECKING:
    from bench.report import Report

QUIET_AT_ADDRESS = 3  # looks without a training process after which the suite has ended: there are none between packs
INTERVAL = 10  # seconds between two looks at the records, and between two reloads of the page
HEAD = "<head>"
RELOAD = f'{HEAD}\n<meta http-equiv="refresh" content="{INTERVAL}">'


def watch_report(
    results: str | Path, write: Callable[[], Report], pause: Callable[[float], None] = time.sleep
) -> Report:
    """Write a report again whenever its records change, with a page that reloads itself.

    Ends when a process that trained runs of the suite has ended, or with Ctrl-C, and then writes the report as usual.

    Args:
        results: The suite's results folder, which may not exist yet, or its address.
        write: Writes the report.
        pause: Waits for some seconds.

    Raises:
        ResultsError: The report cannot be written, or Ctrl-C came before the first record.
    """
    seen: list[tuple[str, int, int]] = []
    claimed, quiet = False, 0
    needed = QUIET_AT_ADDRESS if is_address(results) else 1
    say(f"watching {results}; press Ctrl-C to stop", err=True)
    with suppress(KeyboardInterrupt):
        while True:
            is_training = _is_training(results)  # asked first, so that no record is missed when it ends
            folder = readable_folder(results)
            found = _records(folder)
            if found and found != seen:
                report = write()
                _add_reload(report.page)
                say(f"{time.strftime('%H:%M:%S')}  {len(found)} runs in {report.page}", err=True)
            claimed, quiet = claimed or is_training, 0 if is_training else quiet + 1
            if claimed and quiet >= needed:
                break
            seen = found
            pause(INTERVAL)
    return write()


def _is_training(results: str | Path) -> bool:
    """Return whether a process trains runs of the suite: this machine's, or any at the address."""
    folder = path_here(results)
    return bool(active_runs(folder)) if is_address(results) else is_claimed(folder)


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
