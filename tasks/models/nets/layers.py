"""Layers with a member axis: activations have shape (batch, members, ...), weights begin with the members.

Member k of such a layer computes exactly what Keras's ordinary layer with weights[k] computes.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import keras
import numpy as np
import tensorflow as tf
from keras import ops
from numpy.typing import NDArray

from tasks.data.vectorization import OUT_OF_VOCABULARY, PADDING
from tasks.models.nets.random_bits import as_shares, threefry

Layer = Any  # keras ships no types
Floats = NDArray[np.float32]
Draw = Callable[[tuple[int, ...], int], Floats]  # first weights of this shape, by a seed

BATCH_NORMALIZATION = {"momentum": 0.99, "epsilon": 0.001}  # Keras's defaults, named so that both kinds of net agree


@dataclass(frozen=True)
class Inputs:
    """What a net takes: so many features, which may have the shape of a picture or a series, or texts of such words.

    Of a table, as it is prepared, the first inputs are so many `numbers`.
    """

    features: int
    words: bool = False
    shape: tuple[int, ...] = ()
    series: bool = False
    numbers: int = 0


def glorot_uniform(shape: tuple[int, ...], seed: int) -> Floats:
    """Draw a kernel by Keras's default (Glorot & Bengio 2010)."""
    return np.asarray(keras.initializers.GlorotUniform(seed=seed)(shape))


class MemberLayer(keras.layers.Layer):  # type: ignore[misc]  # keras ships no types
    """A layer of all members of a stack, which knows its counterpart of Keras's own in the ordinary net of one of them.

    Args:
        settings: those of the counterpart, by Keras's names.
    """

    of_keras: Callable[..., Layer]
    takes: tuple[str, ...] = ()  # what it is called with beside its inputs: row_weights (batch, members), training
    kernel: Any = None  # (members, ..., inputs, outputs)
    draw_kernel: Draw | None = staticmethod(glorot_uniform)

    def __init__(self, **settings: Any) -> None:
        super().__init__()
        self._settings, self.activation = settings, keras.activations.get(settings.get("activation"))

    @property
    def kernels(self) -> list[Any]:
        """Return what weight decay and an L2 penalty fall on."""
        return [] if self.kernel is None else [self.kernel]

    @property
    def others(self) -> list[tuple[Any, Draw]]:
        """Return the other weights that are drawn at first, and how."""
        return []

    def begin(self, seeds: Sequence[int], position: int) -> None:
        """Draw first weights by a rule of its own; `position` is that of the layer in its stack."""

    def ordinary(self, k: int) -> Layer:
        """Return member k's layer, of Keras's own alone, so that a net is loaded without any code but Keras's."""
        return self.of_keras(**self._settings)

    def weights_of(self, k: int) -> list[Floats]:
        """Return member k's weights as those of the ordinary layer."""
        return [weight[k] for weight in self.get_weights()]

    def make(self, *shape: int | None, initializer: Any = "zeros", trainable: bool = True) -> Any:
        """Make a weight of this shape, which begins with the members."""
        return self.add_weight(shape=shape, initializer=initializer, trainable=trainable)


class MemberDense(MemberLayer):
    """A dense layer for each member, from (batch, members, inputs) to (batch, members, units)."""

    of_keras = keras.layers.Dense

    def __init__(self, units: int, activation: str) -> None:
        super().__init__(units=units, activation=activation)
        self._units = units

    def build(self, shape: tuple[int | None, ...]) -> None:
        """Make kernel (members, inputs, units) and bias (members, units)."""
        self.kernel, self.bias = self.make(shape[1], shape[-1], self._units), self.make(shape[1], self._units)

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """Compute a single member as a plain product, for which XLA has a program that is a seventh faster."""
        if self.kernel.shape[0] > 1:
            return self.activation(ops.add(ops.einsum("bki,kio->bko", x, self.kernel), self.bias))
        return self.activation(ops.matmul(x[:, 0], self.kernel[0]) + self.bias[0])[:, None]


class MemberBag(MemberLayer):
    """What a dense layer computes on a multi-hot row, without the row, for each member.

    A row of 0 and 1 times a kernel is the sum of the kernel's rows at the words that the text has. In a stack the words
    of a whole batch come one after the other; in the ordinary net they come as rows of word numbers.
    """

    takes = ("row_weights",)

    def __init__(self, num_words: int, units: int, activation: str) -> None:
        super().__init__(activation=activation)
        self._num_words, self._units = num_words, units

    def build(self, entries_shape: Any, row_weights_shape: tuple[int, ...]) -> None:
        """Make the weights that a dense layer would have."""
        members = row_weights_shape[1]
        self.kernel, self.bias = self.make(members, self._num_words, self._units), self.make(members, self._units)

    def call(self, entries: tuple[tf.Tensor, tf.Tensor], row_weights: tf.Tensor) -> tf.Tensor:
        """Turn the words of a batch, as `batching.WordRows` numbers them, into (batch, members, units)."""
        words, places = entries
        batch, members = row_weights.shape
        vectors = tf.gather(tf.reshape(self.kernel, (-1, self._units)), words)
        sums = tf.math.unsorted_segment_sum(vectors, places, members * batch + 1)[:-1]
        return self.activation(tf.transpose(tf.reshape(sums, (members, batch, -1)), (1, 0, 2)) + self.bias)

    def ordinary(self, k: int) -> Layer:
        """Take rows of word numbers (rows, length), filled up with 0.

        A word counts once, however often a row has it; words from `num_words` on count as the unknown one. The bias is
        the vector of one more word, which every row has.
        """
        words = keras.Input((None,), dtype="int32")
        known = ops.sort(ops.where(words < self._num_words, words, OUT_OF_VOCABULARY), axis=1)
        bias = ops.full_like(known[:, :1], self._num_words)
        before = ops.concatenate([ops.full_like(bias, PADDING), known[:, :-1]], axis=1)
        counts = ops.concatenate([ops.ones_like(bias), ops.cast(known != before, "int32")], axis=1)
        embedding = keras.layers.Embedding(self._num_words + 1, self._units)
        vectors = embedding(ops.concatenate([bias, known], axis=1))
        sums = ops.sum(vectors * ops.expand_dims(ops.cast(counts, "float32"), -1), axis=1)
        return keras.Model(words, keras.layers.Activation(self.activation)(sums))

    def weights_of(self, k: int) -> list[Floats]:
        """Return the vectors of all words, and the bias behind them."""
        kernel, bias = super().weights_of(k)
        return [np.concatenate([kernel, bias[None]])]


class MemberReshape(MemberLayer):
    """Gives each member's activations another shape."""

    of_keras = keras.layers.Reshape

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__(target_shape=shape)
        self._shape = shape

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """Turn (batch, members, ...) into (batch, members, *shape)."""
        return tf.reshape(x, (*x.shape[:2], *self._shape))


class MemberActivation(MemberLayer):
    """An activation by itself."""

    of_keras = keras.layers.Activation

    def __init__(self, activation: str) -> None:
        super().__init__(activation=activation)

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """Take and return one shape."""
        return self.activation(x)


class MemberConv(MemberLayer):
    """A convolution for each member, from (batch, members, height, width, channels) to as many `filters`.

    One after the other: a convolution is bound by arithmetic, so to stack them would save nothing.
    """

    of_keras = keras.layers.Conv2D

    def __init__(
        self, filters: int, kernel_size: tuple[int, int], padding: Literal["valid", "same"], activation: str
    ) -> None:
        super().__init__(filters=filters, kernel_size=kernel_size, padding=padding, activation=activation)
        self._filters, self._size, self._padding = filters, kernel_size, padding

    def build(self, shape: tuple[int | None, ...]) -> None:
        """Make kernel (members, height, width, channels, filters) and bias (members, filters)."""
        self.kernel = self.make(shape[1], *self._size, shape[-1], self._filters)
        self.bias = self.make(shape[1], self._filters)

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """Do for each member what `keras.layers.Conv2D` does."""
        outputs = [
            tf.nn.conv2d(x[:, k], self.kernel[k], strides=1, padding=self._padding.upper())
            for k in range(self.kernel.shape[0])
        ]
        return self.activation(tf.stack(outputs, axis=1) + self.bias[:, None, None, :])


class MemberPooling(MemberLayer):
    """Max pooling of each member's channels, as `keras.layers.MaxPooling2D` does it."""

    of_keras = keras.layers.MaxPooling2D

    def __init__(self, pool_size: tuple[int, int]) -> None:
        super().__init__(pool_size=pool_size)
        self._size = pool_size

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """Take and return (batch, members, height, width, channels)."""
        members, *picture = x.shape[1:]
        pooled = tf.nn.max_pool2d(tf.reshape(x, (-1, *picture)), self._size, self._size, "VALID")
        return tf.reshape(pooled, (-1, members, *pooled.shape[1:]))


class MemberDropout(MemberLayer):
    """Dropout, whose masks depend on a member's seed, the layer's position and the member's own step alone."""

    of_keras = keras.layers.Dropout
    takes = ("row_weights", "training")

    def __init__(self, rate: float) -> None:
        super().__init__(rate=rate, seed=0)  # a net that is saved has the same bytes each time
        self.rate: float | tf.Variable = rate  # one for all members, or (members,)
        self.supports_masking = True  # of series: the steps that are masked before are masked behind

    def build(self, shape: tuple[int | None, ...]) -> None:
        """Make each member's key and number of steps, which are no weights."""
        self._key = tf.Variable(tf.zeros((2, shape[1]), tf.int32), trainable=False)
        self._steps = tf.Variable(tf.zeros(shape[1], tf.int32), trainable=False)

    def begin(self, seeds: Sequence[int], position: int) -> None:
        """Take each member's key from its seed."""
        key = np.array([[seed % 2**32 for seed in seeds], [position] * len(seeds)], np.uint32)
        self._key.assign(key.view(np.int32))
        self.restart()

    def restart(self) -> None:
        """Have each member's first masks come next."""
        self._steps.assign(tf.zeros_like(self._steps))

    def call(self, x: tf.Tensor, row_weights: tf.Tensor, training: bool) -> tf.Tensor:
        """In training zero a share of x, and raise the rest so that the expected sum stays what it was."""
        if not training:
            return x
        steps = tf.bitcast(self._steps.assign_add(tf.cast(row_weights[0] > 0, tf.int32)), tf.uint32)
        seeds, positions = tf.unstack(tf.bitcast(self._key, tf.uint32))
        batch, _, *own = x.shape
        number = np.arange(batch * math.prod(own), dtype=np.uint32).reshape(batch, 1, *own)
        bits, _ = threefry((_beside(seeds, x), _beside(positions, x)), (tf.constant(number), _beside(steps, x)))
        rate = self.rate if isinstance(self.rate, float) else _beside(self.rate, x)
        return tf.where(as_shares(bits) >= rate, x / (1 - rate), 0.0)


class MemberBatchNormalization(MemberLayer):
    """Batch normalization of each member's features or channels by themselves.

    Rows that only pad a batch carry weight 0 and count for nothing.
    """

    of_keras = partial(keras.layers.BatchNormalization, **BATCH_NORMALIZATION)
    takes = ("row_weights", "training")

    def build(self, shape: tuple[int | None, ...]) -> None:
        """Make the weights (members, features), in the order of `keras.layers.BatchNormalization`."""
        own = (shape[1], shape[-1])
        self.gamma, self.beta = self.make(*own, initializer="ones"), self.make(*own)
        self.moving_mean = self.make(*own, trainable=False)
        self.moving_variance = self.make(*own, initializer="ones", trainable=False)

    def call(self, x: tf.Tensor, row_weights: tf.Tensor, training: bool) -> tf.Tensor:
        """Normalize x (batch, members, ..., features), in training with the moments of the rows that count."""
        mean, variance = self.moving_mean.value, self.moving_variance.value
        if training:
            mean, variance = self._moments(x, row_weights)
        scale = self.gamma * ops.rsqrt(variance + BATCH_NORMALIZATION["epsilon"])
        return (x - _beside(mean, x)) * _beside(scale, x) + _beside(self.beta, x)

    def _moments(self, x: tf.Tensor, row_weights: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Return mean and variance (members, features) over rows and, of pictures, over their pixels."""
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
    """Reshape what each member has, (members,) or for each feature (members, features), to go with x."""
    members, *features = own.shape
    return tf.reshape(own, (members, *(1,) * (len(x.shape) - 2 - len(features)), *features))
