"""Many nets of one architecture as one Keras model, and back; and what its members learn.

Member k of the stack computes exactly what the ordinary net with the k-th part of all weights computes.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tasks.data.examples import Problem
from tasks.data.folds.splitting import Rows
from tasks.data.vectorization import one_hot
from tasks.metrics import Task
from tasks.models.nets.layers import Inputs, Layer, MemberDropout, MemberLayer
from tasks.models.nets.network_spec import Loss, NetworkSpec
from tasks.specs import BakeoffError

PerRow = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]
FARTHEST = 1e5  # standard deviations: there, neighbours in single precision are 0.8 % of one apart
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


class StackedNetwork(keras.Model):  # type: ignore[misc]  # keras ships no types
    """The members' layers, one after the other."""

    def __init__(self, stacked_layers: Sequence[MemberLayer], inputs: Inputs) -> None:
        super().__init__()
        self.stacked_layers, self._inputs = list(stacked_layers), inputs

    def call(self, x: tf.Tensor, row_weights: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Turn (batch, members, features) into (batch, members, outputs); row_weights is (batch, members)."""
        given = {"row_weights": row_weights, "training": training}
        for layer in self.stacked_layers:
            x = layer(x, **{name: given[name] for name in layer.takes})
        return x

    def drop_out(self, rates: tf.Variable) -> None:
        """Have each member drop out by its own rate (members,), where there is dropout at all."""
        for layer in self._dropouts:
            layer.rate = rates

    def restart_dropout(self) -> None:
        """Have each member's first masks come next."""
        for layer in self._dropouts:
            layer.restart()

    @property
    def _dropouts(self) -> list[MemberDropout]:
        return [layer for layer in self.stacked_layers if isinstance(layer, MemberDropout)]

    @property
    def kernels(self) -> list[Any]:
        """Return the kernels (members, ..., inputs, outputs): what weight decay and an L2 penalty fall on."""
        return [kernel for layer in self.stacked_layers for kernel in layer.kernels]

    def begin(self, seeds: Sequence[int]) -> None:
        """Give each member its first weights, which depend on its own seed alone."""
        kernels = [(kernel, layer.draw_kernel) for layer in self.stacked_layers for kernel in layer.kernels]
        others = [pair for layer in self.stacked_layers for pair in layer.others]
        for position, (weight, draw) in enumerate([*kernels, *others]):
            if draw:
                weight.assign(np.stack([draw(weight.shape[1:], (seed + position) % 2**31) for seed in seeds]))
        for position, layer in enumerate(self.stacked_layers):
            layer.begin(seeds, position)

    def unstack(self, k: int) -> Layer:
        """Return member k as the ordinary `keras.Sequential` of the same architecture.

        It takes raw features, which a normalization or an encoding in front turns into what the net learned from, or
        rows of word numbers.
        """
        words = self._inputs.words
        taken = keras.Input((None,), dtype="int32") if words else keras.Input((self._inputs.features,))
        net = keras.Sequential([taken, *(layer.ordinary(k) for layer in self.stacked_layers)])
        for layer, target in zip(self.stacked_layers, net.layers, strict=True):
            target.set_weights(layer.weights_of(k))
        return net


def build_stack(
    spec: NetworkSpec,
    output: tuple[int, str],
    inputs: Inputs,
    seeds: Sequence[int],
    front: Sequence[MemberLayer] = (),
) -> StackedNetwork:
    """Build a stack with one member for each seed; each member's first weights depend on its own seed alone.

    In `front` is what prepares the rows of a table or of series, if they are to be prepared.
    """
    numbers = front[0].numbers if front else inputs.features
    layers = spec.layers(replace(inputs, numbers=numbers), output)
    stack = StackedNetwork([*front, *layers], inputs)
    no_words = (tf.zeros(1, tf.int32), tf.zeros(1, tf.int32))
    members = len(seeds)
    stack(no_words if inputs.words else tf.zeros((1, members, inputs.features)), tf.ones((1, members)))
    stack.begin(seeds)
    return stack


def ensemble(nets: Sequence[Layer]) -> Layer:
    """Return one net whose output is the mean of these nets' outputs; a single net is its own mean."""
    if len(nets) == 1:
        return nets[0]
    taken = keras.Input(nets[0].input_shape[1:], dtype=nets[0].inputs[0].dtype)
    return keras.Model(taken, keras.layers.Average()([net(taken) for net in nets]))


@dataclass(frozen=True)
class TargetScale:
    """The mean and the standard deviation of each member's training rows, both (members, 1), and those of all rows.

    With a target around 200,000 a net would spend its epochs on getting there. All members share one float32 copy of
    the targets, which is in standard deviations of all rows: so digits are kept where the mean is far larger than the
    spread. What a member learns is computed from that by a line of its own, and depends on its own training rows alone.
    """

    mean: NDArray[np.float64]
    scale: NDArray[np.float64]
    shared_mean: float
    shared_scale: float


class Targets:
    """The targets of all rows, shared by all members, and what to make of them.

    Classes are one-hot rows, or numbers for the one loss that takes them so; numbers may be in standard deviations.
    """

    def __init__(self, spec: NetworkSpec, y: NDArray[np.generic], problem: Problem, training: Sequence[Rows]) -> None:
        loss = spec.loss_for(problem.task)
        self._loss, self._metric = _LOSSES[loss], _METRICS[problem.task]
        in_columns = problem.task == "multiclass"
        if loss == "sparse_categorical_crossentropy":
            self._metric, in_columns = keras.metrics.sparse_categorical_accuracy, False
        standardized = spec.standardize_target and problem.task == "regression"
        self._scale = scale = fit_target_scale(y, training) if standardized else None
        y = (y.astype(np.float64) - scale.shared_mean) / scale.shared_scale if scale else y
        self._y = tf.constant(one_hot(y, problem.n_outputs) if in_columns else y[:, None], tf.float32)

    def at(self, order: tf.Tensor) -> tf.Tensor:
        """Return those of rows (batch, members), as each member learns them: in its own standard deviations."""
        y, scale = tf.gather(self._y, order), self._scale
        if scale is None:
            return y
        slope, intercept = scale.shared_scale / scale.scale, (scale.shared_mean - scale.mean) / scale.scale
        return y * slope.astype(np.float32) + intercept.astype(np.float32)

    def loss(self, y: tf.Tensor, output: tf.Tensor) -> tf.Tensor:
        """Return the loss per row; of outputs (batch, members, k, outputs) the mean of the k submodels' losses."""
        if len(output.shape) == 3:
            return self._loss(y, output)
        return tf.reduce_mean(self._loss(tf.repeat(y[:, :, None], output.shape[2], axis=2), output), axis=2)

    def metric(self, y: tf.Tensor, output: tf.Tensor) -> tf.Tensor:
        """Return the metric per row; of outputs (batch, members, k, outputs) that of the k submodels' mean."""
        return self._metric(y, tf.reduce_mean(output, axis=2) if len(output.shape) == 4 else output)

    def undo(self, prediction: NDArray[np.float64], k: int) -> NDArray[np.float64]:
        """Return member k's prediction (rows,) in the unit of the target."""
        return np.asarray(prediction * self._scale.scale[k] + self._scale.mean[k]) if self._scale else prediction

    def fold_into(self, output: Any, k: int) -> None:
        """Have the output layer of member k's ordinary net give numbers in the unit of the target."""
        if self._scale:
            mean, scale = self._scale.mean[k], self._scale.scale[k]
            kernel, bias = output.get_weights()
            output.set_weights([kernel * scale, bias * scale + mean])

    def metric_in_unit(self, curves: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return curves (..., members) of the metric in the unit of the target."""
        return curves * self._scale.scale[:, 0].astype(np.float32) if self._scale else curves


def fit_target_scale(y: NDArray[np.generic], members: Sequence[Rows]) -> TargetScale:
    """Fit on each member's training rows, given by their numbers; a constant target gets scale 1.

    Raises:
        BakeoffError: when an ordinary net, which gives single precision, would lose the digits that differ.
    """
    numbers = y.astype(np.float64)
    mean, std = float(numbers.mean()), float(numbers.std())
    if 0 < std * FARTHEST < abs(mean):
        raise BakeoffError(
            f"the target lies too far from zero: its mean, {mean:.3g}, is {abs(mean) / std:.0e} times its standard"
            f" deviation, and a net would lose the digits that differ; subtract {mean:.1g} from it"
        )
    own = [numbers[rows] for rows in members]
    return TargetScale(
        mean=np.array([[learned.mean()] for learned in own]),
        scale=np.array([[learned.std() or 1.0] for learned in own]),
        shared_mean=mean,
        shared_scale=std or 1.0,
    )
