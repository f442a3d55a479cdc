"""Records: all or nothing, once; and the frames made of them."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from changed_records import content_of, publish_content, rows_of

import bench
from bench.errors import DamagedRecordError, ResultsError
from bench.records import migration, record, record_file, schema
from bench.records.listing import record_paths
from bench.records.record import publish, read_all_samples, read_metadata, read_record, read_samples
from bench.records.record_bytes import KEY
from bench.records.schema import SCHEMA, Ending, Metadata
from bench.records.summaries import summarise

TRACE = pa.Table.from_pylist([
    {"step": 0, "seconds": 0.0, "critic_loss": float("nan"), "generator_loss": 0.1, "fd": 1.0, "modes": 8.0, "samples": b"ab"},
    {"step": 10, "seconds": 1.0, "critic_loss": 0.5, "generator_loss": 0.1, "fd": 3.0, "modes": 2.0, "samples": b"cd"},
    {"step": 20, "seconds": 2.0, "critic_loss": 0.5, "generator_loss": 0.1, "fd": 4.0, "modes": 3.0, "samples": b"ef"},
])  # fmt: skip
NAMES = {"dataset": "ring", "architecture": "mlp", "loss": "hinge"}
METADATA = Metadata.model_validate(
    {
        **{"run": "r", "cell": "c", "suite": "made", "seed": 2**53 + 1, "axes": NAMES},
        "training": {"steps": 20, **{axis: {"name": name, "label": name} for axis, name in NAMES.items()}},
        "higher_is_better": {"fd": False, "modes": True},
        "ending": {"status": "finished", "step": 20},
        "samples": {"shape": [2], "dtype": "uint8"},
    }
)


def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "records" / "a.parquet"
    publish(path, METADATA, TRACE)
    content = read_metadata(path)
    assert content.model_copy(update={"final": {}, "best": {}}) == METADATA
    assert read_record(path).trace["fd"].tolist() == [1, 3, 4]
    assert "samples" not in read_record(path).trace
    assert read_samples(path).tolist() == list(b"ef")
    assert read_samples(path, 0).tolist() == list(b"ab")
    assert [each.name for each in path.parent.iterdir()] == ["a.parquet"]


def test_a_record_keeps_the_samples_of_four_evaluations(tmp_path: Path) -> None:
    """The first, the last and evenly spaced ones between them, of those that have samples; nothing else is left out."""
    first = TRACE.to_pylist()[0]
    rows = [{**first, "step": step, "samples": None if step == 4 else bytes([step, step])} for step in range(20)]
    publish(tmp_path / "a.parquet", METADATA, pa.Table.from_pylist(rows))
    steps, frames = read_all_samples(tmp_path / "a.parquet")
    assert steps == [0, 7, 13, 19]
    assert frames.tolist() == [[step, step] for step in steps]
    assert read_record(tmp_path / "a.parquet").trace["step"].tolist() == list(range(20))
    tuning = schema.Search(phase="tuning", draw=0)
    publish(tmp_path / "b.parquet", METADATA.model_copy(update={"search": tuning}), pa.Table.from_pylist(rows))
    assert read_all_samples(tmp_path / "b.parquet")[0] == [19]


def test_a_record_is_published_once(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    publish(path, METADATA, TRACE)
    before = path.read_bytes()
    publish(path, METADATA.model_copy(update={"title": "another"}), TRACE)
    assert path.read_bytes() == before


def test_best_leaves_the_untrained_generator_aside_and_final_needs_an_end() -> None:
    assert summarise(TRACE, METADATA) == ({"fd": 4, "modes": 3}, {"fd": 3, "modes": 3})
    diverged = METADATA.model_copy(update={"ending": Ending(status="diverged", step=20)})
    assert summarise(TRACE, diverged)[0] == {"fd": None, "modes": None}
    assert summarise(TRACE.slice(0, 1), diverged)[1] == {"fd": None, "modes": None}
    broken = TRACE.set_column(4, "fd", pa.array([1.0, float("inf"), float("nan")]))
    assert summarise(broken, METADATA)[1]["fd"] is None
    assert summarise(broken, METADATA)[0]["fd"] is None


@pytest.mark.parametrize("place", ["write_bytes", "fsync", "replace"])
def test_a_full_disk_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os if place == "fsync" else Path, place, full)
    monkeypatch.setattr(Path, "hardlink_to", full)
    with pytest.raises(ResultsError, match=r"a\.parquet cannot be written: No space left on device"):
        publish(tmp_path / "a.parquet", METADATA, TRACE)
    assert list(tmp_path.iterdir()) == []


def test_a_record_cut_short_anywhere_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    publish(path, METADATA, TRACE)
    whole = path.read_bytes()
    for length in range(0, len(whole), 37):
        path.write_bytes(whole[:length])
        with pytest.raises(ResultsError, match="cut short or not a record"):
            read_metadata(path)
        with pytest.raises(ResultsError, match="cut short or not a record"):
            read_record(path)


@pytest.mark.parametrize("error", [pa.ArrowMemoryError("malloc of size 64 failed"), pa.ArrowException("no thread")])
def test_a_machine_out_of_memory_or_threads_is_no_damage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    publish(tmp_path / "a.parquet", METADATA, TRACE)

    def failing(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(record_file.pq, "ParquetFile", failing)
    with pytest.raises(ResultsError, match=f"a.parquet cannot be read: {error}") as raised:
        read_metadata(tmp_path / "a.parquet")
    assert not isinstance(raised.value, DamagedRecordError)


def test_a_flipped_bit_in_the_trace_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    publish(path, METADATA, TRACE)
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 4] ^= 1  # the footer is longer
    path.write_bytes(raw)
    with pytest.raises(ResultsError):
        read_record(path)


def test_a_later_schema_is_refused_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (record, record_file, schema, migration):
        monkeypatch.setattr(module, "SCHEMA", 99)
    publish(tmp_path / "a.parquet", METADATA, TRACE)
    monkeypatch.undo()
    with pytest.raises(ResultsError, match="has schema 99"):
        read_metadata(tmp_path / "a.parquet")


def test_no_folder_and_no_records(tmp_path: Path) -> None:
    with pytest.raises(ResultsError, match="no results folder"):
        record_paths(tmp_path / "nowhere")
    with pytest.raises(ResultsError, match="holds no records"):
        record_paths(tmp_path)


def test_load_gives_one_row_a_run(tiny_results: Path) -> None:
    frame = bench.load(tiny_results)
    assert len(frame) == 4
    expected = [
        "suite",
        "dataset",
        "architecture",
        "loss",
        "seed",
        "modes_final",
        "modes_best",
        "fd_final",
        "fd_ema_best",
    ]
    assert set(expected) <= set(frame.columns)
    assert set(frame["loss"]) == {"non-saturating", "wgan-gp"}
    assert (frame["steps_per_second"] > 0).all()
    assert (frame["images_per_second"] / frame["steps_per_second"]).round().eq(16).all()
    assert frame["ending"].eq("finished").all()
    latent = read_metadata(Path(frame["record"][0])).training.settings["latent"]
    assert frame["generator_parameters"].eq((latent + 1) * 16 + (16 + 1) * 2).all()  # one hidden layer of 16 units
    assert frame["critic_parameters"].dtype == float  # models of other families have none
    assert frame["critic_parameters"].eq((2 + 1) * 16 + (16 + 1)).all()
    assert frame.drop(columns="record").equals(bench.load(tiny_results.parent).drop(columns="record"))


def test_traces_are_long_and_agree_with_load(tiny_results: Path) -> None:
    traces, frame = bench.traces(tiny_results), bench.load(tiny_results)
    assert set(traces["step"]) == {0, 40, 80, 120}
    last = traces[(traces["step"] == 120) & (traces["measure"] == "fd")].set_index("run")["value"]
    pd.testing.assert_series_equal(
        last.sort_index(), frame.set_index("run")["fd_final"].sort_index(), check_names=False
    )
    assert (traces["images"] == traces["critic_step"] * 16).all()


def test_a_record_is_enough_by_itself(tiny_results: Path) -> None:
    record = content_of(record_paths(tiny_results)[0])
    assert record.keys() == {"schema", *Metadata.model_fields} - {"schema_version", "origin", "measures", "search"}
    assert record["environment"].keys() >= {"ganbench", "commit", "dirty", "torch", "device", "threads", "pack"}
    assert record["training"]["loss"]["name"] in ("non-saturating", "wgan-gp")
    assert record["training"]["critic_optimizer"]["options"]["lr"] == 2e-4
    assert record["protocol"]["extractor_sha256"] == "coordinates"
    assert json.dumps(record, allow_nan=False)


def test_an_axis_of_one_suite_has_a_place_in_all(tiny_results: Path) -> None:
    path = record_paths(tiny_results)[0]
    record = content_of(path)
    record["axes"]["optimizer.lr"] = 0.5
    record["run"] = "other"
    publish_content(path.with_name("other.parquet"), record, rows_of(path))
    frame = bench.load(tiny_results)
    assert sorted(frame["optimizer.lr"]) == [2e-4, 2e-4, 2e-4, 2e-4, 0.5]


def test_a_record_of_the_first_schema_is_read(tmp_path: Path) -> None:
    """It repeated columns of the trace as JSON, and the earliest had neither rules nor published results."""
    path = tmp_path / "old.parquet"
    content = METADATA.model_dump(mode="json", by_alias=True, exclude_unset=True)
    content |= {"schema": 1, "judged": {"fd": [1.0, 3.0, 4.0]}, "final": {"fd": 4.0}, "best": {"fd": 3.0}}
    table = TRACE.replace_schema_metadata({KEY: json.dumps(content)})
    pq.write_table(table, path)
    metadata = read_metadata(path)
    assert (metadata.schema_version, metadata.seed, metadata.final) == (SCHEMA, 2**53 + 1, {"fd": 4.0})
    assert (metadata.rules, metadata.references, metadata.again) == ({}, (), {})
    assert read_record(path).trace["fd"].tolist() == [1, 3, 4]


@pytest.mark.parametrize(
    ("change", "where"),
    [({"seed": "two"}, "seed"), ({"ending": {"status": "fine", "step": 1}}, "ending.status"), ({"sead": 1}, "sead")],
)
def test_metadata_that_are_not_of_the_schema_are_damage(tmp_path: Path, change: dict[str, object], where: str) -> None:
    path = tmp_path / "wrong.parquet"
    content = METADATA.model_dump(mode="json", by_alias=True, exclude_unset=True) | {"schema": SCHEMA} | change
    table = TRACE.replace_schema_metadata({KEY: json.dumps(content)})
    pq.write_table(table, path)
    with pytest.raises(DamagedRecordError, match=rf"wrong.parquet is not a record of ganbench: {where}: "):
        read_metadata(path)


@pytest.mark.parametrize("content", ["[]", "3", "null", '"text"'])
def test_metadata_that_is_no_table_is_damage(tmp_path: Path, content: str) -> None:
    path = tmp_path / "wrong.parquet"
    pq.write_table(TRACE.replace_schema_metadata({KEY: content}), path)
    with pytest.raises(DamagedRecordError, match="its metadata is not a table"):
        read_metadata(path)
