"""The training engine: all members of a stack in one compiled program.

A training loop over small nets spends its time in per-step overhead, not in arithmetic. Here every fold, repeat and
seed is one member of a stacked Keras model, and whole epochs run inside one compiled program. The loss is the sum over
members of each member's mean loss and the optimizers work element by element, so each member takes exactly the steps
that it would take alone. Batches are gathered from the shared X by each member's own shuffled row numbers
(tasks/models/nets/batching.py); what pads a short last batch carries weight 0.
"""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from threading import Lock

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tasks.data.examples import Problem
from tasks.data.folds.splitting import Rows
from tasks.data.vectorization import Features
from tasks.models.nets import program_cache
from tasks.models.nets.batching import DenseRows, Steps, WordRows, stacked, step_at
from tasks.models.nets.layers import Inputs
from tasks.models.nets.network_spec import NetworkSpec, as_prediction, output_layer
from tasks.models.nets.stacked_optimizer import BestWeights, MemberHyperparameters, StackedOptimizer
from tasks.models.nets.stacking import Targets, build_stack
from tasks.models.nets.table_inputs import preparation
from tasks.specs import BakeoffError

Floats = NDArray[np.float32]
Progress = Callable[[int, int], None]  # epochs done, epochs in all

tf.get_logger().setLevel("ERROR")  # else it warns that each stack is compiled anew, which is the point of it

# Programs are numbered as they are traced, and found again on disk by their number and content. Of stacks that are
# trained side by side, one is traced after the other, so that their numbers are the same in every run.
_tracing = Lock()
CALLS = 20  # compiled calls that a training is cut into, so that progress can be shown between them


class TrainingDivergedError(BakeoffError):
    """The loss left the finite numbers."""


@dataclass(frozen=True)
class Member:
    """One net of a stack: the rows it learns from, its seed, the rows it is watched on, and those that judge it.

    The weights that a net ends with are those of the epoch with the lowest loss on the rows that judge it; without any,
    those of the last epoch. `spec` is for nets that differ from the stack's in learning rate, L2, dropout or epochs.
    """

    training: Rows
    seed: int
    validation: Rows = field(default_factory=lambda: np.empty(0, np.int64))
    judging: Rows = field(default_factory=lambda: np.empty(0, np.int64))
    spec: NetworkSpec | None = None


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
        spec: the architecture and how it is trained; where members have specs of their own, the union of them.
        X: (rows, features), an array or a multi-hot CSR matrix; or such a matrix for each member, whose columns are its
            own vocabulary.
        y: (rows,), numbers or class numbers.
        problem: decides the output layer and the metric; each member prepares a table by its own training rows.
        members: what each net learns from.
        source: X as TensorFlow has it, where other stacks have it too.
    """

    def __init__(
        self,
        spec: NetworkSpec,
        X: Features,
        y: NDArray[np.generic],
        problem: Problem,
        members: Sequence[Member],
        source: DenseRows | None = None,
    ) -> None:
        program_cache.use()
        self.spec, self.members = spec, list(members)
        self._output = output_layer(problem.task, problem.n_outputs)
        self._source = source or (DenseRows(X) if isinstance(X, np.ndarray) else WordRows(X))
        training = [member.training for member in members]
        self._targets = Targets(spec, y, problem, training)
        words, series = isinstance(self._source, WordRows), problem.form == "series"
        inputs = Inputs(self._source.features, words, problem.shape, series)
        seeds = [member.seed for member in members]
        front = preparation(X, problem, training, spec.for_tables)
        self.network = build_stack(spec, self._output, inputs, seeds, front)
        own = [member.spec or spec for member in members]
        differ = any(member.spec for member in members)
        self._own = MemberHyperparameters(spec, own, self.network) if differ else None
        steps = [-(-len(rows) // spec.batch_size) for rows in training]
        self._optimizer = StackedOptimizer(spec, self.network, steps, self._own)
        self._watched = [len(member.validation) > 0 for member in members]
        judged = any(len(member.judging) for member in members)
        self._best = BestWeights(self.network.weights, len(self.members)) if judged else None
        self._judged_as_watched = all(member.judging is member.validation for member in members)
        self._run_epochs = tf.function(self._epochs, jit_compile=spec.compiled, autograph=False)
        self._predict_batches = tf.function(self._predict, autograph=False)  # to compile it would cost more

    def fit(
        self,
        epochs: int,
        progress: Progress = lambda done, total: None,
        ends_at: float = math.inf,
        may_diverge: bool = False,
    ) -> History:
        """Train all members for so many epochs, or until early stopping has ended the last of them.

        Args:
            epochs: the most that a member takes; those with a spec of their own take as many as that says.
            progress: is told how far it has come.
            ends_at: when to stop, by `time.process_time`, even if epochs are left.
            may_diverge: whether a loss that is no finite number is nothing more than a bad score.

        Raises:
            TrainingDivergedError: when the loss of a member becomes NaN or infinite, and may not.
        """
        shuffles = [np.random.default_rng(member.seed) for member in self.members]
        watched = self._source.steps([member.validation for member in self.members], self.spec.evaluation_batch)
        judging = self._source.steps([member.judging for member in self.members], self.spec.evaluation_batch)
        per_call = -(-epochs // CALLS)
        curves: list[Floats] = []
        for start in range(0, epochs, per_call):
            count = min(per_call, epochs - start)
            shuffled = [self._shuffled(shuffles) for _ in range(count)]
            padded = stacked(shuffled, per_call)
            steps = (padded, watched, judging, tf.constant(count), tf.constant(start))
            with _tracing:
                self._run_epochs.get_concrete_function(*steps)
            result = self._run_epochs(*steps)
            curves.append(result.numpy()[:count])
            if not self._best and not may_diverge:  # the best weights are kept from before a loss was lost
                learning = self._own.learning(curves[-1][:, 0], start) if self._own else curves[-1][:, 0]
                self._check_finite(learning, start)
                self._check_finite(curves[-1][:, 2, self._watched], start)  # the last update shows only here
            progress(start + count, epochs)
            if time.process_time() > ends_at or (self._best and self._best.all_stopped(self._patience)):
                break
        return self._finish(np.concatenate(curves))

    def restart(self, specs: Sequence[NetworkSpec]) -> None:
        """Put all members back to where they began, with these specs of their own, for the same compiled program."""
        if self._own is None:
            raise ValueError("only a stack whose members have specs of their own can begin again")
        self._own.restart(self.network, specs)
        self._optimizer.restart()

    def predict(self, rows: Sequence[Rows]) -> list[NDArray[np.float64]]:
        """Return each member's prediction for its own rows of X: (rows,), or class probabilities (rows, classes)."""
        outputs = self._predict_batches(self._source.steps(rows, self.spec.evaluation_batch)).numpy().astype(np.float64)
        flat = outputs.reshape(-1, *outputs.shape[2:])
        predictions = [as_prediction(flat[: len(own), k], self._output) for k, own in enumerate(rows)]
        return [self._targets.undo(prediction, k) for k, prediction in enumerate(predictions)]

    def unstack(self, k: int) -> keras.Model:
        """Return member k as an ordinary Keras model that takes raw features."""
        net = self.network.unstack(k)
        self._targets.fold_into([layer for layer in net.layers if layer.weights][-1], k)
        return net

    @property
    def _patience(self) -> int:
        return self.spec.early_stopping.patience if self.spec.early_stopping else self.spec.epochs

    def _shuffled(self, shuffles: Sequence[np.random.Generator]) -> Steps:
        rows = [shuffle.permutation(member.training) for shuffle, member in zip(shuffles, self.members, strict=True)]
        return self._source.steps(rows, self.spec.batch_size)

    def _epochs(self, epochs: Steps, watched: Steps, judging: Steps, count: tf.Tensor, start: tf.Tensor) -> tf.Tensor:
        """Run the first `count` of the epochs, whose steps are stacked. Return curves (epochs, 4, members)."""
        curves = tf.TensorArray(tf.float32, epochs.order.shape[0], element_shape=(4, len(self.members)))

        def run(epoch: tf.Tensor, curves: tf.TensorArray) -> tuple[tf.Tensor, tf.TensorArray]:
            steps = step_at(epochs, epoch)
            if self._own:
                steps = steps._replace(mask=steps.mask * self._own.left(start + epoch))
            trained = self._train_epoch(steps)
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
        """Learn from one batch, rows and weights (batch, members). Return the sums of loss and metric over its rows."""
        x, y, weights = self._source.inputs(step.order, step.entries), self._targets.at(step.order), step.mask
        self._optimizer.prepare()
        with tf.GradientTape() as tape:
            output = self.network(x, weights, training=True)
            losses = tf.reduce_sum(self._targets.loss(y, output) * weights, axis=0)
            objective = tf.reduce_sum(losses / tf.maximum(tf.reduce_sum(weights, axis=0), 1.0))
            for kernel in self.network.kernels if self.spec.l2 else ():
                objective += self._own.penalty(kernel) if self._own else self.spec.l2 * tf.reduce_sum(tf.square(kernel))
        variables = [variable.value for variable in self.network.trainable_variables]
        self._optimizer.apply(tape.gradient(objective, variables), active=weights[0] > 0)
        return tf.stack([losses, tf.reduce_sum(self._targets.metric(y, output) * weights, axis=0)])

    def _evaluate(self, steps: Steps) -> tf.Tensor:
        """Return mean loss and metric (2, members) over the rows; NaN for members without rows."""
        if not steps.order.shape[0]:
            return tf.fill((2, len(self.members)), np.float32(np.nan))
        return self._sum_over(steps, self._evaluate_step) / tf.reduce_sum(steps.mask, axis=(0, 1))

    def _evaluate_step(self, step: Steps) -> tf.Tensor:
        """Return the sums (2, members) of loss and metric over a batch."""
        y, output = self._targets.at(step.order), self._output_at(step)
        return tf.reduce_sum(
            tf.stack([self._targets.loss(y, output), self._targets.metric(y, output)]) * step.mask, axis=1
        )

    def _predict(self, steps: Steps) -> tf.Tensor:
        shape = tf.TensorSpec((steps.order.shape[1], len(self.members), self._output[0]))
        return tf.map_fn(self._output_at, steps, fn_output_signature=shape)

    def _sum_over(self, steps: Steps, run: Callable[[Steps], tf.Tensor]) -> tf.Tensor:
        """Run one step after the other and add up what each gives (2, members).

        A loop of TensorFlow's own: to have it made from a loop of Python would take half a second for each stack.
        """
        start = (tf.constant(0), tf.zeros((2, len(self.members))))
        end = steps.order.shape[0]
        return tf.while_loop(lambda k, _: k < end, lambda k, sums: (k + 1, sums + run(step_at(steps, k))), start)[1]

    def _output_at(self, step: Steps) -> tf.Tensor:
        return self.network(self._source.inputs(step.order, step.entries), step.mask, training=False)

    def _check_finite(self, values: Floats, start: int) -> None:
        """Look through values (epochs, ...) of the epochs after `start`."""
        failed = np.argwhere(~np.isfinite(values))
        if len(failed):
            raise TrainingDivergedError(
                f"the loss became NaN or infinite at epoch {start + failed[0][0] + 1}, at learning rate"
                f" {self.spec.optimizer.highest_rate:g}; a smaller optimizer.learning_rate usually mends it"
            )

    def _finish(self, curves: Floats) -> History:
        best_epoch = np.full(len(self.members), len(curves))
        if self._own:
            best_epoch = self._own.freeze(curves)
        if self._best:
            best_epoch = self._best.restore()
            self._check_finite(np.where(best_epoch > 0, 0, np.nan)[None], start=0)
        curves[:, [1, 3]] = self._targets.metric_in_unit(curves[:, [1, 3]])
        loss, metric, val_loss, val_metric = curves.swapaxes(0, 1)
        return History(loss, metric, val_loss, val_metric, best_epoch)
