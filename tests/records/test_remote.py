"""Results at an address: one record a run, whole or absent, and a mirror that always agrees with the store."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import s3_server

import bench
from bench.errors import ResultsError
from bench.records.addresses import copy_records, mirror_of, readable_folder, suite_folder_in
from bench.records.mirror import Mirror
from bench.records.record import read_metadata
from bench.records.remote import Remote, remote

MANY = 2000  # records: three pages of a listing; the ledger reads ten thousand
PUBLISHER = """
import sys
from pathlib import Path
import pyarrow.parquet as pq
from bench.records.mirror import Mirror
from bench.records.addresses import path_here
from bench.records.record import read_metadata

given, place, title = Path(sys.argv[1]), *sys.argv[2:]
mirror = Mirror.at(path_here(place))
metadata = read_metadata(given).model_copy(update={"title": title})
trace = pq.read_table(given)
print("ready", flush=True)
sys.stdin.readline()
path = mirror.folder / "records" / given.name
mirror.publish(path, metadata, trace)
print(read_metadata(path).title)
"""


class ConditionError(OSError):
    """What a driver raises for an answer of the server with a code."""

    def __init__(self, code: str):
        super().__init__(22, "At least one of the conditions did not hold")
        self.response = {"Error": {"Code": code}}


@pytest.fixture(params=["s3", "in_memory"])
def store(request: pytest.FixtureRequest) -> Remote:
    return Remote(f"{request.getfixturevalue(request.param)}/results/suite")


def upload(folder: Path, address: str) -> Remote:
    """Copy the records of a folder to a store."""
    store = remote(address)
    for path in (folder / "records").iterdir():
        store.write(f"records/{path.name}", path.read_bytes())
    return store


def test_a_store_creates_once_and_says_what_it_has(store: Remote) -> None:
    store.check_exclusive()
    assert (store.entries(), store.names("records"), store.entry("records/a"), store.read("records/a")) == (
        {},
        [],
        None,
        None,
    )
    assert store.create("records/a", b"first")
    assert not store.create("records/a", b"second")
    store.write("records/b", b"1")
    store.write("records/b", b"22")
    assert store.read_many(["records/a", "records/b", "records/gone"]) == {"records/a": b"first", "records/b": b"22"}
    assert store.names("records") == ["records/a", "records/b"]
    assert {name: entry.size for name, entry in store.entries().items()} == {"records/a": 5, "records/b": 2}
    store.move("records/b", "records/c")
    for _ in range(2):
        store.remove("records/a")
    assert store.names("records") == ["records/c"]


def test_an_address_is_looked_up_on_the_server_of_now(s3: str) -> None:
    remote(f"{s3}/results").write("records/a", b"first server")
    with s3_server.running():
        assert remote(f"{s3}/results").entries() == {}
    assert remote(f"{s3}/results").read("records/a") == b"first server"


def publish_eight_times(given: Path, place: str, tmp_path: Path, patch: pytest.MonkeyPatch) -> str:
    """Publish a record in eight processes at the same time, each with its title; return the title that all of them read."""
    publishers = []
    for number in range(8):
        patch.setenv("GANBENCH_DATA", str(tmp_path / f"machine {number}"))
        command = [sys.executable, "-c", PUBLISHER, str(given), place, f"title {number}"]
        publishers.append(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
    for publisher in publishers:
        assert publisher.stdout is not None
        assert publisher.stdout.readline() == "ready\n"
    for publisher in publishers:
        assert publisher.stdin is not None
        publisher.stdin.write("go\n")
        publisher.stdin.flush()
    (title,) = {publisher.communicate()[0].strip() for publisher in publishers}
    return str(title)


@pytest.mark.slow
def test_eight_processes_that_publish_one_run_leave_one_record_which_all_of_them_have(
    s3: str, tiny_results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = min((tiny_results / "records").iterdir())
    assert publish_eight_times(given, f"{s3}/tiny", tmp_path, monkeypatch).startswith("title ")
    store = remote(f"{s3}/tiny")
    assert list(store.entries()) == [f"records/{given.name}"]
    copies = [path.read_bytes() for path in tmp_path.glob("machine */stores/**/*.parquet")]
    assert len(copies) == 8
    assert {*copies} == {store.read(f"records/{given.name}")}


@pytest.mark.slow
def test_eight_processes_that_publish_one_run_leave_one_record_in_a_folder(
    tiny_results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given, folder = min((tiny_results / "records").iterdir()), tmp_path / "shared"
    title = publish_eight_times(given, str(folder), tmp_path, monkeypatch)
    assert [path.name for path in (folder / "records").iterdir()] == [given.name]
    assert read_metadata(folder / "records" / given.name).title == title


@pytest.mark.slow
def test_a_put_that_is_cut_short_leaves_no_record(s3: str, tiny_results: Path) -> None:
    given = min((tiny_results / "records").iterdir())
    mirror = Mirror.at(mirror_of(f"{s3}/cut/tiny"))
    with pytest.raises(ResultsError, match=f"{s3}/cut/tiny/records/.*parquet cannot be written: ") as raised:
        mirror.publish(mirror.folder / "records" / given.name, read_metadata(given), pq.read_table(given))
    assert "\n" not in str(raised.value)
    assert remote(f"{s3}/cut/tiny").entries() == {}
    assert not [path for path in mirror.folder.rglob("*") if path.is_file()]


@pytest.mark.slow
def test_a_copy_that_is_damaged_or_gone_is_read_again_and_no_other(s3: str, tiny_results: Path) -> None:
    content = min((tiny_results / "records").iterdir()).read_bytes()
    store = remote(f"{s3}/copies")
    for number in range(20):
        store.write(f"records/{number}.parquet", content)
    folder = readable_folder(store.address)
    before = s3_server.counts()["read"]
    (folder / "records/7.parquet").write_bytes(content[:100])
    (folder / "records/8.parquet").write_bytes(b"x" * len(content))
    (folder / "records/9.parquet").unlink()
    store.remove("records/10.parquet")
    readable_folder(store.address)
    assert s3_server.counts()["read"] - before == 3
    assert {path.read_bytes() for path in (folder / "records").iterdir()} == {content}
    assert len(list((folder / "records").iterdir())) == 19


@pytest.mark.slow
def test_thousands_of_records_are_read_in_parallel_and_only_once(s3: str, tiny_results: Path) -> None:
    """Each read takes as long as from another place. The server counts, so nothing is read behind its back."""
    content = min((tiny_results / "records").iterdir()).read_bytes()
    store = remote(f"{s3}/far/tiny")
    store._files.pipe({f"{store._root}/records/{number:05}.parquet": content for number in range(MANY)})
    before = s3_server.counts()
    folder = readable_folder(store.address)
    first = s3_server.counts()
    assert first["read"] - before["read"] == MANY
    assert first["at once"] > 20
    assert sum(path.read_bytes() == content for path in (folder / "records").iterdir()) == MANY
    readable_folder(store.address)
    assert s3_server.counts()["read"] == first["read"]
    store.write("records/one-more.parquet", content)
    readable_folder(store.address)
    assert s3_server.counts()["read"] == first["read"] + 1


def test_what_reads_results_reads_them_at_an_address(
    in_memory: str, tiny_results: Path, tmp_path: Path, no_figures: None
) -> None:
    from bench.evidence.gate.compare import compare
    from bench.report import write_report

    address = f"{in_memory}/results/tiny"
    upload(tiny_results, address)
    expected = bench.load(tiny_results).drop(columns="record")
    assert bench.load(address).drop(columns="record").equals(expected)
    assert len(bench.traces(f"{in_memory}/results")) == len(bench.traces(tiny_results))
    assert {cell.verdict for cell in compare(tiny_results, address).cells}
    with pytest.raises(
        ResultsError, match="is an address; choose a folder of this machine for its report with --output"
    ):
        write_report(address)
    report = write_report(address, output=tmp_path / "report", formats=())
    assert report.page == tmp_path / "report" / "report.html"
    assert (tmp_path / "report" / "table.md").is_file()


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("memory://nothing/there", "memory://nothing/there holds no records"),
        ("s4://bucket/results", "s4://bucket/results: no driver for s4:// is installed: Protocol not known: s4"),
        ("s3://bucket/../x", "s3://bucket/../x: expected an address like s3://bucket/folder"),
    ],
)
def test_an_address_that_cannot_be_read_is_one_line(address: str, message: str) -> None:
    with pytest.raises(ResultsError) as raised:
        bench.load(address)
    assert str(raised.value).startswith(message)
    assert "\n" not in str(raised.value)


def test_a_missing_driver_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "s3fs", None)
    monkeypatch.delitem(sys.modules["fsspec.registry"]._registry, "s3", raising=False)
    with pytest.raises(ResultsError, match=r"no driver for s3:// is installed: pip install 'ganbench\[s3\]'"):
        Remote("s3://bucket/results")


def test_a_file_address_is_a_folder_of_this_machine() -> None:
    assert suite_folder_in("file:///tmp/r", "s") == Path("/tmp/r/s")


def test_a_server_that_ignores_conditions_is_refused(in_memory: str, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Remote(f"{in_memory}/suite")
    pipe = store._files.pipe_file
    monkeypatch.setattr(store._files, "pipe_file", lambda path, content, mode="overwrite": pipe(path, content))
    with pytest.raises(ResultsError, match="cannot be used: its server replaces files although it was asked not to"):
        store.check_exclusive()
    assert store.entries() == {}


def test_a_conflict_of_two_puts_is_tried_again_and_a_failed_condition_is_not(
    in_memory: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Remote(f"{in_memory}/suite")
    answers: list[Any] = [ConditionError("ConditionalRequestConflict")] * 2 + [
        None,
        ConditionError("PreconditionFailed"),
    ]

    def answer(*_: Any, **__: Any) -> None:
        if (error := answers.pop(0)) is not None:
            raise error

    monkeypatch.setattr(store._files, "pipe_file", answer)
    assert store.create("records/a", b"")
    assert not store.create("records/a", b"")
    assert answers == []


def test_a_record_that_is_damaged_in_the_store_is_put_aside_there_and_one_that_is_damaged_here_is_read_again(
    in_memory: str, tiny_results: Path
) -> None:
    store = upload(tiny_results, f"{in_memory}/tiny")
    mirror = Mirror.at(mirror_of(f"{in_memory}/tiny"))
    copy_records(store, mirror.folder)
    here, there, *_ = names = store.names("records")
    status = (mirror.folder / here).stat()
    (mirror.folder / here).write_bytes(b"x" * status.st_size)
    store.write(there, b"garbage")
    (mirror.folder / there).write_bytes(b"garbage")
    notices: list[str] = []
    found = mirror.find_intact(notices)
    assert len(found) == len(names) - 1
    (notice,) = notices
    assert "was truncated or damaged and has been renamed" in notice
    assert store.read(there) is None
    assert store.read(there.replace(".parquet", ".damaged")) == b"garbage"
    given = tiny_results / there
    mirror.publish(mirror.folder / there, read_metadata(given), pq.read_table(given))
    assert store.names("records") == sorted([*names, there.replace(".parquet", ".damaged")])


def test_publishing_over_a_damaged_record_of_the_store_keeps_it_aside(in_memory: str, tiny_results: Path) -> None:
    given = min((tiny_results / "records").iterdir())
    mirror = Mirror.at(mirror_of(f"{in_memory}/tiny"))
    store = remote(f"{in_memory}/tiny")
    store.write(f"records/{given.name}", b"garbage")
    mirror.publish(mirror.folder / "records" / given.name, read_metadata(given), pq.read_table(given))
    assert store.read(f"records/{given.stem}.damaged") == b"garbage"
    assert read_metadata(mirror.folder / "records" / given.name) == read_metadata(given)
    first = store.read(f"records/{given.name}")
    other = read_metadata(given).model_copy(update={"title": "another"})
    mirror.publish(mirror.folder / "records" / given.name, other, pq.read_table(given))
    assert store.read(f"records/{given.name}") == first
