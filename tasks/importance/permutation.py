"""Columns of tables and of series: how much worse a contender predicts when one column's values are shuffled.

This is the permutation importance of Breiman ("Random forests", Machine Learning 2001, section 10), on rows that the
contender was not fitted on, as Fisher, Rudin & Dominici (JMLR 2019) define it for any model.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tasks.data.examples import Examples
from tasks.importance.explanation import Effect, Floats, Predict
from tasks.metrics import METRICS, MetricName
from tasks.statistics.bootstrap import interval_of, resample

Rows = NDArray[np.intp]
RESAMPLES = 500  # of which 12 lie beyond each end of the interval


class Inputs(NamedTuple):
    """A column of the data, and the numbers of the features that were computed from it."""

    name: str
    features: tuple[int, ...]


def inputs_of(examples: Examples) -> list[Inputs]:
    """The columns that are shuffled as one: a date with all its parts, of series a value at all of its times."""
    if examples.form == "series":
        time, width = examples.shape
        names = [column.name for column in examples.columns[2:]] or [f"value {number}" for number in range(width)]
        return [Inputs(name, tuple(range(number, time * width, width))) for number, name in enumerate(names)]
    columns = {column.name: column.features for column in examples.columns} or {n: (n,) for n in examples.features}
    places = {name: number for number, name in enumerate(examples.features)}
    return [Inputs(name, tuple(places[feature] for feature in own)) for name, own in columns.items()]


def shuffles(rows: int, n_repeats: int, seed: int) -> Rows:
    """Orders of the rows (n_repeats, rows), drawn once: every contender and every column gets the same."""
    generator = np.random.default_rng(seed)
    return np.stack([generator.permutation(rows) for _ in range(n_repeats)])


def permutation_effects(
    name: str,
    predict: Predict,
    X: Floats,
    y: NDArray[np.generic],
    columns: Sequence[Inputs],
    orders: Rows,
    metric: MetricName,
    groups: NDArray[np.generic] | None = None,
) -> list[Effect]:
    """By how much the metric worsens, as a mean over shuffles, for each column.

    The interval is a bootstrap's over rows, or groups of rows, and over shuffles.

    Args:
        name: the contender's.
        predict: gives its prediction for rows of X.
        X: the features of the test rows (rows, features).
        y: their targets (rows,).
        columns: what to shuffle.
        orders: the shuffled orders (n_repeats, rows).
        metric: the experiment's.
        groups: the number (rows,) of each row's group, where rows belong together.
    """
    before = predict(X)
    after = [_predict_shuffled(predict, X, column, orders) for column in columns]
    score, sign = METRICS[metric].score, METRICS[metric].sign
    scores = resample(y, [before[None], *after], metric, RESAMPLES, groups)
    return [
        Effect(
            contender=name,
            feature=column.name,
            effect=sign * (score(y, before) - float(np.mean([score(y, each) for each in own]))),
            interval=interval_of(sign * (scores[0] - resampled)),
            rows=len(y),
        )
        for column, own, resampled in zip(columns, after, scores[1:], strict=True)
    ]


def _predict_shuffled(predict: Predict, X: Floats, column: Inputs, orders: Rows) -> Floats:
    """What is predicted (n_repeats, rows, ...) when the column's values stand in these orders, all else unchanged."""
    shuffled = np.tile(X, (len(orders), 1))
    features = list(column.features)
    shuffled[:, features] = X[orders.ravel()][:, features]
    predicted = predict(shuffled)
    return predicted.reshape(*orders.shape, *predicted.shape[1:])
