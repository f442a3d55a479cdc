"""Images and points in .npz and .npy files."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from numpy.lib import format as npy

from bench.catalogue.datasets import DATASETS, Data, array_files
from bench.catalogue.datasets.data import fingerprint
from bench.command import main
from bench.errors import GanbenchError, SuiteError
from bench.plan.specification import choose
from bench.records.listing import record_paths
from bench.records.record import read_metadata

RANDOM = np.random.default_rng(0)
IMAGES = RANDOM.integers(0, 256, (40, 8, 8, 3)).astype(np.uint8)
PLANES = IMAGES.transpose(0, 3, 1, 2)
POINTS = RANDOM.normal(size=(40, 2)).astype(np.float32)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GANBENCH_DATA", str(tmp_path / "cache"))
    return tmp_path / "cache" / "arrays"


def load(name: str, path: Path | str, **options: object) -> Data:
    choice = choose("dataset", {"name": name, "path": str(path), **options})
    data = DATASETS[name].load(choice.options)
    assert data.train.shape[1:] == DATASETS[name].shape(choice.options)
    return data


def images(path: Path | str, **options: object) -> Data:
    return load("image-arrays", path, **options)


def points(path: Path | str, **options: object) -> Data:
    return load("point-arrays", path, **options)


def refused(name: str, path: Path | str, **options: object) -> str:
    with pytest.raises(GanbenchError) as caught:
        load(name, path, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def holds(found: np.ndarray, expected: np.ndarray) -> bool:
    """Return whether the samples are those expected, in any order."""
    return sorted(each.tobytes() for each in found) == sorted(each.tobytes() for each in expected.astype(found.dtype))


def saved(path: Path, array: np.ndarray | None = None, **arrays: np.ndarray) -> Path:
    if array is not None:
        np.save(path, array)
    else:
        np.savez(path, **arrays)  # type: ignore[arg-type]
    return path


@pytest.mark.parametrize("array", [IMAGES, PLANES, np.asfortranarray(IMAGES), IMAGES[:, :, :, :1], IMAGES[..., 0]])
def test_layouts_are_recognised(tmp_path: Path, array: np.ndarray) -> None:
    data = images(saved(tmp_path / "x.npz", train=array, test=array[:5]))
    expected = PLANES[:, : data.train.shape[1]]
    assert holds(data.train, expected)
    assert holds(data.test, expected[:5])
    assert data.train.dtype == np.uint8
    assert isinstance(data.train, np.memmap)
    assert data.fingerprint == fingerprint(data.train, data.test)


def test_a_layout_that_is_unclear_is_asked_for(tmp_path: Path) -> None:
    path = saved(tmp_path / "x.npy", np.zeros((30, 3, 9, 3), np.uint8) + np.arange(3, dtype=np.uint8) * 90)
    assert 'set layout = "NHWC" or "NCHW"' in refused("image-arrays", path)
    assert images(path, layout="NHWC").train.shape == (27, 3, 3, 9)
    assert images(path, layout="NCHW").train.shape == (27, 3, 9, 3)
    path = saved(tmp_path / "rgba.npy", np.zeros((30, 8, 8, 4), np.uint8))
    assert "no axis has 1 or 3 channels" in refused("image-arrays", path)
    assert "layout NHWC has 4 channels" in refused("image-arrays", path, layout="NHWC")


def test_a_random_tenth_is_held_out(tmp_path: Path) -> None:
    sorted_by_class = np.repeat(np.arange(10, dtype=np.uint8), 30)
    array = np.broadcast_to(sorted_by_class[:, None, None], (300, 8, 8)) * 20
    data = images(saved(tmp_path / "x.npz", images=array, labels=sorted_by_class))
    assert (len(data.train), len(data.test)) == (270, 30)
    assert len(np.unique(data.test)) > 5
    assert data.labels is not None
    assert np.array_equal(data.train[:, 0, 0, 0], data.labels.train * 20)
    assert np.array_equal(data.test[:, 0, 0, 0], data.labels.test * 20)
    assert data.fingerprint == images(saved(tmp_path / "y.npy", array)).fingerprint  # labels are in no fingerprint
    assert "has 19 samples; at least 20" in refused("image-arrays", saved(tmp_path / "z.npy", array[:19]))


@pytest.mark.parametrize("splits", [("train",), ("train", "test")])
def test_any_part_is_a_random_sample(tmp_path: Path, splits: tuple[str, ...]) -> None:
    """Metrics compare the first samples of a split, which would all be of one class if the order were kept."""
    sides = np.repeat([[-1.0, 0.0], [1.0, 0.0]], 200, axis=0)
    data = points(saved(tmp_path / "x.npz", labels=sides[:, 0] > 0, **dict.fromkeys(splits, sides)))
    for part in (data.train[:40], data.test[:20]):
        assert 0.2 < (part[:, 0] > 0).mean() < 0.8


@pytest.mark.parametrize(
    ("array", "value_range"),
    [
        (IMAGES / 255, [0, 1]),
        ((IMAGES / 127.5 - 1).astype(np.float32), [-1, 1]),
        ((IMAGES / 255).astype(">f8"), [0, 1]),
        (IMAGES.astype(np.uint16) * 16, [0, 4080]),
        (IMAGES.astype(np.int64), [0, 255]),
        (IMAGES // 128, [0, 1]),
    ],
)
def test_other_depths_need_a_range(tmp_path: Path, array: np.ndarray, value_range: list[float]) -> None:
    path = saved(tmp_path / "x.npz", train=array, test=array)
    assert "set range = [" in refused("image-arrays", path)
    low, high = value_range
    expected = ((array.astype(np.float64) - low) / (high - low) * 255).round().transpose(0, 3, 1, 2)
    assert holds(images(path, range=value_range).train, expected)
    assert "outside the range" in refused("image-arrays", path, range=[low, low + (high - low) / 4])


def test_booleans_are_black_and_white(tmp_path: Path) -> None:
    data = images(saved(tmp_path / "x.npz", train=IMAGES > 127, test=IMAGES > 127))
    assert holds(data.train, np.where(PLANES > 127, 255, 0))


def test_points_become_float32(tmp_path: Path) -> None:
    for array in (POINTS, POINTS.astype(np.float64), np.asfortranarray(POINTS)):
        data = points(saved(tmp_path / "x.npz", train=array, test=array[:4]))
        assert holds(data.train, POINTS)
        assert holds(data.test, POINTS[:4])
        assert data.train.dtype == np.float32
    assert str(data.files) == "44 points"


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e300])
def test_points_are_finite(tmp_path: Path, value: float) -> None:
    array = POINTS.astype(np.float64)
    array[3, 1] = value
    assert "not finite" in refused("point-arrays", saved(tmp_path / "x.npy", array))
    assert "not finite" in refused("image-arrays", saved(tmp_path / "i.npy", np.full((30, 8, 8), np.nan)), range=[0, 1])


def test_points_and_images_are_not_mistaken(tmp_path: Path) -> None:
    assert "points are dataset 'point-arrays'" in refused("image-arrays", saved(tmp_path / "x.npy", POINTS))
    assert "images are dataset 'image-arrays'" in refused("point-arrays", saved(tmp_path / "y.npy", IMAGES))
    assert "expected points [n, d]" in refused("point-arrays", saved(tmp_path / "z.npy", POINTS[:, 0]))


@pytest.mark.parametrize("names", [("x_train", "y_train", "x_test", "y_test"), ("a", "b", "c", "d")])
def test_arrays_have_names(tmp_path: Path, names: tuple[str, ...]) -> None:
    values = (IMAGES, np.array(["cat", "dog"] * 20), IMAGES[:6], np.array(["dog"] * 6))
    path = saved(tmp_path / "x.npz", **dict(zip(names, values, strict=True)))
    stated = {}
    if names[0] == "a":
        assert 'set train = "NAME" to one of them: a uint8 [40, 8, 8, 3], b <U3 [40]' in refused("image-arrays", path)
        assert "train = 'e': no such array" in refused("image-arrays", path, train="e")
        stated = dict(zip(("train", "labels", "test", "test_labels"), names, strict=True))
    data = images(path, **stated)
    assert (len(data.train), len(data.test)) == (40, 6)
    assert data.labels is not None
    assert data.labels.names == ("cat", "dog")
    of_class = [PLANES[number::2] for number in range(2)]
    assert all(holds(data.train[data.labels.train == number], of_class[number]) for number in range(2))
    assert data.labels.test.tolist() == [1] * 6


def test_labels_that_do_not_fit(tmp_path: Path) -> None:
    for labels in (np.zeros(39, int), np.zeros(40), np.zeros((40, 10), int)):
        path = saved(tmp_path / "x.npz", train=IMAGES, labels=labels)
        assert images(path).labels is None
        assert "labels: expected one whole number or text" in refused("image-arrays", path, labels="labels")
    data = images(saved(tmp_path / "x.npz", train=IMAGES, labels=np.arange(40)[:, None] % 12))
    assert data.labels is not None
    assert data.labels.names == tuple(map(str, range(12)))


def test_a_folder_of_arrays(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    assert "holds no arrays (.npy)" in refused("image-arrays", tmp_path / "data")
    saved(tmp_path / "data" / "train.npy", IMAGES)
    saved(tmp_path / "data" / "test.npy", IMAGES[:3])
    assert len(images(tmp_path / "data").test) == 3


# Files that are not what they should be.


def test_pickles_are_not_loaded(tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return pytest.fail, ("a pickle was loaded",)

    path = tmp_path / "x.npy"
    np.save(path, np.array([Bomb()] * 30, dtype=object), allow_pickle=True)
    assert "holds pickled Python objects, which are not loaded" in refused("image-arrays", path)
    np.savez(tmp_path / "x.npz", train=IMAGES, labels=np.array([None] * 40, dtype=object))
    assert "pickled" in refused("image-arrays", tmp_path / "x.npz")


@pytest.mark.parametrize("content", [b"", b"\x93NUMPY", b"PK\3\4", b"text", b"\x93NUMPY\1\0\xff\xff{", b"\x80\4]"])
@pytest.mark.parametrize("name", ["image-arrays", "point-arrays"])
def test_files_of_another_kind(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / "x.npz"
    path.write_bytes(content)
    assert f"cannot read {path}: " in refused(name, path)


@pytest.mark.parametrize("shape", [(10**12, 8, 8), (-1, 8, 8), (10**30, 8, 8), (50, 8, 8)])
def test_headers_that_promise_too_much(tmp_path: Path, shape: tuple[int, ...]) -> None:
    def fake() -> bytes:
        stream = io.BytesIO()
        npy.write_array_header_1_0(stream, {"descr": "|u1", "fortran_order": False, "shape": shape})
        return stream.getvalue() + bytes(40 * 64)

    (tmp_path / "x.npy").write_bytes(fake())
    assert "cannot read" in refused("image-arrays", tmp_path / "x.npy")
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as archive:
        archive.writestr("train.npy", fake())
    assert "cannot read" in refused("image-arrays", tmp_path / "x.npz")


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("compressed", [False, True])
def test_random_damage_is_one_line_or_data(tmp_path: Path, seed: int, compressed: bool) -> None:
    path = tmp_path / "x.npz"
    (np.savez_compressed if compressed else np.savez)(path, train=IMAGES, labels=np.arange(40))
    content, random = bytearray(path.read_bytes()), np.random.default_rng(seed)
    for place in random.integers(0, len(content), 3 + seed):
        content[place] = random.integers(256)
    path.write_bytes(content[: None if seed % 2 else len(content) // 2])
    try:
        data = images(path)
    except GanbenchError as error:
        text = str(error)
    else:
        text = str(data.files)
    assert "\n" not in text


@pytest.mark.parametrize(
    "array", [np.zeros(30, "c16"), np.zeros((30, 2), "M8[s]"), np.zeros((30, 2), "U3"), np.zeros((30, 2), "i1,i2")]
)
def test_arrays_of_other_types(tmp_path: Path, array: np.ndarray) -> None:
    assert "expected" in refused("point-arrays", saved(tmp_path / "x.npy", array))


@pytest.mark.parametrize("path", ["", "nowhere.npz", "a\0b", "x" * 5000, "~nobody-of-this-name/x"])
def test_paths_that_do_not_exist(path: str) -> None:
    assert refused("image-arrays", path).startswith("image-arrays: ")


def test_a_path_that_is_no_utf_8() -> None:
    with pytest.raises(SuiteError, match="path: expected a path in UTF-8"):
        images("\udcff.npz")


# Reading.


def test_arrays_are_read_in_pieces_and_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(array_files, "PIECE", 3 * IMAGES[0].nbytes)
    lengths = []
    path = saved(tmp_path / "x.npz", train=IMAGES)
    exactly = array_files._exactly
    monkeypatch.setattr(array_files, "_exactly", lambda file, count: lengths.append(count) or exactly(file, count))
    data = images(path)
    assert max(lengths) == 3 * IMAGES[0].nbytes
    count = len(lengths)
    assert images(path).fingerprint == data.fingerprint
    assert len(lengths) == count
    together = np.concatenate([data.train, data.test])
    assert {image.tobytes() for image in together} == {image.tobytes() for image in PLANES}


@pytest.mark.parametrize("suffix", [".train", ".test"])
def test_a_damaged_cache_is_made_again(tmp_path: Path, cache: Path, suffix: str) -> None:
    path = saved(tmp_path / "x.npy", IMAGES)
    expected = images(path).fingerprint
    (part,) = cache.glob(f"*{suffix}")
    part.write_bytes(part.read_bytes()[:-1])
    assert images(path).fingerprint == expected


def test_a_failure_leaves_nothing_behind(tmp_path: Path, cache: Path) -> None:
    array = np.zeros((40, 8, 8))
    array[-1] = np.nan
    refused("image-arrays", saved(tmp_path / "x.npy", array), range=[0, 1])
    assert not cache.exists() or not list(cache.iterdir())


def test_plan_and_run_say_what_was_found_and_records_keep_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_figures: None
) -> None:
    monkeypatch.chdir(tmp_path)
    saved(tmp_path / "p.npz", train=RANDOM.normal(size=(60, 3)), test=RANDOM.normal(size=(30, 3)))
    (tmp_path / "own.toml").write_text(
        """
        name = "own"
        version = 1
        title = "Own points"
        seeds = 1
        [matrix]
        dataset = [{ name = "point-arrays", path = "p.npz", label = "mine" }]
        architecture = ["mlp"]
        loss = ["hinge"]
        [training]
        steps = 2
        batch_size = 4
        [evaluation]
        every = 2
        samples = 20
        metrics = ["frechet"]
        """
    )
    line = "mine: 90 points; 60 training, 30 test"
    planned = CliRunner().invoke(main, ["plan", "own.toml"])
    assert line in planned.output.splitlines()
    ran = CliRunner().invoke(main, ["run", "own.toml", "--device", "cpu", "--workers", "1", "--pack", "off"])
    assert ran.exit_code == 0, ran.output
    assert line in ran.output.splitlines()
    (path,) = record_paths(tmp_path / "results" / "own")
    files = read_metadata(path).data.files
    assert files is not None
    assert (files.samples, files.kind, files.broken) == (90, "points", 0)
