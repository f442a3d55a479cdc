"""The report page: one HTML file with tables, curves, samples and comparisons that opens in any browser."""

from __future__ import annotations

import base64
import hashlib
import json
from importlib import resources
from pathlib import Path

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from bench.escaping import as_label
from bench.evidence.results import Evidence
from bench.files import atomic_write
from bench.plan.identity import MAX_TITLE
from bench.report.page.data import page_data
from bench.report.vega import bundle

SCRIPTS = (  # each may use those above it
    "state",
    "elements",
    "filters",
    "overview",
    "curves",
    "charts",
    "timeline",
    "samples",
    "runs",
    "run",
    "comparison",
    "downloads",
    "start",
)


def write_page(evidence: Evidence, path: Path) -> Path:
    """Write the page of one suite's results, and return its path.

    Text from records is data, never markup; the page's content security policy allows only its own scripts and no
    requests.

    Raises:
        OSError: The file cannot be written.
    """
    text = _render(as_label(evidence.title, MAX_TITLE), json_in_html(page_data(evidence)))
    with atomic_write(path) as partial:
        partial.write_text(text, encoding="utf-8", newline="\n")
    return path


def json_in_html(data: object) -> str:
    """Return JSON that is safe in a script element: it cannot end the element or begin a comment."""
    text = json.dumps(data, separators=(",", ":"), sort_keys=True, allow_nan=False)
    return text.replace("<", "\\u003c")


def _render(title: str, data: str) -> str:
    library, script = bundle().result(), _script()
    template = Environment(autoescape=True, undefined=StrictUndefined, keep_trailing_newline=True).from_string(
        _source("page.html.j2")
    )
    return template.render(
        title=title,
        policy="default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; "
        f"script-src {_hash(library)} {_hash(script)}",
        style=Markup(_source("page.css")),
        library=Markup(library),
        script=Markup(script),
        data=Markup(data),
    )


def _script() -> str:
    parts = [_source(f"{name}.js") for name in SCRIPTS]
    return "\n".join(["(() => {", '"use strict";', *parts, "})();\n"])


def _source(name: str) -> str:
    return resources.files("bench.report").joinpath("page", name).read_text(encoding="utf-8")


def _hash(script: str) -> str:
    """The source expression that allows a script in a content security policy (CSP level 2)."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
