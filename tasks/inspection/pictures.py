"""Images of the user's: how large and how colourful they are, and as what they had better be taken."""

from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from tasks.data.examples import Raw
from tasks.data.own.archives import read_arrays
from tasks.data.own.folders import class_files
from tasks.data.own.images import ImagesSpec
from tasks.data.own.pictures import SUFFIXES, opened, strictly
from tasks.inspection.asked import Asked
from tasks.inspection.look import Look
from tasks.inspection.overview import Overview
from tasks.inspection.tables import A_FIFTH, about_test
from tasks.inspection.targets import CLASS, look_at_target
from tasks.metrics import classification
from tasks.specs import BakeoffError

SAMPLE = 200  # files whose size and colour are looked at
SIDE = 64  # pixels of the longer side, at most: four times as many would take four times as long
GREY = {"1", "L", "LA", "I", "I;16", "F"}  # Pillow's names for pictures without colour


class Shapes(NamedTuple):
    """Heights and widths (pictures,) of some pictures, and whether any of them has colours."""

    heights: list[int]
    widths: list[int]
    in_colour: bool


def look_at_pictures(asked: Asked) -> Look:
    """A folder with one sub-folder a class, or arrays in a .npz file.

    Raises:
        BakeoffError: when one cannot be read.
    """
    archive = asked.path.suffix.lower() == ".npz"
    shapes, n_classes, parted = _of_archive(asked.path) if archive else _of_folder(asked.path)
    height, width = _fitting(shapes)
    color: Literal["grey", "rgb"] = "rgb" if shapes.in_colour else "grey"
    dataset = ImagesSpec(
        kind="images",
        path=asked.path,
        task=classification(n_classes),
        height=height,
        width=width,
        color=color,
        **({} if parted else {"test": A_FIFTH}),
    )
    raw = dataset.read()
    colours = "in colour" if shapes.in_colour else "grey"
    seen = f"{_span(shapes.heights)} pixels high and {_span(shapes.widths)} wide, {colours}"
    return Look(
        overview=overview_of_pictures(dataset, raw, (f"{seen}; taken as {height} x {width}, {color}",)),
        dataset=dataset,
        raw=raw,
        comments={
            "dataset.height": "every image gets this size; more pixels show more, and take longer",
            "dataset.color": "rgb: three numbers a pixel instead of one",
            "dataset.test": about_test("images"),
        },
    )


def overview_of_pictures(dataset: ImagesSpec, raw: Raw, facts: tuple[str, ...] = ()) -> Overview:
    """How many there are of each class, and how many are the same, pixel by pixel, and of the same class."""
    problem = raw.problem or dataset.problem
    pictures = np.asarray(raw.X).reshape(len(raw.y), -1)
    different = {(bytes(row), label) for row, label in zip(pictures, raw.y.tolist(), strict=True)}
    return Overview(
        source=str(dataset.path),
        rows=len(raw.y),
        examples="images",
        target=look_at_target(CLASS, dataset.task, raw.y, problem.classes),
        facts=facts,
        duplicates=len(pictures) - len(different),
    )


def _of_folder(folder: Path) -> tuple[Shapes, int, bool]:
    """Shapes of some of the pictures, the number of classes, and whether the folder says which are for the test."""
    found = class_files(folder, SUFFIXES, "images")
    some = np.random.default_rng(0).permutation(len(found.files))[:SAMPLE]
    heights, widths, colours = [], [], False
    for number in some:
        with strictly(), opened(found.files[number]) as image:
            widths.append(image.width)
            heights.append(image.height)
            colours |= image.mode not in GREY
    return Shapes(heights, widths, colours), len(set(found.labels.tolist())), found.held_out is not None


def _of_archive(path: Path) -> tuple[Shapes, int, bool]:
    X, y = read_arrays(path)
    if y.dtype.kind == "f":
        y = y[~np.isnan(y.astype(np.float64))]
        broken = y[y != np.rint(y)]
        if len(broken):
            raise BakeoffError(
                f"{path}: y holds numbers such as {broken[0]:g}, and of images classes are learned; save them as whole"
                " numbers or as text"
            )
    height, width = X.shape[1:3]
    return Shapes([height], [width], X.ndim == 4), len(np.unique(y)), False


def _fitting(shapes: Shapes) -> tuple[int, int]:
    """Height and width that most have, made smaller where there are very many pixels."""
    height, width = np.median(shapes.heights), np.median(shapes.widths)
    scale = min(1.0, SIDE / max(height, width))
    return max(1, round(height * scale)), max(1, round(width * scale))


def _span(values: list[int]) -> str:
    return f"{min(values)}" if min(values) == max(values) else f"{min(values)} to {max(values)}"
