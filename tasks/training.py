"""The training engine: all members of a stack in one compiled program.

A training loop over small nets spends its time in per-step overhead, not in arithmetic. Here every fold, repeat and
seed is one member of a stacked Keras model, and whole epochs run inside one XLA program. The loss is the sum over
members of each member's mean loss and the optimizers work element by element, so each member takes exactly the steps
that it would take alone. Batches are gathered from the shared X by each member's own shuffled row numbers; what pads a
short last batch carries weight 0.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tasks.data.normalization import Normalization, fit_normalization
from tasks.data.splitting import Rows
from tasks.metrics import Task
from tasks.models.early_stopping import BestWeights
from tasks.models.networks import DenseSpec, Loss, output_layer
from tasks.models.stacking import build_single, build_stack, unstack
from tasks.specs import BakeoffError

Floats = NDArray[np.float32]
Progress = Callable[[int, int], None]  # epochs done, epochs in all

tf.get_logger().setLevel("ERROR")  # else it warns that each stack is compiled anew, which is the point of it

EVALUATION_BATCH = 1024  # rows at a time where nothing is learned; bounds memory, changes no result
CALLS = 20  # compiled calls that a training is cut into, so that progress can be shown between them

_LOSSES: dict[Loss, Callable[[tf.Tensor, tf.Tensor], tf.Tensor]] = {
    "mse": keras.losses.mean_squared_error,
    "mae": keras.losses.mean_absolute_error,
    "binary_crossentropy": keras.losses.binary_crossentropy,
    "categorical_crossentropy": keras.losses.sparse_categorical_crossentropy,
}
_METRICS: dict[Task, Callable[[tf.Tensor, tf.Tensor], tf.Tensor]] = {
    "regression": keras.losses.mean_absolute_error,
    "binary": lambda y, output: tf.cast(tf.equal(y, tf.round(output)), tf.float32)[..., 0],
    "multiclass": keras.metrics.sparse_categorical_accuracy,
}


class TrainingDivergedError(BakeoffError):
    """The loss left the finite numbers."""


@dataclass(frozen=True)
class Member:
    """One net of a stack: the rows it learns from, the rows it is watched on, those that stop it, and its seed."""

    training: Rows
    seed: int
    validation: Rows = field(default_factory=lambda: np.empty(0, np.int64))
    stopping: Rows = field(default_factory=lambda: np.empty(0, np.int64))


@dataclass(frozen=True)
class History:
    """Curves of shape (epochs, members); those on validation rows are NaN for members without any.

    `loss` and `val_loss` are means of the loss over rows, without the L2 penalty; `metric` is the mean absolute error
    or the accuracy, on the rows and at the weights at which each batch was trained, as Keras reports it.
    """

    loss: Floats
    metric: Floats
    val_loss: Floats
    val_metric: Floats
    best_epoch: NDArray[np.int64]  # (members,), from 1: where early stopping found the lowest loss; else the last


class Stack:
    """Nets of one architecture on the rows of one X, trained together.

    Args:
        spec: the architecture and how it is trained.
        X: (rows, features), raw: each member normalizes by its own training rows.
        y: (rows,), numbers or class numbers.
        task: decides the output layer and the metric.
        n_outputs: the number of classes; 1 for regression.
        members: what each net learns from.
    """

    def __init__(
        self,
        spec: DenseSpec,
        X: NDArray[np.float64],
        y: NDArray[np.generic],
        task: Task,
        n_outputs: int,
        members: Sequence[Member],
    ) -> None:
        self.spec, self.members = spec, list(members)
        self._output = output_layer(task, n_outputs)
        self._loss, self._metric = _LOSSES[spec.loss_for(task)], _METRICS[task]
        self._X, self._y = tf.constant(X, tf.float32), tf.constant(y[:, None], tf.float32)
        self.normalizations: list[Normalization] = [fit_normalization(X[member.training]) for member in members]
        self.network = build_stack(spec, self._output, self.normalizations, [member.seed for member in members])
        self._slots = [
            [tf.Variable(tf.zeros_like(weight.value)) for _ in range(spec.optimizer.n_slots)]
            for weight in self.network.trainable_variables
        ]
        self._watched = [len(member.validation) > 0 for member in members]
        steps = {-(-len(member.training) // spec.batch_size) for member in members}
        self._same_steps = len(steps) == 1
        self._steps = tf.Variable(tf.zeros(len(self.members)))
        self._best = BestWeights(self.network.weights, len(self.members)) if spec.early_stopping else None
        self._run_epochs = tf.function(self._epochs, jit_compile=True)
        self._predict_batches = tf.function(self._predict)  # runs once or twice: compiling it would cost more

    def fit(self, epochs: int, progress: Progress = lambda done, total: None) -> History:
        """Trains all members for so many epochs, or until early stopping has ended the last of them.

        Raises:
            TrainingDivergedError: when the loss of a member becomes NaN or infinite.
        """
        shuffles = [np.random.default_rng(member.seed) for member in self.members]
        _, mask = batches([member.training for member in self.members], self.spec.batch_size)
        watched = batches([member.validation for member in self.members], EVALUATION_BATCH)
        stopping = batches([member.stopping for member in self.members], EVALUATION_BATCH)
        per_call = -(-epochs // CALLS)
        curves: list[Floats] = []
        for start in range(0, epochs, per_call):
            count = min(per_call, epochs - start)
            orders = np.stack([self._shuffled(shuffles) for _ in range(count)])
            padded = np.pad(orders, [(0, per_call - count), (0, 0), (0, 0), (0, 0)])
            result = self._run_epochs(padded, mask, watched, stopping, tf.constant(count), tf.constant(start))
            curves.append(result.numpy()[:count])
            if not self._best:  # which keeps the weights from before a loss was lost
                self._check_finite(curves[-1][:, 0], start)
                self._check_finite(curves[-1][:, 2, self._watched], start)  # the last update shows only here
            progress(start + count, epochs)
            if self._best and self._best.all_stopped(self._patience):
                break
        return self._finish(np.concatenate(curves))

    def predict(self, rows: Sequence[Rows]) -> list[NDArray[np.float64]]:
        """Each member's prediction for its own list of rows of X: (rows,), or class probabilities (rows, classes)."""
        order, mask = batches(rows, EVALUATION_BATCH)
        outputs = self._predict_batches(order, mask).numpy().astype(np.float64)
        flat = outputs.reshape(-1, *outputs.shape[2:])
        return [as_prediction(flat[: len(own), k], self._output) for k, own in enumerate(rows)]

    def unstack(self, k: int) -> keras.Model:
        """Member k as an ordinary Keras model that takes raw features."""
        return unstack(self.network, k, build_single(self.spec, self._output, self.normalizations[k]))

    @property
    def _patience(self) -> int:
        return self.spec.early_stopping.patience if self.spec.early_stopping else 0

    def _shuffled(self, shuffles: Sequence[np.random.Generator]) -> NDArray[np.int32]:
        rows = [shuffle.permutation(member.training) for shuffle, member in zip(shuffles, self.members, strict=True)]
        return batches(rows, self.spec.batch_size)[0]

    def _epochs(
        self,
        orders: tf.Tensor,
        mask: tf.Tensor,
        watched: tuple[tf.Tensor, tf.Tensor],
        stopping: tuple[tf.Tensor, tf.Tensor],
        count: tf.Tensor,
        start: tf.Tensor,
    ) -> tf.Tensor:
        """Runs `count` epochs; orders is (epochs, steps, batch, members). Gives curves (epochs, 4, members)."""
        curves = tf.TensorArray(tf.float32, orders.shape[0], element_shape=(4, len(self.members)))
        epoch = tf.constant(0)
        while epoch < count:  # XLA would compile tf.range(count) anew for every count
            trained = self._train_epoch(orders[epoch], mask)
            if self._best is not None:
                self._best.update(self._evaluate(*stopping)[0], start + epoch + 1, self._patience)
            curves = curves.write(epoch, tf.concat([trained, self._evaluate(*watched)], axis=0))
            epoch += 1
        return curves.stack()

    def _train_epoch(self, order: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
        totals = tf.zeros((2, len(self.members)))
        for step in tf.range(order.shape[0]):
            totals += self._train_step(order[step], mask[step])
        return totals / tf.reduce_sum(mask, axis=(0, 1))

    def _train_step(self, rows: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
        """One batch, rows and weights (batch, members). Gives the sums of loss and metric over its rows."""
        x, y = tf.gather(self._X, rows), tf.gather(self._y, rows)
        with tf.GradientTape() as tape:
            output = self.network(x, weights, training=True)
            losses = tf.reduce_sum(self._loss(y, output) * weights, axis=0)
            objective = tf.reduce_sum(losses / tf.maximum(tf.reduce_sum(weights, axis=0), 1.0))
            for kernel in self.network.kernels if self.spec.l2 else ():
                objective += self.spec.l2 * tf.reduce_sum(tf.square(kernel))
        variables = [variable.value for variable in self.network.trainable_variables]
        self._apply(tape.gradient(objective, variables), active=weights[0] > 0)
        return tf.stack([losses, tf.reduce_sum(self._metric(y, output) * weights, axis=0)])

    def _apply(self, gradients: Sequence[tf.Tensor], active: tf.Tensor) -> None:
        """Updates the weights of active members; a member that has run out of batches this epoch keeps its own."""
        self._steps.assign_add(tf.cast(active, tf.float32))
        for variable, gradient, slots in zip(self.network.trainable_variables, gradients, self._slots, strict=True):
            per_member = (-1,) + (1,) * (len(variable.shape) - 1)
            step = tf.maximum(tf.reshape(self._steps, per_member), 1.0)
            weight, updated = self.spec.optimizer.update(
                variable.value, gradient, [slot.value() for slot in slots], step
            )
            for target, value in zip([variable, *slots], [weight, *updated], strict=True):
                target.assign(value if self._same_steps else tf.where(tf.reshape(active, per_member), value, target))

    def _evaluate(self, order: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
        """Mean loss and metric (2, members) over rows (steps, batch, members); NaN for members without rows."""
        totals = tf.zeros((2, len(self.members)))
        steps: int = order.shape[0]
        if not steps:
            return tf.fill((2, len(self.members)), np.float32(np.nan))
        for step in tf.range(steps):
            x, y = tf.gather(self._X, order[step]), tf.gather(self._y, order[step])
            output = self.network(x, mask[step], training=False)
            scores = tf.stack([self._loss(y, output), self._metric(y, output)])
            totals += tf.reduce_sum(scores * mask[step], axis=1)
        return totals / tf.reduce_sum(mask, axis=(0, 1))

    def _predict(self, order: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
        shape = (order.shape[1], len(self.members), self._output[0])
        outputs = tf.TensorArray(tf.float32, order.shape[0], element_shape=shape)
        for step in tf.range(order.shape[0]):
            outputs = outputs.write(step, self.network(tf.gather(self._X, order[step]), mask[step], training=False))
        return outputs.stack()

    def _check_finite(self, values: Floats, start: int) -> None:
        """Looks through values (epochs, ...) of the epochs after `start`."""
        failed = np.argwhere(~np.isfinite(values))
        if len(failed):
            raise TrainingDivergedError(
                f"the loss became NaN or infinite at epoch {start + failed[0][0] + 1}, at learning rate"
                f" {self.spec.optimizer.learning_rate:g}; a smaller optimizer.learning_rate usually mends it"
            )

    def _finish(self, curves: Floats) -> History:
        best_epoch = np.full(len(self.members), len(curves))
        if self._best:
            best_epoch = self._best.restore()
            self._check_finite(np.where(best_epoch > 0, 0, np.nan)[None], start=0)
        loss, metric, val_loss, val_metric = curves.swapaxes(0, 1)
        return History(loss, metric, val_loss, val_metric, best_epoch)


def batches(rows: Sequence[Rows], batch_size: int) -> tuple[NDArray[np.int32], Floats]:
    """Cuts each member's rows into batches, in order.

    Returns:
        Row numbers and their weights, both (steps, batch, members): weight 1, or 0 for what pads a member to the
        length of the longest.
    """
    longest = max(len(own) for own in rows)
    batch = min(batch_size, longest)
    steps = -(-longest // batch) if batch else 0
    order = np.zeros((len(rows), steps * batch), np.int32)
    mask = np.zeros_like(order, np.float32)
    for k, own in enumerate(rows):
        order[k, : len(own)] = own
        mask[k, : len(own)] = 1
    shape = (len(rows), steps, batch)
    return order.reshape(shape).transpose(1, 2, 0), mask.reshape(shape).transpose(1, 2, 0)


def as_prediction(outputs: NDArray[np.float64], output: tuple[int, str]) -> NDArray[np.float64]:
    """What a net puts out, as a prediction: (rows,) for a number, else probabilities (rows, classes) that sum to 1."""
    if output[1] == "linear":
        return outputs[:, 0]
    if output[1] == "sigmoid":
        return np.column_stack([1 - outputs[:, 0], outputs[:, 0]])
    return np.asarray(outputs / outputs.sum(axis=1, keepdims=True), np.float64)
