"""Train an extractor: ``python -m bench.catalogue.extractors digits`` (or fashion-mnist, mnist, or a folder of images).

It writes the weights to ``NAME.npz``, and their hash, the test accuracy and how it was trained to ``NAME.json``.
"digits" and "fashion-mnist" are part of the package and are written to ``weights/`` next to this file. "mnist" is
trained on the user's machine and is written to ``extractors/`` in the data folder.

For a folder with one subfolder of images per class, ``python -m bench.catalogue.extractors FOLDER --output FILE.npz``
writes one file, which a suite then names.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import ValidationError
from torch import Tensor, nn
from torch.nn import functional as F

from bench.catalogue import suggestion
from bench.catalogue.datasets.images import (
    digits_test_mask,
    digits_with_labels,
    download_mnist,
    fashion_mnist_folder,
    read_idx,
)
from bench.catalogue.datasets.pixels import PixelOptions
from bench.catalogue.extractors import WEIGHTS, trained_folder
from bench.catalogue.extractors.networks import IMAGE_SIZES, build_network, file_hash, scaled
from bench.catalogue.extractors.own_training import train_on_folder
from bench.errors import GanbenchError, MissingDataError
from bench.files import data_folder

EPOCHS = {"digits": 60, "fashion-mnist": 12, "mnist": 12}
BATCH = {"digits": 32, "fashion-mnist": 128, "mnist": 128}


def load(name: str) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return training images [n, 1, size, size] and labels [n], and test images and labels."""
    if name == "digits":
        images, labels = digits_with_labels()
        test = digits_test_mask(labels)
        parts: list[NDArray[Any]] = [images[~test], labels[~test], images[test], labels[test]]
    else:
        folder = fashion_mnist_folder() if name == "fashion-mnist" else data_folder() / "MNIST" / "raw"
        parts = [
            read_idx(folder / f"{split}-{kind}", name)
            for split in ("train", "t10k")
            for kind in ("images-idx3-ubyte", "labels-idx1-ubyte")
        ]
        parts = [part[:, None] if part.ndim == 3 else part.astype(np.int64) for part in parts]
    train_images, train_labels, test_images, test_labels = (torch.from_numpy(part.copy()) for part in parts)
    return train_images, train_labels, test_images, test_labels


def load_or_download(name: str) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return the same as ``load``, after downloading MNIST if it is missing."""
    try:
        return load(name)
    except MissingDataError:
        if name != "mnist":
            raise
        download_mnist()
        return load(name)


def augment(images: Tensor, mirror: bool = False) -> Tensor:
    """Return a batch shifted by up to one pixel and, with ``mirror``, mirrored with probability ½."""
    size = images.shape[-1]
    top, left = torch.randint(0, 3, (2,)).tolist()
    shifted = F.pad(images, (1, 1, 1, 1), value=-1.0)[..., top : top + size, left : left + size]
    return shifted.flip(-1) if mirror and torch.rand(()) < 0.5 else shifted


def train(name: str) -> tuple[nn.Module, float]:
    """Train a network; return it with its accuracy on the test split."""
    torch.manual_seed(0)
    images, labels, test_images, test_labels = load_or_download(name)
    network = build_network(IMAGE_SIZES[name])
    batches = len(images) // BATCH[name]
    steps = EPOCHS[name] * batches
    optimizer = torch.optim.AdamW(network.parameters(), weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=3e-3, total_steps=steps)
    for epoch in range(EPOCHS[name]):
        for batch in torch.randperm(len(images))[: batches * BATCH[name]].split(BATCH[name]):
            inputs = augment(scaled(images[batch]), mirror=name == "fashion-mnist")  # digits may not
            loss = F.cross_entropy(network(inputs), labels[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
        print(f"Epoch {epoch + 1}/{EPOCHS[name]}: training loss {loss.item():.3f}", flush=True)
    network.eval()
    with torch.no_grad():
        predicted = torch.cat([network(scaled(piece)).argmax(1) for piece in test_images.split(1000)])
    return network, (predicted == test_labels).double().mean().item()


def main(name: str) -> None:
    """Train an extractor, and write its weights and manifest."""
    network, accuracy = train(name)
    weights = {key: value.numpy() for key, value in network.state_dict().items()}
    folder = trained_folder() if name == "mnist" else WEIGHTS
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.npz"
    np.savez_compressed(path, **weights)
    content = {
        "sha256": file_hash(path),
        "test_accuracy": round(accuracy, 4),
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "epochs": EPOCHS[name],
        "command": f"python -m bench.catalogue.extractors {name}",
        "torch": torch.__version__,
        "date": datetime.now(UTC).date().isoformat(),
    }
    path.with_suffix(".json").write_text(json.dumps(content, indent=2) + "\n")
    print(
        f"Test accuracy {100 * accuracy:.2f}%. Weights and manifest written to {path} and {path.with_suffix('.json')}."
    )


def run(arguments: list[str]) -> None:
    """Train what the command line asks for."""
    names = f"{{{','.join(IMAGE_SIZES)}}}"
    parser = argparse.ArgumentParser(
        prog="python -m bench.catalogue.extractors",
        usage=f"%(prog)s {names}\n       %(prog)s FOLDER --output FILE.npz [--size 64] [--channels 3]",
        description="Train an extractor: a shipped one, or a classifier of your own images.",
    )
    parser.add_argument("what", metavar="NAME|FOLDER", help=f"{names}, or a folder with one subfolder per class")
    parser.add_argument("--output", type=Path, help="file of the weights of your own extractor, .npz")
    parser.add_argument("--size", type=int, default=64, help="size of the images in the dataset, in pixels (64)")
    parser.add_argument("--channels", type=int, choices=(1, 3), default=3, help="3 for colour, 1 for grey (3)")
    parser.add_argument("--background", help="colour behind transparent pixels: white, black or red,green,blue")
    parser.add_argument("--range", type=float, nargs=2, metavar=("LOW", "HIGH"), help="black and white of deep images")
    parser.add_argument("--skip-broken", action="store_true", help="leave out images that cannot be decoded")
    given = parser.parse_args(arguments)
    if given.what in IMAGE_SIZES and given.output is None:
        main(given.what)
        return
    if not Path(given.what).is_dir():
        parser.error(f"there is no folder {given.what}{suggestion(given.what, IMAGE_SIZES)}")
    if given.output is None or given.output.suffix != ".npz":
        parser.error("--output FILE.npz is needed for a folder")
    if not 8 <= given.size <= 1024:
        parser.error(f"--size {given.size}: expected 8 to 1024")
    colour = given.background
    if colour and re.fullmatch(r"\d{1,3},\d{1,3},\d{1,3}", colour):
        colour = tuple(map(int, colour.split(",")))
    table = {"size": given.size, "channels": given.channels, "background": colour, "range": given.range}
    try:
        pixels = PixelOptions.model_validate({**table, "skip_broken": given.skip_broken})
    except ValidationError as error:
        first = error.errors()[0]
        parser.error(f"--{first['loc'][0]}: {first['msg'].removeprefix('Value error, ')}")
    train_on_folder(Path(given.what), given.output, pixels)


if __name__ == "__main__":
    try:
        run(sys.argv[1:])
    except GanbenchError as error:
        sys.exit(f"ganbench: {error}")
