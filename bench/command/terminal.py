"""The terminal that tables and progress are written to; text from outside cannot control it."""

from __future__ import annotations

import errno
from typing import Any, NoReturn

from rich.console import Console
from rich.text import Text

from bench.escaping import visible_lines


class Terminal(Console):
    """A console that shows control characters in labels and titles as escapes."""

    def render_str(self, text: str, **options: Any) -> Text:
        """Return text with its markup applied, and without control characters."""
        return super().render_str(visible_lines(text), **options)

    def on_broken_pipe(self) -> NoReturn:
        """Leave the exit status to ``handle_errors``: rich's own, 1, is a verdict of ``compare``."""
        raise BrokenPipeError(errno.EPIPE, "the reader of the output has left")
