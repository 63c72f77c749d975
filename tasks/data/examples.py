"""A data set on disk, whatever its form: tables, pictures or texts."""

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, ClassVar, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tasks.data.columns import Column
from tasks.data.problem import Problem
from tasks.specs import Spec
from tasks.store import StoredFile, load_arrays, store, store_arrays

if TYPE_CHECKING:
    import pandas as pd

TEXT = "text"
TARGET = "__target__"
HELD_OUT = "__held_out__"
GROUP = "__group__"
PREDICTION = "prediction"  # the column that is added where rows of a file are predicted


def offsets_of(lengths: ArrayLike) -> NDArray[np.int64]:
    """Where each of the stretches begins that have these lengths, and where the last ends."""
    return np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])


@dataclass(frozen=True)
class WordLists:
    """Lists of word numbers, one for each text: text i is `words[offsets[i]:offsets[i + 1]]`."""

    words: NDArray[np.int32]
    offsets: NDArray[np.int64]

    @classmethod
    def of(cls, lists: "Collection[Collection[int]] | NDArray[np.object_]") -> "WordLists":
        """These lists."""
        offsets = offsets_of([len(numbers) for numbers in lists])
        return cls(np.fromiter(chain.from_iterable(lists), np.int32, int(offsets[-1])), offsets)

    @classmethod
    def joined(cls, parts: "Sequence[WordLists]") -> "WordLists":
        """The texts of all parts, one after another."""
        lengths = np.concatenate([np.diff(part.offsets) for part in parts])
        return cls(np.concatenate([part.words for part in parts]), offsets_of(lengths))

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, row: int) -> NDArray[np.int32]:
        return self.words[self.offsets[row] : self.offsets[row + 1]]

    def take(self, rows: NDArray[np.intp]) -> "WordLists":
        """These texts, in this order."""
        lengths = np.diff(self.offsets)[rows]
        offsets = offsets_of(lengths)
        positions = np.arange(offsets[-1]) + np.repeat(self.offsets[rows] - offsets[:-1], lengths)
        return WordLists(self.words[positions], offsets)


@dataclass(frozen=True)
class Raw:
    """Examples as they are read, rows of `X`.

    A table is a frame of numbers, with NaN where a value is missing; pictures are an array of bytes (rows, height,
    width) or (rows, height, width, channels); series are an array of numbers (rows, time, features), with NaN where a
    value is missing. Texts are lists of word numbers, or, as people write them, a frame of one column, whose terms are
    words and, if `ngrams` is 2, pairs of them.

    `y` (rows,) holds numbers or class numbers from 0; `held_out` (rows,) says which rows are kept for the test. Rows
    with the same number in `groups` (rows,) belong together. Of the user's own data, `problem` is what was found when
    they were read, and `columns` are those of the file, from which the features of a table are computed; of series they
    are the columns of a long table: that of ids, that of times, and those of values.
    """

    X: "pd.DataFrame | NDArray[np.uint8] | NDArray[np.float32] | WordLists"
    y: NDArray[np.generic]
    held_out: NDArray[np.bool_]
    problem: Problem | None = None
    columns: tuple[Column, ...] = ()
    groups: NDArray[np.int64] | None = None
    ngrams: int = 0


class DatasetSpec(Spec):
    """What an experiment says of its data. `brightest` is the number that stands for white, of pictures."""

    kind: str
    brightest: ClassVar[int] = 0

    @property
    def name(self) -> str:
        """What to call the data."""
        return self.kind

    @property
    def problem(self) -> Problem:
        """What is known of it before it is read; of the user's own data, perhaps the task and the form alone."""
        raise NotImplementedError

    @property
    def stamp(self) -> str:
        """Changes when the files are written to; empty for data that never change."""
        return ""

    def check_there(self) -> None:
        """Check that the files are there, where nothing would fetch them.

        Raises:
            BakeoffError: when one is not.
        """

    def read(self) -> Raw:
        """The examples.

        Raises:
            BakeoffError: when they cannot be had.
        """
        raise NotImplementedError


class Groups(Spec):
    """How many groups the training rows make, and how many of equal size would tell as much (Kish 1965, section 8.2).

    The latter is the square of the sum of their sizes by the sum of the squares.
    """

    count: int
    effective: float


def count_groups(groups: NDArray[np.generic]) -> Groups:
    """Counts the groups of rows by their numbers (rows,)."""
    sizes = np.unique(groups, return_counts=True)[1].astype(np.float64)
    return Groups(count=len(sizes), effective=float(sizes.sum() ** 2 / (sizes**2).sum()))


class Examples(Problem):
    """A data set on disk: a Parquet file for a table, else a .npz file.

    `features` are the columns of a table's X, and `columns` those of the user's file that they come from. Of texts as
    people write them, the one feature is their column, and `ngrams` is the length of the longest term. `digest` depends
    on the values and column names alone, not on how the file was written.
    """

    name: str
    unit: str
    features: tuple[str, ...]
    columns: tuple[Column, ...] = ()
    groups: Groups | None = None
    ngrams: int = 0
    brightest: int
    digest: str
    training_rows: int
    test_rows: int
    file: StoredFile


def keep(raw: Raw) -> tuple[StoredFile, str]:
    """Stores examples and gives their digest."""
    arrays: dict[str, NDArray[np.generic]] = {TARGET: raw.y, HELD_OUT: raw.held_out}
    if raw.groups is not None:
        arrays[GROUP] = raw.groups
    if isinstance(raw.X, WordLists):
        arrays |= {"words": raw.X.words, "offsets": raw.X.offsets}
        return store_arrays(**arrays), _digest(arrays)
    if isinstance(raw.X, np.ndarray):
        arrays["values"] = raw.X
        return store_arrays(**arrays), _digest(arrays)
    frame = raw.X.assign(**arrays)
    columns = {name: frame[name].to_numpy() for name in frame.columns}
    return store(".parquet", lambda path: frame.to_parquet(path, index=False)), _digest(columns)


class Part(NamedTuple):
    """Rows of examples: their features, their targets and, where rows belong together, the numbers of their groups."""

    X: "pd.DataFrame | NDArray[np.generic] | WordLists"
    y: NDArray[np.generic]
    groups: NDArray[np.generic] | None


def read_part(examples: Examples, held_out: bool) -> Part:
    """The training part of the examples, or the part that is held out for the test."""
    if examples.file.suffix == ".parquet":
        import pandas as pd

        frame = pd.read_parquet(examples.file.path)
        part = frame[frame[HELD_OUT] == held_out]
        groups = part[GROUP].to_numpy() if examples.groups else None
        return Part(part[list(examples.features)], part[TARGET].to_numpy(), groups)
    arrays = load_arrays(examples.file)
    rows = np.flatnonzero(arrays[HELD_OUT] == held_out)
    y, groups = arrays[TARGET][rows], arrays[GROUP][rows] if examples.groups else None
    if examples.form == "words":
        texts = WordLists(arrays["words"].astype(np.int32, copy=False), arrays["offsets"].astype(np.int64, copy=False))
        return Part(texts.take(rows), y, groups)
    return Part(arrays["values"][rows], y, groups)


def _digest(columns: "dict[str, NDArray[np.generic]]") -> str:
    content = hashlib.sha256()
    for name, values in columns.items():
        content.update(f"{name} {values.dtype} {values.shape}".encode())
        if values.dtype == np.object_:  # text, of which an array holds addresses
            content.update(np.fromiter(map(len, values), np.int64, len(values)).tobytes())
            values = np.frombuffer("".join(values).encode(), np.uint8)
        content.update(np.ascontiguousarray(values).tobytes())
    return content.hexdigest()[:16]
