"""What several verbs share: errors as one line, settings, seeds, filters and the options that carry them."""

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

Setting = tuple[str, Any]


def verb(function: Callable[..., Any]) -> Callable[..., Any]:
    """A user's mistake is one line and exit status 2; a fault of the code keeps its traceback and is status 70.

    That is sysexits' EX_SOFTWARE: status 1 is a verdict, of ``compare``.
    """

    @functools.wraps(function)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except GanbenchError as error:
            click.echo(f"ganbench: {error}", err=True)
            sys.exit(2)
        except BrokenPipeError:  # whoever read has enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(141)
        except (click.ClickException, click.Abort, click.exceptions.Exit):
            raise
        except MemoryError:
            click.echo("ganbench: no memory is left; what was recorded is whole", err=True)
            sys.exit(2)
        except Exception:
            traceback.print_exc()
            sys.exit(70)

    return wrapped


def parse_setting(text: str) -> Setting:
    """``steps=100`` → ("steps", 100); the value is read as TOML, else as a word."""
    import tomllib

    from bench.plan.specification import TRAINING_KEYS, check_key

    key, equals, value = text.partition("=")
    if not equals or not value or not all(key.split(".")):
        raise SuiteError(f"--set {text}: expected key=value")
    check_key(key.partition(".")[0], TRAINING_KEYS, "--set")
    try:
        return key, tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        return key, value


def parse_seeds(text: str | None) -> tuple[int, ...] | None:
    """``3`` → 0, 1, 2; ``0,4,7`` and ``10-19`` as they say."""
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
    """``loss=hinge`` → {"loss": {"hinge"}}; the same axis again adds to it."""
    filters: dict[str, set[str]] = {}
    for text in texts:
        axis, equals, value = text.partition("=")
        if not equals or not value:
            raise SuiteError(f"--only {text}: expected axis=value")
        filters.setdefault(axis, set()).add(value)
    return filters


def selection(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options of ``plan`` and ``run`` that say what is run."""
    seeds = click.option("--seeds", help="A number (3), a list (0,4,7) or a range (10-19), instead of the suite's.")
    return seeds(selection_of_cells(function))


def selection_of_cells(function: Callable[..., Any]) -> Callable[..., Any]:
    """The same where seeds have no meaning."""
    for option in (
        click.option("--results", default="results", show_default=True, help="Folder for results.", metavar="DIR"),
        click.option(
            "--set", "settings", multiple=True, metavar="KEY=VALUE", help="Set a training key for every cell."
        ),
        click.option("--only", multiple=True, metavar="AXIS=VALUE", help="Only cells with this value on this axis."),
        click.option(
            "--inception-weights",
            type=click.Path(path_type=Path),
            metavar="PATH",
            help="Weights for FID, as a file.",
        ),
    ):
        function = option(function)
    return function


class PackSize(click.ParamType[Any]):
    """A number of runs, "auto" or "off"."""

    name = "N|auto|off"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The number, or the word."""
        if value in ("auto", "off") or isinstance(value, int):
            return value
        if not value.isdigit() or int(value) == 0:
            self.fail(f"expected a number of runs (8), auto or off, not {value!r}", param, ctx)
        return int(value)


def pack_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say how many runs train as one tensor program."""
    for option in (
        click.option(
            "--memory",
            type=click.FloatRange(min=0, min_open=True),
            metavar="GB",
            help="That the packs of a worker may take. [default: what is left]",
        ),
        click.option(
            "--pack",
            type=PackSize(),
            default="auto",
            show_default=True,
            metavar="N|auto|off",
            help="Runs that train as one program, at the most; auto: what is measured to be fastest.",
        ),
    ):
        function = option(function)
    return function
