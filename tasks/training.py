"""The training engine: all members of a stack in one compiled program.

A training loop over small nets spends its time in per-step overhead, not in arithmetic. Here every fold, repeat and
seed is one member of a stacked Keras model, and whole epochs run inside one compiled program. The loss is the sum over
members of each member's mean loss and the optimizers work element by element, so each member takes exactly the steps
that it would take alone. Batches are gathered from the shared X by each member's own shuffled row numbers
(tasks/batching.py); what pads a short last batch carries weight 0.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tasks.batching import DenseRows, Steps, WordRows, stacked, step_at
from tasks.data.encoding import fit_encodings
from tasks.data.normalization import fit_normalization, fit_series_normalization
from tasks.data.problem import Problem
from tasks.data.splitting import Rows
from tasks.data.vectorization import Features, one_hot
from tasks.metrics import Task
from tasks.models.early_stopping import BestWeights
from tasks.models.networks import ConvSpec, Loss, NetworkSpec, RecurrentSpec, output_layer
from tasks.models.stacking import Inputs, Preparation, build_single, build_stack, unstack
from tasks.models.target_scale import fit_target_scale
from tasks.specs import BakeoffError

Floats = NDArray[np.float32]
Progress = Callable[[int, int], None]  # epochs done, epochs in all

tf.get_logger().setLevel("ERROR")  # else it warns that each stack is compiled anew, which is the point of it

EVALUATION_BATCH = 1024  # rows at a time where nothing is learned; bounds memory, changes no result
PICTURES_BATCH = 128  # as many, where layers have a value for each pixel or step, and channel
CALLS = 20  # compiled calls that a training is cut into, so that progress can be shown between them

_LOSSES: dict[Loss, Callable[[tf.Tensor, tf.Tensor], tf.Tensor]] = {
    "mse": keras.losses.mean_squared_error,
    "mae": keras.losses.mean_absolute_error,
    "binary_crossentropy": keras.losses.binary_crossentropy,
    "categorical_crossentropy": keras.losses.categorical_crossentropy,
    "sparse_categorical_crossentropy": keras.losses.sparse_categorical_crossentropy,
}
_METRICS: dict[Task, Callable[[tf.Tensor, tf.Tensor], tf.Tensor]] = {
    "regression": keras.losses.mean_absolute_error,
    "binary": lambda y, output: tf.cast(tf.equal(y, tf.round(output)), tf.float32)[..., 0],
    "multiclass": keras.metrics.categorical_accuracy,
}


class TrainingDivergedError(BakeoffError):
    """The loss left the finite numbers."""


@dataclass(frozen=True)
class Member:
    """One net of a stack: the rows it learns from, its seed, the rows it is watched on, and those that judge it.

    The weights that a net ends with are those of the epoch with the lowest loss on the rows that judge it; without any,
    those of the last epoch.
    """

    training: Rows
    seed: int
    validation: Rows = field(default_factory=lambda: np.empty(0, np.int64))
    judging: Rows = field(default_factory=lambda: np.empty(0, np.int64))


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
    best_epoch: NDArray[np.int64]  # (members,), from 1: the one whose weights were kept


class Stack:
    """Nets of one architecture on the rows of one X, trained together.

    Args:
        spec: the architecture and how it is trained.
        X: (rows, features), an array or a multi-hot CSR matrix; or such a matrix for each member, whose columns are its
            own vocabulary.
        y: (rows,), numbers or class numbers.
        problem: decides the output layer and the metric; each member prepares a table by its own training rows.
        members: what each net learns from.
    """

    def __init__(
        self,
        spec: NetworkSpec,
        X: Features,
        y: NDArray[np.generic],
        problem: Problem,
        members: Sequence[Member],
    ) -> None:
        self.spec, self.members = spec, list(members)
        self._output = output_layer(problem.task, problem.n_outputs)
        self._source = DenseRows(X) if isinstance(X, np.ndarray) else WordRows(X)
        self._scale = fit_target_scale(y, [each.training for each in members]) if spec.standardize_target else None
        self._set_targets(spec.loss_for(problem.task), problem, self._scale.shared(y) if self._scale else y)
        self._preparations = _prepare(X, problem, [member.training for member in members])
        words, series = isinstance(self._source, WordRows), problem.form == "series"
        self._inputs = Inputs(self._source.features, words, problem.shape, series)
        seeds = [member.seed for member in members]
        self.network = build_stack(spec, self._output, self._inputs, seeds, self._preparations)
        self._slots = [
            [tf.Variable(tf.zeros_like(weight.value)) for _ in range(spec.optimizer.n_slots)]
            for weight in self.network.trainable_variables
        ]
        self._evaluation_batch = PICTURES_BATCH if isinstance(spec, ConvSpec | RecurrentSpec) else EVALUATION_BATCH
        self._watched = [len(member.validation) > 0 for member in members]
        steps = {-(-len(member.training) // spec.batch_size) for member in members}
        self._same_steps = len(steps) == 1
        self._steps = tf.Variable(tf.zeros(len(self.members)))
        judged = any(len(member.judging) for member in members)
        self._best = BestWeights(self.network.weights, len(self.members)) if judged else None
        self._judged_as_watched = all(member.judging is member.validation for member in members)
        self._run_epochs = tf.function(self._epochs, jit_compile=spec.compiled, autograph=False)
        self._predict_batches = tf.function(self._predict, autograph=False)  # to compile it would cost more

    def fit(self, epochs: int, progress: Progress = lambda done, total: None) -> History:
        """Trains all members for so many epochs, or until early stopping has ended the last of them.

        Raises:
            TrainingDivergedError: when the loss of a member becomes NaN or infinite.
        """
        shuffles = [np.random.default_rng(member.seed) for member in self.members]
        watched = self._source.steps([member.validation for member in self.members], self._evaluation_batch)
        judging = self._source.steps([member.judging for member in self.members], self._evaluation_batch)
        per_call = -(-epochs // CALLS)
        curves: list[Floats] = []
        for start in range(0, epochs, per_call):
            count = min(per_call, epochs - start)
            shuffled = [self._shuffled(shuffles) for _ in range(count)]
            padded = stacked(shuffled, per_call)
            result = self._run_epochs(padded, watched, judging, tf.constant(count), tf.constant(start))
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
        outputs = self._predict_batches(self._source.steps(rows, self._evaluation_batch)).numpy().astype(np.float64)
        flat = outputs.reshape(-1, *outputs.shape[2:])
        predictions = [as_prediction(flat[: len(own), k], self._output) for k, own in enumerate(rows)]
        return [self._scale.undo(each, k) for k, each in enumerate(predictions)] if self._scale else predictions

    def unstack(self, k: int) -> keras.Model:
        """Member k as an ordinary Keras model that takes raw features."""
        preparation = self._preparations[k] if self._preparations else None
        net = unstack(self.network, k, build_single(self.spec, self._output, self._inputs, preparation))
        if self._scale:
            self._scale.fold_into(net.layers[-1], k)
        return net

    @property
    def _patience(self) -> int:
        return self.spec.early_stopping.patience if self.spec.early_stopping else self.spec.epochs

    def _set_targets(self, loss: Loss, problem: Problem, y: NDArray[np.generic]) -> None:
        """Classes as one-hot rows, or as numbers for the one loss that takes them so."""
        self._loss, self._metric = _LOSSES[loss], _METRICS[problem.task]
        if loss == "sparse_categorical_crossentropy":
            self._metric = keras.metrics.sparse_categorical_accuracy
        in_columns = problem.task == "multiclass" and loss != "sparse_categorical_crossentropy"
        self._y = tf.constant(one_hot(y, problem.n_outputs) if in_columns else y[:, None], tf.float32)

    def _targets(self, order: tf.Tensor) -> tf.Tensor:
        """Those of rows (batch, members), as each member learns them."""
        y = tf.gather(self._y, order)
        return self._scale.own(y) if self._scale else y

    def _shuffled(self, shuffles: Sequence[np.random.Generator]) -> Steps:
        rows = [shuffle.permutation(member.training) for shuffle, member in zip(shuffles, self.members, strict=True)]
        return self._source.steps(rows, self.spec.batch_size)

    def _epochs(self, epochs: Steps, watched: Steps, judging: Steps, count: tf.Tensor, start: tf.Tensor) -> tf.Tensor:
        """Runs the first `count` of the epochs, whose steps are stacked. Gives curves (epochs, 4, members)."""
        curves = tf.TensorArray(tf.float32, epochs.order.shape[0], element_shape=(4, len(self.members)))

        def run(epoch: tf.Tensor, curves: tf.TensorArray) -> tuple[tf.Tensor, tf.TensorArray]:
            trained = self._train_epoch(step_at(epochs, epoch))
            validation = self._evaluate(watched)
            if self._best is not None:
                judged = validation if self._judged_as_watched else self._evaluate(judging)
                self._best.update(judged[0], start + epoch + 1, self._patience)
            return epoch + 1, curves.write(epoch, tf.concat([trained, validation], axis=0))

        # A loop whose end is a tensor: XLA would compile one over tf.range(count) anew for every count.
        return tf.while_loop(lambda epoch, _: epoch < count, run, (tf.constant(0), curves))[1].stack()

    def _train_epoch(self, steps: Steps) -> tf.Tensor:
        return self._sum_over(steps, self._train_step) / tf.reduce_sum(steps.mask, axis=(0, 1))

    def _train_step(self, step: Steps) -> tf.Tensor:
        """One batch, rows and weights (batch, members). Gives the sums of loss and metric over its rows."""
        x, y, weights = self._source.inputs(step.order, step.entries), self._targets(step.order), step.mask
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

    def _evaluate(self, steps: Steps) -> tf.Tensor:
        """Mean loss and metric (2, members) over the rows; NaN for members without rows."""
        if not steps.order.shape[0]:
            return tf.fill((2, len(self.members)), np.float32(np.nan))
        return self._sum_over(steps, self._evaluate_step) / tf.reduce_sum(steps.mask, axis=(0, 1))

    def _evaluate_step(self, step: Steps) -> tf.Tensor:
        """The sums (2, members) of loss and metric over a batch."""
        y, output = self._targets(step.order), self._output_at(step)
        return tf.reduce_sum(tf.stack([self._loss(y, output), self._metric(y, output)]) * step.mask, axis=1)

    def _predict(self, steps: Steps) -> tf.Tensor:
        shape = tf.TensorSpec((steps.order.shape[1], len(self.members), self._output[0]))
        return tf.map_fn(self._output_at, steps, fn_output_signature=shape)

    def _sum_over(self, steps: Steps, run: Callable[[Steps], tf.Tensor]) -> tf.Tensor:
        """Runs one step after the other and adds up what each gives (2, members).

        A loop of TensorFlow's own: to have it made from a loop of Python would take half a second for each stack.
        """
        start = (tf.constant(0), tf.zeros((2, len(self.members))))
        end = steps.order.shape[0]
        return tf.while_loop(lambda k, _: k < end, lambda k, sums: (k + 1, sums + run(step_at(steps, k))), start)[1]

    def _output_at(self, step: Steps) -> tf.Tensor:
        return self.network(self._source.inputs(step.order, step.entries), step.mask, training=False)

    def _check_finite(self, values: Floats, start: int) -> None:
        """Looks through values (epochs, ...) of the epochs after `start`."""
        failed = np.argwhere(~np.isfinite(values))
        if len(failed):
            raise TrainingDivergedError(
                f"the loss became NaN or infinite at epoch {start + failed[0][0] + 1}, at learning rate"
                f" {self.spec.optimizer.highest_rate:g}; a smaller optimizer.learning_rate usually mends it"
            )

    def _finish(self, curves: Floats) -> History:
        best_epoch = np.full(len(self.members), len(curves))
        if self._best:
            best_epoch = self._best.restore()
            self._check_finite(np.where(best_epoch > 0, 0, np.nan)[None], start=0)
        if self._scale:  # the mean absolute error comes back to the unit of the target
            curves[:, [1, 3]] *= self._scale.scale[:, 0].astype(np.float32)
        loss, metric, val_loss, val_metric = curves.swapaxes(0, 1)
        return History(loss, metric, val_loss, val_metric, best_epoch)


def _prepare(X: Features, problem: Problem, training: Sequence[Rows]) -> Sequence[Preparation]:
    """What each member's own training rows say of the features of a table or of series; of others, nothing."""
    if problem.levels:
        return fit_encodings(X, problem.levels, training)
    if problem.form == "table":
        return [fit_normalization(X[rows]) for rows in training]
    if problem.form == "series":
        return [fit_series_normalization(X[rows], problem.shape) for rows in training]
    return ()


def as_prediction(outputs: NDArray[np.float64], output: tuple[int, str]) -> NDArray[np.float64]:
    """What a net puts out, as a prediction: (rows,) for a number, else probabilities (rows, classes) that sum to 1."""
    if output[1] == "linear":
        return outputs[:, 0]
    if output[1] == "sigmoid":
        return np.column_stack([1 - outputs[:, 0], outputs[:, 0]])
    return np.asarray(outputs / outputs.sum(axis=1, keepdims=True), np.float64)
