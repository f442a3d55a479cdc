"""Trains an extractor on the user's own images: a classifier of the subfolders of a folder."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bench.catalogue.datasets.folder import read_folder
from bench.catalogue.datasets.found_files import shown
from bench.catalogue.datasets.pixels import PixelOptions
from bench.catalogue.extractors.networks import scaled
from bench.catalogue.extractors.own_networks import build_own_network, reduced
from bench.catalogue.extractors.trained_weights import write_trained
from bench.errors import DataError

FEWEST = 10  # images of a class
HELD_OUT = 10  # every tenth image of a class
BATCH, STEPS, EPOCHS = 32, 2000, (5, 60)  # about this many steps, within these numbers of passes


class Labelled(NamedTuple):
    """Images of known classes.

    Attributes:
        classes: Names of the classes.
        images: uint8 [n, channels, size, size], at most 64 pixels on a side.
        labels: Class of each image [n].
        test: Whether an image is held out [n].
    """

    classes: tuple[str, ...]
    images: Tensor
    labels: Tensor
    test: Tensor


def read_classes(folder: Path, pixels: PixelOptions) -> Labelled:
    """Return the images in the class folders of a folder, or of its training split if folders are the splits.

    Images and classes are those of a dataset ``image-folder``.

    Args:
        folder: The folder.
        pixels: Size and channels of the dataset, and how to treat transparent, deep and broken images.

    Raises:
        DataError: There are fewer than two classes, one has too few images, or an image cannot be read.
    """
    where = f"folder {shown(folder)}"
    found = read_folder(folder, pixels, "extractor")
    if found.files.tells_more:
        print(f"{where}: {found.files}", flush=True)
    images = found.images if found.train is None else found.images[: found.train]
    classes = (found.classes or [])[: len(images)]
    names, labels = np.unique(np.array(classes, dtype=object), return_inverse=True)
    counts = np.bincount(labels, minlength=len(names))
    if len(names) < 2:
        held = f"the one class {names[0]!r}" if len(names) else "no classes"
        raise DataError(f"{where} has {held}; a classifier needs one subfolder of images per class, at least 2")
    for name, count in zip(names, counts, strict=True):
        if count < FEWEST:
            raise DataError(f"{where}: class {name!r} has {count} images; at least {FEWEST} of each class are needed")
    held_out = np.zeros(len(labels), dtype=bool)
    for label in range(len(names)):
        held_out[np.flatnonzero(labels == label)[HELD_OUT - 1 :: HELD_OUT]] = True
    return Labelled(
        classes=tuple(map(str, names)),
        images=_reduced_bytes(torch.from_numpy(images)),
        labels=torch.from_numpy(labels),
        test=torch.from_numpy(held_out),
    )


def _reduced_bytes(images: Tensor) -> Tensor:
    pieces = [reduced(piece.float()).round().to(torch.uint8) for piece in images.split(256)]
    return torch.cat(pieces)


def train_classifier(data: Labelled, steps: int = STEPS) -> tuple[nn.Sequential, float]:
    """Train a classifier; return it with its accuracy on the held-out images."""
    images, labels = data.images[~data.test], data.labels[~data.test]
    network = build_own_network(tuple(images.shape[1:]), len(data.classes))
    batch = min(BATCH, len(images))
    batches = len(images) // batch
    epochs = min(max(steps // batches, EPOCHS[0]), EPOCHS[1])
    optimizer = torch.optim.AdamW(network.parameters(), weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=3e-3, total_steps=epochs * batches)
    for epoch in range(epochs):
        for chosen in torch.randperm(len(images))[: batches * batch].split(batch):
            loss = F.cross_entropy(network(scaled(images[chosen])), labels[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
        print(f"Epoch {epoch + 1}/{epochs}: training loss {loss.item():.3f}", flush=True)
    network.eval()
    with torch.no_grad():
        predicted = torch.cat([network(scaled(piece)).argmax(1) for piece in data.images[data.test].split(256)])
    return network, (predicted == data.labels[data.test]).double().mean().item()


def train_on_folder(folder: Path, output: Path, pixels: PixelOptions) -> None:
    """Train an extractor on the classes of a folder and write its file.

    Args:
        folder: Has one subfolder of images per class.
        output: Path of the file.
        pixels: See ``read_classes``.

    Raises:
        DataError: The folder has no classes, an image cannot be read, or the file cannot be written.
    """
    torch.manual_seed(0)
    data = read_classes(folder, pixels)
    network, accuracy = train_classifier(data)
    arrays = {name: value.numpy() for name, value in network.state_dict().items()}
    write_trained(output, arrays, data.classes, (pixels.channels, pixels.size, pixels.size), accuracy)
    held_out, most = int(data.test.sum()), int(data.labels.bincount().max())
    print(
        f"{len(data.classes)} classes. Accuracy on {held_out} held-out images: {100 * accuracy:.1f}% "
        f"(always the largest class: {100 * most / len(data.labels):.1f}%). Weights written to {output}.\n"
        f'In a suite, below [evaluation]: extractor = {{ name = "trained", weights = "{output.as_posix()}" }}'
    )
