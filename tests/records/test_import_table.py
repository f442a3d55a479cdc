"""Imported tables: values are read back, failures are found, errors name their row and nothing is written."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

import bench
import bench.records.external.staging as importing
from bench.command import main
from bench.errors import GanbenchError, ResultsError, TableError
from bench.records.external.import_table import Imported, import_table
from bench.records.listing import record_paths
from bench.records.record import read_metadata

ROLES = {"data": "dataset", "net": "architecture", "obj": "loss", "run": "seed", "iters": "step", "FID": "fid"}
WIDE = """data,net,obj,run,iters,FID
c10,dcgan,hinge,0,0,400
c10,dcgan,hinge,0,100,40
c10,dcgan,hinge,1,0,410
c10,dcgan,hinge,1,100,50
"""


def imported(
    folder: Path, text: str, roles: dict[str, str] | None = None, name: str = "log.csv", **options: Any
) -> Imported:
    path = folder / name
    path.write_text(text)
    pairs = tuple((ROLES if roles is None else roles).items())
    return import_table(path, suite="theirs", mapped=pairs, results=folder / "results", **options)


def rows_of(folder: Path) -> list[list[Any]]:
    """Return the loss, seed, step, measure and value of every number, sorted."""
    traces = bench.traces(folder / "results")
    columns = ["loss", "seed", "step", "measure", "value"]
    return traces.dropna(subset="value")[columns].sort_values(columns).to_numpy().tolist()


def test_a_wide_table_comes_back(tmp_path: Path) -> None:
    done = imported(tmp_path, WIDE, protocol={"extractor": "inception"}, real={"fid": 2.0}, title="Theirs")
    assert (len(done.runs), done.cells, done.diverged) == (2, 1, 0)
    assert rows_of(tmp_path) == [
        ["hinge", 0, 0, "fid", 400], ["hinge", 0, 100, "fid", 40], ["hinge", 1, 0, "fid", 410], ["hinge", 1, 100, "fid", 50],
    ]  # fmt: skip
    metadata = read_metadata(record_paths(tmp_path)[0])
    assert metadata.origin is not None
    assert metadata.origin["kind"] == "import"
    assert metadata.origin["table"] == "log.csv"
    assert (metadata.protocol, metadata.real) == ({"extractor": "inception"}, {"fid": 2.0})


def test_a_long_table_comes_back_in_every_format(tmp_path: Path) -> None:
    roles = {"obj": "loss", "run": "seed", "iters": "step", "what": "measure", "number": "value"}
    rows = [
        {"obj": "hinge", "run": 0, "iters": step, "what": what, "number": number}
        for step, what, number in ((0, "fid", 400.5), (100, "fid", 40.25), (100, "critic_loss", -0.5))
    ]
    frame = pd.DataFrame(rows)
    frame.to_parquet(tmp_path / "a.parquet")
    frame.to_csv(tmp_path / "a.tsv", sep="\t", index=False)
    frame.to_csv(tmp_path / "a.txt", sep=";", index=False)
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n")
    for suffix, separator in (("parquet", None), ("tsv", None), ("tsv", r"\t"), ("txt", ";"), ("jsonl", None)):
        import_table(
            tmp_path / f"a.{suffix}",
            suite="theirs",
            mapped=tuple(roles.items()),
            fixed={"dataset": "c10", "architecture": "dcgan"},
            results=tmp_path / "results",
            separator=separator,
            replace=True,
        )
        assert rows_of(tmp_path) == [
            ["hinge", 0, 0, "fid", 400.5], ["hinge", 0, 100, "critic_loss", -0.5], ["hinge", 0, 100, "fid", 40.25],
        ]  # fmt: skip


def test_final_values_alone(tmp_path: Path) -> None:
    text = "obj,run,FID,IS\nhinge,0,20,7.5\nhinge,1,,\nwgan-gp,0,30,6.5\nwgan-gp,1,nan,6.0\n"
    fixed = {"dataset": "c10", "architecture": "dcgan", "step": 50000, "batch_size": 64}
    roles = {"obj": "loss", "run": "seed", "FID": "fid", "IS": "score"}
    done = imported(tmp_path, text, roles, fixed=fixed, higher=["score"])
    assert done.diverged == 2
    runs = bench.load(tmp_path / "results").set_index(["loss", "seed"])
    assert runs["outcome"].tolist() == ["stable", "diverged", "stable", "diverged"]
    assert runs["outcome_reason"].tolist() == ["", "no finite FID at step 50,000", "", "no finite FID at step 50,000"]
    assert runs.loc[("hinge", 0), "fid_final"] == runs.loc[("hinge", 0), "fid_best"] == 20
    assert math.isnan(runs.loc[("wgan-gp", 1), "score_final"])
    assert bench.traces(tmp_path / "results")["images"].unique().tolist() == [64 * 50000]


def test_an_empty_cell_was_not_measured(tmp_path: Path) -> None:
    """Every row has a loss, every second row an FID; the last row of one run has nothing, so it ends before."""
    text = (
        "data,net,obj,run,iters,FID,loss\n"
        "c10,dcgan,hinge,0,100,90,0.7\nc10,dcgan,hinge,0,200,,0.7\nc10,dcgan,hinge,0,300,40,0.7\nc10,dcgan,hinge,0,400,,0.7\n"
        "c10,dcgan,hinge,1,100,90,0.7\nc10,dcgan,hinge,1,200,,0.7\nc10,dcgan,hinge,1,300,40,0.7\nc10,dcgan,hinge,1,400,,\n"
    )
    imported(tmp_path, text, {**ROLES, "loss": "critic_loss"})
    runs = bench.load(tmp_path / "results")
    assert runs["outcome_reason"].tolist() == ["", "ended at step 300 of 400"]
    assert runs["fid_final"].tolist()[0] == 40
    assert bench.traces(tmp_path / "results").query("measure == 'fid'")["step"].tolist() == [100, 300, 100, 300]


def test_the_table_says_whether_a_run_failed(tmp_path: Path) -> None:
    text = (
        "data,net,obj,run,iters,FID,failed,why\n"
        "c10,dcgan,a,0,100,90,false,\nc10,dcgan,a,0,200,80,false,\n"
        "c10,dcgan,a,1,100,90,,\n"
        "c10,dcgan,a,2,100,90,0,\nc10,dcgan,a,2,200,90,True,NaN in D\n"
        "c10,dcgan,a,3,100,90,crashed,\n"
    )
    imported(tmp_path, text, {**ROLES, "failed": "outcome", "why": "reason"})
    reasons = bench.load(tmp_path / "results")["outcome_reason"].tolist()
    assert reasons == ["", "", "NaN in D", "failed"]
    imported(tmp_path, text, {**ROLES, "why": "reason"}, replace=True)
    reasons = bench.load(tmp_path / "results")["outcome_reason"].tolist()
    assert reasons == ["", "ended at step 100 of 200", "NaN in D", "ended at step 100 of 200"]


def test_other_columns_are_axes_and_settings(tmp_path: Path) -> None:
    text = (
        "data,net,obj,run,iters,FID,reg,lr,n_critic\nc10,dcgan,a,0,100,90,none,1e-4,5\nc10,dcgan,a,0,100,80,r1,2e-4,5\n"
    )
    imported(tmp_path, text, {**ROLES, "reg": "penalty", "lr": "optimizer.lr", "n_critic": "critic_steps"})
    runs = bench.load(tmp_path / "results")
    assert runs[["penalty", "optimizer.lr", "critic_steps"]].to_numpy().tolist() == [["none", 1e-4, 5], ["r1", 2e-4, 5]]
    assert bench.traces(tmp_path / "results")["critic_step"].tolist() == [500, 500]


VALUES = st.one_of(st.floats(min_value=0, allow_nan=False, width=64), st.sampled_from([math.inf, -math.inf, math.nan]))
RUNS = st.dictionaries(
    st.tuples(st.sampled_from(["a", "b c"]), st.sampled_from(["hinge", "wgan-gp"]), st.integers(0, 3)),
    st.dictionaries(
        st.integers(0, 10**6),
        st.dictionaries(st.sampled_from(["fid", "kid", "critic_loss", "own"]), VALUES, min_size=1),
        min_size=1,
        max_size=5,
    ),
    min_size=1,
    max_size=5,
)


@settings(max_examples=40, deadline=None)
@given(RUNS, st.booleans(), st.randoms(use_true_random=False))
def test_any_table_comes_back(
    tmp_path_factory: pytest.TempPathFactory, runs: dict[Any, Any], long: bool, shuffle: Any
) -> None:
    folder = tmp_path_factory.mktemp("any")
    rows = [
        {"data": data, "obj": loss, "run": seed, "iters": step, "name": name, "number": repr(value)}
        for (data, loss, seed), trace in runs.items()
        for step, values in trace.items()
        for name, value in values.items()
    ]
    shuffle.shuffle(rows)
    frame = pd.DataFrame(rows)
    roles = {"data": "dataset", "obj": "loss", "run": "seed", "iters": "step"}
    names = set(frame["name"])
    if long:
        roles |= {"name": "measure", "number": "value"}
    else:
        roles |= {name: name for name in names}
        index = ["data", "obj", "run", "iters"]
        frame = frame.pivot(index=index, columns="name", values="number").reset_index()
    lower = ["own"] if "own" in names else []
    imported(folder, frame.to_csv(index=False), roles, fixed={"architecture": "x"}, lower=lower)
    found = bench.traces(folder / "results")
    expected = {
        (data, loss, seed, step, name): value
        for (data, loss, seed), trace in runs.items()
        for step, values in trace.items()
        for name, value in values.items()
    }
    columns = ["dataset", "loss", "seed", "step", "measure"]
    keys = list(map(tuple, found[columns].to_numpy().tolist()))
    back = dict(zip(keys, found["value"], strict=True))
    assert len(keys) == len(back)
    assert expected.keys() <= back.keys()
    for key, value in expected.items():
        assert np.array_equal(back[key], value, equal_nan=True)
    assert all(math.isnan(back[key]) for key in back.keys() - expected.keys())  # lost
    assert len(bench.load(folder / "results")) == len(runs)


WRONG: list[tuple[str, dict[str, Any], str]] = [
    ("FID=fid", {"roles": {"FIDs": "fid"}}, "log.csv has no column 'FIDs'; did you mean 'FID'?"),
    ("missing role", {"roles": {"FID": "fid"}}, "role 'dataset' is missing: use --map COLUMN=dataset or --set dataset=VALUE"),
    ("no step", {"roles": {k: v for k, v in ROLES.items() if v != "step"}}, "role 'step' is missing"),
    ("near", {"roles": {**ROLES, "FID": "fidd"}}, "--map FID=fidd: unknown role; did you mean 'fid'? Use axis:fidd for an axis"),
    ("direction", {"roles": {**ROLES, "FID": "quality_of_all"}, "text": WIDE.replace("40", "4.5")}, "no column is mapped to a measure"),
    ("looks like", {"roles": {**ROLES, "IS": "score"}, "text": WIDE.replace("FID", "FID,IS").replace("00\n", "00,1.5\n").replace("0\n", "0,2.5\n")}, "column 'IS' looks like a measure, not like an axis 'score': use --lower score or --higher score"),
    ("twice", {"fixed": {"seed": 3}}, "'seed' is given twice"),
    ("unused", {"lower": ["lpips"]}, "no column is mapped to 'lpips'"),
    ("both", {"lower": ["x"], "higher": ["x"]}, "--lower and --higher: 'x' is given to both"),
    ("way", {"higher": ["fid"]}, "ganbench already has a measure 'fid' (lower is better)"),
    ("set", {"fixed": {"kid": 3}}, "--set kid: it needs a column"),
    ("text", {"text": WIDE.replace("50", "good")}, "log.csv: line 5, column 'FID': expected a number, not 'good'"),
    ("seed", {"text": WIDE.replace("hinge,1,0", "hinge,,0")}, "log.csv: line 4, column 'run': expected an integer ≥ 0, but the cell is empty"),
    ("step", {"text": WIDE.replace(",100,40", ",1.5,40")}, "line 3, column 'iters': expected an integer ≥ 0, not '1.5'"),
    ("name", {"text": WIDE.replace("c10,dcgan,hinge,1,0", "c10,,hinge,1,0")}, "line 4, column 'net': expected a name, but the cell is empty"),
    ("duplicate", {"text": WIDE.replace("1,100,50", "0,100,50")}, "line 3 and line 5 both give fid at step 100 of c10 · dcgan · hinge · seed 0; --repeated-steps last"),
    ("flag", {"roles": {**ROLES, "obj": "outcome"}, "fixed": {"loss": "x"}}, "column 'obj': expected true or false, failed or finished, not 'hinge'"),
    ("half", {"roles": {**ROLES, "FID": "value"}}, "'measure' and 'value' go together"),
    ("ragged", {"text": WIDE + "c10,dcgan,hinge,2,0,1,2,3\n"}, "cannot be read as a table"),
    ("empty", {"text": ""}, "cannot be read as a table"),
    ("header", {"text": WIDE.splitlines()[0] + "\n"}, "has no rows"),
    ("separator", {"separator": "::"}, "the separator must be one character, not '::'"),
    ("json", {"name": "log.jsonl"}, "cannot be read as a table"),
    ("parquet", {"name": "log.parquet"}, "cannot be read as a table"),
    ("threshold", {"outcome": {"tauu": 1}}, "outcome: unknown key 'tauu'; did you mean 'tau'?"),
    ("axis", {"roles": {**ROLES, "obj": "axis:device"}, "fixed": {"loss": "x"}}, "'device' is reserved and cannot be the name of an axis"),
    ("steps", {"roles": {**ROLES, "obj": "steps"}, "fixed": {"loss": "x"}}, "column 'obj': expected an integer ≥ 1, not 'hinge'"),
    ("fixed seed", {"roles": {k: v for k, v in ROLES.items() if v != "seed"}, "fixed": {"seed": "x"}}, "--set seed=x: expected an integer"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "changes", "text"), WRONG, ids=[name for name, _, _ in WRONG])
def test_an_invalid_table_gives_one_line_and_no_record(
    tmp_path: Path, name: str, changes: dict[str, Any], text: str
) -> None:
    given = {"text": WIDE, **changes}
    with pytest.raises(GanbenchError) as caught:
        imported(tmp_path, **given)
    assert text in str(caught.value)
    assert "\n" not in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == [changes.get("name", "log.csv")]


def test_errors_in_long_form(tmp_path: Path) -> None:
    roles = {**{k: v for k, v in ROLES.items() if v != "fid"}, "what": "measure", "FID": "value"}
    text = WIDE.replace("FID", "FID,what").replace("00\n", "00,fid\n").replace("0\n", "0,fid\n")
    with pytest.raises(
        TableError,
        match=r"line 5, column 'what': unknown measure 'fidd': give its direction with --lower fidd or --higher fidd",
    ):
        imported(tmp_path, text.removesuffix("fid\n") + "fidd\n", roles)
    with pytest.raises(TableError, match="line 4 and line 6 both give fid at step 0 of c10"):
        imported(tmp_path, text + "c10,dcgan,hinge,1,0,3,fid\n", roles)
    with pytest.raises(TableError, match=r"log\.csv has no measure 'lpips'"):
        imported(tmp_path, text, roles, lower=["lpips"])


def test_a_table_is_imported_once(tmp_path: Path) -> None:
    imported(tmp_path, WIDE)
    more = WIDE + "c10,dcgan,hinge,2,0,410\n"
    with pytest.raises(ResultsError, match=r"2 of 3 runs are already recorded, the first as .*--replace"):
        imported(tmp_path, more)
    assert len(record_paths(tmp_path)) == 2
    imported(tmp_path, more.replace("50", "45"), replace=True)
    assert bench.load(tmp_path / "results")["fid_final"].tolist()[:2] == [40, 45]


@pytest.mark.parametrize("stops_at", [0, 1])
@pytest.mark.parametrize("what", ["publish", "move"])
def test_a_full_disk_leaves_existing_records_unchanged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stops_at: int, what: str
) -> None:
    imported(tmp_path, WIDE)
    before = {path: path.read_bytes() for path in record_paths(tmp_path)}
    calls = iter(range(100))
    publish, move = importing.publish, Path.replace

    def full(*given: Any, **more: Any) -> None:
        if next(calls) == stops_at:
            raise ResultsError("the disk is full")
        publish(*given, **more)

    def stuck(self: Path, target: Path) -> Path:
        if self.parent.name.startswith(".import-") and target.parent.name == "records" and next(calls) == stops_at:
            raise OSError(28, "No space left on device")
        return move(self, target)

    with monkeypatch.context() as patch:
        if what == "publish":
            patch.setattr(importing, "publish", full)
        else:
            patch.setattr(Path, "replace", stuck)
        with pytest.raises(ResultsError, match=r"disk is full|No space left"):
            imported(
                tmp_path, WIDE.replace("50", "45") + "c10,dcgan,hinge,2,0,1\nc10,dcgan,hinge,2,100,1\n", replace=True
            )
    assert {path: path.read_bytes() for path in record_paths(tmp_path)} == before
    assert [path.name for path in (tmp_path / "results" / "theirs").iterdir()] == ["records"]


def test_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("log.csv").write_text(WIDE.replace("1,100,50", "1,100,nan"))
    words = ["import", "log.csv", "--suite", "theirs", "--protocol", "samples=5000", "--outcome", "tau=60"]
    words += [word for column, role in ROLES.items() for word in ("--map", f"{column}={role}")]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 0, done.output
    assert done.output == (
        "recorded 2 runs of 1 cell (1 diverged) in results/theirs/records; next: ganbench report results/theirs\n"
    )
    assert read_metadata(record_paths("results")[0]).rules["tau"] == 60
    for more, text in (
        ([], "2 of 2 runs are already recorded"),
        (["--replace", "--map", "FID"], "--map FID: expected COLUMN=ROLE"),
        (["--replace", "--set", "=3"], "--set =3: expected NAME=VALUE"),
    ):
        done = CliRunner().invoke(main, [*words, *more])
        assert (done.exit_code, len(done.output.splitlines())) == (2, 1)
        assert text in done.output
