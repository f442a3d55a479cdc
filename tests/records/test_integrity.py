"""Nothing is taken on trust: every byte of a record is checked, and the run inside is held against its name."""

from __future__ import annotations

import errno
import json
import os
import shutil
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from changed_records import content_of, publish_content, rows_of
from made_runs import record as publish_made

import bench
from bench.errors import DamagedRecordError, ResultsError
from bench.evidence.results import read_evidence
from bench.records.listing import record_paths
from bench.records.record import (
    check_record,
    paths_by_run,
    publish,
    read_all_samples,
    read_judged,
    read_metadata,
    read_record,
)
from bench.records.schema import SCHEMA, Metadata

KEYS = (b"ganbench", b"ganbench.sha256")
READERS: tuple[Callable[[Path], Any], ...] = (read_metadata, read_judged, read_record, read_all_samples, check_record)


def a_record(folder: Path, seed: int = 0, **changed: Any) -> Path:
    """Publish a synthetic run and return the path of its record."""
    publish_made(folder, "hinge", seed, (1.0, 0.5, 0.2, 0.1), **changed)
    return folder / "made" / "records" / f"ring-hinge-{seed}.parquet"


def plain(content: Any) -> Any:
    """What a reader returned, in a form that can be compared."""
    if isinstance(content, dict):
        return {name: values.tobytes() for name, values in content.items()}
    if isinstance(content, tuple):
        return [plain(part) for part in content]
    return content.tobytes() if isinstance(content, np.ndarray) else content


def check_flips(path: Path, places: list[int]) -> int:
    """Change one byte at a time; every reader refuses the record or returns what was published."""
    whole = path.read_bytes()
    expected = [plain(read(path)) for read in READERS]
    refused = 0
    for place in places:
        changed = bytearray(whole)
        changed[place] ^= 1 << place % 8
        path.write_bytes(changed)
        for read, before in zip(READERS, expected, strict=True):
            try:
                assert plain(read(path)) == before, (place, read.__name__)
            except DamagedRecordError:
                refused += 1
    path.write_bytes(whole)
    return refused


def test_a_changed_byte_is_seen_by_every_reader_that_reads_it(tmp_path: Path) -> None:
    path = a_record(tmp_path)
    size = path.stat().st_size
    footer = size - 8 - int.from_bytes(path.read_bytes()[-8:-4], "little")
    places = np.random.default_rng(0)
    chosen = [*places.integers(0, footer, 100).tolist(), *places.integers(footer, size, 200).tolist()]
    refused = check_flips(path, chosen)
    assert refused >= 200 * len(READERS)  # all of them see the footer


@pytest.mark.slow
def test_every_changed_byte_is_seen(tmp_path: Path) -> None:
    path = a_record(tmp_path)
    check_flips(path, list(range(path.stat().st_size)))


def test_a_number_in_the_metadata_is_protected(tmp_path: Path) -> None:
    """The change that no checksum of a page sees: the final value 0.1 becomes 0.9."""
    path = a_record(tmp_path)
    whole = path.read_bytes()
    assert whole.count(b'"final": {"fd": 0.1') == 1
    path.write_bytes(whole.replace(b'"final": {"fd": 0.1', b'"final": {"fd": 0.9'))
    for read in READERS:
        with pytest.raises(DamagedRecordError, match="the digest of its footer does not agree"):
            read(path)
    with pytest.raises(DamagedRecordError, match="digest"):
        bench.load(tmp_path)


def test_digests_may_be_missing_in_older_records_only(tmp_path: Path) -> None:
    path = a_record(tmp_path)
    content, trace = content_of(path), pa.Table.from_pylist(rows_of(path))
    for version in (2, SCHEMA):
        text = json.dumps(content | {"schema": version})
        pq.write_table(trace.replace_schema_metadata({KEYS[0]: text}), path)
        if version < SCHEMA:
            assert read_metadata(path).run == "ring-hinge-0"
            assert read_record(path).trace["fd"].tolist() == [1.0, 0.5, 0.2, 0.1]
        else:
            with pytest.raises(DamagedRecordError, match="its digests are missing"):
                read_metadata(path)


def test_the_digest_can_be_checked_by_anyone(tmp_path: Path) -> None:
    """As the page of the format says it."""
    import hashlib

    path = a_record(tmp_path)
    data = path.read_bytes()
    footer, trace, samples, start = pq.read_schema(path).metadata[KEYS[1]].split()
    footer_start = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
    zeroed = data[footer_start:].replace(footer, b"0" * 64)
    assert hashlib.sha256(zeroed).hexdigest().encode() == footer
    assert hashlib.sha256(data[: int(start, 16)]).hexdigest().encode() == trace
    assert hashlib.sha256(data[int(start, 16) : footer_start]).hexdigest().encode() == samples


def as_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def as_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def as_socket(path: Path) -> None:
    path.unlink()
    here = Path.cwd()
    os.chdir(path.parent)  # the names of sockets are short
    try:
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(path.name)
    finally:
        os.chdir(here)


def rewritten(change: Callable[[dict[str, Any], pa.Table], tuple[Any, pa.Table]]) -> Callable[[Path], None]:
    """Write a record again as a Parquet file of schema 2, which has no digests, with something changed."""

    def write(path: Path) -> None:
        content, table = content_of(path) | {"schema": 2}, pa.Table.from_pylist(rows_of(path))
        content, table = change(content, table)
        text = content if isinstance(content, str) else json.dumps(content)
        pq.write_table(table.replace_schema_metadata({KEYS[0]: text}), path)

    return write


NO_RECORDS: dict[str, Callable[[Path], None]] = {
    "a folder": as_folder,
    "a named pipe": as_pipe,
    "a socket": as_socket,
    "empty": lambda path: path.write_bytes(b"") and None,
    "text": lambda path: path.write_text("step,fd\n0,1\n" * 10) and None,
    "JSON that is cut": rewritten(lambda content, table: (json.dumps(content)[:-1], table)),
    "JSON that is nested too deeply": rewritten(lambda content, table: ("[" * 100_000, table)),
    "a list": rewritten(lambda content, table: ("[]", table)),
    "no schema": rewritten(lambda content, table: ({k: v for k, v in content.items() if k != "schema"}, table)),
    "no dataset": rewritten(lambda content, table: (content | {"axes": {"loss": "hinge"}}, table)),
    "a row that is not there": rewritten(lambda content, table: (content | {"measured": {"fd": [0, 7]}}, table)),
    "no steps": rewritten(lambda content, table: (content, table.drop_columns(["step"]))),
    "no measure": rewritten(lambda content, table: (content, table.drop_columns(["fd"]))),
    "text as a measure": rewritten(
        lambda content, table: (content, table.drop_columns(["fd"]).append_column("fd", [["a", "b", "c", "d"]]))
    ),
    "no rows": rewritten(lambda content, table: (content, table.slice(0, 0))),
    "samples of another size": rewritten(
        lambda content, table: (content | {"samples": {"shape": [7, 2], "dtype": "float32"}}, table)
    ),
}


@pytest.mark.parametrize("kind", NO_RECORDS)
def test_what_is_no_record_is_damage_in_one_line_and_put_aside(tmp_path: Path, kind: str) -> None:
    from bench.records.upkeep import find_intact

    path = a_record(tmp_path)
    a_record(tmp_path, seed=1)
    NO_RECORDS[kind](path)
    with pytest.raises(DamagedRecordError, match=r"ring-hinge-0\.parquet") as raised:
        check_record(path)
    assert "\n" not in str(raised.value)
    if "samples" not in kind:
        with pytest.raises(DamagedRecordError):
            bench.load(tmp_path)
    notices: list[str] = []
    assert list(find_intact(tmp_path / "made", notices)) == ["ring-hinge-1"]
    assert len(notices) == 1
    assert not os.path.lexists(path)
    assert os.path.lexists(path.with_suffix(".damaged"))


def test_nothing_that_was_put_aside_before_is_overwritten(tmp_path: Path) -> None:
    from bench.records.upkeep import find_intact

    for text in ("first", "second", "third"):
        (tmp_path / "records").mkdir(exist_ok=True)
        (tmp_path / "records" / "a.parquet").write_text(text)
        find_intact(tmp_path, [])
    kept = {path.name: path.read_text() for path in (tmp_path / "records").iterdir()}
    assert kept == {"a.damaged": "first", "a.damaged-2": "second", "a.damaged-3": "third"}


def test_a_record_that_was_copied_over_another_does_not_count(tmp_path: Path) -> None:
    from bench.records.upkeep import find_intact

    one, other = a_record(tmp_path, 0), a_record(tmp_path, 1)
    shutil.copy(one, other)
    for read in (bench.load, bench.traces, read_evidence):
        with pytest.raises(ResultsError, match=r"hinge-1\.parquet holds another run than its name says .*seed 0"):
            read(tmp_path)
    assert paths_by_run(tmp_path / "made") == {"ring-hinge-0": one}
    notices: list[str] = []
    assert find_intact(tmp_path / "made", notices) == {"ring-hinge-0": one}
    assert len(notices) == 1
    assert "does not count; renamed to ring-hinge-1.misplaced" in notices[0]


def test_a_renamed_record_is_refused(tmp_path: Path) -> None:
    path = a_record(tmp_path)
    path.rename(path.with_name("best.parquet"))
    with pytest.raises(ResultsError, match=r"best\.parquet holds another run than its name says"):
        bench.load(tmp_path)


@pytest.mark.parametrize("where", ["made/records/copy-ring-hinge-0.parquet", "backup/records/ring-hinge-0.parquet"])
def test_a_run_that_is_there_twice_is_refused_by_name(tmp_path: Path, where: str) -> None:
    from bench.records.upkeep import find_intact

    path = a_record(tmp_path)
    copy = tmp_path / where
    copy.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(path, copy)
    with pytest.raises(ResultsError, match=r"hinge-0\.parquet and .*hinge-0\.parquet hold the same run"):
        bench.load(tmp_path)
    if "made" in where:
        with pytest.raises(ResultsError, match="hold the same run"):
            find_intact(tmp_path / "made", [])


def test_the_same_run_in_two_suites_is_two_rows(tmp_path: Path) -> None:
    path = a_record(tmp_path)
    publish_content(tmp_path / "b" / "records" / path.name, content_of(path) | {"suite": "b"}, rows_of(path))
    assert len(bench.load(tmp_path)) == 2


def test_hidden_files_are_no_records(tmp_path: Path) -> None:
    path = a_record(tmp_path)
    path.with_name(f"._{path.name}").write_bytes(b"what macOS writes on other file systems")
    assert record_paths(tmp_path) == [path]


ERRORS = (errno.EACCES, errno.EIO, errno.ELOOP, errno.ENAMETOOLONG, errno.EMFILE, errno.ENOENT, errno.ESTALE)


@pytest.mark.parametrize("number", ERRORS, ids=errno.errorcode.__getitem__)
@pytest.mark.parametrize("call", ["stat", "open", "read"])
def test_an_error_of_the_system_is_no_damage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, call: str
) -> None:
    from bench.records.upkeep import find_intact

    path = a_record(tmp_path)

    def failing(*_: Any, **__: Any) -> None:
        raise OSError(number, os.strerror(number))

    target = {"stat": "pathlib.Path.stat", "open": "bench.files.os.open", "read": "bench.records.record_bytes._read"}
    with monkeypatch.context() as patch:
        patch.setattr(target[call], failing)
        for read in READERS:
            with pytest.raises(ResultsError, match=f"cannot be read: {os.strerror(number)}") as raised:
                read(path)
            assert not isinstance(raised.value, DamagedRecordError)
        if call != "stat":
            with pytest.raises(ResultsError, match="cannot be read"):
                find_intact(tmp_path / "made", [])
    assert path.is_file()


def test_memory_that_runs_out_is_no_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from bench.records.upkeep import find_intact

    path = a_record(tmp_path)

    def failing(*_: Any) -> None:
        raise MemoryError

    monkeypatch.setattr("bench.records.record_bytes._read", failing)
    with pytest.raises(MemoryError):
        find_intact(tmp_path / "made", [])
    assert path.is_file()


def test_a_folder_that_cannot_be_listed_is_not_an_empty_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    a_record(tmp_path)

    def refuse(self: Path) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(self))

    monkeypatch.setattr(Path, "iterdir", refuse)
    for read in (record_paths, bench.load, lambda folder: paths_by_run(folder / "made")):
        with pytest.raises(ResultsError, match="records cannot be read: Permission denied"):
            read(tmp_path)


@pytest.mark.skipif(os.name != "posix", reason="names are text on this system")
def test_a_folder_whose_name_is_no_utf_8_is_read_and_written(tmp_path: Path) -> None:
    folder = tmp_path / os.fsdecode(b"r\xe9sultats")
    folder.mkdir()
    path = a_record(folder)
    for read in READERS:
        read(path)
    assert len(bench.load(folder)) == 1


def test_half_of_a_surrogate_pair_leaves_the_folder_readable(tmp_path: Path) -> None:
    path = a_record(tmp_path)
    a_record(tmp_path, 1, title="Résultats 🙂")
    content = content_of(path)
    content["training"]["note"] = {"\udce9": ["caf\udce9"]}
    publish_content(path, content, rows_of(path))
    assert read_metadata(path).training.settings["note"] == {r"\udce9": [r"caf\udce9"]}
    assert read_metadata(record_paths(tmp_path)[1]).title == "Résultats 🙂"
    assert len(bench.load(tmp_path)) == 2


def test_a_record_is_read_back_before_it_gets_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = a_record(tmp_path)
    metadata, rows = Metadata.model_validate(content_of(path)), rows_of(path)
    path.unlink()
    write = Path.write_bytes

    def lossy(self: Path, data: memoryview) -> int:
        data[100] ^= 1
        return write(self, data)

    monkeypatch.setattr(Path, "write_bytes", lossy)
    with pytest.raises(ResultsError, match="cannot be written: it was read back and is not whole"):
        publish(path, metadata, pa.Table.from_pylist(rows))
    assert list(path.parent.iterdir()) == []


def test_a_damaged_file_in_the_place_of_a_record_is_not_taken_for_it(tmp_path: Path) -> None:
    """It may come between the check of the folder and the end of training."""
    path = a_record(tmp_path)
    metadata, rows = Metadata.model_validate(content_of(path)), rows_of(path)
    path.write_bytes(path.read_bytes()[:-1])
    publish(path, metadata, pa.Table.from_pylist(rows))
    assert check_record(path).run == "ring-hinge-0"
    assert path.with_suffix(".damaged").is_file()
