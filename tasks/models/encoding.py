"""A table with categories and missing values as the inputs of a net, made batch by batch.

What each net's training rows say of the table is in tasks/data/encoding.py. A number is normalized, or 0, which is the
mean of the training rows, where it is missing. Of a factor with few slots each has an input of 0 or 1; of one with many
each has a vector, which is learned (Guo & Berkhahn 2016). Slot 0 has no input.
"""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from tasks.data.encoding import Encoding, Factors, Layout

Layer = Any  # keras ships no types
Tensor = Any  # a tensor, or what stands for one while Keras builds an ordinary net


class MemberEncoding(keras.layers.Layer):  # type: ignore[misc]  # keras ships no types
    """The inputs of each member's own encoding; its weights are vectors (members, slots, length)."""

    def __init__(self, encodings: Sequence[Encoding]) -> None:
        super().__init__()
        self._layout, members = encodings[0].layout, np.arange(len(encodings), dtype=np.int32)
        self._mean, self._scale = (
            tf.constant(np.stack([getattr(each.normalization, name) for each in encodings]))
            for name in ("mean", "scale")
        )
        slots = np.stack([each.slots for each in encodings])
        self._slots, self._first = tf.constant(slots.ravel()), members[:, None] * slots.shape[1]
        self.vectors = [
            self.add_weight(shape=(len(members), *shape), initializer="zeros", name=f"vectors_{factor}")
            for factor, shape in self._layout.embedded.items()
        ]

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """From (batch, members, features) to (batch, members, inputs)."""
        embed = [_MemberVectors(each) for each in self.vectors]
        return _inputs(x, self._layout, self._normalize, self._slots_at, embed)

    def _normalize(self, numbers: tf.Tensor) -> tf.Tensor:
        return (numbers - self._mean) / self._scale

    def _slots_at(self, places: tf.Tensor) -> tf.Tensor:
        return tf.gather(self._slots, places + self._first)


class _MemberVectors:
    """Looks up the vectors of each member's slots, (batch, members), in its own part of the weights."""

    def __init__(self, weights: Any) -> None:
        self._weights = weights

    def __call__(self, slots: tf.Tensor) -> tf.Tensor:
        members, n_slots, length = self._weights.shape
        return tf.gather(tf.reshape(self._weights, (-1, length)), slots + n_slots * tf.range(members))


def encode(encoding: Encoding, features: int) -> Layer:
    """The same for one net, on raw rows (rows, features): built from Keras's own operations and layers alone.

    So a net that begins with it is saved and loaded without any code but Keras's.
    """
    taken, layout, normalization = keras.Input((features,)), encoding.layout, encoding.normalization
    embed = [keras.layers.Embedding(*shape) for shape in layout.embedded.values()]

    def normalize(numbers: Tensor) -> Tensor:
        return (numbers - normalization.mean) / normalization.scale

    def slots_at(places: Tensor) -> Tensor:
        return ops.take(encoding.slots, places, axis=0)

    return keras.Model(taken, _inputs(taken, layout, normalize, slots_at, embed))


def first_vectors(shape: Sequence[int], seed: int) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Keras's default initial vectors (slots, length); that of slot 0 is 0, for a net may have no row to learn it."""
    vectors = np.array(keras.initializers.RandomUniform(seed=seed)(tuple(shape)))
    vectors[0] = 0
    return vectors


def _inputs(
    x: Tensor,
    layout: Layout,
    normalize: Callable[[Tensor], Tensor],
    slots_at: Callable[[Tensor], Tensor],
    embed: Sequence[Callable[[Tensor], Tensor]],
) -> Tensor:
    """What a net learns from, (..., inputs), of x (..., features); said once for both kinds of net."""
    parts = []
    if len(layout.numbers):
        numbers = ops.take(x, layout.numbers, axis=-1)
        parts.append(ops.where(ops.isnan(numbers), 0.0, normalize(numbers)))
    if len(layout.slots):
        slots = slots_at(_places(x, layout.factors))
        factors, own = layout.one_hot.astype(np.int32).T
        parts.append(ops.cast(ops.equal(ops.take(slots, factors, axis=-1), own), "float32"))
        parts += [
            vectors_of(ops.take(slots, factor, axis=-1))
            for vectors_of, factor in zip(embed, layout.embedded, strict=True)
        ]
    return ops.concatenate(parts, axis=-1)


def _places(x: Tensor, factors: Factors) -> Tensor:
    """As `Factors.places`; a number that is no level's counts as unknown."""
    codes = ops.take(x, factors.categories, axis=-1)
    known = ops.logical_and(codes >= 0, codes < factors.levels.astype(np.float32))
    levels = ops.cast(ops.where(known, codes + 1, 0.0), "int32")
    missing = ops.cast(ops.isnan(ops.take(x, factors.gaps, axis=-1)), "int32")
    return ops.concatenate([levels, missing], axis=-1) + factors.offsets.astype(np.int32)
