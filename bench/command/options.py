"""What several subcommands share: error handling, common options and the parsing of their values."""

from __future__ import annotations

import errno
import functools
import re
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from bench.command.streams import fail, output_failure
from bench.errors import GanbenchError, SuiteError
from bench.escaping import as_label, quote
from bench.files import describe_error

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]
OF_THE_SYSTEM = {  # errors with a file that are no fault of the code: full, read-only or broken disks, impossible names
    *(errno.ENAMETOOLONG, errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO, errno.ELOOP),
    *(errno.EMFILE, errno.ENFILE, errno.ENOTDIR, errno.ESTALE),
}


def handle_errors(function: Callable[..., Any]) -> Callable[..., Any]:
    """Decorate a subcommand: a user's error is one line and exit status 2, a bug a traceback and exit status 70.

    Status 70 is EX_SOFTWARE of sysexits.h; status 1 is a verdict of ``compare``.
    """

    @functools.wraps(function)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        try:
            result = function(*args, **kwargs)
            sys.stdout.flush()
            return result
        except GanbenchError as error:
            fail(error)
        except (click.ClickException, click.Abort, click.exceptions.Exit):
            raise
        except MemoryError:
            fail("out of memory; all records written so far are complete")
        except Exception as error:
            if output_failure():  # the command as a whole says so
                raise
            if isinstance(error, OSError) and error.errno in OF_THE_SYSTEM and error.filename is not None:
                fail(f"{error.filename}: {describe_error(error)}")
            traceback.print_exc()
            sys.exit(70)

    return wrapped


def parse_value(text: str) -> Any:
    """Return the TOML value that ``text`` stands for, or ``text`` itself if it is not valid TOML."""
    import tomllib

    try:
        content = tomllib.loads(f"value = {text}")
    except (ValueError, RecursionError):  # no TOML, a number of thousands of digits, or brackets without end
        return text
    return content["value"] if len(content) == 1 else text


def parse_choice(option: str, text: str | None) -> Any:
    """Return the table that an option gives as TOML, ``{ name = ... }``, or the text itself.

    Raises:
        SuiteError: The text begins like a table, but is not valid TOML.
    """
    if text is None or not text.lstrip().startswith("{"):
        return text
    value = parse_value(text)
    if isinstance(value, str):
        raise SuiteError(f'{option} {text}: not a valid table; expected for example {{ name = "ring", radius = 2.0 }}')
    return value


def parse_setting(text: str) -> tuple[str, Any]:
    """Return a training key and its value: ``steps=100`` → ("steps", 100)."""
    from bench.plan.limits import MAX_DEPTH
    from bench.plan.specification import TRAINING_KEYS, check_key

    key, equals, value = text.partition("=")
    if not equals or not value or not all(key.split(".")):
        raise SuiteError(f"--set {as_label(text)}: expected KEY=VALUE")
    check_key(key.partition(".")[0], TRAINING_KEYS, "--set")
    if key.count(".") > MAX_DEPTH:
        raise SuiteError(f"--set {as_label(text)}: no option is nested that deeply")
    return key, parse_value(value)


def is_count(text: str) -> bool:
    """Return whether ``--seeds`` is a number of seeds, not a list or a range."""
    return text.isascii() and text.isdigit()


def parse_count(text: str) -> int:
    """Return the number of seeds that ``--seeds 3`` gives.

    Raises:
        SuiteError: There are none, or too many.
    """
    from bench.plan.limits import LARGEST_SEED, MAX_SEEDS, check_count

    count = int(text) if len(text) < 30 else 10**30
    hint = f"; for the one seed {count}, write {count}-{count}" if count <= LARGEST_SEED else ""
    try:
        check_count(count, MAX_SEEDS, "seeds")
    except ValueError as error:
        raise SuiteError(f"--seeds {as_label(text, 40)}: {error}{hint}") from None
    if not count:
        raise SuiteError("--seeds 0: at least one seed is needed")
    return count


def parse_seeds(text: str | None) -> tuple[int, ...] | None:
    """Return seeds: ``3`` → 0, 1, 2; ``0,4,7`` → 0, 4, 7; ``10-12`` → 10, 11, 12."""
    from bench.plan.limits import MAX_SEEDS, check_count
    from bench.plan.suite import as_seeds

    if text is None:
        return None
    if is_count(text):
        return as_seeds(parse_count(text))
    try:
        seeds: list[int] = []
        for part in text.split(","):
            first, last = _parse_range(part)
            check_count(len(seeds) + last - first + 1, MAX_SEEDS, "seeds")
            seeds += range(first, last + 1)
        return as_seeds(seeds)
    except ValueError as error:
        raise SuiteError(f"--seeds {as_label(text, 80)}: {error}") from None


def _parse_range(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"\s*([0-9]{1,40})\s*(?:-\s*([0-9]{1,40})\s*)?", text)
    if match is None:
        raise ValueError("expected a number of seeds (3), a list (0,4,7) or a range (10-19)")
    first, last = int(match[1]), int(match[2] or match[1])
    if last < first:
        raise ValueError("at least one seed is needed, and a range must not end before it begins")
    return first, last


def parse_filters(texts: tuple[str, ...]) -> dict[str, set[str]]:
    """Return axis → values to keep: ``loss=hinge`` → {"loss": {"hinge"}}. Values of the same axis are joined."""
    filters: dict[str, set[str]] = {}
    for text in texts:
        axis, equals, value = text.partition("=")
        if not equals or not value:
            raise SuiteError(f"--only {as_label(text)}: expected AXIS=VALUE")
        filters.setdefault(axis, set()).add(value)
    return filters


class PackSize(click.ParamType[Any]):
    """A number of runs, "auto" or "off"."""

    name = "N|auto|off"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the number, or the word."""
        if value in ("auto", "off") or isinstance(value, int):
            return value
        if not (value.isascii() and value.isdigit() and 0 < len(value) < 10 and int(value)):
            self.fail(f"expected a number of runs (8), auto or off, not {quote(value)}", param, ctx)
        return int(value)


def options(*decorators: Decorator) -> Decorator:
    """Return a decorator that adds several options, which ``--help`` lists in the same order."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        for decorator in reversed(decorators):
            function = decorator(function)
        return function

    return decorate


results_option = click.option(
    "--results",
    default="results",
    show_default=True,
    metavar="DIR",
    help="Folder for all results; each suite has its own folder in it.",
)
skip_broken_option = click.option(
    "--skip-broken", is_flag=True, help="Leave out images that cannot be decoded; the records say how many."
)
inception_option = click.option(
    "--inception-weights",
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="File with the Inception weights, required to compute FID.",
)
extractor_option = click.option(
    "--extractor",
    metavar="NAME|TABLE",
    help="Feature extractor of images: random needs no download. [default: the dataset's own]",
)
device_option = click.option(
    "--device", default="auto", show_default=True, metavar="auto|cpu|cuda|cuda:N|mps", help="Device to use."
)
suite_option = click.option(
    "--suite",
    metavar="SUITE",
    help="Suite, by name or file, whose outcome thresholds apply. [default: the suite of the results]",
)
cell_options = options(
    click.option(
        "--only",
        multiple=True,
        metavar="AXIS=VALUE",
        help="Keep only cells with this value, for example loss=hinge. Repeatable: values of one axis add up, and all "
        "axes must match.",
    ),
    click.option(
        "--set",
        "settings",
        multiple=True,
        metavar="KEY=VALUE",
        help="Set a training key for all cells, for example steps=100. Repeatable.",
    ),
    results_option,
    inception_option,
    skip_broken_option,
)
run_options = options(
    click.option(
        "--seeds",
        help="Seeds to run: how many (3 means 0, 1 and 2), a list (0,4,7) or a range (10-19). [default: the suite's]",
    ),
    cell_options,
)
worker_options = options(
    device_option,
    click.option(
        "--workers",
        type=click.IntRange(1, 4096),
        help="Number of worker processes. [default: one per CPU core, or per GPU]",
    ),
    click.option(
        "--threads", type=click.IntRange(1, 1024), default=1, show_default=True, help="CPU threads per worker."
    ),
)
pack_options = options(
    click.option(
        "--pack",
        type=PackSize(),
        default="auto",
        show_default=True,
        metavar="N|auto|off",
        help="Maximum number of runs trained together as one tensor program; auto: measure and use the fastest size; "
        "off: one at a time.",
    ),
    click.option(
        "--memory",
        type=click.FloatRange(min=0, min_open=True),
        metavar="GB",
        help="Memory limit for each worker's packs, in GB. [default: its share of the free memory]",
    ),
)
