"""A data set on disk, whatever its form: its columns, what is to be predicted, and its examples."""

import hashlib
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import Field, FiniteFloat, model_validator

from tasks.metrics import Task
from tasks.specs import Spec
from tasks.store import StoredFile, load_arrays, store, store_arrays

if TYPE_CHECKING:
    import pandas as pd


ColumnKind = Literal["number", "boolean", "category", "date"]
DATE_FEATURES = ("year", "month", "weekday", "elapsed")
HOUR_FEATURES = ("hour", "hour_sin", "hour_cos")  # of a column whose times have hours; midnight is near to 23:59
ROUNDED = 1e-3  # of the standard deviation: what single precision may take from a value
WHOLE = re.compile(r"([+-]?\d+)\.0+")  # a whole number with decimals
REFUSED = str.maketrans("[]<", "()‹")  # by XGBoost, in a feature's name
Form = Literal["table", "pixels", "words", "series"]
TEXT = "text"
TARGET = "__target__"
HELD_OUT = "__held_out__"
GROUP = "__group__"
PREDICTION = "prediction"  # the column that is added where rows of a file are predicted


class Column(Spec):
    """A column of a file; `levels` are a category's values as text, in the order of their numbers.

    `written` says what one value alone may not tell: which is the decimal sign, whether days or months come first in
    dates such as 03/04/2024, "%d/%m/%Y" or "%m/%d/%Y", or, by ":", that numbers are times such as 8:30. A number has a
    `unit` beside it, or none if that is empty, as far as it is known. `missing` are the words that stand for no value,
    where others than the usual do. A number, or the days of a date, are counted from the `origin`, which is not 0 where
    single precision would take away what distinguishes the training rows. `hours` says that times differ within days.
    """

    name: str
    kind: ColumnKind
    levels: tuple[str, ...] = ()
    written: str = ""
    unit: str | None = None
    missing: tuple[str, ...] | None = None
    origin: float = 0.0
    hours: bool = False

    @property
    def features(self) -> tuple[str, ...]:
        """The names of its features: its own, or those of a date, without signs that a library refuses."""
        name = self.name.translate(REFUSED)
        parts = DATE_FEATURES + HOUR_FEATURES if self.hours else DATE_FEATURES
        return tuple(f"{name}:{part}" for part in parts) if self.kind == "date" else (name,)

    def learned_from(self, values: NDArray[Any]) -> "Column":
        """The column with what its values (rows,) in the training rows say: numbers, or dates and times."""
        if self.kind != "date":
            return self.model_copy(update={"origin": origin_of(values)})
        hours = bool((values[~np.isnat(values)] != values[~np.isnat(values)].astype("datetime64[D]")).any())
        return self.model_copy(update={"origin": origin_of(_days(values)), "hours": hours})


def origin_of(values: NDArray[np.floating[Any]]) -> float:
    """Return 0, or the median of numbers (rows,) so far from 0 that single precision would round their differences."""
    there = values[np.isfinite(values)]
    if not len(there):
        return 0.0
    with np.errstate(all="ignore"):  # of numbers so large that their squares are infinite
        spread = there.std()
    rounding = np.abs(there).max() * float(np.finfo(np.float32).epsneg)
    return float(np.quantile(there, 0.5, method="lower")) if rounding > ROUNDED * spread > 0 else 0.0


def feature_names(columns: Sequence[Column]) -> tuple[str, ...]:
    """The names of the features of these columns, in order."""
    return tuple(name for column in columns for name in column.features)


def feature_levels(columns: Sequence[Column]) -> tuple[int, ...]:
    """How many levels each feature has: 0 for a number, and 1 for a category whose levels are not known yet."""
    return tuple(
        max(1, len(column.levels)) if column.kind == "category" else 0 for column in columns for _ in column.features
    )


def encode(values: "pd.DataFrame", columns: Sequence[Column]) -> "pd.DataFrame":
    """The features of columns whose values were parsed, as float64 and NaN where a value is missing or a level unknown.

    A number is itself, counted from its origin, a boolean 0 or 1, a category the number of its level. A date is its
    year, its month from 1, its weekday from 0 for Monday, and the days since 1970-01-01, or since its origin, with
    their fraction; where times have hours also the hour with its fraction, and its place on the circle of a day.
    Nothing is fitted here.
    """
    import pandas as pd

    names = feature_names(columns)
    features = (feature for column in columns for feature in _features(values[column.name], column))
    X = np.empty((len(names), len(values)))
    for number, feature in enumerate(features):
        X[number] = feature
    return pd.DataFrame(X.T, values.index, names, copy=False)


def _features(values: "pd.Series[Any]", column: Column) -> list[NDArray[Any]]:
    if column.kind == "category":
        return [_numbers_of_levels(values, column.levels)]
    if column.kind == "date":
        dates, days = values.dt, _days(values.to_numpy())
        parts = [part.to_numpy(np.float64) for part in (dates.year, dates.month, dates.day_of_week)]
        hour = (dates.hour + dates.minute / 60).to_numpy(np.float64)
        hours = [hour, np.sin(hour * np.pi / 12), np.cos(hour * np.pi / 12)] if column.hours else []
        return [*parts, days - column.origin, *hours]
    return [values.to_numpy(np.float64) - column.origin]


def _days(values: NDArray[Any]) -> NDArray[np.float64]:
    """Days since 1970-01-01, with their fraction; NaN where there is no date."""
    return np.asarray((values - np.datetime64(0, "D")) / np.timedelta64(1, "D"), np.float64)


def _numbers_of_levels(values: "pd.Series[Any]", levels: Sequence[str]) -> NDArray[Any]:
    """By the labels that occur, since they are as a rule far fewer than the rows."""
    known = known_levels(values.cat.categories.tolist(), levels)
    numbers = [np.nan if number is None else float(number) for number in known]
    return np.array([*numbers, np.nan])[values.cat.codes.to_numpy()]  # of what is missing, the code is -1


def known_levels(labels: Sequence[str], levels: Sequence[str]) -> list[int | None]:
    """The number of the level that each label stands for; None for one that is unknown.

    A code that has lost its zeros in front, as in a spreadsheet, is known if all levels are digits of one length.
    """
    places = {plain(level): number for number, level in enumerate(levels)}
    lengths = {len(level) for level in levels if level.isdecimal()}
    length = lengths.pop() if len(lengths) == 1 and all(level.isdecimal() for level in levels) else 0
    whole = [plain(label) for label in labels]
    return [places.get(plain(label.zfill(length) if label.isdecimal() else label)) for label in whole]


def plain(label: str) -> str:
    """The same for 1.0 and 1, for True and true, Yes and yes: one file writes the one, another the other."""
    whole = WHOLE.fullmatch(label)
    if whole:
        return whole[1]
    small = label.lower()
    return small if small in ("true", "false", "yes", "no") else label


class Tokens(Spec):
    """What the terms of texts are: words and, if `ngrams` is 2, pairs of them; or, by `char`, runs of a few letters."""

    analyzer: Literal["word", "char"] = "word"
    ngrams: Literal[1, 2] = 2


class Problem(Spec):
    """A task, and what an example is made of.

    `shape` is that of one example: (features,), (height, width), (num_words,), or, of a series, (time, features), which
    has NaN where a value is missing and where it has ended. `classes` are the labels in the order of their numbers; a
    number to predict has none. `levels` is empty where a table has finite numbers alone. Else values may be missing,
    and it has an entry for each feature: how many levels a category has, whose numbers begin at 0, and 0 for a number.
    """

    task: Task
    form: Form
    shape: tuple[int, ...]
    classes: tuple[str, ...] = ()
    levels: tuple[int, ...] = ()

    @property
    def n_outputs(self) -> int:
        """Columns of a prediction: 1 for regression, else one for each class."""
        return max(1, len(self.classes))

    @property
    def width(self) -> int:
        """The length of an example as a vector."""
        return int(np.prod(self.shape))

    def fields(self) -> dict[str, Any]:
        """What makes it a problem, whatever else it may be, by name."""
        return {name: getattr(self, name) for name in Problem.model_fields}

    def prepared_on(self, training: NDArray[np.int64]) -> NDArray[np.int64]:
        """The rows on which a net with these training rows fits how it prepares features: the same, and no other."""
        return training

    @property
    def categories(self) -> tuple[int, ...]:
        """The numbers of those features that are categories."""
        return tuple(number for number, levels in enumerate(self.levels) if levels)


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


class Rendering(Spec):
    """How the pixels of picture files become bytes, when they are learned from and when they are predicted.

    Where a pixel has more than 8 bits, `darkest` becomes black and `brightest` white; what lies beyond is clipped.
    """

    darkest: int | FiniteFloat = Field(0, description="what becomes black, of more than 8 bits")
    brightest: int | FiniteFloat = Field(2**16 - 1, description="what becomes white, of more than 8 bits")
    background: Literal["white", "black"] = Field("white", description="what is seen through a transparent picture")

    @model_validator(mode="after")
    def _there_is_a_range(self) -> "Rendering":
        if self.darkest >= self.brightest:
            raise ValueError(f"darkest is {self.darkest}, and must be less than brightest, {self.brightest}")
        return self


AS_IT_IS = Rendering()


@dataclass(frozen=True)
class RawData:
    """Examples as they are read, rows of `X`.

    A table is a frame of numbers, with NaN where a value is missing; pictures are an array of bytes (rows, height,
    width) or (rows, height, width, channels); series are an array of numbers (rows, time, features), with NaN where a
    value is missing. Texts are lists of word numbers, or, as people write them, a frame of one column, whose terms are
    found as `tokens` says.

    `y` (rows,) holds numbers or class numbers from 0; `held_out` (rows,) says which rows are kept for the test. Rows
    with the same number in `groups` (rows,) belong together. Of the user's own data, `problem` is what was found when
    they were read, and `columns` are those of the file, from which the features of a table are computed; of series they
    are the columns of a long table: that of ids, that of times, and those of values. `rendering` made pictures of
    their files.
    """

    X: "pd.DataFrame | NDArray[np.uint8] | NDArray[np.float32] | WordLists"
    y: NDArray[np.generic]
    held_out: NDArray[np.bool_]
    problem: Problem | None = None
    columns: tuple[Column, ...] = ()
    groups: NDArray[np.int64] | None = None
    tokens: Tokens | None = None
    rendering: Rendering = AS_IT_IS


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

    def read(self) -> RawData:
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


class StoredData(Problem):
    """A data set on disk: a Parquet file for a table, else a .npz file.

    `features` are the columns of a table's X, and `columns` those of the user's file that they come from. Of texts as
    people write them, the one feature is their column, and `tokens` says what their terms are. Of pictures, `brightest`
    stands for white, and `rendering` made them of their files. `digest` depends on the values and column names alone,
    not on how the file was written.
    """

    name: str
    unit: str
    features: tuple[str, ...]
    columns: tuple[Column, ...] = ()
    groups: Groups | None = None
    tokens: Tokens | None = None
    brightest: int
    rendering: Rendering = AS_IT_IS
    digest: str
    training_rows: int
    test_rows: int
    file: StoredFile


def keep(raw: RawData) -> tuple[StoredFile, str]:
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


def read_part(examples: StoredData, held_out: bool) -> Part:
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
