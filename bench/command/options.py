"""What several subcommands share: error handling, common options and the parsing of their values."""

from __future__ import annotations

import errno
import functools
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from bench.command.streams import fail, output_failure, say
from bench.errors import GanbenchError
from bench.escaping import quote
from bench.files import describe_error

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]
OF_THE_SYSTEM = {  # errors with a file that are no fault of the code: full, read-only or broken disks, impossible names
    *(errno.ENAMETOOLONG, errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO, errno.ELOOP),
    *(errno.EMFILE, errno.ENFILE, errno.ENOTDIR, errno.ESTALE),
}


def handle_errors(function: Callable[..., Any]) -> Callable[..., Any]:
    """Decorate a subcommand: a user's error is one line and exit status 2, a bug a traceback and exit status 70.

    An interruption is one line and exit status 130, as of shells.

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
        except KeyboardInterrupt:  # click would end with status 1, which is a verdict of compare
            say("ganbench: interrupted", err=True)
            sys.exit(130)
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


class LocalPath(click.Path):
    """A path on this machine, and not an address, after which a folder here would otherwise be named."""

    def __init__(self) -> None:
        super().__init__(path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path."""
        from bench.records.addresses import is_address

        if is_address(value):
            self.fail(f"{value} is an address; give a path on this machine", param, ctx)
        return super().convert(value, param, ctx)


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
    metavar="DIR|ADDRESS",
    help="Folder for all results, or an address such as s3://bucket/results; each suite has its own folder in it.",
)
skip_broken_option = click.option(
    "--skip-broken", is_flag=True, help="Leave out images that cannot be decoded; messages and records say how many."
)
inception_option = click.option(
    "--inception-weights",
    type=LocalPath(),
    metavar="PATH",
    help="File with the Inception weights, for FID and KID. [default: downloaded by torch-fidelity]",
)
extractor_option = click.option(
    "--extractor",
    metavar="NAME|TABLE",
    help="Feature extractor of images, for example random, which needs no download. [default: the dataset's own]",
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
        help="Keep only cells with this value, for example loss=hinge. Repeatable: a cell must match "
        "every axis, and may match any of the values given for it.",
    ),
    click.option(
        "--set",
        "settings",
        multiple=True,
        metavar="KEY=VALUE",
        help="Set a training key for all cells that --only keeps, for example steps=100. Repeatable.",
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
        type=click.IntRange(0, 4096),
        help="Number of worker processes; 0: train in this process, as a debugger needs. "
        "[default: one per CPU core; on a GPU as many as train fastest]",
    ),
    click.option(
        "--threads", type=click.IntRange(1, 1024), default=1, show_default=True, help="CPU threads per worker."
    ),
)
engine_options = options(
    click.option(
        "--engine",
        type=click.Choice(["local", "ray", "slurm"]),
        default="local",
        show_default=True,
        help="What carries the runs: processes of this machine, a Ray cluster, or jobs of Slurm.",
    ),
    click.option(
        "--address", metavar="ADDRESS", help="Address of the Ray cluster, or auto. [default: Ray on this machine alone]"
    ),
    click.option("--partition", metavar="NAME", help="Partition of Slurm. [default: Slurm's own]"),
    click.option(
        "--time",
        metavar="TIME",
        help="Time limit of a job of Slurm, in minutes or as 8:00:00; a job that reaches it goes on in the next one. "
        "[default: an hour]",
    ),
    click.option(
        "--gpus-per-node",
        type=click.IntRange(0, 1024),
        metavar="N",
        help="GPUs of each job of Slurm; each of them trains a pack. [default: none]",
    ),
    click.option(
        "--slurm",
        multiple=True,
        metavar="KEY=VALUE",
        help="Any other parameter of submitit's SlurmExecutor, for example account=gan. Repeatable.",
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
