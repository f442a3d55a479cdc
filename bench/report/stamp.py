"""The stamp of a report: hashes of its inputs and of the files written, so that it is rewritten only when needed.

The same inputs give the same bytes. A hidden file in the results folder holds the SHA-256 of everything that determines
the report (records, suite, this package, numerical and drawing libraries) and of every file written; if any of them
differs, the report is written again. Modification times are ignored, because they differ in a copy or a clone.
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
from bench.files import NotAFileError, atomic_write, describe_error, read_regular, with_digest, without_digest
from bench.plan.suite import Suite
from bench.records.listing import record_paths
from bench.records.timing_results import timings_path
from bench.report import Extent, Report, write_report

STAMP = ".report.json"
LIBRARIES = (
    "numpy", "scipy", "statsmodels", "pandas", "pyarrow", "matplotlib", "pillow", "jinja2", "vl-convert-python",
    "tabulate",
)  # fmt: skip


def refresh_report(
    folder: Path, preferred: Collection[str], suite: Suite, formats: Collection[str], extent: Extent = "all"
) -> Report:
    """Return the report of a suite's results folder, written again only if it is out of date.

    Takes arguments of ``bench.report.write_report`` and raises its errors.
    """
    try:
        inputs = _hash_inputs(folder, preferred, suite, formats, extent)
        report = _read_stamp(folder, inputs)
    except NotAFileError as error:
        raise ResultsError(f"results folder {folder}: what should be a file is {error}") from None
    except OSError as error:
        raise ResultsError(f"{error.filename or folder} cannot be read: {describe_error(error)}") from None
    if report is None:
        report = write_report(folder, preferred, suite, formats=formats, extent=extent)
        _write_stamp(folder, inputs, report)
    return report


def _hash_inputs(
    folder: Path, preferred: Collection[str], suite: Suite, formats: Collection[str], extent: Extent
) -> str:
    """SHA-256 of everything that determines the bytes of a report."""
    package = Path(__file__).parent.parent
    skipped = {"__pycache__", "suites"}  # only a wheel contains the suites; the suite reported is hashed below
    code = (path for path in package.rglob("*") if path.is_file() and not skipped & {*path.relative_to(package).parts})
    timings = timings_path(folder)
    content = {
        "records": _hashes(folder, [*record_paths(folder), *([timings] if timings.is_file() else [])]),
        "preferred": sorted(preferred),
        "suite": suite.model_dump(mode="json"),
        "formats": list(formats),
        "extent": extent,
        "code": _hashes(package, sorted(code)),
        "additions": additions(),
        "versions": {"python": platform.python_version(), **{name: version(name) for name in LIBRARIES}},
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _hashes(folder: Path, paths: Iterable[Path]) -> dict[str, str]:
    return {path.relative_to(folder).as_posix(): hashlib.sha256(read_regular(path)).hexdigest() for path in paths}


def _read_stamp(folder: Path, inputs: str) -> Report | None:
    """The existing report; None if there is none, its inputs differ, or one of its files is missing or changed."""
    try:
        signed = json.loads(read_regular(folder / STAMP))
        stamp, written = without_digest(signed), signed["written"]
        if (
            "sha256" not in signed
            or stamp["inputs"] != inputs
            or _hashes(folder, [folder / name for name in written]) != written
        ):
            return None
    except (
        FileNotFoundError,
        NotAFileError,
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        RecursionError,
    ):  # no stamp, or a damaged one
        return None

    import pandas as pd

    return Report(
        tables=[folder / name for name in stamp["tables"]],
        figures=[folder / name for name in stamp["figures"]],
        page=folder / stamp["page"] if stamp["page"] else None,
        formatted={title: pd.DataFrame(rows, columns=columns) for title, (columns, rows) in stamp["formatted"].items()},
        anew=False,
        details=tuple(stamp["details"]),
        primary=tuple(stamp["primary"]),
    )


def _write_stamp(folder: Path, inputs: str, report: Report) -> None:
    def names(paths: list[Path]) -> list[str]:
        return [path.relative_to(folder).as_posix() for path in paths]

    pages = [report.page] if report.page else []
    content = {
        "inputs": inputs,
        "written": _hashes(folder, [*report.tables, *report.figures, *pages]),
        "tables": names(report.tables),
        "figures": names(report.figures),
        "page": names(pages)[0] if pages else None,
        "details": report.details,
        "primary": report.primary,
        "formatted": {title: [list(frame), frame.to_numpy().tolist()] for title, frame in report.formatted.items()},
    }
    try:
        with atomic_write(folder / STAMP) as partial:
            partial.write_text(json.dumps(with_digest(content)), encoding="utf-8")
    except OSError as error:
        raise ResultsError(f"report in {folder} cannot be written: {describe_error(error)}") from None
