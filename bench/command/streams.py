"""The streams that the command writes to: every text can be written, whatever their encoding and whoever reads them.

The exit status of the command never depends on the encoding of its output.
"""

from __future__ import annotations

import codecs
import json
import os
import re
import sys
import unicodedata
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn, TextIO

import click

from bench.errors import GanbenchError
from bench.escaping import as_message, visible, visible_lines
from bench.files import describe_error

HANDLER = "ganbench"  # what writes a character that the encoding of a stream lacks
ASCII = "ganbench-ascii"  # click writes UTF-8 to a stream whose encoding is called "ascii"
COLUMNS = range(20, 2000)  # widths of a terminal that tables can be laid out for
READER_LEFT = 141  # the exit status of a shell's command whose reader has left: 128 + SIGPIPE
_SUBSTITUTES = {
    **{"–": "-", "—": "-", "−": "-", "±": "+/-", "×": "x", "·": "/", "≤": "<=", "≥": ">=", "→": "->", "←": "<-"},
    **{
        "…": "...",
        "‘": "'",
        "’": "'",
        "“": "'",
        "”": "'",
        "∞": "inf",
        "²": "^2",
        "🔴": "(!)",
        "🟢": "(+)",
        "⚪": "(o)",
    },
    **{"τ": "tau", "σ": "sigma", "θ": "theta", "ψ": "psi", "λ": "lambda", "μ": "mu", "µ": "mu", "ø": "o", "ß": "ss"},
}


def prepare_streams() -> None:
    """Make the standard streams accept every text, and ignore a width that no terminal has.

    A character that a stream lacks is replaced by the nearest ASCII letters, or by a question mark. Standard error that
    cannot be written, for example on a full disk, is dropped: training must not stop because of it.
    """
    codecs.register_error(HANDLER, _substitute)
    codecs.register(_find_ascii)
    for name in ("stdout", "stderr"):
        stream: Any = getattr(sys, name)
        if stream is None:  # closed by the shell
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115
        elif hasattr(stream, "reconfigure"):
            is_ascii = codecs.lookup(stream.encoding).name == "ascii"
            stream.reconfigure(errors=HANDLER, **({"encoding": ASCII} if is_ascii else {}))
    with suppress(OSError, AttributeError):  # a stream of a test has no file descriptor
        sys.stderr.fileno()
        sys.stderr = _Droppable(sys.stderr)
    given = os.environ.get("COLUMNS", "")
    if not (given.isascii() and given.isdigit() and int(given[:9]) in COLUMNS):
        os.environ.pop("COLUMNS", None)


def _substitute(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(map(_nearest, error.object[error.start : error.end])), error.end


def _nearest(character: str) -> str:
    if "\ud800" <= character <= "\udfff":
        return visible(character)
    base = "".join(part for part in unicodedata.normalize("NFKD", character) if part.isascii())
    return _SUBSTITUTES.get(character) or base or "?"


def _find_ascii(name: str) -> codecs.CodecInfo | None:
    if name.replace("_", "-") != ASCII:
        return None
    ascii = codecs.lookup("ascii")
    return codecs.CodecInfo(
        ascii.encode,
        ascii.decode,
        ascii.streamreader,
        ascii.streamwriter,
        ascii.incrementalencoder,
        ascii.incrementaldecoder,
        name=ASCII,
    )


class _Droppable:
    """A stream that drops what cannot be written."""

    def __init__(self, stream: TextIO):
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        try:
            return self._stream.write(text)
        except OSError:
            _discard(self._stream)
            return len(text)

    def flush(self) -> None:
        try:
            self._stream.flush()
        except OSError:
            _discard(self._stream)


def _discard(stream: TextIO) -> None:
    """Let a stream write to nowhere from now on, so that the interpreter can flush it when it exits."""
    with suppress(OSError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


def is_output_broken() -> bool:
    """Return whether standard output cannot be written: its reader has left, or its device is full."""
    try:
        sys.stdout.flush()
    except OSError:
        return True
    return False


def stop_writing(error: OSError) -> NoReturn:
    """Exit because standard output cannot be written: silently if its reader has left, else with one line."""
    _discard(sys.stdout)
    if isinstance(error, BrokenPipeError):
        sys.exit(READER_LEFT)
    fail(f"the output cannot be written: {describe_error(error)}")


def fail(error: GanbenchError | str) -> NoReturn:
    """Exit with status 2 and one line that says why."""
    say(f"ganbench: {as_message(error)}", err=True)
    sys.exit(2)


def say(text: str, *, err: bool = False) -> None:
    """Write text and the end of a line, without control characters, to standard output or standard error."""
    click.echo(visible_lines(text), err=err)


def write_data(text: str, form: str) -> None:
    """Write JSON or JUnit XML to standard output, with escapes for what the stream lacks; other forms as they are."""
    encodes_all = (sys.stdout.encoding or "").lower().startswith("utf")
    if form == "json":
        lacking = "[\ud800-\udfff]" if encodes_all else "[^\x00-\x7f]"
        text = re.sub(lacking, lambda match: json.dumps(match[0])[1:-1], text)
    if form == "junit" and not encodes_all:
        text = text.encode("ascii", "xmlcharrefreplace").decode("ascii")
    click.echo(text, nl=False)
