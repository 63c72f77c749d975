"""The user's own images: a folder with one sub-folder a class, or arrays in a .npz file."""

from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from tasks.data.examples import Raw
from tasks.data.own.archives import read_arrays
from tasks.data.own.folders import class_files
from tasks.data.own.pictures import SUFFIXES, WHITE, Bytes, convert_pictures, read_pictures
from tasks.data.own.spec import OwnSpec, hold_out
from tasks.data.own.targets import Target, read_target
from tasks.data.problem import Problem
from tasks.metrics import classification
from tasks.specs import BakeoffError

LARGEST = 4096  # pixels of a side


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

    def read(self) -> Raw:
        """The images in order of their paths, or as the file has them."""
        X, target, held_out = self._archive() if self.path.suffix.lower() == ".npz" else self._folder()
        problem = self.problem.model_copy(update={"classes": target.classes})
        if held_out is None:
            held_out = hold_out(self.test, target.y, problem)
        return Raw(X, target.y, held_out, problem)

    def _folder(self) -> tuple[Bytes, Target, NDArray[np.bool_] | None]:
        if self.path.is_file():
            raise BakeoffError(f"{self.path} is no folder with one sub-folder a class, and no .npz file")
        found = class_files(self.path, SUFFIXES, "images")
        count = len(set(found.labels.tolist()))
        if self.task != classification(count):
            raise BakeoffError(f"{self.path} has {count} classes; set task: {classification(count)}")
        return read_pictures(found.files, self.problem.shape), self._target(found.labels), found.held_out

    def _archive(self) -> tuple[Bytes, Target, None]:
        X, y = read_arrays(self.path)
        try:
            target = self._target(y)
            return convert_pictures(X if target.known.all() else X[target.known], self.problem.shape), target, None
        except BakeoffError as error:
            raise BakeoffError(f"{self.path}: {error}") from error

    def _target(self, labels: NDArray[np.generic]) -> Target:
        import pandas as pd

        return read_target(pd.Series(labels, name="y"), self.task, as_it_is=True)
