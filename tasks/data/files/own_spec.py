"""What the user's own data have in common: what a form of data must say of itself, and which rows are for the test."""

import hashlib
import logging
from abc import abstractmethod
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from tasks.data.examples import GROUP, HELD_OUT, PREDICTION, TARGET, DatasetSpec, Problem, RawData
from tasks.data.files import values as read
from tasks.data.files.data_file import DataFile
from tasks.data.files.folders import check_there, walk
from tasks.data.files.presets import Entries, Size
from tasks.data.files.profile import DataProfile, InitOptions
from tasks.data.files.target_column import read_target
from tasks.data.files.values import FOUND_OUT, Reading, told_by
from tasks.metrics import Task
from tasks.specs import BakeoffError, Spec, did_you_mean

if TYPE_CHECKING:
    import pandas as pd

logger = logging.getLogger(__name__)


class TestRowsSpec(Spec):
    """Which rows are kept for the test: a share of them, or those that a column of the file marks."""

    __test__ = False  # pytest takes its name for that of a test

    fraction: float = Field(0.2, gt=0, lt=1, description="share of the rows, drawn at random")
    seed: int = Field(0, ge=0, lt=2**32, description="decides which")
    column: str | None = Field(None, description="a column that says which rows are for the test")
    value: str = Field("test", coerce_numbers_to_str=True, description="what that column says of them")


A_FIFTH = TestRowsSpec(fraction=0.2, seed=0)


def about_test(examples: str) -> str:
    """Return what is to be known of a share of them that is kept for the test."""
    return f"this share of the {examples} is kept for the test: scored once, at the end"


class OwnSpec(DatasetSpec):
    """A file or folder of the user's; a relative path begins where the command is run.

    A subclass is a form of data, with all that is particular to it; `tasks.data.files.forms` lists them.
    """

    path: Path
    task: Task
    unit: str = Field("", description="of the target, where that is a number")
    reading: Reading = Field(FOUND_OUT, description="how the file is written, where it does not tell by itself")
    test: TestRowsSpec = TestRowsSpec()

    examples: ClassVar[str] = "rows"  # what they are called
    opened_as: ClassVar[type[DataFile]] = DataFile
    suffixes: ClassVar[tuple[str, ...]] = ()  # of files that are an example each, in a folder of classes
    # Of `init`: from how many training rows one part of them, held out, tells enough; up to how many rows, how many
    # repeats; and whether an example has so few of its values that these are not what it costs.
    large: ClassVar[int] = 50_000
    repeats: ClassVar[tuple[tuple[int, int], ...]] = ((2_000, 2),)
    sparse: ClassVar[bool] = False

    @classmethod
    @abstractmethod
    def suits(cls, options: InitOptions) -> bool:
        """Return whether a file is of this form, by what was said of it, and by the arrays in it."""

    @classmethod
    @abstractmethod
    def inspect(cls, options: InitOptions) -> "Inspection":
        """Look at data of this form, and choose how they are to be read.

        Raises:
            BakeoffError: when they cannot be read, or nothing can be learned from them.
        """

    @classmethod
    @abstractmethod
    def contenders(cls, size: Size) -> Entries:
        """Return those that are entered by default."""

    @abstractmethod
    def read(self, file: DataFile | None = None) -> RawData:
        """Return the examples; of a file that was opened already, what is held of it is not read again.

        Raises:
            BakeoffError: when they cannot be read, there is nothing to learn from, or rows cannot be kept for the test
                as it is asked.
        """

    @abstractmethod
    def describe(self, raw: RawData, file: DataFile) -> DataProfile:
        """Return what is seen of the examples that were read from the file.

        Raises:
            BakeoffError: when a value cannot be used.
        """

    def opened(self) -> DataFile:
        """Return the file, which is read when it is asked for something."""
        return self.opened_as(self.path, self.reading.encoding)

    @property
    def in_time_order(self) -> bool:
        """Whether later rows are to be predicted from earlier ones."""
        return False

    @property
    def name(self) -> str:
        """The file's name without its suffix."""
        return self.path.stem

    def check_there(self) -> None:
        """Check that the file or folder is there.

        Raises:
            BakeoffError: when it is not.
        """
        check_there(self.path)

    @property
    def stamp(self) -> str:
        """A digest of the names, sizes and times of last change of the files, as far as they are there."""
        seen = hashlib.sha256()
        with suppress(OSError):  # what cannot be looked at cannot be read either, and reading says why
            files = (place / name for place, _, names in walk(self.path) for name in names)
            for file in sorted(files) if self.path.is_dir() else [self.path]:
                if file.is_file():
                    status = file.stat()
                    seen.update(f"{file} {status.st_size} {status.st_mtime_ns}\n".encode())
        return seen.hexdigest()[:16]


@dataclass(frozen=True)
class Inspection:
    """What was seen, how the data are to be read and what came of reading them so, and comments on settings by name."""

    profile: DataProfile
    dataset: OwnSpec
    raw: RawData
    comments: Mapping[str, str]

    @property
    def problem(self) -> Problem:
        """That of the data, now that they have been read."""
        return self.raw.problem or self.dataset.problem


def refuse_two_uses(names: Iterable[str | None]) -> None:
    """Finds out whether a column is named more than once.

    Raises:
        ValueError: when one is, as a validator says it.
    """
    twice = [name for name, times in Counter(filter(None, names)).items() if times > 1]
    if twice:
        raise ValueError(f"{twice[0]} has more than one use; a column has one")


def refuse_reserved(features: Iterable[str | None]) -> None:
    """Finds out whether a feature has a name under which targets, parts, groups or predictions are kept.

    Raises:
        ValueError: when one has, as a validator says it.
    """
    for name in features:
        if name in (TARGET, HELD_OUT, GROUP, PREDICTION):
            raise ValueError(f"no feature can be called {name}; rename the column, or leave it out")


def hold_out(
    test: TestRowsSpec,
    y: NDArray[np.generic],
    problem: Problem,
    groups: NDArray[np.int64] | None = None,
    in_time_order: bool = False,
) -> NDArray[np.bool_]:
    """Which rows (rows,) are kept for the test, where no column says it.

    A share of the rows, stratified where the target is a class; of the groups, where rows belong together; of rows in
    the order of time the last.

    Raises:
        BakeoffError: when a part would be empty, or a class has too few rows.
    """
    from sklearn.model_selection import GroupShuffleSplit, train_test_split

    rows = np.arange(len(y))
    n_test = max(1, round(test.fraction * len(y)))
    if n_test >= len(y):
        raise BakeoffError(
            f"a share of {test.fraction:g} of {len(y)} row(s) with a target leaves none to learn from;"
            " more rows are needed, or a smaller test.fraction"
        )
    if in_time_order:
        return rows >= len(y) - n_test
    if groups is not None:
        n_groups = len(np.unique(groups))
        if n_groups < 2:
            raise BakeoffError("all rows belong to one group; at least two are needed, one of them for the test")
        fewest = 2 if n_groups >= 4 else 1  # one alone says nothing of how the score varies with groups
        n_test = min(max(fewest, round(test.fraction * n_groups)), n_groups - 1)
        splitter = GroupShuffleSplit(1, test_size=n_test, random_state=test.seed)
        held_out = next(splitter.split(rows, groups=groups))[1]
    else:
        stratify = y if problem.classes else None
        _check_classes(test, y, n_test, problem.classes)
        held_out = train_test_split(rows, test_size=n_test, random_state=test.seed, stratify=stratify)[1]
    return np.isin(rows, held_out)


def marked(test: TestRowsSpec, column: NDArray[np.generic]) -> NDArray[np.bool_]:
    """Which rows are for the test by the column (rows,) that says so.

    Raises:
        BakeoffError: when it says so of none, or of all.
    """
    said = np.char.lower(column.astype(str))
    held_out = said == test.value.strip().lower()
    if held_out.all() or not held_out.any():
        there = sorted(set(column.astype(str).tolist()))
        hint = did_you_mean(test.value, there) or f"; there are {', '.join(there[:10])}"
        which = "every row" if held_out.all() else "no row"
        raise BakeoffError(f"test.value is {test.value!r}, and {which} has that in column {test.column}{hint}")
    return np.asarray(held_out, np.bool_)


def check_training_rows(y: NDArray[np.generic], held_out: NDArray[np.bool_], classes: tuple[str, ...]) -> None:
    """Finds out whether there is something to learn of each class.

    Raises:
        BakeoffError: when a class has no training row.
    """
    counts = np.bincount(y[~held_out].astype(np.int64), minlength=len(classes)) if classes else np.ones(1)
    if not counts.min():
        raise BakeoffError(
            f"class {classes[int(counts.argmin())]} has rows for the test, and none to learn from;"
            " choose other rows for the test, or leave the class out"
        )


def _check_classes(test: TestRowsSpec, y: NDArray[np.generic], n_test: int, classes: tuple[str, ...]) -> None:
    counts = np.bincount(y.astype(np.int64), minlength=len(classes)) if classes else np.full(1, 2)
    if counts.min() < 2:
        raise BakeoffError(
            f"class {classes[int(counts.argmin())]} has one row; it takes two, one to learn from and one for the test;"
            " leave the class out, or put it together with another"
        )
    if min(n_test, len(y) - n_test) < len(classes):
        raise BakeoffError(
            f"a share of {test.fraction:g} of {len(y)} rows is {n_test} for the test, and one of the two parts is too"
            f" small for a row of each of {len(classes)} classes; choose another test.fraction"
        )


class Arrangement(NamedTuple):
    """The places in the file of the rows that are used, in their order, and what is known of each."""

    kept: NDArray[np.intp]
    y: NDArray[np.generic]
    classes: tuple[str, ...]
    groups: NDArray[np.int64] | None
    held_out: NDArray[np.bool_]


class RowsSpec(OwnSpec):
    """Rows of a file. Those with the same value in `group_column` stay together: the test has whole groups.

    By `time_column` the rows are put in order, and the test has the last of them.
    """

    group_column: str | None = Field(None, description="a column that says which rows belong together")
    time_column: str | None = Field(None, description="a column of dates or numbers that says which row came first")

    @model_validator(mode="after")
    def _groups_or_time(self) -> "RowsSpec":
        if self.group_column and self.time_column:
            raise ValueError("there is a group_column and a time_column, and they do not go together; choose one")
        return self

    @property
    def in_time_order(self) -> bool:
        """Whether there is a column of time."""
        return self.time_column is not None

    def arrange(self, rows: "pd.DataFrame", target: "pd.Series[Any]", lacking: str) -> Arrangement:
        """Leave rows without a target out; the others are as the file has them, or in the order of time.

        Those that are left out are `lacking` something, as the log says.

        Raises:
            BakeoffError: when the target, a group or a time cannot be read, or the rows cannot be kept for the test as
                it is asked. Rows are named as the file has them: the first after the header is row 1.
        """
        found = read_target(target, self.task, self.reading)
        y, classes, kept = found.y, found.classes, np.flatnonzero(found.known)
        moments = None
        if self.time_column:
            moments = _moments(rows[self.time_column], kept, self.reading)
            order = np.argsort(moments, kind="stable")
            kept, y, moments = kept[order], y[order], moments[order]
        groups = _groups(rows[self.group_column], kept, self.reading) if self.group_column else None
        if self.test.column:
            held_out = marked(self.test, read.as_text(rows[self.test.column])[kept])
            self._check_marked(rows, kept, held_out, groups, moments)
        else:
            problem = self.problem.model_copy(update={"classes": classes})
            held_out = hold_out(self.test, y, problem, groups, in_time_order=self.time_column is not None)
        check_training_rows(y, held_out, classes)
        if len(kept) < len(rows):
            left_out = len(rows) - len(kept)
            logger.info("%s: %d of %d rows have %s, and are left out", self.path, left_out, len(rows), lacking)
        return Arrangement(kept, y, classes, groups, held_out)

    def _check_marked(
        self,
        rows: "pd.DataFrame",
        kept: NDArray[np.intp],
        held_out: NDArray[np.bool_],
        groups: NDArray[np.int64] | None,
        moments: NDArray[Any] | None,
    ) -> None:
        """Refuses a test of groups, or of moments before some, that are learned from: its score would be too good."""
        first, wrong = int(held_out.argmax()), ""
        if groups is not None and (shared := held_out & np.isin(groups, groups[~held_out])).any():
            first = int(shared.argmax())
            group = rows[self.group_column].iloc[kept[first]]
            wrong = f"other rows whose {self.group_column} is {group} as well are to be learned from"
        if moments is not None and moments[~held_out][-1] > moments[first]:
            last = kept[~held_out][-1] + 1
            wrong = f"row {last}, which is to be learned from, came later, by {self.time_column}"
        if wrong:
            raise BakeoffError(
                f"row {kept[first] + 1} is marked for the test, and {wrong}; leave test.column out (of `bakeoff init`:"
                f" --column {self.test.column}=ignore), and the test is chosen by that"
            )


def _moments(values: "pd.Series[Any]", kept: NDArray[np.intp], reading: Reading) -> NDArray[Any]:
    """When each of the rows that are kept came, in UTC, or its number in the order of time."""
    kind = read.kind_of(values, reading)
    if kind not in ("number", "date"):
        raise BakeoffError(f"column {values.name} is the time_column; dates or numbers are needed in it")
    moments = read.parse(values, told_by(values, str(values.name), kind, reading), local=False).to_numpy()[kept]
    _refuse_missing(np.isnan(moments), "time_column", values, kept)
    return moments


def _groups(values: "pd.Series[Any]", kept: NDArray[np.intp], reading: Reading) -> NDArray[np.int64]:
    """The number of the group of each of the rows that are kept."""
    groups = read.labels(read.typed(values, reading.marks)).codes.astype(np.int64)[kept]
    _refuse_missing(groups < 0, "group_column", values, kept)
    return groups


def _refuse_missing(missing: NDArray[np.bool_], use: str, values: "pd.Series[Any]", kept: NDArray[np.intp]) -> None:
    if missing.any():
        row = kept[missing.argmax()] + 1
        raise BakeoffError(
            f"column {values.name}, row {row}: there is no value, and the {use} must have one in each row"
        )
