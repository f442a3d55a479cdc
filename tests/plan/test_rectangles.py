"""An image that a family cannot make is refused in one sentence before anything trains, for either player."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from bench.catalogue.architectures import ARCHITECTURES
from bench.command import main

OF_SQUARES = [name for name, entry in ARCHITECTURES.items() if name not in ("dirac", "mlp", "wavegan", "resnet-1d")]
SUITE = """
name = "rectangles"
seeds = 1
[matrix]
loss = ["hinge"]
dataset = [{{ name = "image-arrays", path = {path!r} }}]
architecture = [{generator!r}]
[training]
steps = 10
batch_size = 8
critic = {{ name = {critic!r} }}
[evaluation]
every = 10
samples = 50
metrics = ["frechet"]
extractor = "random"
"""


def planned(folder: Path, generator: str, critic: str, shape: tuple[int, ...]) -> tuple[int, str]:
    np.savez(folder / "images.npz", images=np.zeros((100, *shape), np.uint8))
    suite = folder / "rectangles.toml"
    suite.write_text(SUITE.format(path=str(folder / "images.npz"), generator=generator, critic=critic))
    result = CliRunner().invoke(main, ["plan", str(suite)])
    return result.exit_code, result.stderr


@pytest.mark.parametrize("name", OF_SQUARES)
def test_a_rectangular_image_is_refused_in_one_sentence(tmp_path: Path, name: str) -> None:
    for generator, critic in ((name, name), ("mlp", name), (name, "mlp")):
        status, line = planned(tmp_path, generator, critic, (1, 8, 12))
        assert status == 2
        assert line.count("\n") == 1
        assert f"architecture {name!r} makes square images of 8×8 to " in line
        assert "but dataset 'image-arrays' has samples of shape (1, 8, 12)" in line


def test_other_images_are_planned(tmp_path: Path) -> None:
    assert planned(tmp_path, "mlp", "mlp", (1, 8, 12))[0] == 0
    assert planned(tmp_path, "stylegan", "r3gan", (1, 12, 12))[0] == 0
