"""``ganbench measure``: samples that exist already, measured as in a training run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bench.command.next_command import report_command
from bench.command.options import (
    device_option,
    extractor_option,
    handle_errors,
    inception_option,
    options,
    results_option,
    skip_broken_option,
)
from bench.command.streams import say
from bench.command.values import parse_choice, parse_steps, parse_value
from bench.escaping import as_label

if TYPE_CHECKING:
    from bench.plan.suite import Suite

record_options = options(
    click.option(
        "--record",
        metavar="NAME",
        help="Record the values as one run of the suite NAME, for report and compare. Needs --set and a step.",
    ),
    click.option(
        "--set",
        "settings",
        multiple=True,
        metavar="KEY=VALUE",
        help="With --record: a property of the run that produced the samples: architecture, loss, seed or any other "
        "axis. Repeatable.",
    ),
    click.option(
        "--step",
        "steps",
        multiple=True,
        type=click.IntRange(min=0),
        metavar="N",
        help="With --record: the generator step of each SAMPLES, in the same order. Repeatable. "
        "[default: the number in its name]",
    ),
    results_option,
    click.option(
        "--version",
        type=click.IntRange(min=1),
        help="With --record: version of the experiment. [default: the suite's if --suite NAME is given, otherwise 1]",
    ),
    click.option(
        "--title",
        default="",
        help="With --record: title of the report. [default: the suite's if --suite NAME is given, otherwise NAME]",
    ),
    click.option("--replace", is_flag=True, help="With --record: replace the record of the same run."),
)


@click.command("measure")
@click.argument("samples", nargs=-1, required=True)
@click.option(
    "--against",
    metavar="DATASET",
    help="Dataset: a name, a table as in a suite, or a folder of real images. Not needed if --suite has only one.",
)
@click.option(
    "--suite", metavar="SUITE", help="Suite, by name or file, whose metrics, number of samples and extractor apply."
)
@click.option(
    "--metrics",
    multiple=True,
    metavar="METRIC",
    help="Metric, by name or as a table, or several names separated by commas. Repeatable. "
    "[default: all that can be computed]",
)
@click.option(
    "--samples", "count", type=click.IntRange(min=2), help="Number of samples to use from each SAMPLES. [default: all]"
)
@click.option(
    "--range",
    "value_range",
    nargs=2,
    type=float,
    metavar="LOW HIGH",
    help="Values of black and white in images of more than 8 bits, for example -1 1.",
)
@click.option(
    "--resize", is_flag=True, help="Crop and resize images to the size of the dataset; the protocol records this."
)
@click.option("--key", metavar="NAME", help="Name of the array, if a .npz or .pt file contains several.")
@click.option(
    "--background",
    metavar="COLOUR",
    help='Colour to put behind transparent pixels of images in folders: white, black or "[255, 0, 0]". '
    "[default: that of DATASET]",
)
@skip_broken_option
@extractor_option
@inception_option
@device_option
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "csv", "json"]),
    default="text",
    show_default=True,
    help="Output format.",
)
@record_options
@handle_errors
def measure(
    samples: tuple[str, ...],
    against: str | None,
    suite: str | None,
    metrics: tuple[str, ...],
    count: int | None,
    form: str,
    **arguments: Any,
) -> None:
    """Measure samples that exist already.

    Each SAMPLES is a folder of images, or a .npz, .npy or .pt file, for example from one checkpoint. Metrics and
    protocol are those of a training run, and real data is measured as a reference. Nothing is trained.
    """
    from bench.command.show_measured import show_measured, write_csv, write_json
    from bench.compute.sample_reading import Reading
    from bench.errors import DataError
    from bench.measuring import measure_each
    from bench.plan.yardstick import Yardstick
    from bench.records.addresses import is_address

    if against is not None and is_address(against):
        raise DataError(f"--against {against}: this is an address; copy the images to this machine first")
    record = _Record({key: arguments.pop(key) for key in _RECORD}, samples)
    extractor = parse_choice("--extractor", arguments.pop("extractor"))
    yardstick = Yardstick(parse_choice("--against", against), _parse_metrics(metrics), count, suite, extractor)
    background = arguments.pop("background")
    reading = Reading(
        background=None if background is None else parse_value(background),
        **{key: arguments.pop(key) for key in ("value_range", "resize", "key", "skip_broken")},
    )
    record.check(yardstick.suite, against)
    measured = list(measure_each(samples, yardstick, reading, **arguments))
    {"text": show_measured, "csv": write_csv, "json": write_json}[form](list(samples), measured)
    record.publish(measured)


_RECORD = ("record", "settings", "steps", "results", "version", "title", "replace")


class _Record:
    """The record that was asked for, if any."""

    def __init__(self, options: dict[str, Any], names: tuple[str, ...]) -> None:
        from bench.errors import SuiteError

        self._options, self._names = options, names
        self._path: Path | None = None
        if options["record"] is None:
            for key, option in (("settings", "--set"), ("steps", "--step"), ("replace", "--replace")):
                if options[key]:
                    raise SuiteError(f"{option} describes the record: it needs --record NAME")

    def check(self, suite: Suite | None, against: str | None) -> None:
        """Check everything that can be checked before anything is measured."""
        from bench.compute.measured import check_recordable, describe_run

        if self._options["record"] is None:
            return
        settings = dict(_parse_pair(text) for text in self._options["settings"])
        self._steps = parse_steps(self._names, self._options["steps"], settings.pop("step", None))
        settings.setdefault("dataset", _label(suite, against))
        self._of_suite = suite is not None
        same = suite is not None and suite.name == self._options["record"]
        self._run = describe_run(
            self._options["record"],
            settings,
            version=self._options["version"] or (suite.version if suite and same else 1),
            title=self._options["title"] or (suite.title if suite and same else ""),
            rules=suite.outcome if suite else None,
        )
        self._path = check_recordable(self._run, self._options["results"], self._options["replace"])

    def publish(self, measured: list[Any]) -> None:
        """Write the record, and say where it is."""
        from bench.compute.measured import record_measured
        from bench.records.addresses import place_of

        if self._path is None:
            return
        names = [Path(name).name for name in self._names]
        by_step, replace = dict(zip(self._steps, measured, strict=True)), self._options["replace"]
        record_measured(self._run, by_step, names, self._path, of_suite=self._of_suite, replace=replace)
        steps = ", ".join(f"{step:,}" for step in self._steps)
        said = f"recorded {self._run} (step {steps}) as {place_of(self._path)}"
        say(f"{said}; next: {report_command(self._path.parents[1])}", err=True)


def _label(suite: Suite | None, against: str | None) -> str:
    """Return the label of the dataset in tables."""
    from bench.plan.specification import choose
    from bench.plan.yardstick import dataset_of, is_folder

    given = parse_choice("--against", against)
    if suite is not None:
        return dataset_of(suite, given).label
    return Path(given).resolve().name if is_folder(given) else choose("dataset", given).label


def _parse_metrics(texts: tuple[str, ...]) -> list[Any] | None:
    """Return metrics as names and tables; None if there are none."""
    tables = [parse_choice("--metrics", text) for text in texts if "{" in text]
    names = [name.strip() for text in texts if "{" not in text for name in text.split(",") if name.strip()]
    return [*names, *tables] if texts else None


def _parse_pair(text: str) -> tuple[str, Any]:
    from bench.errors import SuiteError

    key, equals, value = text.partition("=")
    if not (equals and key.strip() and value.strip()):
        raise SuiteError(f"--set {as_label(text)}: expected KEY=VALUE")
    return key.strip(), parse_value(value.strip())
