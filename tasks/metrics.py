"""Scores: which there are, which tasks they fit, which way is better, and what they are on many samples of the rows.

A prediction is an array of shape (rows,) for regression, and of class probabilities (rows, classes) otherwise.
The arithmetic is scikit-learn's.

The bootstrap needs the scores of many models on many samples of the same rows at once. A sample is given by how often
each row is in it. Every score but ROC AUC follows from means over rows, so one matrix product of those counts with a
few columns for each model scores all models on many samples. A metric is one entry of METRICS, with both ways.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from tasks.specs import BakeoffError

Task = Literal["regression", "binary", "multiclass"]
Targets = NDArray[np.generic]
Floats = NDArray[np.float64]
Counts = NDArray[np.int64]
Score = Callable[[Targets, Floats], float]
Columns = Callable[[Targets, Floats], Floats]
Scorer = Callable[[Counts], Floats]
SampleScores = Callable[[Targets, Sequence[Floats]], Scorer]


def classification(n_classes: int) -> Task:
    """The task of telling so many classes apart."""
    return "binary" if n_classes == 2 else "multiclass"


@dataclass(frozen=True)
class Metric:
    """A score with its direction, and its `title` for people.

    `of_samples` takes targets and models' predictions, and gives a function from counts (samples, rows) to scores
    (samples, models); `needs_every_class` says that each class must have a row in a sample. `in_target_unit` says that
    it is measured in the unit of the target, `of_probabilities` that decision values will not do. `without_a_class`
    names what does not exist where a class has no row, such as "ROC curve"; the score is then refused.
    """

    name: str
    title: str
    score: Score
    of_samples: SampleScores
    greater_is_better: bool = True
    classification: bool = True
    needs_every_class: bool = False
    in_target_unit: bool = False
    of_probabilities: bool = False
    without_a_class: str = ""

    @property
    def sign(self) -> int:
        """+1 where greater is better, -1 where less is."""
        return 1 if self.greater_is_better else -1


def scorer(y: Targets, models: Sequence[Floats], metric: "MetricName") -> Scorer:
    """A function that takes counts (samples, rows) and gives scores (samples, models), as the metric itself would.

    For a score that needs every class (macro F1, ROC AUC), a class that is missing from a sample is put in with each
    of its rows once; to draw again until none is missing might never end where a class has a single row.

    Args:
        y: the targets (rows,).
        models: each one's prediction, (rows,) or (rows, classes).
        metric: the score. A matrix product takes the time of `samples * rows * models` multiplications, of macro F1
            three times as many for each class; ROC AUC takes about 30 ns for each sample, row, model and class.
    """
    score = METRICS[metric].of_samples(y, models)
    return (lambda counts: score(_completed(counts, y))) if METRICS[metric].needs_every_class else score


def _completed(counts: Counts, y: Targets) -> Counts:
    """The counts, with every class in each sample."""
    complete = counts.copy()
    for label in np.unique(y):
        of_class = y == label
        complete[np.ix_(~complete[:, of_class].any(axis=1), of_class)] = 1
    return complete


def _means_of(columns: Columns, finish: Callable[[Floats], Floats] = lambda means: means[:, :, 0]) -> SampleScores:
    """Scores that follow from means over rows of columns (rows, k): `finish` takes them as (samples, models, k)."""

    def of_samples(y: Targets, models: Sequence[Floats]) -> Scorer:
        of_models = np.concatenate([columns(y, model) for model in models], axis=1)

        def score(counts: Counts) -> Floats:
            means = counts.astype(np.float64) @ of_models / counts.sum(axis=1, keepdims=True)
            return finish(means.reshape(len(counts), len(models), -1))

        return score

    return of_samples


def _labels(probabilities: Floats) -> NDArray[np.intp]:
    return np.asarray(probabilities.argmax(axis=1), np.intp)


def _as_scikit_learn(name: str, take: Callable[[Floats], Any] = np.asarray, **settings: Any) -> Score:
    """A function of `sklearn.metrics`, given what it takes of a prediction."""

    def score(y: Targets, prediction: Floats) -> float:
        from sklearn import metrics

        return float(getattr(metrics, name)(y, take(prediction), **settings))

    return score


def _log_loss(y: Targets, prediction: Floats) -> float:
    return _as_scikit_learn("log_loss", labels=np.arange(prediction.shape[1]))(y, prediction)


def _roc_auc(y: Targets, prediction: Floats) -> float:
    """The area under the ROC curve; with more than two classes, one against the rest, unweighted."""
    if prediction.shape[1] == 2:
        return _as_scikit_learn("roc_auc_score")(y, prediction[:, 1])
    classes = np.arange(prediction.shape[1])
    return _as_scikit_learn("roc_auc_score", multi_class="ovr", average="macro", labels=classes)(y, prediction)


def _errors(y: Targets, prediction: Floats) -> Floats:
    return np.asarray(np.abs(y.astype(np.float64) - prediction), np.float64)[:, None]


def _squares(y: Targets, prediction: Floats) -> Floats:
    return np.asarray((y.astype(np.float64) - prediction) ** 2)[:, None]


def _squares_and_spread(y: Targets, prediction: Floats) -> Floats:
    target = y.astype(np.float64)
    deviation, variance = target - target.mean(), target.var() or 1.0
    squares = _squares(y, prediction)[:, 0] / variance
    return np.stack([squares, deviation / np.sqrt(variance), deviation**2 / variance], axis=1)


def _explained(means: Floats) -> Floats:
    squares, variance = means[:, :, 0], means[:, :, 2] - means[:, :, 1] ** 2
    varied = variance > 1e-12  # of equal targets scikit-learn says 1 where all are met, and 0 otherwise
    return 1 - np.divide(squares, variance, out=(squares > 0).astype(np.float64), where=varied)


def _hits(y: Targets, probabilities: Floats) -> Floats:
    return np.asarray(_labels(probabilities) == y, np.float64)[:, None]


def _surprises(y: Targets, probabilities: Floats) -> Floats:
    """Minus the logarithm of the probability of what was, clipped as scikit-learn's `log_loss` clips it."""
    epsilon = np.finfo(np.float64).eps
    shares = probabilities / probabilities.sum(axis=1, keepdims=True)
    of_the_actual = shares[np.arange(len(y)), y.astype(np.int64)]
    return np.asarray(-np.log(np.clip(of_the_actual, epsilon, 1 - epsilon)), np.float64)[:, None]


def _said_and_so(y: Targets, probabilities: Floats) -> Floats:
    classes = np.arange(probabilities.shape[1])
    said, so = _labels(probabilities)[:, None] == classes, y[:, None] == classes
    return np.concatenate([said & so, said, so], axis=1).astype(np.float64)


def _mean_f1(means: Floats) -> Floats:
    both, said, so = np.split(means, 3, axis=2)
    present = said + so > 0  # as scikit-learn, which leaves out classes that are neither there nor predicted
    shares = np.divide(2 * both, said + so, out=np.zeros_like(both), where=present)
    return np.asarray(shares.sum(axis=2) / present.sum(axis=2))


def _areas(y: Targets, models: Sequence[Floats]) -> Scorer:
    areas = [_area(y, model) for model in models]
    return lambda counts: np.stack([area(counts) for area in areas], axis=1)


def _area(y: Targets, prediction: Floats) -> Scorer:
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


METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric(
            name="mae",
            title="MAE",
            greater_is_better=False,
            classification=False,
            score=_as_scikit_learn("mean_absolute_error"),
            of_samples=_means_of(_errors),
            in_target_unit=True,
        ),
        Metric(
            name="rmse",
            title="RMSE",
            greater_is_better=False,
            classification=False,
            score=_as_scikit_learn("root_mean_squared_error"),
            of_samples=_means_of(_squares, lambda means: np.sqrt(means[:, :, 0])),
            in_target_unit=True,
        ),
        Metric(
            name="r2",
            title="R²",
            classification=False,
            score=_as_scikit_learn("r2_score"),
            of_samples=_means_of(_squares_and_spread, _explained),
        ),
        Metric(
            name="accuracy",
            title="accuracy",
            score=_as_scikit_learn("accuracy_score", _labels),
            of_samples=_means_of(_hits),
        ),
        Metric(
            name="log_loss",
            title="log loss",
            greater_is_better=False,
            score=_log_loss,
            of_samples=_means_of(_surprises),
            of_probabilities=True,
        ),
        Metric(
            name="macro_f1",
            title="macro F1",
            score=_as_scikit_learn("f1_score", _labels, average="macro", zero_division=0.0),
            of_samples=_means_of(_said_and_so, _mean_f1),
            needs_every_class=True,
        ),
        Metric(
            name="roc_auc",
            title="ROC AUC",
            score=_roc_auc,
            of_samples=_areas,
            needs_every_class=True,
            without_a_class="ROC curve",
        ),
    )
}
if TYPE_CHECKING:
    MetricName = str
else:
    MetricName = Literal[*METRICS]  # what an experiment may name


def metric_for(name: MetricName, task: Task) -> Metric:
    """The metric of that name.

    Raises:
        BakeoffError: when it does not fit the task.
    """
    metric = METRICS[name]
    if metric.classification == (task == "regression"):
        fitting = [other.name for other in METRICS.values() if other.classification != metric.classification]
        kind = "regression" if task == "regression" else "classification"
        raise BakeoffError(f"metric {name} does not fit a {kind} task; choose one of {', '.join(fitting)}")
    return metric
