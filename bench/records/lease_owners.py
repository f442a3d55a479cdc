"""Owners of leases: a process that shows that it is alive, by a count that goes up and a lock that ends with it."""

from __future__ import annotations

import json
import os
import secrets
import threading
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from bench.errors import ResultsError
from bench.files import HOSTNAME
from bench.records.store import Store

try:
    import fcntl
except ImportError:  # Windows, which has no such locks
    fcntl = None  # type: ignore[assignment]

FOLDER = ".leases"
BEAT = 10.0  # seconds between two counts of an owner


def _kernel() -> str:
    """Return what tells apart systems that are running: locks are seen by processes of the same one."""
    with suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return HOSTNAME


KERNEL = _kernel()


class Owner:
    """The file of an owner, which shows that it is alive: a thread counts in it, and the process holds a lock."""

    def __init__(self, store: Store, locks: Path):
        self.token = secrets.token_hex(8)
        self.claims: dict[str, bytes] = {}
        self._store, self._name = store, owner_file(self.token)
        self._lock_path = locks / f"{self.token}.lock"
        self._ended = threading.Event()
        self._since = datetime.now(UTC).isoformat(timespec="seconds")
        self._show(0)
        self._lock = _locked(self._lock_path)
        self._thread = threading.Thread(target=self._count, name="lease", daemon=True)
        self._thread.start()

    def claim(self, run: str) -> bytes:
        """Return the content of the lease of a run."""
        about = {"owner": f"process {os.getpid()} on {HOSTNAME}", "since": self._since, "token": self.token}
        self.claims[run] = json.dumps(about).encode()
        return self.claims[run]

    def stop(self) -> None:
        """Stop counting."""
        self._ended.set()
        self._thread.join()

    def close(self) -> None:
        """Remove the file; the leases that are left are free."""
        with suppress(ResultsError):
            self._store.remove(self._name)
        if self._lock is not None:
            with suppress(OSError):
                self._lock_path.unlink(missing_ok=True)
            self._lock.close()

    def _count(self) -> None:
        count = 0
        while not self._ended.wait(BEAT):
            count += 1
            with suppress(ResultsError):  # the next count may succeed
                if self._store.read(self._name) is None:
                    return  # declared dead: another process may train the runs
                self._show(count)

    def _show(self, count: int) -> None:
        self._store.write(self._name, json.dumps({"kernel": KERNEL, "count": count}).encode())


def owner_file(token: str) -> str:
    """Return the name of the file of an owner."""
    return f"{FOLDER}/{token}.owner"


def has_ended_here(token: str, content: bytes, locks: Path) -> bool:
    """Return whether an owner was a process of this system that has ended; if so, remove its lock.

    Args:
        token: What names the owner.
        content: The content of its file.
        locks: The folder of the locks.
    """
    path = locks / f"{token}.lock"
    if f'"{KERNEL}"'.encode() not in content or not _can_lock(path):
        return False
    with suppress(OSError):
        path.unlink(missing_ok=True)
    return True


def _locked(path: Path) -> IO[bytes] | None:
    """Return a file with a lock that ends with this process; None, and no file, where there are no such locks."""
    if fcntl is None:
        return None
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("wb")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return file
        except OSError:
            file.close()
            path.unlink()
    return None


def _can_lock(path: Path) -> bool:
    """Return whether a process of this system had a lock and has ended."""
    with suppress(OSError):  # nobody has the lock there, somebody has it, or the file system has no locks
        if fcntl is not None:
            with path.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
                return True
    return False
