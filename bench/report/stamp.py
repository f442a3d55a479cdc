"""Whether a report still stands: what it was made of, and what was written then.

The same evidence gives the same bytes, so nothing is drawn again where nothing has changed. A hidden file beside the
report holds the SHA-256 of all that decides it (records, suite, this package, the libraries that calculate and draw)
and of every file that was written; where a byte of either differs the report is made again. Times of files are not
looked at: a copy, or a clone, has others.
"""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Collection, Iterable
from importlib.metadata import version
from pathlib import Path

from bench.catalogue import additions
from bench.errors import ResultsError
from bench.files import atomic_write, describe_error
from bench.plan.suite import Suite
from bench.records.record import record_paths
from bench.records.timing_results import timings_path
from bench.report import Report, write_report

STAMP = ".report.json"
LIBRARIES = (
    "numpy", "scipy", "statsmodels", "pandas", "pyarrow", "matplotlib", "pillow", "jinja2", "vl-convert-python",
    "tabulate",
)  # fmt: skip


def standing_report(folder: Path, preferred: Collection[str], suite: Suite, formats: Collection[str]) -> Report:
    """The report in a suite's results folder: as it was where it was made of the same, else written anew.

    Arguments and errors as of ``bench.report.write_report``.
    """
    try:
        made_of = _made_of(folder, preferred, suite, formats)
        report = _as_it_was(folder, made_of)
    except OSError as error:
        raise ResultsError(f"{error.filename} cannot be read: {describe_error(error)}") from None
    if report is None:
        report = write_report(folder, preferred, suite, formats=formats)
        _stamp(folder, made_of, report)
    return report


def _made_of(folder: Path, preferred: Collection[str], suite: Suite, formats: Collection[str]) -> str:
    """SHA-256 of all that decides the bytes of a report."""
    package = Path(__file__).parent.parent
    apart = {"__pycache__", "suites"}  # a wheel carries the suites, a checkout does not; the one in question is hashed
    code = (path for path in package.rglob("*") if path.is_file() and not apart & {*path.relative_to(package).parts})
    timings = timings_path(folder)
    content = {
        "records": _hashes(folder, [*record_paths(folder), *([timings] if timings.is_file() else [])]),
        "preferred": sorted(preferred),
        "suite": suite.model_dump(mode="json"),
        "formats": list(formats),
        "code": _hashes(package, sorted(code)),
        "additions": additions(),
        "versions": {"python": platform.python_version(), **{name: version(name) for name in LIBRARIES}},
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _hashes(folder: Path, paths: Iterable[Path]) -> dict[str, str]:
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


def _as_it_was(folder: Path, made_of: str) -> Report | None:
    """The report that stands, None where there is none, or one of its files is gone or not as it was written."""
    try:
        stamp = json.loads((folder / STAMP).read_text(encoding="utf-8"))
        written = stamp["written"]
        if stamp["made_of"] != made_of or _hashes(folder, [folder / name for name in written]) != written:
            return None
    except (FileNotFoundError, ValueError, KeyError, TypeError):  # none, or one that was damaged
        return None

    import pandas as pd

    return Report(
        tables=[folder / name for name in stamp["tables"]],
        figures=[folder / name for name in stamp["figures"]],
        page=folder / stamp["page"],
        formatted={title: pd.DataFrame(rows, columns=columns) for title, (columns, rows) in stamp["formatted"].items()},
        anew=False,
    )


def _stamp(folder: Path, made_of: str, report: Report) -> None:
    def names(paths: list[Path]) -> list[str]:
        return [path.relative_to(folder).as_posix() for path in paths]

    content = {
        "made_of": made_of,
        "written": _hashes(folder, [*report.tables, *report.figures, report.page]),
        "tables": names(report.tables),
        "figures": names(report.figures),
        "page": names([report.page])[0],
        "formatted": {title: [list(frame), frame.to_numpy().tolist()] for title, frame in report.formatted.items()},
    }
    try:
        with atomic_write(folder / STAMP) as partial:
            partial.write_text(json.dumps(content), encoding="utf-8")
    except OSError as error:
        raise ResultsError(f"report in {folder} cannot be written: {describe_error(error)}") from None
