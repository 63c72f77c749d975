"""The bag layer: what a dense layer computes on a multi-hot row, without the row.

A row of 0 and 1 times a kernel is the sum of the kernel's rows at the words that the text has. In a stack the words of
a whole batch come one after the other; in the ordinary net that is saved they come as rows of word numbers.
"""

from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops
from numpy.typing import NDArray

from tasks.data.vectorization import OUT_OF_VOCABULARY, PADDING

Layer = Any  # keras ships no types


class MemberBag(keras.layers.Layer):  # type: ignore[misc]  # keras ships no types
    """A dense layer for each member, on words; its weights have the shapes that dense layers would have.

    Args:
        members: how many nets there are.
        num_words: how many words there are.
        units: width of each member's output.
        activation: by Keras's name.
    """

    def __init__(self, members: int, num_words: int, units: int, activation: str) -> None:
        super().__init__()
        self.activation = keras.activations.get(activation)
        self.kernel = self.add_weight(shape=(members, num_words, units), initializer="zeros", name="kernel")
        self.bias = self.add_weight(shape=(members, units), initializer="zeros", name="bias")

    def call(self, entries: tuple[tf.Tensor, tf.Tensor], batch: int) -> tf.Tensor:
        """From the words of a batch, as `tasks.batching.WordRows` numbers them, to (batch, members, units)."""
        words, places = entries
        members, _, units = self.kernel.shape
        vectors = tf.gather(tf.reshape(self.kernel, (-1, units)), words)
        sums = tf.math.unsorted_segment_sum(vectors, places, members * batch + 1)[:-1]
        return self.activation(tf.transpose(tf.reshape(sums, (members, batch, units)), (1, 0, 2)) + self.bias)


def bag_of_words(num_words: int, units: int, activation: str) -> Layer:
    """The same layer for one net, on rows of word numbers (rows, length), filled up with 0.

    A word counts once, however often a row has it; words from `num_words` on count as the unknown one. It is built from
    Keras's own operations, so that the saved net needs no code but Keras's. The bias is the vector of one more word,
    which every row has.
    """
    words = keras.Input((None,), dtype="int32")
    known = ops.sort(ops.where(words < num_words, words, OUT_OF_VOCABULARY), axis=1)
    bias = ops.full_like(known[:, :1], num_words)
    before = ops.concatenate([ops.full_like(bias, PADDING), known[:, :-1]], axis=1)
    counts = ops.concatenate([ops.ones_like(bias), ops.cast(known != before, "int32")], axis=1)
    vectors = keras.layers.Embedding(num_words + 1, units)(ops.concatenate([bias, known], axis=1))
    sums = ops.sum(vectors * ops.expand_dims(ops.cast(counts, "float32"), -1), axis=1)
    return keras.Model(words, keras.layers.Activation(activation)(sums))


def bag_weights(kernel: NDArray[np.float32], bias: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    """The weights of `bag_of_words` from those of a dense layer."""
    return [np.concatenate([kernel, bias[None]])]
