"""The target column: numbers, or labels that become class numbers and come back in predictions."""

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tasks.data.own import values as read
from tasks.metrics import Task, classification
from tasks.specs import BakeoffError

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


class Target(NamedTuple):
    """`y` (known rows,) holds numbers, or class numbers from 0; `known` (rows,) says which rows have a target."""

    y: NDArray[np.generic]
    classes: tuple[str, ...]
    known: NDArray[np.bool_]


def read_target(values: "pd.Series[Any]", task: Task, as_it_is: bool = False) -> Target:
    """Numbers as float64, or labels as class numbers; the labels are in order, numbers among them by their size.

    Text that is left `as_it_is`, such as the names of folders, may be "NA" and is not missing for it.

    Raises:
        BakeoffError: when all are missing or the same, when numbers are needed and there are others, or when there are
            two classes for a multiclass task or more for a binary one.
    """
    array = read.typed(values, as_it_is)
    if not read.is_usable(array):
        raise BakeoffError(f"column {values.name}, the target, holds {array.type}; numbers or text are needed")
    known = read.known(array)
    if not known.any():
        raise BakeoffError(f"column {values.name}, the target, has no values")
    if task == "regression":
        y, classes = _numbers(str(values.name), array)[known], ()
        if (y == y[0]).all():
            raise BakeoffError(_constant(str(values.name), f"{y[0]:g}"))
        return Target(y, classes, known)
    labels = read.labels(array)
    classes = tuple(sorted(labels.categories, key=_by_size))
    if len(classes) == 1:
        raise BakeoffError(_constant(str(values.name), repr(classes[0])))
    if task != (fitting := classification(len(classes))):
        raise BakeoffError(f"column {values.name} has {len(classes)} classes; set task: {fitting}")
    return Target(labels.set_categories(classes).codes[known].astype(np.int64), classes, known)


def _numbers(name: str, array: "pa.Array[Any]") -> NDArray[np.float64]:
    numbers = read.numbers(array, read.decimal_sign(array))
    strange = read.known(array) & ~np.isfinite(numbers)
    if strange.any():
        row = int(strange.argmax())
        value = array[row].as_py()
        raise BakeoffError(
            f"column {name}, row {row + 1}: the target must be a finite number, and there is"
            f" {repr(value) if isinstance(value, str) else value}; set task: multiclass where these are names"
        )
    return numbers


def _constant(name: str, value: str) -> str:
    return f"column {name}, the target, is {value} in every row; there is nothing to predict"


def _by_size(label: str) -> tuple[int, float, str]:
    try:
        number = float(label)
    except ValueError:
        return 1, 0.0, label
    return (0, number, label) if np.isfinite(number) else (1, 0.0, label)
