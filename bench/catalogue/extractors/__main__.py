"""Trains an extractor: ``python -m bench.catalogue.extractors digits`` (or fashion-mnist, or mnist).

Writes ``NAME.npz`` and ``NAME.json`` (hash, test accuracy, how it was made): those that are shipped into ``weights/``
beside this file, that of MNIST, which not every machine has, into ``extractors/`` of the data folder.
"""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from bench.catalogue.datasets.images import (
    digits_test_mask,
    digits_with_labels,
    download_mnist,
    fashion_mnist_folder,
    read_idx,
)
from bench.catalogue.extractors import WEIGHTS, trained_folder
from bench.catalogue.extractors.networks import SIZES, build_network, file_hash, scaled
from bench.errors import GanbenchError, MissingDataError
from bench.files import data_folder

EPOCHS = {"digits": 60, "fashion-mnist": 12, "mnist": 12}
BATCH = {"digits": 32, "fashion-mnist": 128, "mnist": 128}


def load(name: str) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Train images and labels, test images and labels."""
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
    train, train_labels, test_images, test_labels = (torch.from_numpy(part.copy()) for part in parts)
    return train, train_labels, test_images, test_labels


def load_or_download(name: str) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The same, with MNIST fetched where it is not here."""
    try:
        return load(name)
    except MissingDataError:
        if name != "mnist":
            raise
        download_mnist()
        return load(name)


def shifted(images: Tensor, mirrored: bool = False) -> Tensor:
    """Each batch moved by up to one pixel and, where it makes no other class (clothes), mirrored half the time."""
    size = images.shape[-1]
    down, right = torch.randint(0, 3, (2,)).tolist()
    moved = F.pad(images, (1, 1, 1, 1), value=-1.0)[..., down : down + size, right : right + size]
    return moved.flip(-1) if mirrored and torch.rand(()) < 0.5 else moved


def train(name: str) -> tuple[nn.Module, float]:
    """The network after training on the train split, and its accuracy on the test split."""
    torch.manual_seed(0)
    images, labels, test_images, test_labels = load_or_download(name)
    network = build_network(SIZES[name])
    batches = len(images) // BATCH[name]
    steps = EPOCHS[name] * batches
    optimizer = torch.optim.AdamW(network.parameters(), weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=3e-3, total_steps=steps)
    for epoch in range(EPOCHS[name]):
        for batch in torch.randperm(len(images))[: batches * BATCH[name]].split(BATCH[name]):
            moved = shifted(scaled(images[batch]), mirrored=name == "fashion-mnist")
            loss = F.cross_entropy(network(moved), labels[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
        print(f"{name}: epoch {epoch + 1} of {EPOCHS[name]}, loss {loss.item():.3f}", flush=True)
    network.eval()
    with torch.no_grad():
        guesses = torch.cat([network(scaled(piece)).argmax(1) for piece in test_images.split(1000)])
    return network, (guesses == test_labels).double().mean().item()


def main(name: str) -> None:
    """Trains, measures, and writes the weights and what is known of them."""
    network, accuracy = train(name)
    weights = {key: value.numpy() for key, value in network.state_dict().items()}
    folder = trained_folder() if name == "mnist" else WEIGHTS
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.npz"
    np.savez_compressed(path, **weights)
    known = {
        "sha256": file_hash(path),
        "test_accuracy": round(accuracy, 4),
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "epochs": EPOCHS[name],
        "command": f"python -m bench.catalogue.extractors {name}",
        "torch": torch.__version__,
        "date": datetime.now(UTC).date().isoformat(),
    }
    path.with_suffix(".json").write_text(json.dumps(known, indent=2) + "\n")
    print(json.dumps(known, indent=2))


if __name__ == "__main__":
    if sys.argv[1:] not in [[name] for name in SIZES]:
        sys.exit(f"usage: python -m bench.catalogue.extractors {{{','.join(SIZES)}}}")
    try:
        main(sys.argv[1])
    except GanbenchError as error:
        sys.exit(f"ganbench: {error}")
