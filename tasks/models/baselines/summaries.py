"""Series as the methods take them that know of no order: each column's values in a few numbers.

They are computed series by series, so nothing is fitted. Missing values, and the steps after a series' end, count for
nothing; what cannot be told of a series, as a mean without values, is NaN. To those methods series are a table with
missing values.
"""

import numpy as np
from numpy.typing import NDArray

from tasks.data.problem import Problem
from tasks.data.vectorization import Features

# The values' distribution as in tsfresh's minimal set of features (Christ et al. 2018), without those that follow from
# others (sum, variance, root mean square, absolute maximum), and, by its names too, where they begin, end and lead.
SUMMARIES = (
    "count", "mean", "standard_deviation", "minimum", "maximum", "median", "first", "last", "slope", "mean_abs_change"
)  # fmt: skip
PART = 2**20  # values that are summed up at a time; bounds memory, changes no result

Floats = NDArray[np.float64]


def as_table(problem: Problem) -> Problem:
    """The problem that series are to methods that know of no order; any other is itself."""
    if problem.form != "series":
        return problem
    width = len(SUMMARIES) * (problem.shape[-1] if problem.shape else 1)  # the shape is unknown before they are read
    return Problem(task=problem.task, form="table", shape=(width,), classes=problem.classes, levels=(0,) * width)


def without_order(X: Features, problem: Problem) -> tuple[Features, Problem]:
    """Series (rows, time * features) as a table (rows, features * summaries), float64; all else as it is."""
    if problem.form != "series":
        return X, problem
    rows = max(1, PART // X.shape[1])
    parts = [X[start : start + rows].reshape(-1, *problem.shape) for start in range(0, len(X), rows)]
    summaries = [summarize(part.transpose(0, 2, 1).astype(np.float64)) for part in parts]
    return np.concatenate([each.reshape(len(each), -1) for each in summaries]), as_table(problem)


def summarize(series: Floats) -> Floats:
    """The `SUMMARIES` (..., 10) of series (..., time), by the values that are known.

    The standard deviation is that of the values themselves (divided by their number), the slope that of least squares
    on the number of the step, and the mean absolute change that from one known value to the next.
    """
    known = ~np.isnan(series)
    count = known.sum(axis=-1)
    order = np.argsort(~known, axis=-1, kind="stable")  # the steps with a value, and then the others
    values, steps = np.take_along_axis(series, order, axis=-1), order.astype(np.float64)
    there = np.arange(series.shape[-1]) < count[..., None]
    lowest_first = np.sort(series, axis=-1)  # NaN comes last
    mean, middle = _mean(values, there), _mean(steps, there)
    away, later = values - mean[..., None], steps - middle[..., None]
    summaries = (
        count.astype(np.float64),
        mean,
        np.sqrt(_mean(away**2, there)),
        lowest_first[..., 0],
        _at(lowest_first, count - 1),
        (_at(lowest_first, (count - 1) // 2) + _at(lowest_first, count // 2)) / 2,
        values[..., 0],
        _at(values, count - 1),
        _ratio(_mean(away * later, there), _mean(later**2, there)),
        _mean(np.abs(np.diff(values, axis=-1)), there[..., 1:]),
    )
    return np.stack(summaries, axis=-1)


def _mean(values: Floats, there: NDArray[np.bool_]) -> Floats:
    """Over those that are there; NaN where none is."""
    return _ratio(np.where(there, values, 0.0).sum(axis=-1), there.sum(axis=-1).astype(np.float64))


def _ratio(dividend: Floats, divisor: Floats) -> Floats:
    """NaN where the divisor is 0."""
    return np.divide(dividend, divisor, out=np.full_like(dividend, np.nan), where=divisor > 0)


def _at(values: Floats, place: NDArray[np.intp]) -> Floats:
    """The value at each series' own place; one that is past the end is the last, which is NaN where none is known."""
    last = values.shape[-1] - 1
    found: Floats = np.take_along_axis(values, np.clip(place, 0, last)[..., None], axis=-1)[..., 0]
    return found
