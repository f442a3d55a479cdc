"""Folders saved by Hugging Face ``datasets``."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bench.catalogue.datasets import DATASETS, Data
from bench.errors import GanbenchError
from bench.plan.specification import choose

SIZE = 8


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GANBENCH_DATA", str(tmp_path / "cache"))
    return tmp_path / "cache" / "folders"


@pytest.fixture(scope="module")
def datasets() -> object:
    os.environ["HF_DATASETS_DISABLE_PROGRESS_BARS"] = "1"
    return pytest.importorskip("datasets")


def load(path: Path | str, **options: object) -> Data:
    choice = choose("dataset", {"name": "huggingface", "path": str(path), "size": SIZE, **options})
    data = DATASETS["huggingface"].load(choice.options)
    assert data.train.shape[1:] == DATASETS["huggingface"].shape(choice.options)
    return data


def refused(path: Path | str, **options: object) -> str:
    with pytest.raises(GanbenchError) as caught:
        load(path, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def pixels(count: int) -> np.ndarray:
    return np.random.default_rng(count).integers(0, 256, (count, SIZE, SIZE, 3)).astype(np.uint8)


def rows(datasets, count: int, column: str = "image", names: tuple[str, ...] = ("zebra", "ant")):  # type: ignore[no-untyped-def]
    columns = {column: [Image.fromarray(image) for image in pixels(count)], "label": [n % 2 for n in range(count)]}
    features = {column: datasets.Image(), "label": datasets.ClassLabel(names=list(names))}
    return datasets.Dataset.from_dict(columns, features=datasets.Features(features))


def saved(path: Path, content) -> Path:  # type: ignore[no-untyped-def]
    content.save_to_disk(str(path))
    return path


def test_splits_and_classes(datasets, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    both = datasets.DatasetDict({"train": rows(datasets, 12), "validation": rows(datasets, 6)})
    data = load(saved(tmp_path / "both", both))
    assert data.labels is not None
    assert data.labels.names == ("zebra", "ant")
    for images, labels in ((data.train, data.labels.train), (data.test, data.labels.test)):
        place = {image.tobytes(): number for number, image in enumerate(pixels(len(images)).transpose(0, 3, 1, 2))}
        order = [place[image.tobytes()] for image in images]
        assert sorted(order) == list(range(len(images)))
        assert order != sorted(order)  # rows are often sorted by class
        assert [number % 2 for number in order] == labels.tolist()
    assert str(data.files) == "18 images"
    assert "train = 'training': no such split; available: 'train', 'validation'" in refused(
        tmp_path / "both", train="training"
    )


def test_without_a_test_split_a_random_tenth_is_held_out(datasets, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    data = load(saved(tmp_path / "one", rows(datasets, 40, names=("a", "b"))))
    assert (len(data.train), len(data.test)) == (36, 4)
    planes = pixels(40).transpose(0, 3, 1, 2)
    place = {image.tobytes(): index for index, image in enumerate(planes)}
    assert data.labels is not None
    for images, labels in ((data.train, data.labels.train), (data.test, data.labels.test)):
        assert [place[image.tobytes()] % 2 for image in images] == labels.tolist()
    assert "has 19 images; at least 20" in refused(saved(tmp_path / "few", rows(datasets, 19)))
    assert "it has no splits" in refused(tmp_path / "one", test="test")


def test_columns(datasets, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    path = saved(tmp_path / "x", rows(datasets, 20, column="picture"))
    assert len(load(path).train) == 18
    assert "image = 'image': no such column of images; 'picture'" in refused(path, image="image")
    assert "labels = 'kind': no such column; columns: 'picture', 'label'" in refused(path, labels="kind")
    numbers = datasets.Dataset.from_dict({"values": list(range(30))})
    assert "no column of type Image; columns: values (Value)" in refused(saved(tmp_path / "n", numbers))


def test_pixels_and_broken_images_are_treated_as_in_folders(datasets, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    intact = [{"bytes": encoded(image), "path": None} for image in pixels(30)]
    features = datasets.Features({"image": datasets.Image()})
    broken = [*intact[:5], {"bytes": b"<html>", "path": None}, None, *intact[5:]]
    path = saved(tmp_path / "broken", datasets.Dataset.from_dict({"image": broken}, features=features))
    message = refused(path)
    assert "cannot read 2 images: " in message
    assert "(no image that can be decoded)" in message
    assert re.search(r"row 5\b.*row 6\b|row 6\b.*row 5\b", message)
    assert "(empty file)" in message
    assert str(load(path, skip_broken=True).files) == "30 images, 2 broken and left out"
    clear = [*intact, {"bytes": encoded(np.zeros((8, 8, 4), np.uint8)), "path": None}]
    path = saved(tmp_path / "clear", datasets.Dataset.from_dict({"image": clear}, features=features))
    assert "(transparent pixels): set background" in refused(path)
    assert len(load(path, background="white").train) == 28


def encoded(image: np.ndarray) -> bytes:
    from io import BytesIO

    stream = BytesIO()
    Image.fromarray(image).save(stream, "PNG")
    return stream.getvalue()


def test_nothing_is_decoded_twice(datasets, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    path = saved(tmp_path / "x", rows(datasets, 20))
    fingerprint = load(path).fingerprint
    monkeypatch.setattr(Image, "open", lambda *_, **__: pytest.fail("decoded again"))
    assert load(path).fingerprint == fingerprint


@pytest.mark.parametrize("name", ["dataset_info.json", "state.json", "data-00000-of-00001.arrow"])
@pytest.mark.parametrize("content", [None, b"", b"{}", b"x" * 100])
def test_damaged_folders(datasets, tmp_path: Path, name: str, content: bytes | None) -> None:  # type: ignore[no-untyped-def]
    path = saved(tmp_path / "x", rows(datasets, 20))
    if content is None:
        (path / name).unlink()
    else:
        (path / name).write_bytes(content)
    try:
        text = str(load(path).files)
    except GanbenchError as error:
        text = str(error)
    assert "\n" not in text


def test_a_truncated_file(datasets, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    path = saved(tmp_path / "x", rows(datasets, 20))
    (arrow,) = path.glob("*.arrow")
    arrow.write_bytes(arrow.read_bytes()[:-2000])
    assert "cannot read" in refused(path)


def test_the_package_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "was not saved by save_to_disk" in refused(tmp_path)
    (tmp_path / "state.json").write_text("{}")
    monkeypatch.setitem(sys.modules, "datasets", None)
    assert "needs the package datasets; pip install 'ganbench[huggingface]'" in refused(tmp_path)
    assert "does not exist" in refused(tmp_path / "nowhere")
