"""The user's own images: a folder with one sub-folder a class, or arrays in a .npz file."""

import struct
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from tasks import progress
from tasks.data.examples import Problem, RawData
from tasks.data.files import presets
from tasks.data.files.data_file import DataFile
from tasks.data.files.folders import check_there, class_files, files_below
from tasks.data.files.own_spec import A_FIFTH, Inspection, OwnSpec, about_test, hold_out
from tasks.data.files.presets import Entries, Size
from tasks.data.files.profile import DataProfile, InitOptions
from tasks.data.files.target_column import Target, read_target, target_of
from tasks.metrics import classification
from tasks.specs import BakeoffError

if TYPE_CHECKING:
    from PIL.Image import Image

Bytes = NDArray[np.uint8]
SUFFIXES = (".png", ".jpg", ".jpeg")
WHITE = 255
PART = 1000  # pictures between two reports of progress
LARGEST = 4096  # pixels of a side
SAMPLE = 200  # files whose size and colour are looked at
SIDE = 64  # pixels of the longer side, at most: four times as many would take four times as long
GREY = {"1", "L", "LA", "I", "I;16", "F"}  # Pillow's names for pictures without colour


class ImagesSpec(OwnSpec):
    """Images of any size and colour, which become bytes of one size and colour.

    In a folder, each sub-folder is a class; or it has two, `train` and `test`, with the classes below, and the images
    of `test` are kept for the test. A .npz file has `X`, bytes or numbers from 0 to 1 of shape (rows, height, width) or
    (rows, height, width, 3), and `y` (rows,).
    """

    kind: Literal["images"] = "images"
    height: int = Field(ge=1, le=LARGEST, description="pixels that every image gets from top to bottom")
    width: int = Field(ge=1, le=LARGEST, description="pixels that every image gets from left to right")
    color: Literal["grey", "rgb"] = Field("rgb", description="grey: one number a pixel; rgb: three")

    brightest: ClassVar[int] = WHITE
    examples: ClassVar[str] = "images"
    suffixes: ClassVar[tuple[str, ...]] = SUFFIXES

    @model_validator(mode="after")
    def _images_have_no_columns(self) -> "ImagesSpec":
        if self.test.column is not None:
            raise ValueError("images have no columns; leave test.column out, or make two folders, train and test")
        return self

    @property
    def problem(self) -> Problem:
        """What is known before the classes are."""
        colours = (3,) if self.color == "rgb" else ()
        return Problem(task=self.task, form="pixels", shape=(self.height, self.width, *colours))

    @classmethod
    def suits(cls, options: InitOptions) -> bool:
        """Return whether an archive has bytes, or numbers with more axes than time and values."""
        X = options.file.arrays[0] if options.file.is_archive else np.empty(0)
        return X.ndim == 4 or (X.ndim == 3 and X.dtype.kind == "u")

    @classmethod
    def inspect(cls, options: InitOptions) -> Inspection:
        """Look at how large and how colourful they are, and choose as what they had better be taken."""
        file = options.file
        heights, widths, in_colour, settings = _of_archive(file) if file.is_archive else _of_folder(options.path)
        height, width = np.median(heights), np.median(widths)
        scale = min(1.0, SIDE / max(height, width))  # smaller where there are very many pixels
        dataset = cls(
            kind="images",
            path=options.path,
            height=max(1, round(height * scale)),
            width=max(1, round(width * scale)),
            color="rgb" if in_colour else "grey",
            **settings,
        )
        seen = f"{_span(heights)} pixels high and {_span(widths)} wide, {'in colour' if in_colour else 'grey'}"
        facts = (f"{seen}; taken as {dataset.height} x {dataset.width}, {dataset.color}",)
        raw = dataset.read(file)
        comments = {
            "dataset.height": "every image gets this size; more pixels show more, and take longer",
            "dataset.color": "rgb: three numbers a pixel instead of one",
            "dataset.test": about_test("images"),
        }
        return Inspection(dataset.describe(raw, file)._replace(facts=facts), dataset, raw, comments)

    @classmethod
    def contenders(cls, size: Size) -> Entries:
        """Enter a convolutional net, one without convolution, boosting on pixels, a linear model, and the dummy."""
        epochs, batch = (12, 8, 5), (64, 128, 256)
        filters = presets.halvings((16, 32), min(size.shape[:2]))
        last = {"filters": filters, "padding": "same"}
        conv = presets.net(size, "conv", 0.002, epochs, batch, units=[64], dropout=0.2, last=last)
        dense = presets.net(size, "dense", 0.001, epochs, batch, units=[256], dropout=0.2)
        trees = 100 if size.classes <= presets.MANY_CLASSES else 60
        # A shade more or less says little, and so do most pixels by themselves.
        coarse = {"n_estimators": trees, "learning_rate": 0.15, "max_bin": 15, "colsample_bytree": 0.3}
        return {
            **({"conv": (conv, "a convolutional net")} if filters else {}),
            "dense": (dense, "a net that does not know which pixels are neighbours"),
            **(presets.installed("lightgbm", "LightGBM, on pixels in coarse bins", coarse) or presets.boosting(size)),
            **presets.linear(size, C=0.1),
            **presets.DUMMY,
        }

    def read(self, file: DataFile | None = None) -> RawData:
        """Return the images in order of their paths, or as the file has them."""
        file = file or self.opened()
        X, target, held_out = self._archive(file) if file.is_archive else self._folder()
        problem = self.problem.model_copy(update={"classes": target.classes})
        if held_out is None:
            held_out = hold_out(self.test, target.y, problem)
        return RawData(X, target.y, held_out, problem)

    def describe(self, raw: RawData, file: DataFile) -> DataProfile:
        """Return how many there are of each class, and how many are the same, pixel by pixel, and of the same class."""
        pictures = np.asarray(raw.X).reshape(len(raw.y), -1)
        different = {(bytes(row), label) for row, label in zip(pictures, raw.y.tolist(), strict=True)}
        duplicates = len(pictures) - len(different)
        target = target_of(raw, "class")
        return DataProfile(str(self.path), len(raw.y), self.examples, target, duplicates=duplicates)

    def _folder(self) -> tuple[Bytes, Target, NDArray[np.bool_] | None]:
        if self.path.is_file():
            raise BakeoffError(f"{self.path} is no folder with one sub-folder a class, and no .npz file")
        found = class_files(self.path, self.suffixes, self.examples)
        fitting = classification(found.n_classes)
        if self.task != fitting:
            raise BakeoffError(f"{self.path} has {found.n_classes} classes; set task: {fitting}")
        return read_pictures(found.files, self.problem.shape), self._target(found.labels), found.held_out

    def _archive(self, file: DataFile) -> tuple[Bytes, Target, None]:
        X, y = file.arrays
        try:
            target = self._target(y)
            return convert_pictures(X if target.known.all() else X[target.known], self.problem.shape), target, None
        except BakeoffError as error:
            raise BakeoffError(f"{self.path}: {error}") from error

    def _target(self, labels: NDArray[np.generic]) -> Target:
        import pandas as pd

        return read_target(pd.Series(labels, name="y"), self.task, as_it_is=True)


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

    def picture(row: int) -> Bytes:
        with opened(files[row]) as image:
            # A large JPEG is decoded at the smallest of its scales with twice the pixels that are needed on a side:
            # 12 megapixels to 64 x 64 in 0.03 s instead of 0.16 s, and no pixel differs by more than 2 of 255.
            image.draft(image.mode, (2 * max(shape[:2]),) * 2)
            return _unified(image, shape)

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
        return _unified(Image.fromarray(own.astype(np.uint8)), shape)

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


Looks = tuple[list[int], list[int], bool, dict[str, Any]]  # heights and widths, whether in colour, and settings


def _of_folder(folder: Path) -> Looks:
    """Of some of the pictures; the settings are what the folder says of the task and the test."""
    found = class_files(folder, SUFFIXES, "images")
    some = np.random.default_rng(0).permutation(len(found.files))[:SAMPLE]
    heights, widths, in_colour = [], [], False
    for number in some:
        with strictly(), opened(found.files[number]) as image:
            widths.append(image.width)
            heights.append(image.height)
            in_colour |= image.mode not in GREY
    test = {"test": A_FIFTH} if found.held_out is None else {}
    return heights, widths, in_colour, {"task": classification(found.n_classes), **test}


def _of_archive(file: DataFile) -> Looks:
    X, y = file.arrays
    if y.dtype.kind == "f":
        y = y[~np.isnan(y.astype(np.float64))]
        broken = y[y != np.rint(y)]
        if len(broken):
            raise BakeoffError(
                f"{file.path}: y holds numbers such as {broken[0]:g}, and of images classes are learned; save them as"
                " whole numbers or as text"
            )
    height, width = X.shape[1:3]
    return [height], [width], X.ndim == 4, {"task": classification(len(np.unique(y))), "test": A_FIFTH}


def _span(values: list[int]) -> str:
    return f"{min(values)}" if min(values) == max(values) else f"{min(values)} to {max(values)}"
