"""What samples records hold: a few real points whose modes are not known, and strings as they are read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from small_suite import small_suite

import bench
from bench.catalogue.datasets.signals import as_read
from bench.records.held_out import held_out_of
from bench.records.listing import record_paths
from bench.records.record import read_metadata, read_samples


def test_a_few_real_signals_are_recorded(tmp_path: Path, no_figures: None) -> None:
    random = np.random.default_rng(0)
    signals = np.sin(random.uniform(0, 6, (80, 1)) + np.linspace(0, 6, 128)).astype(np.float32)
    np.savez(tmp_path / "signals.npz", train=signals[:60], test=signals[60:])
    dataset = f'{{ name = "point-arrays", path = "{tmp_path / "signals.npz"}" }}'
    (tmp_path / "suite.toml").write_text(small_suite(dataset, 'metrics = ["frechet"]', samples=20))
    summary = bench.run(str(tmp_path / "suite.toml"), results=tmp_path, workers=0, device="cpu")
    (path,) = record_paths(summary.folder)
    real = np.array(read_metadata(path).samples.real)
    assert real.shape == (15, 128)  # 2,000 numbers at most
    apart = np.abs(real[:, None] - signals[None, 60:]).max(axis=2)  # samples are read in random order
    assert (apart.min(axis=1) < 2e-3).all()
    assert len(set(apart.argmin(axis=1))) == 15


def test_points_of_known_modes_need_none(tmp_path: Path, no_figures: None) -> None:
    (tmp_path / "suite.toml").write_text(small_suite('{ name = "ring", points = 500 }', 'metrics = ["frechet"]'))
    summary = bench.run(str(tmp_path / "suite.toml"), results=tmp_path, workers=0, device="cpu")
    (path,) = record_paths(summary.folder)
    assert read_metadata(path).samples.real == ()


def test_strings_are_kept_as_they_are_read(tmp_path: Path, no_figures: None) -> None:
    """The most probable letter of each place is 1; probabilities would take most of a record."""
    dataset = '{ name = "strings", strings = 500 }'
    (tmp_path / "suite.toml").write_text(small_suite(dataset, 'metrics = ["ngrams"]'))
    (path,) = record_paths(bench.run(str(tmp_path / "suite.toml"), results=tmp_path, workers=0, device="cpu").folder)
    kept = read_samples(path)
    assert set(np.unique(kept)) == {0, 1}
    assert (kept.sum(axis=1) == 1).all()
    real = held_out_of(read_metadata(path))
    assert real is not None
    assert real.shape == (9, *kept.shape[1:])
    assert (real.sum(axis=1) == 1).all()
    probabilities = np.array([[[0.2, 0.7], [0.5, 0.1], [0.3, 0.2]]])
    assert as_read(probabilities).tolist() == [[[0, 1], [1, 0], [0, 0]]]
