"""Layers with a member axis: activations have shape (batch, members, ...), weights begin with the members.

Member k of such a layer computes exactly what Keras's ordinary layer with weights[k] computes.
"""

from collections.abc import Sequence
from typing import Any, Literal

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from tasks.data.normalization import Normalization

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


def normalize(normalization: Normalization) -> Any:
    """The same for one net, built from Keras's own operations, so that a net that begins with it needs no other code.

    Keras's own layer would take the root of a variance, which single precision does not have for all scales.
    """
    taken = keras.Input(normalization.mean.shape)
    return keras.Model(taken, (taken - normalization.mean) / normalization.scale)


class MemberDense(keras.layers.EinsumDense):  # type: ignore[misc]  # keras ships no types
    """A dense layer for each member, from (batch, members, inputs) to (batch, members, units)."""

    def __init__(self, members: int, units: int, activation: str) -> None:
        super().__init__("bki,kio->bko", output_shape=(members, units), bias_axes="ko", activation=activation)

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """Of a single member as a plain product, for which XLA has a program that is a seventh faster."""
        if self.kernel.shape[0] > 1:
            return super().call(x)
        return self.activation(ops.matmul(x[:, 0], self.kernel[0]) + self.bias[0])[:, None]


class MemberConv(keras.layers.Layer):  # type: ignore[misc]  # keras ships no types
    """A convolution for each member, from (batch, members, height, width, channels) to as many `filters`.

    One after the other: a convolution is bound by arithmetic, so to stack them would save nothing.
    """

    def __init__(
        self, filters: int, kernel_size: tuple[int, int], padding: Literal["valid", "same"], activation: str
    ) -> None:
        super().__init__()
        self._filters, self._size, self._padding = filters, kernel_size, padding
        self.activation = keras.activations.get(activation)

    def build(self, shape: tuple[int | None, ...]) -> None:
        """Makes kernel (members, height, width, channels, filters) and bias (members, filters)."""
        members, channels = shape[1], shape[-1]
        kernel_shape = (members, *self._size, channels, self._filters)
        self.kernel = self.add_weight(shape=kernel_shape, initializer="zeros", name="kernel")
        self.bias = self.add_weight(shape=(members, self._filters), initializer="zeros", name="bias")

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """As `keras.layers.Conv2D` does it for each."""
        outputs = [
            tf.nn.conv2d(x[:, k], self.kernel[k], strides=1, padding=self._padding.upper())
            for k in range(self.kernel.shape[0])
        ]
        return self.activation(tf.stack(outputs, axis=1) + self.bias[:, None, None, :])


class MemberPooling(keras.layers.Layer):  # type: ignore[misc]  # keras ships no types
    """Max pooling of each member's channels, as `keras.layers.MaxPooling2D` does it."""

    def __init__(self, pool_size: tuple[int, int]) -> None:
        super().__init__()
        self._size = pool_size

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """Takes and gives (batch, members, height, width, channels)."""
        members, *picture = x.shape[1:]
        pooled = tf.nn.max_pool2d(tf.reshape(x, (-1, *picture)), self._size, self._size, "VALID")
        return tf.reshape(pooled, (-1, members, *pooled.shape[1:]))


class MemberDropout(keras.layers.Layer):  # type: ignore[misc]  # keras ships no types
    """Dropout of all members together, from one stream of random numbers.

    Keras's own layer draws them by an algorithm for which XLA has a slow program: 161 ns for each on one core, and 6 ns
    by Philox (Salmon et al. 2011). Five nets for each of Boston's 40 folds took 401 s with it, and take 30 s.
    """

    def __init__(self, rate: float, seed: int) -> None:
        super().__init__()
        self.rate: float | tf.Variable = rate  # one for all members, or (members,)
        self._seed = seed % 2**31
        self.supports_masking = True  # of series: the steps that are masked before are masked behind
        self._draws = tf.Variable(0, trainable=False)

    def call(self, x: tf.Tensor, training: bool) -> tf.Tensor:
        """In training zeroes a share of x, and raises the rest so that the expected sum stays what it was."""
        if not training:
            return x
        seed = tf.stack([tf.constant(self._seed), self._draws.assign_add(1)])
        rate = self.rate if isinstance(self.rate, float) else tf.reshape(self.rate, (-1, *(1,) * (len(x.shape) - 2)))
        kept = tf.random.stateless_uniform(tf.shape(x), seed, alg="philox") >= rate
        return tf.where(kept, x / (1 - rate), 0.0)


class MemberBatchNormalization(keras.layers.Layer):  # type: ignore[misc]  # keras ships no types
    """Batch normalization of each member's features or channels by themselves.

    Rows that only pad a batch carry weight 0 and count for nothing.
    """

    def build(self, shape: tuple[int | None, ...]) -> None:
        """Makes the weights (members, features), in the order of `keras.layers.BatchNormalization`."""
        own = (shape[1], shape[-1])
        self.gamma = self.add_weight(shape=own, initializer="ones", name="gamma")
        self.beta = self.add_weight(shape=own, initializer="zeros", name="beta")
        self.moving_mean = self.add_weight(shape=own, initializer="zeros", trainable=False, name="moving_mean")
        self.moving_variance = self.add_weight(shape=own, initializer="ones", trainable=False, name="moving_variance")

    def call(self, x: tf.Tensor, row_weights: tf.Tensor, training: bool) -> tf.Tensor:
        """Normalizes x (batch, members, ..., features), in training with the moments of the rows that count."""
        mean, variance = self.moving_mean.value, self.moving_variance.value
        if training:
            mean, variance = self._moments(x, row_weights)
        scale = self.gamma * ops.rsqrt(variance + BATCH_NORMALIZATION["epsilon"])
        return (x - _beside(mean, x)) * _beside(scale, x) + _beside(self.beta, x)

    def _moments(self, x: tf.Tensor, row_weights: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Mean and variance (members, features) over rows and, of pictures, over their pixels."""
        pixels = tuple(range(2, len(x.shape) - 1))
        axes, weights = (0, *pixels), ops.reshape(row_weights, (*row_weights.shape, *(1,) * (len(pixels) + 1)))
        count = ops.sum(row_weights, axis=0)[:, None] * float(np.prod([x.shape[axis] for axis in pixels]))
        mean = ops.sum(weights * x, axis=axes) / ops.maximum(count, 1.0)
        variance = ops.sum(weights * ops.square(x - _beside(mean, x)), axis=axes) / ops.maximum(count, 1.0)
        keep = ops.where(count > 0, BATCH_NORMALIZATION["momentum"], 1.0)
        self.moving_mean.assign(self.moving_mean * keep + mean * (1.0 - keep))
        self.moving_variance.assign(self.moving_variance * keep + variance * (1.0 - keep))
        return mean, variance


def _beside(own: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
    """What each member has for each feature (members, features), in a shape that goes with x."""
    members, features = own.shape
    return ops.reshape(own, (members, *(1,) * (len(x.shape) - 3), features))
