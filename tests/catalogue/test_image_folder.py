"""Folders of images: which files count, what their pixels become, and how problems are reported."""

from __future__ import annotations

import hashlib
import os
import struct
import zlib
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bench.catalogue.datasets import DATASETS, Data
from bench.catalogue.datasets.data import fingerprint
from bench.catalogue.datasets.folder import read_folder
from bench.catalogue.datasets.pixels import PixelOptions, read_pixels
from bench.errors import DataError, SuiteError
from bench.plan.specification import choose

SIZE = 8


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GANBENCH_DATA", str(tmp_path / "cache"))
    return tmp_path / "cache" / "folders"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Thirty colour images."""
    return write_images(tmp_path / "pictures")


def write_images(folder: Path, count: int = 30, suffix: str = ".png", form: str | None = None) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(len(str(folder)) + count)
    for index in range(count):
        pixels = random.integers(90, 150, (SIZE, SIZE, 3)).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{index:03}{suffix}", form)
    return folder


def load(folder: Path | str, **options: object) -> Data:
    choice = choose("dataset", {"name": "image-folder", "path": str(folder), "size": SIZE, **options})
    return DATASETS["image-folder"].load(choice.options)


def refused(folder: Path | str, **options: object) -> str:
    with pytest.raises(DataError) as caught:
        load(folder, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def pixels(path: Path, **options: object) -> np.ndarray:
    """The red, green and blue planes of one image."""
    return read_pixels(path, PixelOptions(size=SIZE, **options)).square


def save(path: Path, values: np.ndarray, mode: str | None = None, **keys: object) -> Path:
    image = Image.fromarray(values)
    (image.convert(mode) if mode else image).save(path, **keys)
    return path


def test_ordinary_images_keep_their_fingerprint(folder: Path) -> None:
    """The definition by hand: in the order of the hashes of their names, and the last tenth is the test split."""
    save(folder / "deep.png", np.linspace(0, 65535, 64).reshape(8, 8).astype(np.uint16))
    save(folder / "opaque.png", np.full((8, 8, 4), 255, np.uint8))
    paths = sorted(folder.iterdir(), key=lambda path: hashlib.sha256(path.name.encode()).digest())
    images = []
    for path in paths:
        values = np.asarray(Image.open(path))
        if values.dtype != np.uint8:
            values = np.repeat((values / 257).round().astype(np.uint8)[..., None], 3, axis=2)
        images.append(values[..., :3].transpose(2, 0, 1))
    assert load(folder).fingerprint == fingerprint(np.stack(images[:29]), np.stack(images[29:]))


# Pixels.


def disc() -> np.ndarray:
    """An opaque red square in transparent surroundings that hide green."""
    values = np.zeros((SIZE, SIZE, 4), np.uint8)
    values[..., 1] = 255
    values[2:6, 2:6] = (255, 0, 0, 255)
    return values


def quantised(path: Path) -> Path:
    Image.fromarray(disc()).quantize(8).save(path)
    return path


def keyed(path: Path) -> Path:
    return save(path, disc()[..., :3], transparency=(0, 255, 0))


@pytest.mark.parametrize("write", [lambda path: save(path, disc()), quantised, keyed], ids=["RGBA", "palette", "key"])
def test_transparent_pixels_show_the_background(folder: Path, write: object) -> None:
    path = write(folder / "alpha.png")  # type: ignore[operator]
    message = refused(folder)
    assert "alpha.png (transparent pixels)" in message
    assert "background" in message
    for background, colour in (("white", [255] * 3), ("black", [0] * 3), ([10, 20, 30], [10, 20, 30])):
        square = pixels(path, background=background)
        assert square[:, 0, 0].tolist() == colour
        assert square[:, 4, 4].tolist() == [255, 0, 0]
    assert len(load(folder, background="white").train) == 28


def test_grey_with_alpha_is_composed_too(folder: Path) -> None:
    values = np.zeros((SIZE, SIZE, 2), np.uint8)
    values[4:] = (100, 255)
    values[0] = (200, 128)
    save(folder / "la.png", values)
    assert "la.png (transparent pixels)" in refused(folder, channels=1)
    square = pixels(folder / "la.png", background="white", channels=1)
    assert square[0, [2, 5], 0].tolist() == [255, 100]
    assert square[0, 0, 0] == pytest.approx((200 * 128 + 255 * 127) / 255, abs=1)


@pytest.mark.parametrize(
    ("values", "name", "said"),
    [
        (np.linspace(0, 1, 64, dtype=np.float32), "x.tif", "floats from 0 to 1"),
        (np.linspace(0, 255, 64, dtype=np.int32), "x.tif", "integers of more than 16 bits from 0 to 255"),
        (np.linspace(0, 4095, 64).astype(np.uint16), "x.png", "no value above 4,095, as with 12 bits"),
        (np.linspace(0, 4095, 64).astype(np.uint16), "x.tif", "no value above 4,095, as with 12 bits"),
        (np.linspace(0, 16383, 64).astype(np.uint16), "x.png", "no value above 16,383, which look like 14 bits"),
        (np.linspace(0, 255, 64).astype(np.uint16), "x.png", "no value above 255, as with 8 bits"),
    ],
)
def test_other_depths_need_a_range(folder: Path, values: np.ndarray, name: str, said: str) -> None:
    path = save(folder / name, values.reshape(8, 8))
    message = refused(folder)
    assert said in message
    assert "range = [lowest, highest]" in message
    top = int(np.ceil(values.max()))
    assert pixels(path, range=[0, top])[0].ravel() == pytest.approx(values / top * 255, abs=0.51)
    assert len(load(folder, range=[0, top]).train) == 28
    assert "outside the range" in refused(folder, range=[0, top / 2])


def test_16_bits_are_divided_by_257(tmp_path: Path) -> None:
    values = np.linspace(0, 65535, 64).reshape(8, 8).astype(np.uint16)
    for name in ("x.png", "x.tif"):
        assert np.array_equal(pixels(save(tmp_path / name, values))[0], (values / 257).round())
    dark = values // 16
    (tmp_path / "x.pgm").write_bytes(b"P5 8 8 4095\n" + dark.astype(">u2").tobytes())  # it states its range
    assert pixels(tmp_path / "x.pgm")[0] == pytest.approx(dark / 4095 * 255, abs=0.51)


def test_16_bits_of_either_byte_order(tmp_path: Path) -> None:
    values = np.linspace(0, 65535, 64).reshape(8, 8)
    for order, code in (("<", b"II*\0"), (">", b"MM\0*")):
        tags = [(256, 8), (257, 8), (258, 16), (259, 1), (262, 1), (273, 200), (277, 1), (278, 8), (279, 128)]
        entries = b"".join(
            struct.pack(f"{order}HHI", tag, 4, 1) + struct.pack(f"{order}I", value) for tag, value in tags
        )
        header = code + struct.pack(f"{order}IH", 8, len(tags)) + entries + bytes(4)
        path = tmp_path / "x.tif"
        path.write_bytes(header.ljust(200, b"\0") + values.astype(f"{order}u2").tobytes())
        assert np.array_equal(pixels(path)[0], (values.astype(np.uint16) / 257).round())


def test_one_dark_image_among_full_ones_is_not_silent(folder: Path) -> None:
    save(folder / "full.png", np.full((8, 8), 65535, np.uint16))
    save(folder / "black.png", np.zeros((8, 8), np.uint16))  # black in every depth
    assert len(load(folder).train) == 29
    save(folder / "dim.png", np.full((8, 8), 4000, np.uint16))
    assert "dim.png (16 bits, but no value above 4,000, as with 12 bits; [0, 65535] if" in refused(folder)
    assert len(load(folder, range=[0, 65535]).train) == 30


def test_12_bits_in_16_bit_colours_are_refused(folder: Path) -> None:
    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    rows = np.linspace(0, 4095, 192).reshape(8, 24).astype(">u2")
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 8, 8, 16, 2, 0, 0, 0))
    content = chunk(b"IDAT", zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows)))
    (folder / "rgb12.png").write_bytes(b"\x89PNG\r\n\x1a\n" + header + content + chunk(b"IEND", b""))
    assert "rgb12.png (16 bits, but no value above 4,095" in refused(folder)
    assert "only 8 of the 16 bits per colour are read" in refused(folder, range=[0, 4095])
    assert len(load(folder, range=[0, 65535]).train) == 28


def test_masks_of_0_and_1_are_not_silently_black(tmp_path: Path) -> None:
    for index in range(20):
        (tmp_path / "masks").mkdir(exist_ok=True)
        save(tmp_path / "masks" / f"{index}.png", np.eye(8, dtype=np.uint8))
    assert "no value above 1 of 255 in any image" in refused(tmp_path / "masks")


def test_a_large_folder_is_refused_before_all_of_it_was_decoded(tmp_path: Path) -> None:
    for index in range(120):
        (tmp_path / "clear").mkdir(exist_ok=True)
        save(tmp_path / "clear" / f"{index}.png", disc())
    message = refused(tmp_path / "clear")
    assert "and 90 more: set background" in message
    assert "only the first 100 of 120 images were looked at" in message


def test_files_that_are_programs_are_not_run(folder: Path) -> None:
    Image.new("RGB", (8, 8)).save(folder / "program.png", "EPS")
    assert "program.png (no image that can be decoded)" in refused(folder)


def test_values_that_are_not_finite_are_broken(folder: Path) -> None:
    save(folder / "nan.tif", np.full((8, 8), np.nan, np.float32))
    assert "nan.tif (it has values that are not finite)" in refused(folder, range=[0, 1])


def test_cmyk_one_bit_palettes_and_orientation(tmp_path: Path) -> None:
    left_red = np.zeros((8, 8, 3), np.uint8)
    left_red[:, :4, 0] = 255
    cmyk = pixels(save(tmp_path / "cmyk.tif", left_red, "CMYK"))
    assert cmyk[:, 0, 0].tolist() == [255, 0, 0]
    bits = pixels(save(tmp_path / "bits.png", left_red[..., 0] > 0))
    assert bits[:, 0, 0].tolist() == [255] * 3
    assert bits[:, 0, 7].tolist() == [0] * 3
    assert pixels(save(tmp_path / "p.png", left_red, "P"))[0, 0, 0] > 200
    exif = Image.Exif()
    exif[274] = 6  # stored on its side: the left of the file is the top of the picture
    turned = pixels(save(tmp_path / "turned.png", left_red, exif=exif))
    assert turned[0, 0].tolist() == [255] * 8
    assert turned[0, 7].tolist() == [0] * 8


@pytest.mark.parametrize("suffix", [".gif", ".tif", ".png", ".webp"])
def test_the_first_frame_stands_for_several(folder: Path, suffix: str) -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    path = folder / f"frames{suffix}"
    frames[0].save(path, save_all=True, append_images=frames[1:], **({"lossless": True} if suffix == ".webp" else {}))
    assert pixels(path)[:, 4, 4] == pytest.approx([255, 0, 0], abs=2)
    assert str(load(folder).files) == "31 images, 1 with several frames, of which the first is used"


def test_enlarged_images_are_counted(folder: Path) -> None:
    save(folder / "small.png", np.zeros((4, 30, 3), np.uint8))
    assert str(load(folder).files) == "31 images, 1 enlarged to the chosen size"
    assert "31 enlarged" in str(load(folder, size=16).files)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("background", "pink"),
        ("background", [1, 2]),
        ("background", [0, 0, 256]),
        ("background", [True, 0, 0]),
        ("range", [1, 0]),
        ("range", [0]),
        ("range", [0, float("nan")]),
        ("range", [0, 10**400]),
        ("range", "16 bit"),
        ("size", 0),
        ("size", 10**9),
        ("channels", 4),
        ("skip_broken", "yes"),
    ],
)
def test_an_option_with_another_value_is_refused(option: str, value: object) -> None:
    with pytest.raises(SuiteError, match=f"dataset 'image-folder': {option}"):
        load("anywhere", **{option: value})


# Which files.


def test_hidden_files_and_folders_are_no_data(folder: Path) -> None:
    expected = load(folder).fingerprint
    (folder / "._000.png").write_bytes(b"\0\5\x16\7" + bytes(60))
    for name in ("__MACOSX", ".ipynb_checkpoints", "@eaDir", ".thumbnails"):
        write_images(folder / name, 2)
    data = load(folder)
    assert data.fingerprint == expected
    assert str(data.files) == "30 images"


def test_results_of_ganbench_are_no_data(folder: Path) -> None:
    expected = load(folder).fingerprint
    write_images(folder / "results" / "own" / "figures", 3)
    (folder / "results" / "own" / "records").mkdir()
    (folder / "results" / "own" / "table.md").touch()
    assert load(folder).fingerprint == expected


def test_linked_files_and_folders_are_followed_once(tmp_path: Path) -> None:
    images = write_images(tmp_path / "elsewhere" / "a")
    folder = tmp_path / "linked"
    folder.mkdir()
    (folder / "a").symlink_to(images)
    assert str(load(folder).files) == "30 images"
    (folder / "again").symlink_to(images)
    (folder / "loop").symlink_to(folder)
    (folder / "itself").symlink_to(folder / "itself")
    message = refused(folder)
    assert "itself (a link that leads nowhere)" in message
    (folder / "itself").unlink()
    assert str(load(folder).files) == "30 images, 2 not followed, linked to folders already read"
    files = tmp_path / "linked files"
    files.mkdir()
    for path in images.iterdir():
        (files / path.name).symlink_to(path)
    assert load(files).files is not None
    images.joinpath("000.png").unlink()
    assert "000.png (a link that leads nowhere)" in refused(files)
    assert str(load(files, skip_broken=True).files) == "29 images, 1 broken and left out"


def test_links_that_multiply_do_not_hang(tmp_path: Path) -> None:
    levels = [tmp_path / f"level{depth}" for depth in range(40)]
    for level, following in zip(levels, [*levels[1:], write_images(tmp_path / "end")], strict=True):
        level.mkdir()
        for name in ("a", "b"):
            (level / name).symlink_to(following)
    assert load(levels[0]).files.samples == 30  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("suffix", "form"),
    [(".jfif", "JPEG"), (".JPEG", "JPEG"), (".tif", "TIFF"), (".gif", "GIF"), ("", "PNG"), (".dat", "BMP")],
)
def test_images_are_known_by_their_content(tmp_path: Path, suffix: str, form: str) -> None:
    folder = write_images(tmp_path / "pictures", 20)
    write_images(folder / "more", 25, suffix, form)
    (folder / "notes.txt").write_text("BMW and GIF are no images\n")
    (folder / "labels.csv").write_text("II,MM\n")
    (folder / "more.TXT").write_text("")
    (folder / "LICENSE").write_text("free")
    assert str(load(folder).files) == "45 images, 4 ignored (.txt, .csv, no suffix)"


def test_only_three_ignored_suffixes_are_named(folder: Path) -> None:
    for suffix in "abcdef":
        (folder / f"x.{suffix}").touch()
    assert str(load(folder).files) == "30 images, 6 ignored (.a, .b, .c and 3 more suffixes)"


def test_pipes_are_not_read(folder: Path) -> None:
    os.mkfifo(folder / "pipe.png")
    os.mkfifo(folder / "pipe")
    assert str(load(folder).files) == "30 images, 2 ignored (.png, no suffix)"


@pytest.mark.parametrize(("train", "test"), [("train", "test"), ("Training", "VAL"), ("train", "validation")])
def test_folders_named_train_and_test_are_the_splits(tmp_path: Path, train: str, test: str) -> None:
    folder = tmp_path / "pictures"
    write_images(folder / train, 12)
    write_images(folder / test, 7)
    data = load(folder)
    assert (len(data.train), len(data.test)) == (12, 7)
    wanted = {np.asarray(Image.open(path)).transpose(2, 0, 1).tobytes() for path in (folder / test).iterdir()}
    assert {image.tobytes() for image in data.test} == wanted


def test_a_folder_of_its_own_for_the_test_split(tmp_path: Path) -> None:
    train, test = write_images(tmp_path / "ours", 12), write_images(tmp_path / "theirs", 7)
    (test / "broken.png").touch()
    (train / "a.txt").touch()
    (test / "b.txt").touch()
    assert "cannot read 1 image: broken.png" in refused(train, test=str(test))
    data = load(train, test=str(test), skip_broken=True)
    assert (len(data.train), len(data.test)) == (12, 7)
    wanted = {np.asarray(Image.open(path)).transpose(2, 0, 1).tobytes() for path in train.glob("*.png")}
    assert {image.tobytes() for image in data.train} == wanted
    assert str(data.files) == "19 images, 2 ignored (.txt), 1 broken and left out"
    assert "must be a folder beside it" in refused(train, test=str(write_images(train / "inner", 5)))
    assert "must be a folder beside it" in refused(train, test=str(train))
    assert "nowhere does not exist" in refused(train, test=str(tmp_path / "nowhere"))
    write_images(tmp_path / "split" / "train", 5)
    write_images(tmp_path / "split" / "test", 5)
    assert "has folders train and test of its own" in refused(tmp_path / "split", test=str(test), skip_broken=True)


def test_images_outside_the_splits_are_counted(tmp_path: Path) -> None:
    for name, count in (("train", 12), ("test", 7), ("val", 5)):
        write_images(tmp_path / "pictures" / name, count)
    data = load(tmp_path / "pictures")
    assert (len(data.train), len(data.test)) == (12, 7)
    assert str(data.files) == "19 images, 5 not used, outside train/ and test/"


def test_a_training_folder_alone_is_divided(tmp_path: Path) -> None:
    write_images(tmp_path / "pictures" / "train", 30)
    assert len(load(tmp_path / "pictures").test) == 3


def test_splits_need_two_images_each(tmp_path: Path) -> None:
    write_images(tmp_path / "pictures" / "train", 30)
    write_images(tmp_path / "pictures" / "test", 1)
    assert "has 30 training and 1 test images; at least 2 of each are needed" in refused(tmp_path / "pictures")


def test_classes_are_the_folders(tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    for split, count in (("train", 6), ("test", 3)):
        for name in ("dog", "cat"):
            write_images(folder / "unpacked" / split / name / "deeper", count)
    data = load(folder)
    assert data.labels is not None
    assert data.labels.names == ("cat", "dog")
    assert np.bincount(data.labels.train).tolist() == [6, 6]
    cats = {
        np.asarray(Image.open(path)).transpose(2, 0, 1).tobytes()
        for path in (folder / "unpacked" / "test" / "cat" / "deeper").iterdir()
    }
    assert {image.tobytes() for image in data.test[data.labels.test == 0]} == cats
    write_images(folder / "unpacked" / "train", 1)  # an image in no class
    assert load(folder).labels is None


def test_classes_without_splits_and_with_broken_images(tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    write_images(folder / "bright", 15)
    for index in range(15):
        (folder / "dark").mkdir(exist_ok=True)
        save(folder / "dark" / f"{index}.png", np.full((8, 8, 3), index, np.uint8))
    (folder / "bright" / "broken.png").write_bytes(b"")
    data = load(folder, skip_broken=True)
    assert data.labels is not None
    for images, labels in ((data.train, data.labels.train), (data.test, data.labels.test)):
        assert ((images.max(axis=(1, 2, 3)) < 20) == (labels == 1)).all()


# Broken files.


def break_three(folder: Path) -> None:
    save(folder / "half.jpg", np.random.default_rng(0).integers(0, 255, (64, 64, 3)).astype(np.uint8))
    content = (folder / "half.jpg").read_bytes()
    (folder / "half.jpg").write_bytes(content[: len(content) // 2])
    (folder / "empty.jpg").write_bytes(b"")
    (folder / "page.jpg").write_bytes(b"<html>404</html>")


def test_all_broken_files_are_listed_and_can_be_skipped(folder: Path) -> None:
    intact = load(folder).fingerprint
    break_three(folder)
    message = refused(folder)
    assert "cannot read 3 images: empty.jpg (empty file), half.jpg (" in message
    assert "page.jpg (no image that can be decoded)" in message
    assert "--skip-broken" in message
    data = load(folder, skip_broken=True)
    assert str(data.files) == "30 images, 3 broken and left out"
    assert data.fingerprint == intact


def test_nothing_is_decoded_twice(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    break_three(folder)
    message = refused(folder)
    monkeypatch.setattr(Image, "open", lambda *_, **__: pytest.fail("decoded again"))
    assert refused(folder) == message
    assert len(load(folder, skip_broken=True).train) == 27


def test_the_list_of_broken_files_has_a_bound(folder: Path) -> None:
    for index in range(25):
        (folder / f"broken{index:02}.png").touch()
    message = refused(folder)
    assert "cannot read 25 images: broken00.png (empty file)" in message
    assert message.count("(empty file)") == 10
    assert "and 15 more" in message


def test_a_folder_with_nothing_but_broken_images(tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "x.png").touch()
    assert "no image is left" in refused(tmp_path / "pictures", skip_broken=True)


@pytest.mark.parametrize("damage", range(6))
def test_random_damage_is_one_line_or_an_image(folder: Path, damage: int) -> None:
    random = np.random.default_rng(damage)
    for suffix in (".png", ".jpg", ".gif", ".tif", ".bmp", ".webp", ".pgm", ".jp2"):
        path = save(folder / f"x{suffix}", random.integers(0, 255, (8, 8)).astype(np.uint8))
        content = bytearray(path.read_bytes())
        for place in random.integers(4, len(content), 8):
            content[place] = random.integers(256)
        path.write_bytes(content)
    with suppress(DataError):
        assert load(folder, skip_broken=True, background="black", range=[0, 65535]).files.samples >= 30


def test_an_error_of_the_system_is_no_broken_image(folder: Path, monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(Image, "open", fail)
        message = refused(folder, skip_broken=True)
    assert "30 images cannot be read: " in message
    assert "(Input/output error)" in message
    assert not list(cache.iterdir())
    assert load(folder).files is not None


@pytest.mark.parametrize("suffix", [".images", ".json"])
def test_a_damaged_cache_is_made_again(folder: Path, cache: Path, suffix: str) -> None:
    expected = load(folder).fingerprint
    (path,) = cache.glob(f"*{suffix}")
    path.write_bytes(path.read_bytes()[:-10])
    assert load(folder).fingerprint == expected


def test_images_that_do_not_fit_on_the_disk(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: os.terminal_size((0, 0)) and type("Usage", (), {"free": 100}))
    assert "set GANBENCH_DATA to a folder with more space" in refused(folder)


# Paths.


@pytest.mark.parametrize("name", ["ünï cödé/a b", "日本", "line\nbreak", "100%", "[red]", "~tilde"])
def test_paths_of_every_kind(tmp_path: Path, name: str) -> None:
    assert load(write_images(tmp_path / name)).files is not None
    (tmp_path / name / "x.png").touch()
    refused(tmp_path / name)


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    folder = write_images(tmp_path / os.fsdecode(b"caf\xe9") / "a")
    (folder / os.fsdecode(b"\xff.png")).write_bytes(b"")
    with pytest.raises(DataError, match=r"caf\\xe9: cannot read 1 image: a/\\xff.png \(empty file\)"):
        read_folder(folder.parent, PixelOptions(size=SIZE))
    found = read_folder(folder.parent, PixelOptions(size=SIZE, skip_broken=True))
    assert str(found.files) == "30 images, 1 broken and left out"
    with pytest.raises(SuiteError, match="path: expected a path in UTF-8"):  # the record would keep it
        load(folder.parent)
    (tmp_path / "link").symlink_to(folder)
    assert r"\xff.png (empty file)" in refused(tmp_path / "link")


@pytest.mark.parametrize("path", ["", "a\0b", "x" * 5000, "~nobody-of-this-name/x"])
def test_paths_that_cannot_exist(path: str) -> None:
    assert refused(path).startswith("image-folder: ")


def test_a_file_in_place_of_a_folder(folder: Path) -> None:
    assert "is a file, not a folder" in refused(folder / "000.png")
    (folder / "x.npz").touch()
    assert "use dataset 'image-arrays'" in refused(folder / "x.npz")


def test_a_folder_without_images_says_what_it_has(tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    for name, said in (("a.txt", "1 ignored (.txt)"), ("a.npy", "'image-arrays'"), ("state.json", "'huggingface'")):
        (tmp_path / "pictures" / name).touch()
        message = refused(tmp_path / "pictures")
        assert "no images in" in message
        assert said in message


def test_a_folder_as_samples(folder: Path) -> None:
    found = read_folder(folder, PixelOptions(size=4, channels=1))
    assert found.images.shape == (30, 1, 4, 4)
    assert isinstance(found.images, np.memmap)
    assert (found.train, found.classes, found.files.samples) == (None, None, 30)


def test_what_a_killed_process_left_is_swept(folder: Path, cache: Path) -> None:
    from bench.files import HOSTNAME

    cache.mkdir(parents=True)
    left = cache / f".x.images.{HOSTNAME}.999999999.partial"
    left.touch()
    load(folder)
    assert not left.exists()


def test_folders_that_may_not_be_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "deeper").mkdir()
    listdir = os.listdir

    def refuse(place: str) -> list[str]:
        if "deeper" in place:
            raise PermissionError(13, "Permission denied")
        return listdir(place)

    monkeypatch.setattr(os, "listdir", refuse)
    assert f"cannot read folder {folder}/deeper/: Permission denied" in refused(folder)
