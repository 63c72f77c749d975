"""Pictures, in files of any kind or as arrays, which become bytes of one size and colour."""

import struct
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tasks import progress
from tasks.data.examples import AS_IT_IS, Rendering
from tasks.data.files.folders import check_there, files_below, others_below
from tasks.specs import BakeoffError

if TYPE_CHECKING:
    from PIL.Image import Image

Bytes = NDArray[np.uint8]
FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF")  # as Pillow calls them
SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff")
WHITE = 255
PART = 1000  # pictures between two reports of progress
GREY = ("1", "L", "LA", "La", "I", "F")  # Pillow's names for pictures without colour


class Look(NamedTuple):
    """What there is to see of a picture: pixels as it is turned, and whether its mode has colours.

    Of one with more than 8 bits a pixel, `values` are the least and the greatest. `has_more` frames or pages than the
    one that is read.
    """

    height: int
    width: int
    in_colour: bool
    is_transparent: bool = False
    has_more: bool = False
    values: tuple[float, float] | None = None


def look_at(file: Path) -> Look:
    """Look at a picture, whose pixels are decoded where they may be transparent or have more than 8 bits.

    Raises:
        BakeoffError: naming the file, when it cannot be read, or is so large that it may be meant to fill memory.
    """
    from PIL import ExifTags, Image

    with strictly(), opened(file) as image:
        # That of all images: a PNG's own method would decode the pixels, to look for a note behind them.
        orientation = Image.Image.getexif(image).get(ExifTags.Base.Orientation)
        lies = orientation in (5, 6, 7, 8) and image.format != "TIFF"  # whose size Pillow has turned by itself
        return Look(
            height=image.width if lies else image.height,
            width=image.height if lies else image.width,
            in_colour=image.mode.partition(";")[0] not in GREY,
            has_more=getattr(image, "is_animated", False),
            values=_range(np.asarray(image)) if _is_deep(image) else None,
            is_transparent=not _is_deep(image) and _is_transparent(image),
        )


def may_be_pictures(path: Path) -> bool:
    """Whether a path is that of a picture, by its suffix, or of a folder."""
    return path.suffix.lower() in SUFFIXES or path.is_dir()


def find_pictures(source: Path) -> list[Path]:
    """A file alone, or all pictures below a folder, in order of their paths.

    Raises:
        BakeoffError: when there is none, or a folder cannot be read.
    """
    if not source.is_dir():
        return [source]
    found = files_below(source, SUFFIXES)
    if not found:
        raise BakeoffError(f"{source} has no images ({', '.join(SUFFIXES)})")
    others_below(source, found)
    return found


def read_pictures(files: Sequence[Path], shape: tuple[int, ...], rendering: Rendering = AS_IT_IS) -> Bytes:
    """Picture files as an array (files, *shape), where shape is (height, width), grey, or (height, width, 3).

    A picture is turned as its camera noted, put on a background where it is transparent, and resized to the whole of
    the shape, whatever its own proportions; each new pixel is a mean over those that it covers. Of several frames or
    pages, the first is read.

    Raises:
        BakeoffError: naming the first file that cannot be read, or is so large that it may be meant to fill memory.
    """

    def picture(row: int) -> Bytes:
        with opened(files[row]) as image:
            # A large JPEG is decoded at the smallest of its scales with twice the pixels that are needed on a side:
            # 12 megapixels to 64 x 64 in 0.03 s instead of 0.16 s, and no pixel differs by more than 2 of 255.
            image.draft(image.mode, (2 * max(shape[:2]),) * 2)
            return _unified(image, shape, rendering)

    return _filled(len(files), shape, picture)


def convert_pictures(pictures: NDArray[np.generic], shape: tuple[int, ...]) -> Bytes:
    """Pictures (rows, height, width[, 3]), bytes or fractions of white, as an array (rows, *shape), as files become.

    Raises:
        BakeoffError: when they have another shape, or other values.
    """
    from PIL import Image

    if pictures.ndim not in (3, 4) or pictures.shape[3:] not in ((), (3,)) or 0 in pictures.shape:
        raise BakeoffError(
            f"X has shape {pictures.shape}; pictures are (rows, height, width), or (rows, height, width, 3) in colour"
        )
    white = WHITE if pictures.dtype.kind in "ui" else 1  # the number that stands for it
    if pictures.dtype.kind not in "uifb":
        raise BakeoffError(f"X holds {pictures.dtype}; bytes are needed, or numbers from 0 (black) to 1 (white)")
    low, high = float(pictures.min()), float(pictures.max())
    if not (low >= 0 and high <= white):
        mend = "from 0" if low < 0 else "as numpy.uint8, from 0 to 255,"
        raise BakeoffError(f"X has values from {low:g} to {high:g}, expected 0 to {white}; save pixels {mend}")

    def convert(row: int) -> Bytes:
        own = pictures[row] if white == WHITE else np.rint(pictures[row].astype(np.float64) * WHITE)
        return _unified(Image.fromarray(own.astype(np.uint8)), shape, AS_IT_IS)

    return _filled(len(pictures), shape, convert)


def _filled(rows: int, shape: tuple[int, ...], picture: Callable[[int], Bytes]) -> Bytes:
    """All pictures (rows, *shape), each put in its place as soon as it is there; Pillow works without Python's lock.

    So no more is in memory than the result and a picture for each thread.
    """
    import joblib

    filled = np.empty((rows, *shape), np.uint8)

    def put(row: int) -> None:
        filled[row] = picture(row)

    with strictly(), ThreadPoolExecutor(int(joblib.cpu_count())) as pool:
        for start in range(0, rows, PART):
            end = min(start + PART, rows)
            list(pool.map(put, range(start, end)))
            progress.report("reading pictures", end, rows)
    return filled


@contextmanager
def strictly() -> Iterator[None]:
    """Within it, a very large picture is no warning but an error. Filters hold for all threads."""
    from PIL import Image

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="PIL")  # of notes by cameras that are cut off
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        yield


@contextmanager
def opened(file: Path) -> "Iterator[Image]":
    """A picture file, of which no pixel has been decoded yet.

    Raises:
        BakeoffError: naming the file, when it cannot be read, or is so large that it may be meant to fill memory.
    """
    from PIL import Image, UnidentifiedImageError

    check_there(file)
    try:
        # Not by its name: Pillow would map an uncompressed TIFF into memory, and mistake its sides where it is turned.
        with file.open("rb") as stream, Image.open(stream, formats=FORMATS) as image:
            yield image
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise BakeoffError(
            f"{file} is not read: it has more than {Image.MAX_IMAGE_PIXELS} pixels; shrink it"
        ) from error
    except UnidentifiedImageError as error:
        raise BakeoffError(f"{file} is none of {', '.join(FORMATS)} inside; mend it or take it away") from error
    except (OSError, SyntaxError, ValueError, EOFError, IndexError, struct.error) as error:  # as Pillow finds it broken
        reason = getattr(error, "strerror", None) or error
        raise BakeoffError(f"{file} cannot be read as a picture: {reason}; mend it or take it away") from error


def _unified(image: "Image", shape: tuple[int, ...], rendering: Rendering) -> Bytes:
    from PIL import Image, ImageOps

    image = ImageOps.exif_transpose(image)
    if _is_deep(image):
        image = Image.fromarray(_as_bytes(np.asarray(image), rendering))
    if image.has_transparency_data:
        page = Image.new("RGBA", image.size, rendering.background)
        image = Image.alpha_composite(page, image.convert("RGBA"))
    height, width = shape[:2]
    image = image.convert("RGB" if len(shape) == 3 else "L")
    if image.size != (width, height):
        image = image.resize((width, height), Image.Resampling.BILINEAR)  # whose window grows with what it shrinks by
    return np.asarray(image)


def _is_deep(image: "Image") -> bool:
    """Whether a pixel is a number of more than 8 bits, which Pillow would cut off at 255 instead of scaling it."""
    return image.mode.startswith(("I", "F"))


def _is_transparent(image: "Image") -> bool:
    """Whether something can be seen through a pixel; many pictures could be transparent and are not."""
    return image.has_transparency_data and image.convert("RGBA").getchannel("A").getextrema() != (WHITE, WHITE)


def _range(values: NDArray[Any]) -> tuple[float, float] | None:
    known = values[np.isfinite(values)]
    return (known.min().item(), known.max().item()) if known.size else None


def _as_bytes(values: NDArray[Any], rendering: Rendering) -> Bytes:
    """Pixels of any range as bytes; what is no number is black."""
    shares = (values.astype(np.float64) - rendering.darkest) / (rendering.brightest - rendering.darkest)
    return np.asarray(np.rint(np.nan_to_num(shares, nan=0.0).clip(0, 1) * WHITE), np.uint8)
