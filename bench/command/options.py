"""What several subcommands share: error handling, common options and the parsing of their values."""

from __future__ import annotations

import functools
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from bench.errors import GanbenchError, SuiteError

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def handle_errors(function: Callable[..., Any]) -> Callable[..., Any]:
    """Decorate a subcommand: a user's error is one line and exit status 2, a bug a traceback and exit status 70.

    Status 70 is EX_SOFTWARE of sysexits.h; status 1 is a verdict of ``compare``.
    """

    @functools.wraps(function)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except GanbenchError as error:
            click.echo(f"ganbench: {error}", err=True)
            sys.exit(2)
        except BrokenPipeError:  # the reader of a pipe, such as head, has exited
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(141)
        except (click.ClickException, click.Abort, click.exceptions.Exit):
            raise
        except MemoryError:
            click.echo("ganbench: out of memory; all records written so far are complete", err=True)
            sys.exit(2)
        except Exception:
            traceback.print_exc()
            sys.exit(70)

    return wrapped


def parse_value(text: str) -> Any:
    """Return the TOML value that ``text`` stands for, or ``text`` itself if it is not valid TOML."""
    import tomllib

    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def parse_setting(text: str) -> tuple[str, Any]:
    """Return a training key and its value: ``steps=100`` → ("steps", 100)."""
    from bench.plan.specification import TRAINING_KEYS, check_key

    key, equals, value = text.partition("=")
    if not equals or not value or not all(key.split(".")):
        raise SuiteError(f"--set {text}: expected KEY=VALUE")
    check_key(key.partition(".")[0], TRAINING_KEYS, "--set")
    return key, parse_value(value)


def parse_seeds(text: str | None) -> tuple[int, ...] | None:
    """Return seeds: ``3`` → 0, 1, 2; ``0,4,7`` → 0, 4, 7; ``10-12`` → 10, 11, 12."""
    from bench.plan.suite import as_seeds

    if text is None:
        return None
    try:
        if text.isdigit():
            return as_seeds(int(text))
        seeds: list[int] = []
        for part in text.split(","):
            first, dash, last = part.partition("-")
            seeds += range(int(first), int(last) + 1) if dash else [int(first)]
        return as_seeds(seeds)
    except ValueError as error:
        reason = "expected a number of seeds (3), a list (0,4,7) or a range (10-19)"
        raise SuiteError(f"--seeds {text}: {reason if 'invalid literal' in str(error) else error}") from None


def parse_filters(texts: tuple[str, ...]) -> dict[str, set[str]]:
    """Return axis → values to keep: ``loss=hinge`` → {"loss": {"hinge"}}. Values of the same axis are joined."""
    filters: dict[str, set[str]] = {}
    for text in texts:
        axis, equals, value = text.partition("=")
        if not equals or not value:
            raise SuiteError(f"--only {text}: expected AXIS=VALUE")
        filters.setdefault(axis, set()).add(value)
    return filters


class PackSize(click.ParamType[Any]):
    """A number of runs, "auto" or "off"."""

    name = "N|auto|off"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the number, or the word."""
        if value in ("auto", "off") or isinstance(value, int):
            return value
        if not value.isdigit() or int(value) == 0:
            self.fail(f"expected a number of runs (8), auto or off, not {value!r}", param, ctx)
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
        type=click.IntRange(min=1),
        help="Number of worker processes. [default: one per CPU core, or per GPU]",
    ),
    click.option("--threads", type=click.IntRange(min=1), default=1, show_default=True, help="CPU threads per worker."),
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
