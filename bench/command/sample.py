"""``ganbench sample``: samples of a trained generator, and generators for other programs."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bench.command.options import LocalPath, device_option, handle_errors, results_option
from bench.command.streams import say
from bench.errors import ResultsError
from bench.files import atomic_write, describe_error

if TYPE_CHECKING:
    from numpy.typing import NDArray


@click.command()
@click.argument("run")
@click.option("--count", type=click.IntRange(1, 10_000_000), default=1000, show_default=True, help="Number of samples.")
@click.option("--seed", type=click.IntRange(0, 2**63 - 1), default=0, show_default=True, help="Seed of the latents.")
@click.option("--average", is_flag=True, help="Use the moving average of the generator, which training with ema keeps.")
@click.option(
    "--label",
    metavar="CLASS",
    help="Class of the samples of a conditional generator: its name, or its number from 0. "
    "[default: all classes, as often as in the data]",
)
@click.option(
    "--output",
    type=LocalPath(),
    metavar="FILE|DIR",
    help="Where to write the samples: a .npy or .npz file, or a folder for images as PNG. It must not exist. "
    "[default: samples.npy]",
)
@click.option(
    "--export",
    type=LocalPath(),
    metavar="FILE.pth",
    help="Write the generator itself, as TorchScript for torch-fidelity. Samples are then written only with --output.",
)
@results_option
@device_option
@handle_errors
def sample(
    run: str,
    count: int,
    seed: int,
    average: bool,
    label: str | None,
    output: Path | None,
    export: Path | None,
    **arguments: Any,
) -> None:
    """Write samples of a trained generator.

    RUN was trained with `ganbench run --keep weights`. It is a record, a file of weights, or the first characters of
    the identity of the run, which ends the name of its record.
    """
    from bench.sampling import generator

    if output is None and export is None:
        output = Path("samples.npy")
    if output is not None:
        _check_new(output)
    trained = generator(run, average=average, **arguments)
    if export is not None:
        trained.export(export, label)
        say(f"wrote {export}: latents [n, {trained.latent}] → samples")
    if output is not None:
        samples = trained.sample(count, seed, label)
        write_samples(samples, output)
        say(f"wrote {count:,} samples of {trained.title}, step {trained.step:,}, to {output}")


def _check_new(output: Path) -> None:
    if output.suffix not in ("", ".npy", ".npz"):
        raise ResultsError(f"{output}: expected a name that ends in .npy or .npz, or a folder")
    if os.path.lexists(output):
        raise ResultsError(f"{output} exists already; choose another --output")


def write_samples(samples: NDArray[Any], output: Path) -> None:
    """Write samples completely or not at all.

    Args:
        samples: Images [n, channels, height, width] as uint8, or points.
        output: A .npy or .npz file, or a folder for images.

    Raises:
        ResultsError: It cannot be written, or samples for a folder are no images with one or three channels.
    """
    import numpy as np

    try:
        if not output.suffix:
            _write_images(samples, output)
            return
        with atomic_write(output) as partial, partial.open("wb") as file:
            if output.suffix == ".npz":
                np.savez_compressed(file, samples=samples)
            else:
                np.save(file, samples)
    except OSError as error:
        raise ResultsError(f"{output} cannot be written: {describe_error(error)}") from None


def _write_images(images: NDArray[Any], folder: Path) -> None:
    from PIL import Image

    if images.ndim != 4 or images.shape[1] not in (1, 3):
        shape = "×".join(map(str, images.shape[1:]))
        raise ResultsError(f"{folder}: a folder holds images, but samples have shape {shape}; write to a .npy file")
    partial = folder.with_name(f".{folder.name}.{os.getpid()}.partial")
    try:
        partial.mkdir(parents=True)
        digits = len(str(len(images) - 1))
        for number, image in enumerate(images):
            pixels = image[0] if len(image) == 1 else image.transpose(1, 2, 0)
            Image.fromarray(pixels).save(partial / f"{number:0{digits}}.png")
        partial.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
