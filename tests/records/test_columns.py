"""Traces as columns: what is derived from them, and what is recorded, is as if it were computed row by row."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.records.external.external_run import ExternalRun, describe_record, ended, trace_of
from bench.records.external.import_table import import_table
from bench.records.listing import record_paths
from bench.records.record import publish, read_metadata, read_record, read_samples
from bench.records.schema import Metadata, Samples
from bench.records.summaries import measured_rows, summarise

Row = dict[str, Any]
AXES = {"dataset": "ring", "architecture": "mlp", "loss": "hinge"}
DIRECTIONS = {"their_fid": False, "their_score": True, "their_angle": None}
RUN = ExternalRun(suite="s", axes=AXES, seed=0, higher_is_better=DIRECTIONS)
VALUES = st.none() | st.floats() | st.sampled_from([0.0, -0.0, 1.0])


def summarised_by_rows(rows: list[Row], metadata: Metadata) -> tuple[dict[str, Any], dict[str, Any]]:
    """What ``summarise`` returns, from one row after the other."""
    end = math.inf if metadata.ending.finished else metadata.ending.step
    final, best = {}, {}
    for name in (name for name in rows[0] if name in metadata.higher_is_better):
        known = [(row["step"], row[name]) for row in rows if row[name] is not None]
        values = [value for step, value in known if 0 < step <= end and math.isfinite(value)]
        better = metadata.higher_is_better[name]
        if better is not None:
            best[name] = (max if better else min)(values, default=None)
        final[name] = known[-1][1] if metadata.ending.finished and known and math.isfinite(known[-1][1]) else None
    return final, best


@st.composite
def traces(draw: st.DrawFn) -> list[Row]:
    """Rows of equal keys with ascending steps; every column has a value somewhere."""
    steps = sorted(draw(st.sets(st.integers(0, 10**12), min_size=1, max_size=8)))
    names = draw(st.lists(st.sampled_from([*DIRECTIONS, "critic_loss"]), min_size=1, unique=True))
    columns = {
        name: draw(st.lists(VALUES, min_size=len(steps), max_size=len(steps)).filter(lambda each: set(each) != {None}))
        for name in names
    }
    seconds = [float(number) for number in range(len(steps))]
    return [
        {"step": step, **{name: columns[name][number] for name in names}, "seconds": seconds[number]}
        for number, step in enumerate(steps)
    ]


@settings(deadline=None)
@given(traces(), st.none() | st.integers(0, 10**12))
def test_a_trace_is_summarised_as_row_by_row(rows: list[Row], failed_at: int | None) -> None:
    trace = trace_of(rows)
    ending = ended(rows[-1]["step"]) if failed_at is None else ended(failed_at, "it failed")
    metadata = describe_record(RUN, trace, ending, {})
    rows = [{name: row[name] for name in trace.column_names} for row in rows]
    assert repr(summarise(trace, metadata)) == repr(summarised_by_rows(rows, metadata))
    gaps = {name: tuple(number for number, row in enumerate(rows) if row[name] is not None) for name in rows[0]}
    assert measured_rows(trace) == {name: known for name, known in gaps.items() if len(known) < len(rows)}


@settings(deadline=None, max_examples=25)
@given(traces())
def test_an_imported_table_is_recorded_as_its_rows_are(
    tmp_path_factory: pytest.TempPathFactory, rows: list[Row]
) -> None:
    folder = tmp_path_factory.mktemp("columns")
    rows = [row for row in rows if any(row[name] is not None for name in row if name not in ("step", "seconds"))]
    measures = [name for name in rows[0] if name not in ("step", "seconds")]
    lines = [",".join("" if value is None else repr(value) for value in row.values()) for row in rows]
    (folder / "log.csv").write_text("\n".join([",".join(rows[0]), *lines]))
    import_table(
        folder / "log.csv",
        suite="s",
        mapped=[(name, name) for name in rows[0]],
        fixed={**AXES, "seed": 0},
        lower=[name for name in measures if DIRECTIONS.get(name) is False],
        higher=[name for name in measures if name in DIRECTIONS and DIRECTIONS[name] is not False],
        results=folder,
    )
    (path,) = record_paths(folder)
    table = pq.read_table(path)
    recorded = [{name: row[name] for name in rows[0]} for row in table.to_pylist()]
    assert repr(recorded) == repr(rows)
    assert set(table.column_names) == set(rows[0])
    metadata = read_metadata(path)
    assert repr((metadata.final, metadata.best)) == repr(
        tuple(
            {name: found[name] for name in metadata.final if name in found}
            for found in summarised_by_rows(rows, metadata)
        )
    )


def test_a_missing_value_and_a_lost_one_differ_in_the_record(tmp_path: Path) -> None:
    trace = trace_of(
        [{"step": 0, "their_fid": 4.0}, {"step": 1, "their_fid": math.nan}, {"step": 2, "their_score": 1.0}]
    )
    path = RUN.record_path(tmp_path)
    publish(path, describe_record(RUN, trace, ended(2), {}), trace)
    assert pq.read_table(path)["their_fid"].null_count == 1
    assert read_metadata(path).measured == {"their_fid": (0, 1), "their_score": (2,)}
    assert [math.isnan(value) for value in read_record(path).trace["their_fid"]] == [False, True, True]


def test_content_of_another_record_in_a_table_is_not_written(tmp_path: Path) -> None:
    first, second = RUN.record_path(tmp_path), RUN.model_copy(update={"seed": 1}).record_path(tmp_path)
    trace = trace_of([{"step": 0, "their_fid": 4.0}])
    publish(first, describe_record(RUN, trace, ended(0), {}), trace)
    again = pq.read_table(first)
    publish(second, describe_record(RUN.model_copy(update={"seed": 1}), again, ended(0), {}), again)
    assert read_metadata(second).seed == 1


def test_a_long_run_with_samples_can_be_read_without_them(tmp_path: Path) -> None:
    """Parquet files hold a million rows in a group; the samples stand at the end of the file, not of each group."""
    size = 2**20 + 1
    samples = pa.array([b"\x07", *[None] * (size - 2), b"\x08"])
    trace = pa.table(
        {"step": np.arange(size), "seconds": np.zeros(size), "their_fid": np.ones(size), "samples": samples}
    )
    metadata = describe_record(RUN, trace, ended(size), {}, samples=Samples(shape=(1,), dtype="uint8"))
    path = RUN.record_path(tmp_path)
    publish(path, metadata, trace)
    assert read_record(path).trace["step"][-1] == size - 1
    assert read_samples(path).tolist() == [8]


MEASURE = """
import resource, sys
from pathlib import Path
from bench.records.external.import_table import import_table
path, folder, mapped = Path(sys.argv[1]), Path(sys.argv[2]), [tuple(each.split("=")) for each in sys.argv[3:]]
given = {"suite": "s", "mapped": mapped, "fixed": {"dataset": "d", "architecture": "a"}}
small = path.with_name("small.csv")
with path.open() as lines, small.open("w") as file:
    file.writelines(line for line, _ in zip(lines, range(20)))
import_table(small, results=folder / "small", **given)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
import_table(path, results=folder, **given)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024)
"""


def long_run(path: Path) -> list[str]:
    with path.open("w") as file:
        file.write("loss,seed,step,fid,critic_loss\n")
        file.writelines(f"hinge,0,{step},{step / 7:.6f},{1 / (step + 1):.8f}\n" for step in range(1_200_000))
    return ["loss=loss", "seed=seed", "step=step", "fid=fid", "critic_loss=critic_loss"]


def wide_table(path: Path) -> list[str]:
    with path.open("w") as file:
        file.write("Step," + ",".join(f"hinge-s{seed} - fid" for seed in range(200)) + "\n")
        file.writelines(f"{step}," + ",".join([f"{step / 7:.5f}"] * 200) + "\n" for step in range(12_000))
    return ["Step=step", "{loss}-s{seed} - fid=fid"]


@pytest.mark.parametrize("write", [long_run, wide_table])
def test_an_import_takes_at_most_five_times_the_file(tmp_path: Path, write: Any) -> None:
    """The memory of the whole process, arrays of NumPy and Arrow included, without what a small import takes."""
    mapped = write(tmp_path / "log.csv")
    command = [sys.executable, "-c", MEASURE, str(tmp_path / "log.csv"), str(tmp_path / "results"), *mapped]
    grown = int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    assert grown < 5 * (tmp_path / "log.csv").stat().st_size
