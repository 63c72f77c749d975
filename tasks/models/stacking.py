"""Many nets of one architecture as one Keras model, and back.

A stacked layer is an ordinary one with a member axis: activations have shape (batch, members, features), weights begin
with the member axis. Member k of the stack computes exactly what the ordinary net with weights[k] computes.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from tasks.data.normalization import Normalization
from tasks.models.bag import MemberBag, bag_of_words, bag_weights
from tasks.models.networks import DenseSpec

Layer = Any  # keras ships no types
BATCH_NORMALIZATION = {"momentum": 0.99, "epsilon": 0.001}  # Keras's defaults, named so that both kinds of net agree


class MemberNormalization(keras.layers.Layer):  # type: ignore[misc]  # keras ships no types
    """(x - mean) / scale with each member's own mean and scale, fitted on that member's training rows."""

    def __init__(self, normalizations: Sequence[Normalization]) -> None:
        super().__init__(trainable=False)
        self.mean = tf.constant(np.stack([each.mean for each in normalizations]))
        self.scale = tf.constant(np.stack([each.scale for each in normalizations]))

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """Takes and gives (batch, members, features)."""
        return (x - self.mean) / self.scale


class MemberDense(keras.layers.EinsumDense):  # type: ignore[misc]  # keras ships no types
    """A dense layer for each member, from (batch, members, inputs) to (batch, members, units)."""

    def __init__(self, members: int, units: int, activation: str) -> None:
        super().__init__("bki,kio->bko", output_shape=(members, units), bias_axes="ko", activation=activation)

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """Of a single member as a plain product, for which XLA has a program that is a seventh faster."""
        if self.kernel.shape[0] > 1:
            return super().call(x)
        return self.activation(ops.matmul(x[:, 0], self.kernel[0]) + self.bias[0])[:, None]


class MemberBatchNormalization(keras.layers.Layer):  # type: ignore[misc]  # keras ships no types
    """Batch normalization of each member by itself; rows that only pad a batch carry weight 0 and count for nothing."""

    def build(self, shape: tuple[int | None, int, int]) -> None:
        """Makes the weights, in the order of `keras.layers.BatchNormalization`."""
        members_by_features = shape[1:]
        self.gamma = self.add_weight(shape=members_by_features, initializer="ones", name="gamma")
        self.beta = self.add_weight(shape=members_by_features, initializer="zeros", name="beta")
        self.moving_mean = self.add_weight(
            shape=members_by_features, initializer="zeros", trainable=False, name="moving_mean"
        )
        self.moving_variance = self.add_weight(
            shape=members_by_features, initializer="ones", trainable=False, name="moving_variance"
        )

    def call(self, x: tf.Tensor, row_weights: tf.Tensor, training: bool) -> tf.Tensor:
        """Normalizes x (batch, members, features), in training with the moments of the rows that count."""
        mean, variance = self.moving_mean.value, self.moving_variance.value
        if training:
            mean, variance = self._moments(x, row_weights[:, :, None])
        scale = self.gamma * ops.rsqrt(variance + BATCH_NORMALIZATION["epsilon"])
        return (x - mean) * scale + self.beta

    def _moments(self, x: tf.Tensor, weights: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        count = ops.sum(weights, axis=0)
        mean = ops.sum(weights * x, axis=0) / ops.maximum(count, 1.0)
        variance = ops.sum(weights * ops.square(x - mean), axis=0) / ops.maximum(count, 1.0)
        keep = ops.where(count > 0, BATCH_NORMALIZATION["momentum"], 1.0)
        self.moving_mean.assign(self.moving_mean * keep + mean * (1.0 - keep))
        self.moving_variance.assign(self.moving_variance * keep + variance * (1.0 - keep))
        return mean, variance


class StackedNetwork(keras.Model):  # type: ignore[misc]  # keras ships no types
    """The members' layers, one after the other."""

    def __init__(self, stacked_layers: Sequence[Layer]) -> None:
        super().__init__()
        self.stacked_layers = list(stacked_layers)

    def call(self, x: tf.Tensor, row_weights: tf.Tensor, training: bool = False) -> tf.Tensor:
        """From (batch, members, features) to (batch, members, outputs); row_weights is (batch, members)."""
        for layer in self.stacked_layers:
            if isinstance(layer, MemberBatchNormalization):
                x = layer(x, row_weights, training=training)
            elif isinstance(layer, MemberBag):
                x = layer(x, batch=row_weights.shape[0])
            elif isinstance(layer, keras.layers.Dropout):
                x = layer(x, training=training)
            else:
                x = layer(x)
        return x

    @property
    def kernels(self) -> list[Any]:
        """The kernels (members, inputs, outputs): what an L2 penalty falls on."""
        return [layer.kernel for layer in self.stacked_layers if isinstance(layer, MemberDense | MemberBag)]


@dataclass(frozen=True)
class Inputs:
    """What a net takes: so many features, or texts of so many words."""

    features: int
    words: bool = False


def build_stack(
    spec: DenseSpec,
    output: tuple[int, str],
    inputs: Inputs,
    seeds: Sequence[int],
    normalizations: Sequence[Normalization] = (),
) -> StackedNetwork:
    """A stack with one member for each seed; each member's initial weights depend on its own seed alone."""
    members = len(seeds)

    def dense(units: int, activation: str) -> Layer:
        return MemberDense(members, units, activation)

    def bag(units: int, activation: str) -> Layer:
        return MemberBag(members, inputs.features, units, activation)

    layers = _layers(spec, output, bag if inputs.words else dense, dense, MemberBatchNormalization, seed=seeds[0])
    stack = StackedNetwork([*([MemberNormalization(normalizations)] if normalizations else []), *layers])
    no_words = (tf.zeros(1, tf.int32), tf.zeros(1, tf.int32))
    stack(no_words if inputs.words else tf.zeros((1, members, inputs.features)), tf.ones((1, members)))
    for position, kernel in enumerate(stack.kernels):
        kernel.assign(np.stack([_glorot_uniform(kernel.shape[1:], seed, position) for seed in seeds]))
    return stack


def build_single(
    spec: DenseSpec, output: tuple[int, str], inputs: Inputs, normalization: Normalization | None = None
) -> Layer:
    """The ordinary `keras.Sequential` of the same architecture.

    It takes raw features, which a Normalization layer in front turns into what the net learned from, or rows of word
    numbers (tasks/models/bag.py).
    """

    def bag(units: int, activation: str) -> Layer:
        return bag_of_words(inputs.features, units, activation)

    dense, batch_normalization = keras.layers.Dense, lambda: keras.layers.BatchNormalization(**BATCH_NORMALIZATION)
    layers = _layers(spec, output, bag if inputs.words else dense, dense, batch_normalization)
    first = keras.Input((None,), dtype="int32") if inputs.words else keras.Input((inputs.features,))
    normalize = []
    if normalization:
        normalize = [keras.layers.Normalization(mean=normalization.mean, variance=normalization.scale**2)]
    return keras.Sequential([first, *normalize, *layers])


def unstack(stack: StackedNetwork, k: int, single: Layer) -> Layer:
    """Copies member k's weights into an ordinary net of the same architecture, which is given back."""
    sources = [layer for layer in stack.stacked_layers if not isinstance(layer, MemberNormalization)]
    targets = [layer for layer in single.layers if not isinstance(layer, keras.layers.Normalization)]
    for source, target in zip(sources, targets, strict=True):
        weights = [weight[k] for weight in source.get_weights()]
        target.set_weights(bag_weights(*weights) if isinstance(source, MemberBag) else weights)
    return single


def _layers(
    spec: DenseSpec,
    output: tuple[int, str],
    first: Callable[[int, str], Layer],
    dense: Callable[[int, str], Layer],
    batch_normalization: Callable[[], Layer],
    seed: int = 0,
) -> list[Layer]:
    """The architecture, said once for both kinds of net."""
    layers: list[Layer] = []
    for position, units in enumerate(spec.units):
        connected = dense if position else first
        if spec.batch_normalization:
            layers += [connected(units, "linear"), batch_normalization(), keras.layers.Activation(spec.activation)]
        else:
            layers += [connected(units, spec.activation)]
        if spec.dropout:
            layers += [keras.layers.Dropout(spec.dropout, seed=seed + position)]
    return [*layers, (dense if spec.units else first)(*output)]


def _glorot_uniform(shape: Sequence[int], seed: int, position: int) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Keras's default initial kernel (Glorot & Bengio 2010) of one member's layer."""
    initial = keras.initializers.GlorotUniform(seed=(seed + position) % 2**31)(tuple(shape))
    return np.asarray(initial)
