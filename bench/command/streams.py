"""The streams that the command writes to: every text can be written, whatever their encoding and whoever reads them.

The exit status of the command never depends on the encoding of its output.
"""

from __future__ import annotations

import codecs
import errno
import json
import os
import sys
import unicodedata
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn, TextIO

import click

from bench.errors import GanbenchError
from bench.escaping import as_message, replace_hidden, visible, visible_lines
from bench.files import describe_error

HANDLER = "ganbench"  # what writes a character that the encoding of a stream lacks
ASCII = "ganbench-ascii"  # click writes UTF-8 to a stream whose encoding is called "ascii"
COLUMNS = range(20, 2000)  # widths of a terminal that tables can be laid out for
READER_LEFT = 141  # the exit status of a shell's command whose reader has left: 128 + SIGPIPE
_SUBSTITUTES = {
    "–": "-", "—": "-", "−": "-", "±": "+/-", "×": "x", "·": "/", "≤": "<=", "≥": ">=", "→": "->", "←": "<-",
    "…": "...", "‘": "'", "’": "'", "“": "'", "”": "'", "∞": "inf", "²": "^2",
    "🔴": "(!)", "🟢": "(+)", "⚪": "(o)",
    "τ": "tau", "σ": "sigma", "θ": "theta", "ψ": "psi", "λ": "lambda", "μ": "mu", "µ": "mu", "ø": "o", "ß": "ss",
}  # fmt: skip


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
    sys.stdout = _Watched(sys.stdout)
    sys.stderr = _Watched(sys.stderr, drops=True)
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


class _Watched:
    """A stream that remembers that it could not be written, and then writes to nowhere.

    Args:
        stream: The stream.
        drops: Whether a failure is ignored instead of raised.
    """

    def __init__(self, stream: TextIO, *, drops: bool = False):
        self._stream, self._drops = stream, drops
        self.failure: OSError | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        return self._try(lambda: self._stream.write(text)) or len(text)

    def flush(self) -> None:
        self._try(self._stream.flush)

    def _try(self, write: Callable[[], int | None]) -> int | None:
        try:
            return write()
        except OSError as error:
            self.failure = error
            with suppress(OSError):  # the interpreter flushes the stream once more when it exits
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, self._stream.fileno())
                os.close(nowhere)
            if not self._drops:
                raise
            return None


def output_failure() -> OSError | None:
    """Return why standard output could not be written: its reader has left, or its device is full."""
    return getattr(sys.stdout, "failure", None)


def stop_writing(error: OSError) -> NoReturn:
    """Exit because standard output cannot be written: silently if its reader has left, else with one line."""
    if error.errno == errno.EPIPE:
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
    """Write JSON or JUnit XML to standard output, with their own escapes for what the stream lacks, or Markdown."""
    escape = {"json": lambda letter: json.dumps(letter)[1:-1], "junit": lambda letter: f"&#{ord(letter)};"}.get(form)
    if escape is not None:
        text = replace_hidden(text, escape)
        if not (sys.stdout.encoding or "").lower().startswith("utf"):
            text = "".join(letter if letter.isascii() else escape(letter) for letter in text)
    click.echo(text, nl=False)
