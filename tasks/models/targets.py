"""What the members of a stack learn: their targets, the loss that is minimized and the metric that is reported."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tasks.data.problem import Problem
from tasks.data.validation import Rows
from tasks.data.vectorization import one_hot
from tasks.metrics import Task
from tasks.models.networks import Loss, NetworkSpec, TabMSpec
from tasks.models.target_scale import fit_target_scale

PerRow = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]

_LOSSES: dict[Loss, PerRow] = {
    "mse": keras.losses.mean_squared_error,
    "mae": keras.losses.mean_absolute_error,
    "binary_crossentropy": keras.losses.binary_crossentropy,
    "categorical_crossentropy": keras.losses.categorical_crossentropy,
    "sparse_categorical_crossentropy": keras.losses.sparse_categorical_crossentropy,
}
_METRICS: dict[Task, PerRow] = {
    "regression": keras.losses.mean_absolute_error,
    "binary": lambda y, output: tf.cast(tf.equal(y, tf.round(output)), tf.float32)[..., 0],
    "multiclass": keras.metrics.categorical_accuracy,
}


class Targets:
    """The targets of all rows, shared by all members, and what to make of them; `loss` and `metric` are per row.

    Classes are one-hot rows, or numbers for the one loss that takes them so; numbers may be in standard deviations.
    """

    def __init__(self, spec: NetworkSpec, y: NDArray[np.generic], problem: Problem, training: Sequence[Rows]) -> None:
        loss = spec.loss_for(problem.task)
        self.loss, self.metric = _LOSSES[loss], _METRICS[problem.task]
        if loss == "sparse_categorical_crossentropy":
            self.metric = keras.metrics.sparse_categorical_accuracy
        in_columns = problem.task == "multiclass" and loss != "sparse_categorical_crossentropy"
        if isinstance(spec, TabMSpec):
            self.loss, self.metric = _mean_over_submodels(self.loss), _of_their_mean(self.metric)
        standardized = spec.standardize_target and problem.task == "regression"
        self._scale = fit_target_scale(y, training) if standardized else None
        y = self._scale.shared(y) if self._scale else y
        self._y = tf.constant(one_hot(y, problem.n_outputs) if in_columns else y[:, None], tf.float32)

    def at(self, order: tf.Tensor) -> tf.Tensor:
        """Those of rows (batch, members), as each member learns them."""
        y = tf.gather(self._y, order)
        return self._scale.own(y) if self._scale else y

    def undo(self, prediction: NDArray[np.float64], k: int) -> NDArray[np.float64]:
        """Member k's prediction in the unit of the target."""
        return self._scale.undo(prediction, k) if self._scale else prediction

    def fold_into(self, output: Any, k: int) -> None:
        """Has the output layer of member k's ordinary net give numbers in the unit of the target."""
        if self._scale:
            self._scale.fold_into(output, k)

    def metric_in_unit(self, curves: NDArray[np.float32]) -> NDArray[np.float32]:
        """Curves (..., members) of the metric in the unit of the target."""
        return curves * self._scale.scale[:, 0].astype(np.float32) if self._scale else curves


def _mean_over_submodels(loss: PerRow) -> PerRow:
    """The loss; of outputs (batch, members, k, outputs), while a net learns, the mean of the k submodels' losses."""

    def mean_loss(y: tf.Tensor, output: tf.Tensor) -> tf.Tensor:
        if len(output.shape) == 3:
            return loss(y, output)
        return tf.reduce_mean(loss(tf.repeat(y[:, :, None], output.shape[2], axis=2), output), axis=2)

    return mean_loss


def _of_their_mean(metric: PerRow) -> PerRow:
    """The metric; of outputs (batch, members, k, outputs) that of the k submodels' mean."""
    return lambda y, output: metric(y, tf.reduce_mean(output, axis=2) if len(output.shape) == 4 else output)
