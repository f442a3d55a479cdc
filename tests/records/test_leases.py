"""Leases: one process trains a run, others learn who it is, and a dead owner is found without comparing clocks."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from bench.records import lease_owners, leases
from bench.records.leases import Leases
from bench.records.store import Folder

HOLDER = """
import sys, time
from pathlib import Path
from typing import Any
from bench.records.leases import Leases
from bench.records.store import Folder

folder = Path(sys.argv[1])
with Leases(Folder(folder), folder).hold(["a", "b"]) as held:
    print(sorted(held), flush=True)
    time.sleep(600)
"""


def leases_in(folder: Path) -> Leases:
    return Leases(Folder(folder), folder)


def files_in(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / ".leases").iterdir())


def test_a_run_is_held_by_one_and_free_afterwards(tmp_path: Path) -> None:
    with leases_in(tmp_path).hold(["a", "b"]) as first:
        with leases_in(tmp_path).hold(["b", "c"]) as second:
            assert (first, second) == ({"a", "b"}, {"c"})
            assert leases_in(tmp_path).free(["a", "b", "c", "d"]) == {"d"}
        with leases_in(tmp_path).hold(["c"]) as third:
            assert third == {"c"}
    assert files_in(tmp_path) == []


def test_readers_see_who_holds_what_since_when(tmp_path: Path) -> None:
    with leases_in(tmp_path).hold(["a"]):
        (lease,) = leases_in(tmp_path).held()
    assert (lease.run, lease.number) == ("a", 1)
    assert lease.owner.startswith("process ")
    assert lease.since.endswith("+00:00")
    assert leases_in(tmp_path).held() == []


def test_of_many_that_try_at_once_one_holds_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the previous owner has died, so that all of them try to take over the same lease."""
    everybody, latest = threading.Barrier(8), Leases._latest

    def look_together(self: Leases, *runs: Any) -> Any:
        found = latest(self, *runs)
        everybody.wait()  # nobody has tried yet when all have looked
        return found

    monkeypatch.setattr(Leases, "_latest", look_together)

    def take(number: int) -> bool:
        with leases_in(tmp_path).hold([f"run{number}"]) as held:
            everybody.wait()
            return bool(held)

    for number in range(20):
        if number % 2:
            abandon(tmp_path, f"run{number}")
        with ThreadPoolExecutor(8) as pool:
            assert sum(pool.map(take, [number] * 8)) == 1
    assert files_in(tmp_path) == []


def abandon(folder: Path, run: str) -> None:
    """Leave the lease of a process that has died: its owner has no file."""
    assert Folder(folder).create(f".leases/{run}.1", b'{"token": "dead"}')


def test_a_killed_process_of_this_machine_holds_nothing(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"['a', 'b']\n"
        with leases_in(tmp_path).hold(["a", "b"]) as held:
            assert held == set()
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert leases_in(tmp_path).held() == []
    with leases_in(tmp_path).hold(["a"]) as held:
        assert held == {"a"}
    leases_in(tmp_path).clear(["b"])
    assert files_in(tmp_path) == []


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The observer's monotonic clock; the owner is on another machine, and does not count by itself."""
    now = [1000.0]
    monkeypatch.setattr(leases.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(lease_owners, "BEAT", 1e6)
    monkeypatch.setattr(lease_owners, "_can_lock", lambda path: False)
    return now


def test_an_owner_elsewhere_is_dead_when_its_count_stands_still_whatever_the_clocks_say(
    tmp_path: Path, clock: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "time", lambda: 0.0)  # 1970
    observer = leases_in(tmp_path)
    with leases_in(tmp_path).hold(["a"]):
        (owner,) = (name for name in Folder(tmp_path).names(".leases") if name.endswith(".owner"))
        for count in range(5):  # alive for 200 s
            assert observer.free(["a"]) == set()
            clock[0] += 40
            Folder(tmp_path).write(owner, b'{"count": %d}' % count)
        assert observer.free(["a"]) == set()
        clock[0] += 59
        assert observer.free(["a"]) == set()
        assert leases_in(tmp_path).free(["a"]) == set()  # another observer has not waited yet
        clock[0] += 2
        assert observer.free(["a"]) == {"a"}
        with leases_in(tmp_path).hold(["a"]) as held:
            assert held == {"a"}


def test_an_owner_that_wakes_up_does_not_release_the_lease_of_another(tmp_path: Path) -> None:
    """It was declared dead; its run was taken over and given up, and is held under the same name again."""
    first = leases_in(tmp_path).hold(["a"])
    assert first.__enter__() == {"a"}
    for name in Folder(tmp_path).names(".leases"):
        if name.endswith(".owner"):
            Folder(tmp_path).remove(name)
    with leases_in(tmp_path).hold(["a"]) as held:
        assert held == {"a"}
    with leases_in(tmp_path).hold(["a"]) as held:
        assert held == {"a"}
        first.__exit__(None, None, None)
        with leases_in(tmp_path).hold(["a"]) as fourth:
            assert fourth == set()
    assert files_in(tmp_path) == []


def test_a_lease_that_changed_hands_while_it_was_taken_over_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the look at a dead owner's lease and the attempt, another process took it over, gave it up and took it."""
    abandon(tmp_path, "a")
    other = leases_in(tmp_path)
    look = Leases._latest

    def look_slowly(self: Leases, *runs: Any) -> Any:
        found = look(self, *runs)
        monkeypatch.undo()
        Folder(tmp_path).remove(".leases/a.1")
        assert holding.__enter__() == {"a"}
        return found

    holding = other.hold(["a"])
    monkeypatch.setattr(Leases, "_latest", look_slowly)
    with leases_in(tmp_path).hold(["a"]) as held:
        assert held == set()
    holding.__exit__(None, None, None)
    assert files_in(tmp_path) == []


def test_an_owner_counts_until_it_is_declared_dead(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease_owners, "BEAT", 0.01)
    store = Folder(tmp_path)
    with leases_in(tmp_path).hold(["a"]):
        (owner,) = (name for name in store.names(".leases") if name.endswith(".owner"))
        counts = {store.read(owner)}
        end = time.monotonic() + 30
        while len(counts) < 4:
            assert time.monotonic() < end
            counts.add(store.read(owner))
        store.remove(owner)
        time.sleep(0.1)
        store.remove(owner)  # one count may have been on its way
        time.sleep(0.1)
        assert store.read(owner) is None
