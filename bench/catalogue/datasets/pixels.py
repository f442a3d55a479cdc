"""The pixels of one image file as 8-bit values: colours, transparency, depth, orientation and size."""

from __future__ import annotations

import warnings
from contextlib import suppress
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import BeforeValidator, Field

from bench.catalogue.datasets.flips import ImageOptions

if TYPE_CHECKING:
    from PIL import Image

LARGEST = 65535  # value of 16 bits
LARGEST_FLOAT = 1e30  # far above any pixel, and far below what float32 holds
FORMATS = (  # without EPS, whose files are programs that Pillow has another program run
    *("PNG", "JPEG", "MPO", "GIF", "BMP", "DIB", "TIFF", "WEBP", "PPM", "JPEG2000", "AVIF"),
    *("ICO", "TGA", "PCX", "SGI", "DDS", "QOI"),
)
ORIENTATION, QUARTER_TURNS = 0x0112, (5, 6, 7, 8)  # of EXIF
COLOURS = {"white": (255, 255, 255), "black": (0, 0, 0)}
Colour = tuple[int, int, int]
Range = tuple[float, float]


def _colour(given: object) -> object:
    if given is None:
        return None
    if isinstance(given, str) and given in COLOURS:
        return COLOURS[given]
    values = given if isinstance(given, list | tuple) else ()
    if len(values) == 3 and all(type(value) is int and 0 <= value <= 255 for value in values):
        return tuple(values)
    raise ValueError('expected "white", "black" or [red, green, blue] with values from 0 to 255')


def _value_range(given: object) -> object:
    if given is None:
        return None
    values = given if isinstance(given, list | tuple) else ()
    if len(values) == 2 and all(type(value) in (int, float) and abs(value) < LARGEST_FLOAT for value in values):
        low, high = map(float, values)
        if low < high:
            return low, high
    raise ValueError("expected [lowest, highest], two different numbers in this order")


ValueRange = Annotated[Range | None, BeforeValidator(_value_range)]


class PixelOptions(ImageOptions):
    """Options of datasets that decode images.

    ``size``: the largest centred square of each image is resized to this many pixels, 1 to 4,096; by default 64.
    ``channels``: 3 for colour (the default), 1 for grey.
    ``background``: the colour behind transparent pixels: "white", "black" or [red, green, blue], 0 to 255. Without
    it, images with transparent pixels are an error.
    ``range``: [lowest, highest], the values of black and white in images with more than 8 bits per channel. By
    default [0, 65535] for 16 bits; without it, other depths are an error.
    ``skip_broken``: whether images that cannot be decoded are left out; by default false, so that they are an error.
    ``flips``: as in ``ImageOptions``.
    """

    size: int = Field(default=64, ge=1, le=4096)
    channels: Literal[1, 3] = 3
    background: Annotated[Colour | None, BeforeValidator(_colour)] = None
    range: ValueRange = None
    skip_broken: bool = False


class Pixels(NamedTuple):
    """A decoded image.

    Attributes:
        square: uint8 [channels, size, size].
        enlarged: Whether the image was smaller than ``size``.
        several_frames: Whether the file has further frames.
        peak: The largest value if it had 16 bits per channel and no range was given, else None.
    """

    square: NDArray[np.uint8]
    enlarged: bool
    several_frames: bool
    peak: int | None


class OptionNeeded(Exception):  # noqa: N818, it is an answer rather than an error
    """An image can only be decoded with an option that was not given.

    Attributes:
        option: Name of the option.
        reason: What about the image needs it.
    """

    def __init__(self, option: str, reason: str):
        super().__init__(option, reason)
        self.option, self.reason = option, reason


class Header(NamedTuple):
    """What the header of an image file says: its size after the EXIF orientation, and its format, such as "PNG"."""

    width: int
    height: int
    format: str


def read_header(path: Path) -> Header | None:
    """Return the header of an image file; None if it cannot be read, so that ``read_pixels`` says why."""
    from PIL import Image

    with suppress(Exception), warnings.catch_warnings():  # Pillow raises many types on damaged files
        warnings.simplefilter("ignore")
        with Image.open(path, formats=_formats()) as image:
            width, height = image.size
            turned = width != height and image.getexif().get(ORIENTATION) in QUARTER_TURNS
            return Header(*((height, width) if turned else (width, height)), image.format or "")
    return None


def read_pixels(source: Path | bytes, options: PixelOptions) -> Pixels:
    """Decode an image file, given by its path or its content.

    The EXIF orientation is applied. Palettes, CMYK and 1-bit images become colour or grey, and the first frame stands
    for animations and files with several pages.

    Raises:
        OptionNeeded: The image has transparent pixels, or a depth without a natural range.
        OSError: The system cannot read the file (with ``errno``), or it is damaged.
        Exception: Pillow raises many types on damaged files.
    """
    from PIL import Image, ImageOps

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about oddities of files that are decoded nevertheless
        with Image.open(source if isinstance(source, Path) else BytesIO(source), formats=_formats()) as image:
            depth = _depth(image)
            upright = ImageOps.exif_transpose(image)
            peak = None
            if depth in ("grey16", "scaled16", "wide"):
                upright, peak = _to_8_bits(upright, depth, options.range)
            mode = "L" if options.channels == 1 else "RGB"
            picture = _opaque(upright, mode, options.background)
            if depth == "colour16":
                peak = _peak_of_colours(upright, options.range)
            square = ImageOps.fit(picture, (options.size, options.size), Image.Resampling.BICUBIC)
            several = _has_several_frames(image)
    array = np.asarray(square, dtype=np.uint8)
    array = array[None] if options.channels == 1 else array.transpose(2, 0, 1)
    return Pixels(array, min(picture.size) < options.size, several, peak)


@cache
def _formats() -> tuple[str, ...]:
    from PIL import Image

    Image.init()
    return tuple(name for name in FORMATS if name in Image.OPEN)


def _has_several_frames(image: Image.Image) -> bool:
    with suppress(Exception):  # only the first frame has to be intact
        return image.format != "MPO" and bool(getattr(image, "is_animated", False))  # MPO: a photo with its previews
    return True


def _depth(image: Image.Image) -> Literal["8", "grey16", "scaled16", "colour16", "wide"]:
    """Return how the values of a file are stored: 8 bits, 16 bits, 16 bits that Pillow scaled, or wider."""
    tile = getattr(image, "tile", None)
    arguments = tile[0][3] if tile else None
    raw = arguments[0] if isinstance(arguments, tuple) and arguments else arguments
    raw = raw if isinstance(raw, str) else ""
    if image.mode.startswith("I") and image.format == "PPM":
        return "scaled16"
    if image.mode.startswith("I;16") or (image.mode == "I" and raw.startswith("I;16") and "S" not in raw):
        return "grey16"
    if image.mode in ("I", "F"):
        return "wide"
    return "colour16" if ";16" in raw and not raw.startswith("BGR") else "8"  # BGR;16 has 5 or 6 bits per colour


def _to_8_bits(image: Image.Image, depth: str, given: Range | None) -> tuple[Image.Image, int | None]:
    from PIL import Image

    if "transparency" in image.info:
        raise ValueError("a transparent value in an image of more than 8 bits; save it with 8 bits")
    values = np.asarray(image)
    if not np.isfinite(values).all():
        raise ValueError("it has values that are not finite")
    peak = None
    if depth == "scaled16":
        given = None
    elif given is None and depth == "wide":
        kind = "floats" if values.dtype.kind == "f" else "integers of more than 16 bits"
        raise OptionNeeded("range", f"{kind} from {values.min():.6g} to {values.max():.6g}")
    elif given is None:
        peak = int(values.max())
    low, high = given or (0.0, float(LARGEST))
    try:
        check_range(values, low, high)
    except ValueError as error:
        raise OptionNeeded("range", str(error)) from None
    return Image.fromarray(((values - low) * (255 / (high - low))).clip(0, 255).round().astype(np.uint8)), peak


def check_range(values: NDArray[np.generic], low: float, high: float) -> None:
    """Check that values lie in a stated range, up to a thousandth of its width.

    Raises:
        ValueError: They do not.
    """
    slack = (high - low) / 1000
    least, most = float(values.min()), float(values.max())
    if least < low - slack or most > high + slack:
        raise ValueError(f"values from {least:.6g} to {most:.6g} are outside the range [{low:g}, {high:g}]")


def _peak_of_colours(image: Image.Image, given: Range | None) -> int | None:
    """Return the largest value of an image with 16 bits per colour, of which Pillow reads the upper 8."""
    if given == (0.0, float(LARGEST)):
        return None
    if given is not None:
        raise ValueError("range needs grey images: only 8 of the 16 bits per colour are read; save it with 8 bits")
    most = max(high for _, high in image.convert("RGB").getextrema())  # type: ignore[misc]
    return most * 256 + 255 if most else 0


def _opaque(image: Image.Image, mode: str, background: Colour | None) -> Image.Image:
    from PIL import Image

    if not image.has_transparency_data:
        return image.convert(mode)
    premultiplied = {"La": "LA", "RGBa": "RGBA"}.get(image.mode)
    layer = (image.convert(premultiplied) if premultiplied else image).convert("RGBA")
    if layer.getchannel("A").getextrema() == (255, 255):
        return (layer if premultiplied else image).convert(mode)
    if background is None:
        raise OptionNeeded("background", "transparent pixels")
    base = Image.new("RGBA", layer.size, (*background, 255))
    base.alpha_composite(layer)
    return base.convert(mode)
