"""The target column: numbers, or labels that become class numbers and come back in predictions."""

import shlex
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tasks.data.examples import ColumnKind, RawData
from tasks.data.files import values as read
from tasks.data.files.notation import known, type_of
from tasks.data.files.values import FOUND_OUT, Reading, told_by
from tasks.metrics import Task, classification
from tasks.specs import BakeoffError, counted

if TYPE_CHECKING:
    import pandas as pd


MOST_CLASSES = 10  # whole numbers, up to so many different ones, are classes
ROWS_PER_CLASS = 5  # if each stands for so many rows on average, and none for fewer than there are folds


@dataclass(frozen=True)
class Target:
    """`y` (known rows,) holds numbers, or class numbers from 0; `known` (rows,) says which rows have a target.

    Numbers may have had a `unit` beside them.
    """

    name: str
    y: NDArray[np.generic]
    classes: tuple[str, ...]
    known: NDArray[np.bool_]
    unit: str = ""

    @cached_property
    def distinct(self) -> int:
        """How many values differ."""
        return len(np.unique(self.y))

    @property
    def counts(self) -> list[int]:
        """How many rows each class has."""
        return [int(count) for count in np.bincount(self.y.astype(np.int64), minlength=len(self.classes))]

    @property
    def spread(self) -> float:
        """The standard deviation of numbers; infinite if they are so large that their squares are."""
        with np.errstate(all="ignore"):
            return float(self.y.astype(np.float64).std())


def read_target(values: "pd.Series[Any]", task: Task, reading: Reading = FOUND_OUT, as_it_is: bool = False) -> Target:
    """Return numbers as float64, or labels as class numbers; the labels are in order, numbers among them by their size.

    Text that is left `as_it_is`, such as the names of folders, may be "NA" and is not missing for it.

    Raises:
        BakeoffError: when all are missing or the same, when numbers are needed and there are others, or when there are
            two classes for a multiclass task or more for a binary one.
    """
    name, array = str(values.name), read.typed(values, None if as_it_is else reading.marks)
    if type_of(array) is None:
        raise BakeoffError(f"column {name}, the target, holds {array.type}; numbers or text are needed")
    there = known(array)
    if not there.any():
        raise BakeoffError(f"column {name}, the target, has no values")
    if task == "regression":
        column = told_by(array, name, "number", reading)
        try:
            numbers = read.parse(array, column).to_numpy()
        except BakeoffError as error:
            raise BakeoffError(
                f"{error}; the target is a number: set task: multiclass where these are names"
            ) from error
        there = ~np.isnan(numbers)
        y = numbers[there]
        _refuse_constant(name, f"{y[0]:g}", (y == y[0]).all())
        return Target(name, y, (), there, column.unit or "")
    labels = read.labels(array)
    classes = tuple(sorted(labels.categories, key=_by_size))
    _refuse_constant(name, repr(classes[0]), len(classes) == 1)
    if task != (fitting := classification(len(classes))):
        raise BakeoffError(f"column {name} has {len(classes)} classes; set task: {fitting}")
    return Target(name, labels.set_categories(classes).codes[there].astype(np.int64), classes, there)


def lacking_in(values: "pd.Series[Any]", known: NDArray[np.bool_], what: str) -> str:
    """Return how many rows are left out since a column has no value there, and the words that were taken for none."""
    if known.all():
        return ""
    words = Counter(read.as_text(values, ())[~known].tolist())
    said = [f"{word!r} {times:,} times" for word, times in words.most_common(3) if word]
    keep = f", in which it is {', '.join(said)} (--missing '' keeps such words)" if said else ""
    return f"{counted(int((~known).sum()), 'row')} without {what} left out{keep}"


def target_of(raw: RawData, name: str) -> Target:
    """Return the target of examples that were read, of which each has one."""
    return Target(name, raw.y, raw.problem.classes if raw.problem else (), np.ones(len(raw.y), np.bool_))


def choose_task(values: "pd.Series[Any]", chosen: ColumnKind | None, reading: Reading = FOUND_OUT) -> tuple[Task, str]:
    """Return what is to be done with the target, and a word on it; `chosen` is its kind, if the user has said it.

    Raises:
        BakeoffError: when it holds dates, or values of several types.
    """
    name, kind = str(values.name), chosen or found_kind(values, reading)
    if kind == "date":
        raise BakeoffError(
            f"column {name}, the target, holds dates; a number or a class is needed, such as the days until then"
        )
    if kind == "number":
        numbers = read.parse(values, told_by(values, name, kind, reading)).dropna()
        rows = numbers.value_counts()
        few = len(rows) == 2 or (
            len(rows) <= MOST_CLASSES and len(numbers) >= ROWS_PER_CLASS * len(rows) and rows.min() >= ROWS_PER_CLASS
        )
        if chosen or not few or (numbers != np.floor(numbers)).any():
            return "regression", "a number is to be predicted"
        said = f"{len(rows)} whole numbers, taken for classes; if they are amounts: --column {shlex.quote(name)}=number"
        return classification(len(rows)), said
    distinct = read.parse(values, told_by(values, name, "category", reading)).nunique()
    return classification(distinct), f"one of {distinct:,} classes is to be predicted"


def found_kind(values: "pd.Series[Any]", reading: Reading = FOUND_OUT) -> ColumnKind | None:
    """Return the kind that the values have, if any.

    Raises:
        BakeoffError: when they are of several types, with the option that says which.
    """
    try:
        return read.kind_of(values, reading)
    except BakeoffError as error:
        raise BakeoffError(f"{error}; if these are names: --column {shlex.quote(str(values.name))}=category") from error


def _refuse_constant(name: str, value: str, constant: bool) -> None:
    if constant:
        raise BakeoffError(f"column {name}, the target, is {value} in every row; there is nothing to predict")


def _by_size(label: str) -> tuple[int, float, str]:
    try:
        number = float(label)
    except ValueError:
        return 1, 0.0, label
    return (0, number, label) if np.isfinite(number) else (1, 0.0, label)
