"""Leases: which process trains which run of a results folder, so that several processes share the runs.

A lease is a file ``.leases/RUN.NUMBER``, created exclusively, that names its owner. The owner has a file
``.leases/TOKEN.owner`` with a count that goes up every few seconds. A lease whose owner has no file is free, and is
taken over by creating the next number, which again only one process can do. So an owner is declared dead by removing
its file. That happens when its count stands still for ``EXPIRY`` seconds on the observer's own monotonic clock; the
clocks of two machines are never compared. On the machine of the owner it happens at once: the owner holds a lock on
``.leases/TOKEN.lock``, which the system releases when the process ends.

Leases only save work. Whatever happens to them, a run has one record, because records are published exclusively.
"""

from __future__ import annotations

import json
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.errors import ResultsError
from bench.records.lease_owners import FOLDER, Owner, has_ended_here, owner_file
from bench.records.store import Store

EXPIRY = 60.0  # seconds without a count after which an owner is dead


@dataclass(frozen=True)
class Lease:
    """A lease of a run.

    Attributes:
        run: The identity of the run.
        owner: The process that trains the run, in words.
        since: When it began, by its own clock (ISO 8601).
        token: What names the owner; two processes never have the same.
        number: How many leases of this run there have been, if their owners have died.
    """

    run: str
    owner: str
    since: str
    token: str
    number: int


class Leases:
    """The leases of a suite's results folder.

    Args:
        store: Where leases are.
        folder: A folder of this machine for the locks: the results folder, or the cache of one elsewhere.
    """

    def __init__(self, store: Store, folder: Path):
        self._store, self._locks = store, folder / FOLDER
        self._counts: dict[str, tuple[bytes, float]] = {}  # of owners, with the time when each was first seen

    @contextmanager
    def hold(self, runs: Collection[str]) -> Iterator[set[str]]:
        """Take the leases of those runs that are free, and release them at the end.

        Args:
            runs: Identities of runs.

        Yields:
            The runs that are held. Others are trained by another process.

        Raises:
            ResultsError: The store cannot be read or written.
        """
        owner = Owner(self._store, self._locks)
        taken: dict[str, str] = {}
        try:
            for run, lease in self._latest(runs).items():
                if lease is not None and not self._has_ended(lease):
                    continue
                name = _lease_file(run, lease.number + 1 if lease else 1)
                if self._store.create(name, owner.claim(run)):
                    taken[run] = name
                    if lease is not None and self._lease(run, lease.number) != lease:  # another process has it now
                        self._store.remove(taken.pop(run))
            yield set(taken)
        finally:
            owner.stop()
            with suppress(ResultsError):  # leases of an owner without a file are free
                self._release(taken, owner)
            owner.close()

    def held(self) -> list[Lease]:
        """Return the leases of processes that are alive, as far as this one can tell at once.

        Raises:
            ResultsError: The store cannot be read.
        """
        return [lease for lease in self._latest().values() if lease and not self._has_ended(lease)]

    def free(self, runs: Collection[str]) -> set[str]:
        """Return those of some runs that no live process holds; call it again and again to notice owners that died.

        Raises:
            ResultsError: The store cannot be read or written.
        """
        now, free = time.monotonic(), set()
        for run, lease in self._latest(runs).items():
            if lease is None or self._has_ended(lease):
                free.add(run)
                continue
            count = self._store.read(owner_file(lease.token)) or b""
            before, since = self._counts.get(lease.token, (None, now))
            if count != before:
                self._counts[lease.token] = count, now
            elif now - since > EXPIRY:
                self._store.remove(owner_file(lease.token))
                free.add(run)
        return free

    def _latest(self, runs: Iterable[str] | None = None) -> dict[str, Lease | None]:
        """Return the last lease of each run; of all that have one if none are named."""
        found: dict[str, Lease | None] = dict.fromkeys(runs or ())
        for name in self._store.names(FOLDER):
            run, _, number = name.rpartition("/")[2].rpartition(".")
            if not number.isdigit() or (runs is not None and run not in found):
                continue
            lease, before = self._lease(run, int(number)), found.get(run)
            if lease and (before is None or before.number < lease.number):
                found[run] = lease
        return found

    def _lease(self, run: str, number: int) -> Lease | None:
        content = self._store.read(_lease_file(run, number))
        if content is None:  # released meanwhile
            return None
        about = _parsed(content)
        owner, since, token = (str(about.get(key, "")) for key in ("owner", "since", "token"))
        return Lease(run, owner, since, token, number)

    def _has_ended(self, lease: Lease) -> bool:
        """Return whether the owner of a lease has no file, or was a process of this machine that has ended."""
        content = self._store.read(owner_file(lease.token)) if lease.token else None
        if content is None:
            return True
        if not has_ended_here(lease.token, content, self._locks):
            return False
        self._store.remove(owner_file(lease.token))
        return True

    def clear(self, runs: Collection[str]) -> None:
        """Remove the leases that killed processes have left of runs that nobody will train again.

        Raises:
            ResultsError: The store cannot be read or written.
        """
        for run, lease in self._latest(runs).items():
            if lease is not None and self._has_ended(lease):
                for number in range(1, lease.number + 1):
                    self._store.remove(_lease_file(run, number))

    def _release(self, taken: Mapping[str, str], owner: Owner) -> None:
        """Remove leases, and first those of their dead predecessors, so that no number is free before the last one."""
        for run, name in taken.items():
            for number in range(1, int(name.rpartition(".")[2])):
                self._store.remove(_lease_file(run, number))
            if self._store.read(name) == owner.claims[run]:  # otherwise it was taken over and released
                self._store.remove(name)


def _lease_file(run: str, number: int) -> str:
    return f"{FOLDER}/{run}.{number}"


def _parsed(content: bytes) -> dict[str, Any]:
    with suppress(ValueError):
        about = json.loads(content)
        if isinstance(about, dict):
            return about
    return {}
