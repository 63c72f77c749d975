"""Columns that are no use to learn from, or are too good to be true."""

import re
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tasks.data.columns import ColumnKind
from tasks.inspection.overview import Suspicion
from tasks.metrics import Task

SAMPLE = 2_000  # rows that are enough to see a leak
ENOUGH = 20  # rows below which nothing is said of single values, or of what a column predicts
LEAK = 0.98
NAMED_LIKE_AN_ID = re.compile(r"(^|[^a-z])(id|ids|uuid|guid|key|index|idx|nr|no|number)$", re.IGNORECASE)

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Values:
    """A column as numbers (rows,), NaN where missing; of a category they are the places of its values in `levels`."""

    name: str
    kind: ColumnKind
    numbers: Floats
    levels: tuple[str, ...] = ()


@dataclass(frozen=True)
class Known:
    """The target: `y` (known rows,) holds numbers, or class numbers; `rows` (rows,) says which rows have one."""

    y: NDArray[np.generic]
    task: Task
    rows: NDArray[np.bool_]

    @cached_property
    def distinct(self) -> int:
        """How many values differ."""
        return len(np.unique(self.y))


def suspicion(values: Values, distinct: int, target: Known) -> Suspicion | None:
    """What is wrong with a column of which so many values differ, if anything; the gravest alone."""
    missing = int(np.isnan(values.numbers).sum())
    if distinct == 0:
        return Suspicion(what="empty", said="it has no values", left_out=True)
    if distinct == 1 and not missing:
        return Suspicion(what="constant", said="every row has the same value", left_out=True)
    if _is_copy(values.numbers, distinct, target):
        return Suspicion(what="copy of the target", said="it tells the target one to one", left_out=True)
    return _identity(values, distinct, len(values.numbers) - missing) or _leak(values.numbers, target)


def _is_copy(column: Floats, distinct: int, target: Known) -> bool:
    """Whether one can be computed from the other: the same pairs again and again, or on one straight line."""
    y, known = target.y.astype(np.float64), ~np.isnan(column)
    if distinct <= len(y) // 2:
        levels = distinct + (not known.all())
        return levels == target.distinct == len(np.unique(np.where(known, column, np.inf) + 1j * y))
    if target.task != "regression" or known.sum() < max(3, len(y) // 2) or np.ptp(y[known]) == 0:
        return False
    x, y = column[known] - column[known].mean(), y[known] - y[known].mean()
    return bool(np.array_equal(column[known], target.y[known]) or abs(x @ y) > (1 - 1e-9) * np.sqrt((x @ x) * (y @ y)))


def _identity(values: Values, distinct: int, known: int) -> Suspicion | None:
    """A name for each row, or words of its own. Whole numbers that all differ may be amounts where rows are few."""
    if known < ENOUGH or values.kind in ("boolean", "date"):
        return None
    if values.kind == "category":
        if distinct <= known / 2:
            return None
        said = f"{distinct:,} of {known:,} values differ"
        if _words(values.levels) >= 2:
            said = f"{said}, in several words; --text {values.name} learns from them"
            return Suspicion(what="free text", said=said, left_out=True)
        return Suspicion(what="an id", said=said, left_out=True)
    numbers = values.numbers[~np.isnan(values.numbers)]
    if distinct < known or (numbers != np.floor(numbers)).any():
        return None
    in_a_row = np.ptp(numbers) < 2 * known
    if in_a_row or known >= 5 * ENOUGH or NAMED_LIKE_AN_ID.search(values.name):
        return Suspicion(what="an id", said=f"a whole number of its own in each of {known:,} rows", left_out=True)
    return None


def _words(levels: tuple[str, ...]) -> float:
    return float(np.mean([len(level.split()) for level in levels[:SAMPLE]]))


def _leak(column: Floats, target: Known) -> Suspicion | None:
    if len(column) < 2 * ENOUGH:
        return None
    rows = np.random.default_rng(0).permutation(len(column))[:SAMPLE]
    score = _held_out_score(column[rows], target.y[rows].astype(np.float64), target.task)
    if not score >= LEAK:
        return None
    name = "R2" if target.task == "regression" else "balanced accuracy"
    said = f"alone, it predicts rows not seen with {name} {score:.3f}; would you know it before the target?"
    return Suspicion(what="a leak?", said=said, left_out=False)


def _held_out_score(column: Floats, y: Floats, task: Task) -> float:
    """How well the nearest value among every other row predicts the rest: R2, or the mean of each class's accuracy.

    1 is perfect, and a class that is rare counts as much as one that is frequent. A missing value is one of its own.
    """
    known = column[~np.isnan(column)]
    there = np.where(np.isnan(column), 2 * known.max(initial=0) - known.min(initial=0) + 1, column)
    values, places = np.unique(there[::2], return_inverse=True)
    rest, predicted = y[1::2], _of_each(places, y[::2], task)[_nearest(values, there[1::2])]
    if task == "regression":
        spread = float(np.sum((rest - rest.mean()) ** 2))
        return 1 - float(np.sum((rest - predicted) ** 2)) / spread if spread else 0.0
    labels, classes = np.unique(rest, return_inverse=True)
    hits = np.bincount(classes, predicted == rest) / np.bincount(classes)
    return float(hits.mean()) if len(labels) > 1 else 0.0


def _of_each(places: NDArray[np.intp], y: Floats, task: Task) -> Floats:
    """For each value, by its number, the mean of the targets that go with it, or the most frequent class."""
    if task == "regression":
        return np.asarray(np.bincount(places, y) / np.bincount(places))
    counts = np.zeros((places.max() + 1, int(y.max()) + 1))
    np.add.at(counts, (places, y.astype(np.int64)), 1)
    return np.asarray(counts.argmax(axis=1), np.float64)


def _nearest(values: Floats, wanted: Floats) -> NDArray[np.intp]:
    """The places, in sorted values, of those that are nearest to the ones wanted."""
    after = np.searchsorted(values, wanted).clip(max=len(values) - 1)
    before = (after - 1).clip(min=0)
    return np.where(wanted - values[before] <= values[after] - wanted, before, after)
