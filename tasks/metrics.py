"""Scores: which there are, which tasks they fit, and which way is better.

A prediction is an array of shape (rows,) for regression, and of class probabilities (rows, classes) otherwise.
The arithmetic is scikit-learn's.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tasks.specs import BakeoffError

Task = Literal["regression", "binary", "multiclass"]
MetricName = Literal["mae", "rmse", "r2", "accuracy", "log_loss", "macro_f1", "roc_auc"]
Floats = NDArray[np.float64]
Score = Callable[[NDArray[np.generic], Floats], float]
RowScores = Callable[[NDArray[np.generic], Floats], Floats]


def classification(n_classes: int) -> Task:
    """The task of telling so many classes apart."""
    return "binary" if n_classes == 2 else "multiclass"


@dataclass(frozen=True)
class Metric:
    """A score with its direction.

    `row_scores` gives the numbers (rows,) that the score is the mean of, where it is such a mean; `in_target_unit` says
    that it is measured in the unit of the target.
    """

    name: MetricName
    greater_is_better: bool
    classification: bool
    score: Score
    row_scores: RowScores | None = None
    in_target_unit: bool = False

    @property
    def sign(self) -> int:
        """+1 where greater is better, -1 where less is."""
        return 1 if self.greater_is_better else -1


def _labels(probabilities: Floats) -> NDArray[np.intp]:
    return np.asarray(probabilities.argmax(axis=1), np.intp)


def _mae(y: NDArray[np.generic], prediction: Floats) -> float:
    from sklearn.metrics import mean_absolute_error

    return float(mean_absolute_error(y, prediction))


def _rmse(y: NDArray[np.generic], prediction: Floats) -> float:
    from sklearn.metrics import root_mean_squared_error

    return float(root_mean_squared_error(y, prediction))


def _r2(y: NDArray[np.generic], prediction: Floats) -> float:
    from sklearn.metrics import r2_score

    return float(r2_score(y, prediction))


def _accuracy(y: NDArray[np.generic], prediction: Floats) -> float:
    from sklearn.metrics import accuracy_score

    return float(accuracy_score(y, _labels(prediction)))


def _log_loss(y: NDArray[np.generic], prediction: Floats) -> float:
    from sklearn.metrics import log_loss

    return float(log_loss(y, prediction, labels=np.arange(prediction.shape[1])))


def _macro_f1(y: NDArray[np.generic], prediction: Floats) -> float:
    from sklearn.metrics import f1_score

    return float(f1_score(y, _labels(prediction), average="macro", zero_division=0.0))


def _roc_auc(y: NDArray[np.generic], prediction: Floats) -> float:
    """The area under the ROC curve; with more than two classes, one against the rest, unweighted."""
    from sklearn.metrics import roc_auc_score

    if prediction.shape[1] == 2:
        return float(roc_auc_score(y, prediction[:, 1]))
    classes = np.arange(prediction.shape[1])
    return float(roc_auc_score(y, prediction, multi_class="ovr", average="macro", labels=classes))


def _errors(y: NDArray[np.generic], prediction: Floats) -> Floats:
    return np.asarray(np.abs(y.astype(np.float64) - prediction), np.float64)


def _hits(y: NDArray[np.generic], probabilities: Floats) -> Floats:
    return np.asarray(_labels(probabilities) == y, np.float64)


def _surprises(y: NDArray[np.generic], probabilities: Floats) -> Floats:
    """Minus the logarithm of the probability of what was, clipped as scikit-learn's `log_loss` clips it."""
    epsilon = np.finfo(np.float64).eps
    shares = probabilities / probabilities.sum(axis=1, keepdims=True)
    of_the_actual = shares[np.arange(len(y)), y.astype(np.int64)]
    return np.asarray(-np.log(np.clip(of_the_actual, epsilon, 1 - epsilon)), np.float64)


METRICS: dict[MetricName, Metric] = {
    metric.name: metric
    for metric in (
        Metric(
            "mae", greater_is_better=False, classification=False, score=_mae, row_scores=_errors, in_target_unit=True
        ),
        Metric("rmse", greater_is_better=False, classification=False, score=_rmse, in_target_unit=True),
        Metric("r2", greater_is_better=True, classification=False, score=_r2),
        Metric("accuracy", greater_is_better=True, classification=True, score=_accuracy, row_scores=_hits),
        Metric("log_loss", greater_is_better=False, classification=True, score=_log_loss, row_scores=_surprises),
        Metric("macro_f1", greater_is_better=True, classification=True, score=_macro_f1),
        Metric("roc_auc", greater_is_better=True, classification=True, score=_roc_auc),
    )
}


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
