"""Real samples in records, and how exactly generated points are kept."""

from __future__ import annotations

import base64
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_runs import record

from bench.errors import ResultsError
from bench.records.held_out import held_out_of, kept_held_out
from bench.records.listing import record_paths
from bench.records.packed_arrays import pack
from bench.records.record import read_metadata
from bench.records.samples import kept_samples
from bench.records.schema import Metadata, Samples


def metadata_with(folder: Path, **samples: Any) -> Metadata:
    record(folder, "minimax", 0, (1.0, 0.5))
    (path,) = record_paths(folder / "made")
    return read_metadata(path).model_copy(update={"samples": Samples(**samples)})


def test_images_are_evenly_spaced_over_the_test_split(tmp_path: Path) -> None:
    """A folder of images is sorted by class, so the first ones would be of one class."""
    test = np.repeat(np.arange(100, dtype=np.uint8), 4).reshape(-1, 1, 2, 2)
    kept = held_out_of(metadata_with(tmp_path, shape=(25, 1, 2, 2), dtype="uint8", **kept_held_out(test)))
    assert kept is not None
    assert kept[:, 0, 0, 0].tolist() == np.linspace(0, 99, 25).round().astype(int).tolist()
    assert (kept == kept[:, :, :1, :1]).all()


def test_fewer_sounds_are_kept_and_a_small_split_whole(tmp_path: Path) -> None:
    test = np.random.default_rng(0).normal(size=(40, 1, 16))
    kept = held_out_of(metadata_with(tmp_path, shape=(25, 1, 16), dtype="float32", **kept_held_out(test)))
    assert kept is not None
    assert kept.tolist() == test[np.linspace(0, 39, 9).round().astype(int)].astype(np.float32).tolist()
    kept = held_out_of(metadata_with(tmp_path / "few", shape=(3, 1, 16), dtype="float32", **kept_held_out(test[:3])))
    assert kept is not None
    assert len(kept) == 3


@pytest.mark.parametrize(("side", "count"), [(32, 21), (64, 5), (256, 1)])
def test_of_large_images_there_are_fewer(side: int, count: int) -> None:
    """64 KiB hold 21 images of 3·32·32 bytes; of the largest there is one."""
    assert kept_held_out(np.zeros((40, 3, side, side), np.uint8))["held_out_count"] == count


def test_points_have_none(tmp_path: Path) -> None:
    assert kept_held_out(np.zeros((9, 2), np.float32)) == {}
    assert held_out_of(metadata_with(tmp_path, shape=(250, 2), dtype="float32")) is None


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("not base64!", 1),
        (base64.b64encode(b"no zlib").decode(), 1),
        (base64.b64encode(zlib.compress(b"123")).decode(), 1),
        (pack(np.zeros((1, 1, 2, 2), np.uint8)), 2),
        (pack(np.zeros((1, 1, 2, 2), np.uint8)), 2**80),
    ],
)
def test_damaged_real_samples_are_an_error(tmp_path: Path, text: str, count: int) -> None:
    damaged = metadata_with(tmp_path, shape=(25, 1, 2, 2), dtype="uint8", held_out=text, held_out_count=count)
    with pytest.raises(ResultsError, match="its real samples are damaged"):
        held_out_of(damaged)


def test_points_are_kept_to_twelve_bits() -> None:
    """Half a unit in the last of 12 bits is at most 2⁻¹² of a number."""
    random = np.random.default_rng(0)
    points = random.normal(size=(200, 2)) * np.exp(random.normal(scale=9, size=(200, 2)))
    kept = kept_samples(points, None)
    assert kept is not None
    assert kept.dtype == np.float32
    error = np.abs(kept / points - 1).max()
    assert 2.0**-14 < error <= 2.0**-12
    assert not (kept.view(np.uint32) & ((1 << (24 - 12)) - 1)).any()  # the last bits, which compress to nothing


def test_special_numbers_are_kept() -> None:
    points = np.array([[0.0, -1.0], [1e-42, 3.25], [1e30, -0.015625]])
    kept = kept_samples(points, None)
    assert kept is not None
    assert kept == pytest.approx(points, rel=2.0**-12, abs=1e-44)
    assert kept[0].tolist() == [0, -1]
