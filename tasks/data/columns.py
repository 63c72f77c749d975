"""The columns of a user's table, and the features that become of them."""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from tasks.specs import Spec

if TYPE_CHECKING:
    import pandas as pd

ColumnKind = Literal["number", "boolean", "category", "date"]
DATE_FEATURES = ("year", "month", "weekday", "elapsed")
WHOLE = re.compile(r"([+-]?\d+)\.0+")  # a whole number with decimals
REFUSED = str.maketrans("[]<", "()‹")  # by XGBoost, in a feature's name


class Column(Spec):
    """A column of a file; `levels` are a category's values as text, in the order of their numbers.

    `written` says what one value alone may not tell: "," where that is the decimal sign, or whether days or months come
    first in dates such as 03/04/2024, "%d/%m/%Y" or "%m/%d/%Y".
    """

    name: str
    kind: ColumnKind
    levels: tuple[str, ...] = ()
    written: str = ""

    @property
    def features(self) -> tuple[str, ...]:
        """The names of its features: its own, or four of a date, without signs that a library refuses."""
        name = self.name.translate(REFUSED)
        return tuple(f"{name}:{part}" for part in DATE_FEATURES) if self.kind == "date" else (name,)


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

    A number is itself, a boolean 0 or 1, a category the number of its level. A date is its year, its month from 1, its
    weekday from 0 for Monday, and the days since 1970-01-01 with their fraction. Nothing is fitted here.
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
        dates = values.dt
        elapsed = (values - np.datetime64(0, "D")) / np.timedelta64(1, "D")
        parts = (dates.year, dates.month, dates.day_of_week, elapsed)
        return [part.to_numpy(np.float64) for part in parts]
    return [values.to_numpy(np.float64)]


def _numbers_of_levels(values: "pd.Series[Any]", levels: Sequence[str]) -> NDArray[Any]:
    """By the labels that occur, since they are as a rule far fewer than the rows."""
    places = {_plain(level): float(number) for number, level in enumerate(levels)}
    numbers = [places.get(_plain(label), np.nan) for label in values.cat.categories]
    return np.array([*numbers, np.nan])[values.cat.codes.to_numpy()]  # of what is missing, the code is -1


def _plain(label: str) -> str:
    """The same for 1.0 and 1, and for True and true: a CSV file writes the one, a Parquet file may give the other."""
    whole = WHOLE.fullmatch(label)
    if whole:
        return whole[1]
    small = label.lower()
    return small if small in ("true", "false") else label
