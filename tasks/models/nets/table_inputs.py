"""What stands in front of a net for tables: numbers are normalized; categories and missing values become inputs.

What each net's training rows say of the table is in tasks/data/encoding.py. A number is normalized, or 0, which is the
mean of the training rows, where it is missing. Of a factor with few slots each has an input of 0 or 1; of one with many
each has a vector, which is learned (Guo & Berkhahn 2016). Slot 0 has no input.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from tasks.data.encoding import (
    Encoding,
    Factors,
    Layout,
    Normalization,
    fit_encodings,
    fit_normalization,
    fit_robust_normalization,
    fit_series_normalization,
)
from tasks.data.examples import Problem
from tasks.data.folds.splitting import Rows
from tasks.data.vectorization import Features
from tasks.models.nets.layers import Draw, Floats, Layer, MemberLayer

Tensor = Any  # a tensor, or what stands for one while Keras builds an ordinary net


class MemberNormalization(MemberLayer):
    """(x - mean) / scale with each member's own mean and scale, fitted on that member's training rows."""

    def __init__(self, normalizations: Sequence[Normalization]) -> None:
        super().__init__()
        self._normalizations, self.numbers = list(normalizations), len(normalizations[0].mean)
        self.mean = tf.constant(np.stack([normalization.mean for normalization in normalizations]))
        self.scale = tf.constant(np.stack([normalization.scale for normalization in normalizations]))

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """Take and return (batch, members, features)."""
        return (x - self.mean) / self.scale

    def ordinary(self, k: int) -> Layer:
        """Do without Keras's own layer, whose root of a variance single precision does not have for all scales."""
        normalization = self._normalizations[k]
        taken = keras.Input(normalization.mean.shape)
        return keras.Model(taken, (taken - normalization.mean) / normalization.scale)


class MemberEncoding(MemberLayer):
    """The inputs of each member's own encoding; its weights are vectors (members, slots, length)."""

    def __init__(self, encodings: Sequence[Encoding]) -> None:
        super().__init__()
        self._encodings, self._layout, members = list(encodings), encodings[0].layout, len(encodings)
        self.numbers = len(self._layout.numbers)
        self._normalize = MemberNormalization([encoding.normalization for encoding in encodings]).call
        slots = np.stack([encoding.slots for encoding in encodings])
        self._slots = tf.constant(slots.ravel())
        self._first = np.arange(members, dtype=np.int32)[:, None] * slots.shape[1]
        self.vectors = [self.make(members, *shape) for shape in self._layout.embedded.values()]

    @property
    def others(self) -> list[tuple[Any, Draw]]:
        """Return the vectors, which no penalty falls on."""
        return [(vectors, first_vectors) for vectors in self.vectors]

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """Turn (batch, members, features) into (batch, members, inputs)."""

        def slots_at(places: tf.Tensor) -> tf.Tensor:
            return tf.gather(self._slots, places + self._first)

        def vectors_at(vectors: Any, slots: tf.Tensor) -> tf.Tensor:
            members, n_slots, length = vectors.shape
            return tf.gather(tf.reshape(vectors, (-1, length)), slots + n_slots * tf.range(members))

        embed = [partial(vectors_at, vectors) for vectors in self.vectors]
        return _inputs(x, self._layout, self._normalize, slots_at, embed)

    def ordinary(self, k: int) -> Layer:
        """Make the inputs of raw rows (rows, features), by Keras's own operations and layers alone."""
        encoding, layout = self._encodings[k], self._layout
        mean, scale = encoding.normalization.mean, encoding.normalization.scale
        taken = keras.Input((len(layout.numbers) + len(layout.factors.categories),))

        def normalize(numbers: Tensor) -> Tensor:
            return (numbers - mean) / scale

        def slots_at(places: Tensor) -> Tensor:
            return ops.take(encoding.slots, places, axis=0)

        embed = [keras.layers.Embedding(*shape) for shape in layout.embedded.values()]
        return keras.Model(taken, _inputs(taken, layout, normalize, slots_at, embed))


def first_vectors(shape: tuple[int, ...], seed: int) -> Floats:
    """Draw vectors (slots, length) by Keras's default; that of slot 0 is 0, for a net may have no row to learn it."""
    vectors = np.array(keras.initializers.RandomUniform(seed=seed)(shape))
    vectors[0] = 0
    return vectors


def preparation(X: Features, problem: Problem, training: Sequence[Rows], robust: bool) -> list[MemberLayer]:
    """Return what prepares a table or series by each member's own training rows; nothing for other features."""
    training = [problem.prepared_on(rows) for rows in training]
    fit = fit_robust_normalization if robust else fit_normalization
    if problem.levels:
        return [MemberEncoding(fit_encodings(X, problem.levels, training, fit))]
    if problem.form == "table":
        return [MemberNormalization([fit(X[rows]) for rows in training])]
    if problem.form == "series":
        return [MemberNormalization([fit_series_normalization(X[rows], problem.shape) for rows in training])]
    return []


def _inputs(
    x: Tensor,
    layout: Layout,
    normalize: Callable[[Tensor], Tensor],
    slots_at: Callable[[Tensor], Tensor],
    embed: Sequence[Callable[[Tensor], Tensor]],
) -> Tensor:
    """Return what a net learns from, (..., inputs), of x (..., features); said once for both kinds of net."""
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
    """Return what `Factors.places` does; a number that is no level's counts as unknown."""
    codes = ops.take(x, factors.categories, axis=-1)
    known = ops.logical_and(codes >= 0, codes < factors.levels.astype(np.float32))
    levels = ops.cast(ops.where(known, codes + 1, 0.0), "int32")
    missing = ops.cast(ops.isnan(ops.take(x, factors.gaps, axis=-1)), "int32")
    return ops.concatenate([levels, missing], axis=-1) + factors.offsets.astype(np.int32)
