"""The target column: whether it is a number or a class, and how its values are spread."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tasks.data.columns import Column, ColumnKind
from tasks.data.own.kinds import parse
from tasks.inspection.columns import found_kind
from tasks.inspection.overview import Amounts, ClassSeen, TargetSeen
from tasks.metrics import Task, classification
from tasks.specs import BakeoffError

if TYPE_CHECKING:
    import pandas as pd

MOST_CLASSES = 10  # whole numbers, up to so many different ones, are classes
CLASS = "class"  # what the target of a folder is called
ROWS_PER_CLASS = 5  # if each stands for so many rows on average


def choose_task(values: "pd.Series[Any]", chosen: ColumnKind | None) -> tuple[Task, str]:
    """What is to be done with the target, and a word on it; `chosen` is its kind, if the user has said it.

    Raises:
        BakeoffError: when it holds dates, or values of several types.
    """
    kind = chosen or found_kind(values)
    if kind == "date":
        raise BakeoffError(
            f"column {values.name}, the target, holds dates; a number or a class is needed, such as the days until then"
        )
    if kind == "number":
        numbers = parse(values, Column(name=str(values.name), kind=kind)).dropna()
        distinct = numbers.nunique()
        few = distinct == 2 or (distinct <= MOST_CLASSES and len(numbers) >= ROWS_PER_CLASS * distinct)
        if chosen or not few or (numbers != np.floor(numbers)).any():
            return "regression", "a number is to be predicted"
        return classification(distinct), f"{distinct} whole numbers, taken for classes; if they are amounts: regression"
    distinct = parse(values, Column(name=str(values.name), kind="category")).nunique()
    return classification(distinct), f"one of {distinct:,} classes is to be predicted"


def look_at_target(
    name: str, task: Task, y: NDArray[np.generic], labels: tuple[str, ...], missing: int = 0
) -> TargetSeen:
    """How the target is spread.

    Args:
        name: of the column.
        task: regression or classes.
        y: (rows,) numbers, or class numbers.
        labels: of the classes.
        missing: how many rows have none.
    """
    if labels:
        counts = np.bincount(y.astype(np.int64), minlength=len(labels)).tolist()
        seen = tuple(ClassSeen(label=label, rows=rows) for label, rows in zip(labels, counts, strict=True))
        return TargetSeen(name=name, task=task, missing=missing, classes=seen)
    numbers = y.astype(np.float64)
    with np.errstate(all="ignore"):  # of numbers so large that their sums or squares are infinite
        mean, std = float(numbers.mean()), float(numbers.std())
    amounts = Amounts(
        mean=mean,
        std=std,
        least=float(numbers.min()),
        greatest=float(numbers.max()),
        distinct=len(np.unique(numbers)),
    )
    return TargetSeen(name=name, task=task, missing=missing, amounts=amounts)
