"""The reference page of the record format, written from the schema.

``python -m bench.records.schema_page > docs/record-format.md``
"""

from __future__ import annotations

import types
from collections.abc import Iterator
from typing import Any, Literal, Union, get_args, get_origin

from bench.records.circumstances import Section
from bench.records.schema import SCHEMA, Metadata

INTRODUCTION = f"""# Record format

A record is one Parquet file per run, `results/SUITE/records/NAME.parquet`. Its rows are the trace; its metadata is JSON
under the key `ganbench` of the Parquet schema. This page describes schema {SCHEMA}; records of schemas 1 and 2 are read
too. It is written by `python -m bench.records.schema_page` from `bench/records/schema.py`.

`bench.load` and `bench.traces` turn a folder of records into pandas frames. To read one record yourself:

```python
import json
import pyarrow.parquet as pq

path = "results/quick/records/..."
metadata = json.loads(pq.read_schema(path).metadata[b"ganbench"])
trace = pq.read_table(path).to_pandas()
```

## Trace

One row per evaluation, the first before the first step.

| column | type | meaning |
|---|---|---|
| `step` | int | Generator steps so far. |
| `seconds` | float | Seconds of training so far, without evaluation. |
| `critic_loss`, `generator_loss` | float | Mean over the steps since the previous row, at most the last 50. |
| `penalty_NAME` | float | Weighted penalty in the critic's loss, mean over the same steps. |
| probes | float | Dynamics at the last step before the evaluation; see [measures](measures.md). |
| measures | float | Quality of the samples, or of the game; `MEASURE_ema` for the averaged generator. |
| `samples` | bytes | A few samples of four evaluations, or of the last one in a run of tuning. |

Points are rounded to 12 significant bits. In records of other code a value may be missing. NaN means that it was
measured and is not a number.

## Digests

A digest is a number computed from bytes: if one bit of them changes, the number changes. The key `ganbench.sha256` of
the Parquet schema holds three SHA-256 digests in hexadecimal, separated by spaces, and a position in the file:

1. the digest of the footer: metadata, names and types of columns, number of rows and places of all pages, with 64 zeros
   where this digest stands;
2. the digest of all bytes before the samples;
3. the digest of the samples, from the position to the footer.

ganbench checks the first whenever it opens a record and the others when it reads these bytes. A record that does not
agree is damaged: `ganbench run` renames it to `NAME.damaged` and trains its run again, and the other commands refuse
it. Records of schemas 1 and 2 have no digests, only a checksum of each page.

## Name

The name of a record ends with the identity of its run, which is the key `run` of the metadata. If the two differ, the
record was copied or renamed: `ganbench run` renames it to `NAME.misplaced`, and the other commands refuse it, as they
refuse two records of the same run. [Interruptions and faults](faults.md) has more.

## Metadata
"""


NAMES = {str: "text", int: "number", float: "number", bool: "boolean", type(None): "null", Any: "any value"}


def main() -> None:
    """Print the page."""
    print(page(), end="")


def page() -> str:
    """The page in Markdown."""
    return "\n".join([INTRODUCTION, *_table(Metadata), *_nested("", Metadata, set())]) + "\n"


def _nested(name: str, model: type[Section], described: set[type[Section]]) -> Iterator[str]:
    """The sections inside a section, each described where it occurs first."""
    for key, field in model.model_fields.items():
        section = _section_of(field.annotation)
        if section is not None and section not in described:
            described.add(section)
            title = f"{name}.{key}".strip(".")
            yield from ("", f"### `{title}`", "", (section.__doc__ or "").strip(), "", *_table(section))
            yield from _nested(title, section, described)


def _table(model: type[Section]) -> Iterator[str]:
    yield from ("| key | type | meaning |", "|---|---|---|")
    for key, field in model.model_fields.items():
        meaning = (field.description or "").replace("None", "null")
        yield f"| `{field.alias or key}` | {_type(field.annotation)} | {meaning} |"


def _section_of(annotation: Any) -> type[Section] | None:
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return annotation
    found = (_section_of(each) for each in get_args(annotation) if each is not Ellipsis)
    return next((each for each in found if each is not None), None)


def _type(annotation: Any) -> str:
    """A type as a reader of JSON sees it."""
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin in (Union, types.UnionType):
        return " or ".join(dict.fromkeys(_type(part) for part in parts))
    if origin is Literal:
        return " or ".join(f'"{part}"' for part in parts)
    if origin is dict:
        return f"table of {_type(parts[1])}"
    if origin is tuple:
        return f"list of {_type(parts[0])}"
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return "table"
    return NAMES[annotation]


if __name__ == "__main__":
    main()
