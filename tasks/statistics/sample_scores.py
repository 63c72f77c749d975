"""Scores of many models on many samples of the same rows at once, as the bootstrap needs them.

A sample is given by how often each row is in it. Every score but ROC AUC follows from means over rows, so one matrix
product of those counts with a few columns for each model scores all models on many samples.
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from tasks.metrics import METRICS, MetricName

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]
Scorer = Callable[[Counts], Floats]


def scorer(y: NDArray[np.generic], models: Sequence[Floats], metric: MetricName) -> Scorer:
    """A function that takes counts (samples, rows) and gives scores (samples, models), as the metric itself would.

    For a score that needs every class (macro F1, ROC AUC), a class that is missing from a sample is put in with each
    of its rows once; to draw again until none is missing might never end where a class has a single row.

    Args:
        y: the targets (rows,).
        models: each one's prediction, (rows,) or (rows, classes).
        metric: the score. A matrix product takes the time of `samples * rows * models` multiplications, of macro F1
            three times as many for each class; ROC AUC takes about 30 ns for each sample, row, model and class.
    """
    if metric == "roc_auc":
        areas = [_area(y, model) for model in models]
        return lambda counts: _side_by_side(areas, _completed(counts, y))
    columns = np.concatenate([_columns(y, model, metric) for model in models], axis=1)

    def score(counts: Counts) -> Floats:
        complete = _completed(counts, y) if metric == "macro_f1" else counts
        means = complete.astype(np.float64) @ columns / complete.sum(axis=1, keepdims=True)
        return _of_means(means.reshape(len(counts), len(models), -1), metric)

    return score


def _completed(counts: Counts, y: NDArray[np.generic]) -> Counts:
    """The counts, with every class in each sample."""
    complete = counts.copy()
    for label in np.unique(y):
        of_class = y == label
        complete[np.ix_(~complete[:, of_class].any(axis=1), of_class)] = 1
    return complete


def _columns(y: NDArray[np.generic], prediction: Floats, metric: MetricName) -> Floats:
    """Columns (rows, k) from whose means over rows the score follows."""
    if row_scores := METRICS[metric].row_scores:
        return row_scores(y, prediction)[:, None]
    if metric == "macro_f1":
        classes = np.arange(prediction.shape[1])
        said, so = prediction.argmax(axis=1)[:, None] == classes, y[:, None] == classes
        return np.concatenate([said & so, said, so], axis=1).astype(np.float64)
    target = y.astype(np.float64)
    squares = (target - prediction) ** 2
    if metric == "rmse":
        return squares[:, None]
    deviation, variance = target - target.mean(), target.var() or 1.0
    return np.stack([squares / variance, deviation / np.sqrt(variance), deviation**2 / variance], axis=1)


def _of_means(means: Floats, metric: MetricName) -> Floats:
    """Scores (samples, models) from the means (samples, models, k) of the columns."""
    if metric == "macro_f1":
        both, said, so = np.split(means, 3, axis=2)
        present = said + so > 0  # as scikit-learn, which leaves out classes that are neither there nor predicted
        shares = np.divide(2 * both, said + so, out=np.zeros_like(both), where=present)
        return np.asarray(shares.sum(axis=2) / present.sum(axis=2))
    if metric == "rmse":
        return np.sqrt(means[:, :, 0])
    if metric == "r2":
        squares, variance = means[:, :, 0], means[:, :, 2] - means[:, :, 1] ** 2
        varied = variance > 1e-12  # of equal targets scikit-learn says 1 where all are met, and 0 otherwise
        return 1 - np.divide(squares, variance, out=(squares > 0).astype(np.float64), where=varied)
    return means[:, :, 0]


def _side_by_side(areas: Sequence[Scorer], counts: Counts) -> Floats:
    return np.stack([area(counts) for area in areas], axis=1)


def _area(y: NDArray[np.generic], prediction: Floats) -> Scorer:
    """A function from counts (samples, rows) to areas under the ROC curve (samples,), of one model.

    The area is the share of pairs of a row of the class and another row in which the first has the higher score, ties
    counted half (Hanley & McNeil 1982).
    """
    labels = [1] if prediction.shape[1] == 2 else range(prediction.shape[1])
    orders = [np.argsort(prediction[:, label]) for label in labels]
    steps = [
        np.flatnonzero(np.diff(prediction[order, label], prepend=-np.inf))
        for label, order in zip(labels, orders, strict=True)
    ]

    def area(counts: Counts) -> Floats:
        areas = []
        for label, order, starts in zip(labels, orders, steps, strict=True):
            ordered = counts[:, order]
            rows = np.add.reduceat(ordered, starts, axis=1)
            inside = np.add.reduceat(ordered * (y[order] == label), starts, axis=1)
            outside = rows - inside
            won = (inside * (outside.cumsum(axis=1) - outside / 2)).sum(axis=1)
            areas.append(won / (inside.sum(axis=1) * outside.sum(axis=1)))
        return np.asarray(np.mean(areas, axis=0))

    return area
