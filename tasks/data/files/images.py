"""The user's own images: a folder with one sub-folder a class, or arrays in a .npz file."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from tasks.data.examples import AS_IT_IS, Problem, RawData, Rendering
from tasks.data.files import presets
from tasks.data.files.data_file import DataFile
from tasks.data.files.folders import class_files
from tasks.data.files.own_spec import A_FIFTH, Inspection, OwnSpec, about_test, hold_out
from tasks.data.files.pictures import SUFFIXES, WHITE, Bytes, Look, convert_pictures, look_at, read_pictures
from tasks.data.files.presets import Entries, Size
from tasks.data.files.profile import DataProfile, InitOptions
from tasks.data.files.target_column import Target, read_target, target_of
from tasks.metrics import Task, classification
from tasks.specs import BakeoffError

LARGEST = 4096  # pixels of a side
SAMPLE = 200  # files that are looked at
SIDE = 64  # pixels of the longer side, at most: four times as many would take four times as long


class ImagesSpec(OwnSpec):
    """Images of any size and colour, which become bytes of one size and colour.

    In a folder, each sub-folder is a class; or it has parts such as `train`, `val` and `test`, with the classes below,
    and the images of `test` are kept for the test, those of the others to learn from. A .npz file has `X`, bytes or
    numbers from 0 to 1 of shape (rows, height, width) or (rows, height, width, 3), and `y` (rows,).
    """

    kind: Literal["images"] = "images"
    height: int = Field(ge=1, le=LARGEST, description="pixels that every image gets from top to bottom")
    width: int = Field(ge=1, le=LARGEST, description="pixels that every image gets from left to right")
    color: Literal["grey", "rgb"] = Field("rgb", description="grey: one number a pixel; rgb: three")
    rendering: Rendering = AS_IT_IS

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
        seen = _of_archive(file) if file.is_archive else _of_folder(options.path)
        heights, widths = [look.height for look in seen.looks], [look.width for look in seen.looks]
        in_colour = any(look.in_colour for look in seen.looks)
        height, width = np.median(heights), np.median(widths)
        scale = min(1.0, SIDE / max(height, width))  # smaller where there are very many pixels
        dataset = cls(
            kind="images",
            path=options.path,
            height=max(1, round(height * scale)),
            width=max(1, round(width * scale)),
            color="rgb" if in_colour else "grey",
            **seen.settings,
        )
        size = f"{_span(heights)} pixels high and {_span(widths)} wide, {'in colour' if in_colour else 'grey'}"
        facts = (f"{size}; taken as {dataset.height} x {dataset.width}, {dataset.color}", *seen.facts)
        raw = dataset.read(file)
        comments = {
            "dataset.height": "every image gets this size; more pixels show more, and take longer",
            "dataset.color": "rgb: three numbers a pixel instead of one",
            "dataset.test": about_test("images"),
            **seen.comments,
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
        return RawData(X, target.y, held_out, problem, rendering=self.rendering)

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
        pictures = read_pictures(found.files, self.problem.shape, self.rendering)
        return pictures, _target(found.labels, self.task), found.held_out

    def _archive(self, file: DataFile) -> tuple[Bytes, Target, None]:
        X, y = file.arrays
        try:
            target = _target(y, self.task)
            return convert_pictures(X if target.known.all() else X[target.known], self.problem.shape), target, None
        except BakeoffError as error:
            raise BakeoffError(f"{self.path}: {error}") from error


class Seen(NamedTuple):
    """Some of the images, and what follows: settings, facts, and comments on settings."""

    looks: Sequence[Look]
    settings: Mapping[str, Any]
    facts: Sequence[str] = ()
    comments: Mapping[str, str] = {}


def _of_folder(folder: Path) -> Seen:
    """Of some of the images to learn from, since those for the test decide nothing."""
    found = class_files(folder, SUFFIXES, "images")
    task = classification(found.n_classes)
    settings: dict[str, Any] = {"task": task}
    held_out = found.held_out
    if held_out is None:
        target = _target(found.labels, task)
        problem = Problem(task=task, form="pixels", shape=(), classes=target.classes)
        held_out = hold_out(A_FIFTH, target.y, problem)
        settings["test"] = A_FIFTH
    training = np.random.default_rng(0).permutation(np.flatnonzero(~held_out))
    looks = [look_at(found.files[number]) for number in training[:SAMPLE]]
    rendered, facts, comment = _rendering_for(looks)
    settings |= {"rendering": Rendering(**rendered)} if rendered else {}
    comments = {"dataset.path": found.parts, "dataset.rendering": comment}
    return Seen(looks, settings, [*facts, *found.facts], comments)


def _rendering_for(looks: Sequence[Look]) -> tuple[dict[str, Any], list[str], str]:
    """The settings of a rendering that suits what was seen, what there is to say of it, and a comment."""
    settings: dict[str, Any] = {}
    facts, comments = list[str](), list[str]()
    ranges = [look.values for look in looks if look.values]
    if ranges:
        darkest, brightest = min(low for low, _ in ranges), max(high for _, high in ranges)
        facts.append(f"more than 8 bits a pixel: {len(ranges)} of {len(looks)} looked at, {darkest:,} to {brightest:,}")
        if darkest < brightest:
            settings |= {"darkest": darkest, "brightest": brightest}
            comments.append(f"of more than 8 bits a pixel, what is black and white: the range of {len(ranges)} images")
    if transparent := sum(look.is_transparent for look in looks):
        facts.append(f"transparent: {transparent} of {len(looks)} looked at, which are put on white")
        settings["background"] = "white"
        comments.append("what is seen through transparent images: white or black")
    if several := sum(look.has_more for look in looks):
        facts.append(f"several frames or pages: {several} of {len(looks)} looked at, of which the first is taken")
    return settings, facts, "; ".join(comments)


def _of_archive(file: DataFile) -> Seen:
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
    look = Look(height, width, in_colour=X.ndim == 4)
    return Seen([look], {"task": classification(len(np.unique(y))), "test": A_FIFTH})


def _target(labels: NDArray[np.generic], task: Task) -> Target:
    import pandas as pd

    return read_target(pd.Series(labels, name="y"), task, as_it_is=True)


def _span(values: list[int]) -> str:
    return f"{min(values)}" if min(values) == max(values) else f"{min(values)} to {max(values)}"
