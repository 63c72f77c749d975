"""Many nets of one architecture as one Keras model, and back.

A stacked layer is an ordinary one with a member axis: activations have shape (batch, members, features), weights begin
with the member axis. Member k of the stack computes exactly what the ordinary net with weights[k] computes.
"""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from tasks.data.normalization import Normalization
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
            elif isinstance(layer, keras.layers.Dropout):
                x = layer(x, training=training)
            else:
                x = layer(x)
        return x

    @property
    def kernels(self) -> list[Any]:
        """The kernels (members, inputs, outputs): what an L2 penalty falls on."""
        return [layer.kernel for layer in self.stacked_layers if isinstance(layer, keras.layers.EinsumDense)]


def build_stack(
    spec: DenseSpec, output: tuple[int, str], normalizations: Sequence[Normalization], seeds: Sequence[int]
) -> StackedNetwork:
    """A stack with one member for each normalization; each member's initial weights depend on its own seed alone."""
    members = len(normalizations)

    def dense(units: int, activation: str) -> Layer:
        return keras.layers.EinsumDense(
            "bki,kio->bko", output_shape=(members, units), bias_axes="ko", activation=activation
        )

    layers = _layers(spec, output, dense, MemberBatchNormalization, seed=seeds[0])
    stack = StackedNetwork([MemberNormalization(normalizations), *layers])
    stack(tf.zeros((1, members, len(normalizations[0].mean))), tf.ones((1, members)))
    for position, kernel in enumerate(stack.kernels):
        kernel.assign(np.stack([_glorot_uniform(kernel.shape[1:], seed, position) for seed in seeds]))
    return stack


def build_single(spec: DenseSpec, output: tuple[int, str], normalization: Normalization) -> Layer:
    """The ordinary `keras.Sequential` of the same architecture, its Normalization layer in front, for raw features."""
    layers = _layers(spec, output, keras.layers.Dense, lambda: keras.layers.BatchNormalization(**BATCH_NORMALIZATION))
    normalize = keras.layers.Normalization(mean=normalization.mean, variance=normalization.scale**2)
    return keras.Sequential([keras.Input((len(normalization.mean),)), normalize, *layers])


def unstack(stack: StackedNetwork, k: int, single: Layer) -> Layer:
    """Copies member k's weights into an ordinary net of the same architecture, which is given back."""
    targets = [layer for layer in single.layers if not isinstance(layer, keras.layers.Normalization)]
    sources = stack.stacked_layers[1:]
    for source, target in zip(sources, targets, strict=True):
        target.set_weights([weight[k] for weight in source.get_weights()])
    return single


def _layers(
    spec: DenseSpec,
    output: tuple[int, str],
    dense: Callable[[int, str], Layer],
    batch_normalization: Callable[[], Layer],
    seed: int = 0,
) -> list[Layer]:
    """The architecture, said once for both kinds of net."""
    layers: list[Layer] = []
    for position, units in enumerate(spec.units):
        if spec.batch_normalization:
            layers += [dense(units, "linear"), batch_normalization(), keras.layers.Activation(spec.activation)]
        else:
            layers += [dense(units, spec.activation)]
        if spec.dropout:
            layers += [keras.layers.Dropout(spec.dropout, seed=seed + position)]
    return [*layers, dense(*output)]


def _glorot_uniform(shape: Sequence[int], seed: int, position: int) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Keras's default initial kernel (Glorot & Bengio 2010) of one member's layer."""
    initial = keras.initializers.GlorotUniform(seed=(seed + position) % 2**31)(tuple(shape))
    return np.asarray(initial)
