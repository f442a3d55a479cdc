"""Files that are no table: one line that names the line of the file, what was found and the likely remedy."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import bench
from bench.errors import GanbenchError, TableError
from bench.records.external.import_table import import_table

FIXED = {"dataset": "c10", "architecture": "dcgan", "loss": "hinge", "seed": 0}
MAPPED = (("step", "step"), ("fid", "fid"))
FORMS = "a .json file holds a list of objects"


def imported(folder: Path, name: str, content: bytes | str, **options: Any) -> list[list[Any]]:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    given = {"mapped": MAPPED, "fixed": FIXED, "results": folder / "results", **options}
    import_table(path, suite="s", **given)
    return bench.traces(folder / "results")[["step", "value"]].to_numpy().tolist()


TEXTS: list[tuple[str, str | bytes, str]] = [
    ("too many", "step,fid\n0,400\n100,3,7\n", "line 3 has 3 cells, but the header has 2"),
    ("too few", "step,fid\n0\n100,3\n", "line 2 has 1 cell, but the header has 2"),
    ("after empty lines", "step,fid\n\n0,400\n\n100,3,4\n9,9\n", "line 5 has 3 cells, but the header has 2"),
    ("after a cell of two lines", 'step,fid,x\n0,400,"a\nb"\n100,3\n9,9,9\n', "line 4 has 2 cells, but the header has 3"),
    ("cut short", "step,fid\n0,400\n100", "line 3 has 1 cell, but the header has 2; it is the last line: is the file cut short?"),
    ("semicolons", "step;fid\n0;398,1\n100;3,2\n", "log.csv has no column 'step'; the separator looks like ';': use --separator ';'"),
    ("tabs", "step\tfid\n0\t398\n", r"has no column 'step'; the separator looks like '\t': use --separator '\t'"),
    ("semicolons below the header", "step,fid\n0;1\n2;3\n", "line 2 has 1 cell, but the header has 2"),
    ("doubled", "step,fid,fid\n0,1,2\n", "columns 2 and 3 both have the header 'fid'"),
    ("doubled but for case", "step,fid,FID\n0,1,2\n", "has the columns 'fid' and 'FID', which differ only by case or blanks: rename one"),
    ("doubled but for blanks", "step,fid,f id \n0,1,2\n", "has the columns 'fid' and 'f id', which differ only by case or blanks"),
    ("open quote", 'step,fid\n0,"400\n100,3\n', "line 2: a quotation mark is not closed"),
    ("long cell", f"step,fid\n0,{'9' * 200_000}\n", "line 2: a cell has more than 131,072 characters"),
    ("latin", "step,fid,é\n0,1,2\n".encode("latin-1"), "line 1 is not UTF-8 text; save it as UTF-8"),
    ("latin below", "step,fid,e\n0,1,é\n".encode("latin-1"), "line 2 is not UTF-8 text; save it as UTF-8"),
    ("utf-16", "step,fid\n0,1\n".encode("utf-16"), "it is UTF-16; save it as UTF-8"),
    ("other columns", "a\x0bb,c\n0,1\n", "log.csv has no column 'step'; its columns: 'a\\x0bb', 'c'"),
    ("many columns", f"{','.join(f'x{n}' for n in range(99))}\n", "'x7' and 91 more"),
    ("empty", "", "cannot be read as a table: it is empty"),
    ("blank", "\n\n", "cannot be read as a table: it is empty"),
    ("header alone", "step,fid\n", "has no rows"),
    ("no number", "step,fid\n\n0,400\n1,good\n", "log.csv: line 4, column 'fid': expected a number, not 'good'"),
    ("long text", f"step,fid\n0,{'x' * 1000}\n", "expected a number, not 'xxxx"),
]  # fmt: skip


@pytest.mark.parametrize(("content", "text"), [each[1:] for each in TEXTS], ids=[each[0] for each in TEXTS])
def test_text_that_is_no_table(tmp_path: Path, content: str | bytes, text: str) -> None:
    assert_refused(tmp_path, "log.csv", content, text)


def assert_refused(folder: Path, name: str, content: str | bytes, text: str) -> None:
    with pytest.raises(TableError) as caught:
        imported(folder, name, content)
    assert text in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400
    assert [path.name for path in folder.iterdir()] == [name]


def test_text_with_quotes_marks_blanks_and_empty_lines_is_read(tmp_path: Path) -> None:
    text = '\ufeff" step ","fid","note"\r\n\r\n"0","398.1","a, ""b""\r\nc"\r\n"100","3",""\r\n'
    assert imported(tmp_path, "log.csv", text) == [[0, 398.1], [100, 3]]


def test_compressed_text_is_read(tmp_path: Path) -> None:
    assert imported(tmp_path, "log.tsv.gz", gzip.compress(b"step\tfid\n0\t4\n")) == [[0, 4]]
    with pytest.raises(TableError, match=r"x\.csv\.gz cannot be read as a table: Not a gzipped file"):
        imported(tmp_path, "x.csv.gz", b"step,fid\n0,1\n")


ROWS = [{"step": 0, "fid": 400.5}, {"step": 100, "fid": 3}]
JSON: list[tuple[str, str, str]] = [
    ("objects", "a.json", json.dumps(ROWS, indent=1)),
    ("lists", "a.json", json.dumps({"step": [0, 100], "fid": [400.5, 3], "other": [{}, []]})),
    ("lines", "a.json", "\n".join(map(json.dumps, ROWS))),
    ("lines by name", "a.jsonl", "\n\n".join(map(json.dumps, ROWS))),
]


@pytest.mark.parametrize(("name", "content"), [each[1:] for each in JSON], ids=[each[0] for each in JSON])
def test_json_is_read_in_three_forms(tmp_path: Path, name: str, content: str) -> None:
    assert imported(tmp_path, name, content) == [[0, 400.5], [100, 3]]


def test_one_object_is_one_row(tmp_path: Path) -> None:
    assert imported(tmp_path, "a.json", '{"step": 7, "fid": 3}') == [[7, 3]]


NO_TABLES: list[tuple[str, str]] = [
    ("[[0, 0, 1]]", f"object 1 is a list, not an object; {FORMS}"),
    ('[{"step": 0, "fid": 1}, 7]', f"object 2 is a int, not an object; {FORMS}"),
    ('"x"', f"it begins with '\"'; {FORMS}"),
    ("", f"it is empty; {FORMS}"),
    ("null", f"it begins with 'n'; {FORMS}"),
    ('{"a": {"b": 1}}', f"it is an object whose 'a' is no list of cells; {FORMS}"),
    ('{"step": [0, 1], "fid": [1]}', "'step' has 2 values, but 'fid' has 1"),
    ('[{"step": 0, "fid": 1, "fid": 2}]', "an object has the key 'fid' twice"),
    ('[{"step": 0, "fid": 1}', "is not JSON"),
    ('[{"step": 0, "fid": 1}] x', f"there is more after the list; {FORMS}"),
    ('{"step": 0, "fid": 1}\n{"step": 1, "fid": }', "line 2 is not JSON: Expecting value (character 20)"),
    ("[]", "it has no rows"),
    ("{}", "it has no rows"),
    ("[" * 100_000, "nested too deeply"),
    ('[{"a":' * 100_000, "nested too deeply"),
    ('{"a":' * 100_000, "nested too deeply"),
    ('[{"step": 0, "fid": 1}, {"step": [1], "fid": 2}]', "object 2, column 'step': expected an integer ≥ 0, not [1]"),
    ('{"step": 0, "fid": 1}\n\n{"step": 1, "fid": {"a": 1}}', "line 3, column 'fid': expected a number, not {'a': 1}"),
    ('{"step": [0, 1], "fid": [1, "x"]}', "row 2, column 'fid': expected a number, not 'x'"),
    ('[{"step": 1000000000000000000000000000000, "fid": 1}]', "expected an integer of at most 1,000,000,000,000"),
    (f'[{{"step": {"9" * 5000}, "fid": 1}}]', "cannot be read as a table"),
]


@pytest.mark.parametrize(("content", "text"), NO_TABLES, ids=[str(number) for number in range(len(NO_TABLES))])
def test_json_that_is_no_table(tmp_path: Path, content: str, text: str) -> None:
    assert_refused(tmp_path, "a.json", content, text)


def test_parquet_with_a_doubled_name_is_refused(tmp_path: Path) -> None:
    pq.write_table(pa.table([[0], [1.0], [2.0]], names=["step", "fid", "fid"]), tmp_path / "a.parquet")
    assert_refused(tmp_path, "a.parquet", (tmp_path / "a.parquet").read_bytes(), "two columns have the name 'fid'")


def test_labels_must_be_text(tmp_path: Path) -> None:
    with pytest.raises(TableError, match=r"expected a name, not '.*', which is not valid Unicode"):
        content = '[{"step": 0, "fid": 1, "loss": "a\\ud800"}]'
        fixed = {key: value for key, value in FIXED.items() if key != "loss"}
        imported(tmp_path, "a.json", content, mapped=(*MAPPED, ("loss", "loss")), fixed=fixed)


CELL = st.one_of(st.text(alphabet=st.sampled_from('0123456789.,;"\n\r\t ae-+%\x00é'), max_size=8), st.just("1"))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.lists(CELL, min_size=1, max_size=3), max_size=4),
    st.sampled_from(["a.csv", "a.tsv", "a.json", "a.jsonl"]),
)
def test_nonsense_gives_one_line_or_a_result(tmp_path_factory: pytest.TempPathFactory, rows: Any, name: str) -> None:
    folder = tmp_path_factory.mktemp("nonsense")
    text = "step,fid\n" + "\n".join(",".join(row) for row in rows)
    content = json.dumps(rows) if name == "a.json" else text
    message = ""
    try:
        imported(folder, name, content)
    except GanbenchError as error:
        message = str(error)
    assert len(message.splitlines()) == (0 if (folder / "results").exists() else 1)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200), st.sampled_from(["a.csv", "a.json", "a.jsonl", "a.parquet", "a.csv.gz", "a.csv.xz"]))
def test_any_bytes_give_one_line_or_a_result(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, name: str
) -> None:
    folder = tmp_path_factory.mktemp("bytes")
    message = ""
    try:
        imported(folder, name, content)
    except GanbenchError as error:
        message = str(error)
    assert len(message.splitlines()) == (0 if (folder / "results").exists() else 1)
