"""The target column: numbers, or labels that become class numbers and come back in predictions."""

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tasks.metrics import Task
from tasks.specs import BakeoffError

if TYPE_CHECKING:
    import pandas as pd


class Target(NamedTuple):
    """`y` (known rows,) holds numbers, or class numbers from 0; `known` (rows,) says which rows have a target."""

    y: NDArray[np.generic]
    classes: tuple[str, ...]
    known: NDArray[np.bool_]


def read_target(values: "pd.Series[Any]", task: Task) -> Target:
    """Numbers as float64, or labels as class numbers; the labels are in order, numbers among them by their size.

    Raises:
        BakeoffError: when all are missing or the same, when numbers are needed and there are others, or when there are
            two classes for a multiclass task or more for a binary one.
    """
    known = values.notna().to_numpy(dtype=np.bool_)
    if not known.any():
        raise BakeoffError(f"column {values.name}, the target, has no values")
    if values[known].nunique() == 1:
        raise BakeoffError(
            f"column {values.name}, the target, is {values[known].iloc[0]!r} in every row; there is nothing to predict"
        )
    if task == "regression":
        return Target(_numbers(values, known), (), known)
    labels = [label_of(value) for value in values[known]]
    classes = tuple(sorted(set(labels), key=_by_size))
    if (task == "binary") != (len(classes) == 2):
        fitting = "binary" if len(classes) == 2 else "multiclass"
        raise BakeoffError(f"column {values.name} has {len(classes)} classes; set task: {fitting}")
    numbers = {label: number for number, label in enumerate(classes)}
    return Target(np.array([numbers[label] for label in labels], np.int64), classes, known)


def label_of(value: object) -> str:
    """A label as text; a whole number has no decimals, whatever type it was read as."""
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    return str(value)


def _numbers(values: "pd.Series[Any]", known: NDArray[np.bool_]) -> NDArray[np.float64]:
    import pandas as pd

    numbers = pd.to_numeric(values[known], errors="coerce").to_numpy(np.float64)
    strange = np.flatnonzero(~np.isfinite(numbers))
    if len(strange):
        row = int(np.flatnonzero(known)[strange[0]])
        raise BakeoffError(
            f"column {values.name}, row {row + 1}: the target must be a finite number, and there is"
            f" {values.iloc[row]!r}; set task: multiclass where these are names"
        )
    return numbers


def _by_size(label: str) -> tuple[int, float, str]:
    try:
        number = float(label)
    except ValueError:
        return 1, 0.0, label
    return (0, number, label) if np.isfinite(number) else (1, 0.0, label)
