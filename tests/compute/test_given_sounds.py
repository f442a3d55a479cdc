"""Sounds and strings that exist already are measured as generated ones, and conditional networks get their labels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import bench
from bench.catalogue.datasets.strings import StringsOptions, strings
from bench.catalogue.datasets.tones import TonesOptions, tones
from bench.compute.training.loop import train
from bench.compute.training.pack import assemble
from bench.compute.training.real_data import real_samples_on
from bench.errors import DataError
from bench.plan.specification import complete_training

CPU = torch.device("cpu")
TONES, STRINGS = {"name": "tones", "tones": 1000}, {"name": "strings", "strings": 1000}


def test_given_sounds_may_lack_the_axis_of_their_channel(tmp_path: Path) -> None:
    sounds = np.asarray(tones(TonesOptions(tones=1000)).test)
    np.save(tmp_path / "sounds.npy", sounds[:, 0])
    measured = bench.measure(tmp_path / "sounds.npy", against=TONES, metrics=["modes", "frechet"])
    assert measured.values["high_quality"] == 1
    assert measured.values["spectral_fd"] == pytest.approx(measured.real["spectral_fd"])


def test_given_strings_are_measured() -> None:
    given = np.asarray(strings(StringsOptions(strings=1000)).test)
    assert bench.measure(given, against=STRINGS, metrics=["ngrams"]).values["accepted"] == 1


def test_sounds_of_another_length_are_refused_in_one_line() -> None:
    with pytest.raises(DataError, match=r"expected sounds n×1×256, as in the dataset, not 5×1×300"):
        bench.measure(np.zeros((5, 1, 300)), against=TONES)


@pytest.mark.parametrize(("name", "options"), [("wavegan", {"width": 2}), ("resnet-1d", {"width": 2, "blocks": 1})])
def test_networks_of_sounds_and_strings_take_labels(name: str, options: dict[str, Any]) -> None:
    data = tones(TonesOptions(tones=40)) if name == "wavegan" else strings(StringsOptions(strings=40))
    assert data.labels is not None
    table = {"dataset": "tones" if name == "wavegan" else "strings", "architecture": {"name": name, **options}}
    table |= {"loss": "hinge", "penalty": "r1", "conditional": True, "batch_size": 4, "latent": 2, "steps": 2}
    classes = len(data.labels.names)
    real = real_samples_on(np.asarray(data.train), CPU, data.labels.train, classes)
    shape = data.train.shape[1:]
    pack = assemble([complete_training(table, "test")], [0], shape, real, len(data.train), CPU)
    ((last,),) = train(pack)
    assert last.diverged is None
    labels = torch.eye(classes)[:3]
    first, second = (
        pack.players[0].generator.eval()(torch.cat([torch.ones(3, 2), each], dim=1))
        for each in (labels, labels.flip(0))
    )
    assert first.shape == (3, *shape)
    assert not torch.allclose(first[0], second[0])
