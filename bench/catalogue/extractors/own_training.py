"""Trains an extractor on the user's own images: a classifier of the subfolders of a folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bench.catalogue.datasets.folder import folder_arrays
from bench.catalogue.extractors.networks import scaled
from bench.catalogue.extractors.own_networks import build_own_network, reduced
from bench.catalogue.extractors.trained_weights import write_trained
from bench.errors import DataError
from bench.files import data_folder

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


def read_classes(folder: Path, channels: int, size: int) -> Labelled:
    """Return the images in the subfolders of a folder, or of its subfolder ``train`` if it has one.

    Raises:
        DataError: There are fewer than two subfolders, one has too few images, or an image cannot be read.
    """
    folders = class_folders(folder)
    parts = {name: folder_arrays(each, channels, size, data_folder() / "folders") for name, each in folders.items()}
    for name, images in parts.items():
        if len(images) < FEWEST:
            raise DataError(f"{folders[name]} has {len(images)} images; at least {FEWEST} of each class are needed")
    counts = [len(images) for images in parts.values()]
    return Labelled(
        classes=tuple(parts),
        images=torch.cat([_reduced_bytes(torch.from_numpy(images)) for images in parts.values()]),
        labels=torch.arange(len(counts)).repeat_interleave(torch.tensor(counts)),
        test=torch.cat([torch.arange(count) % HELD_OUT == HELD_OUT - 1 for count in counts]),
    )


def class_folders(folder: Path) -> Mapping[str, Path]:
    """Return the subfolders that hold the classes, by name.

    Raises:
        DataError: The folder does not exist, or has fewer than two subfolders.
    """
    if not folder.is_dir():
        raise DataError(f"folder {folder} does not exist")
    root = folder / "train" if (folder / "train").is_dir() else folder
    found = {path.name: path for path in sorted(root.iterdir()) if path.is_dir() and not path.name.startswith(".")}
    if len(found) < 2:
        count = f"{len(found)} subfolder{'s' * (len(found) != 1)}"
        raise DataError(f"{root} has {count}; a classifier needs one subfolder per class, at least 2")
    return found


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


def train_on_folder(folder: Path, output: Path, channels: int, size: int) -> None:
    """Train an extractor on the classes of a folder and write its file.

    Args:
        folder: Has one subfolder of images per class.
        output: Path of the file.
        channels: 3 for colour, 1 for grey.
        size: Size of the images in the dataset, in pixels.

    Raises:
        DataError: The folder has no classes, an image cannot be read, or the file cannot be written.
    """
    torch.manual_seed(0)
    data = read_classes(folder, channels, size)
    network, accuracy = train_classifier(data)
    arrays = {name: value.numpy() for name, value in network.state_dict().items()}
    write_trained(output, arrays, data.classes, (channels, size, size), accuracy)
    held_out, most = int(data.test.sum()), int(data.labels.bincount().max())
    print(
        f"{len(data.classes)} classes. Accuracy on {held_out} held-out images: {100 * accuracy:.1f}% "
        f"(always the largest class: {100 * most / len(data.labels):.1f}%). Weights written to {output}.\n"
        f'In a suite, below [evaluation]: extractor = {{ name = "trained", weights = "{output.as_posix()}" }}'
    )
