"""Pictures as people have them, of any size and colour, as bytes of one size and colour."""

import struct
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tasks import progress
from tasks.data.own.folders import check_there, files_below
from tasks.specs import BakeoffError

if TYPE_CHECKING:
    from PIL.Image import Image

Bytes = NDArray[np.uint8]
SUFFIXES = (".png", ".jpg", ".jpeg")
WHITE = 255
PART = 1000  # pictures between two reports of progress


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
    return found


def read_pictures(files: Sequence[Path], shape: tuple[int, ...]) -> Bytes:
    """PNG and JPEG files as an array (files, *shape), where shape is (height, width), grey, or (height, width, 3).

    A picture is turned as its camera noted, put on white where it is transparent, and resized to the whole of the
    shape, whatever its own proportions; each new pixel is a mean over those that it covers.

    Raises:
        BakeoffError: naming the first file that cannot be read, or is so large that it may be meant to fill memory.
    """
    return _filled(len(files), shape, lambda row: _read(files[row], shape))


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
    white = _white(pictures)

    def convert(row: int) -> Bytes:
        own = pictures[row] if white == WHITE else np.rint(pictures[row].astype(np.float64) * WHITE)
        return _unified(Image.fromarray(own.astype(np.uint8)), shape)

    return _filled(len(pictures), shape, convert)


def _white(pictures: NDArray[np.generic]) -> int:
    """Which number stands for white: 255 of whole numbers, and 1 of others."""
    white = WHITE if pictures.dtype.kind in "ui" else 1
    if pictures.dtype.kind not in "uifb":
        raise BakeoffError(f"X holds {pictures.dtype}; bytes are needed, or numbers from 0 (black) to 1 (white)")
    low, high = float(pictures.min()), float(pictures.max())
    if not (low >= 0 and high <= white):
        mend = "from 0" if low < 0 else "as numpy.uint8, from 0 to 255,"
        raise BakeoffError(f"X has values from {low:g} to {high:g}, expected 0 to {white}; save pixels {mend}")
    return white


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


def _read(file: Path, shape: tuple[int, ...]) -> Bytes:
    with opened(file) as image:
        # A large JPEG is decoded at the smallest of its scales with twice the pixels that are needed on a side:
        # 12 megapixels to 64 x 64 in 0.03 s instead of 0.16 s, and no pixel differs by more than 2 of 255.
        image.draft(image.mode, (2 * max(shape[:2]),) * 2)
        return _unified(image, shape)


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
    """A PNG or JPEG file, of which no pixel has been decoded yet.

    Raises:
        BakeoffError: naming the file, when it cannot be read, or is so large that it may be meant to fill memory.
    """
    from PIL import Image, UnidentifiedImageError

    check_there(file)
    try:
        with Image.open(file, formats=("PNG", "JPEG")) as image:
            yield image
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise BakeoffError(
            f"{file} is not read: it has more than {Image.MAX_IMAGE_PIXELS} pixels; shrink it"
        ) from error
    except UnidentifiedImageError as error:
        raise BakeoffError(f"{file} is neither PNG nor JPEG inside; mend it or take it away") from error
    except (OSError, SyntaxError, ValueError, EOFError, struct.error) as error:  # what Pillow raises of broken files
        reason = getattr(error, "strerror", None) or error
        raise BakeoffError(f"{file} cannot be read as a picture: {reason}; mend it or take it away") from error


def _unified(image: "Image", shape: tuple[int, ...]) -> Bytes:
    from PIL import Image, ImageOps

    image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I"):  # 16 bits a pixel, which Pillow would cut off at 255 instead of scaling them
        image = Image.fromarray((np.asarray(image) // 257).astype(np.uint8))
    if image.has_transparency_data:
        page = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(page, image.convert("RGBA"))
    height, width = shape[:2]
    image = image.convert("RGB" if len(shape) == 3 else "L")
    if image.size != (width, height):
        image = image.resize((width, height), Image.Resampling.BILINEAR)  # whose window grows with what it shrinks by
    return np.asarray(image)
