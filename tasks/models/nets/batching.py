"""How rows reach the members of a stack: cut into steps, and gathered from the one X that all members share.

A row of a multi-hot matrix times a kernel is the sum of the kernel's rows at the numbers of the words, so the rows of
a text are never made dense: a step takes the word numbers of its rows, one after the other, each with the place in the
batch that it counts for.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tasks.data.folds.splitting import Rows

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

Floats = NDArray[np.float32]
Entries = tuple[NDArray[np.int32], ...]
DEVIATIONS = 6  # by which the words of a step may exceed their expected number before the program is compiled anew


class Steps(NamedTuple):
    """What each step takes: row numbers and their weights, both (steps, batch, members), and what a source adds.

    A weight is 1, or 0 for what pads a member to the length of the longest.
    """

    order: NDArray[np.int32]
    mask: Floats
    entries: Entries = ()


def batches(rows: Sequence[Rows], batch_size: int) -> Steps:
    """Cut each member's rows into batches, in order."""
    longest = max(len(own) for own in rows)
    batch = min(batch_size, longest)
    steps = -(-longest // batch) if batch else 0
    order = np.zeros((len(rows), steps * batch), np.int32)
    mask = np.zeros_like(order, np.float32)
    for k, own in enumerate(rows):
        order[k, : len(own)] = own
        mask[k, : len(own)] = 1
    shape = (len(rows), steps, batch)
    return Steps(order.reshape(shape).transpose(1, 2, 0), mask.reshape(shape).transpose(1, 2, 0))


def step_at(steps: Steps, number: tf.Tensor) -> Steps:
    """Return one of the steps, or of the epochs."""
    step: Steps = tf.nest.map_structure(lambda array: array[number], steps)
    return step


def stacked(epochs: Sequence[Steps], length: int) -> Steps:
    """Stack the steps of epochs as arrays of epochs, padded at their end to so many of them."""

    def stack(*arrays: NDArray[np.generic]) -> NDArray[np.generic]:
        return np.stack([*arrays, *[np.zeros_like(arrays[0])] * (length - len(arrays))])

    padded: Steps = tf.nest.map_structure(stack, *epochs)
    return padded


class DenseRows:
    """Rows of an array (rows, features); a network takes (batch, members, features)."""

    def __init__(self, X: NDArray[np.floating[Any]]) -> None:
        self._X = tf.constant(X, tf.float32)
        self.features = X.shape[1]

    def steps(self, rows: Sequence[Rows], batch_size: int) -> Steps:
        """Cut each member's rows into batches."""
        return batches(rows, batch_size)

    def inputs(self, order: tf.Tensor, entries: tuple[tf.Tensor, ...]) -> tf.Tensor:
        """Return what a network takes at one step, whose row numbers are `order` (batch, members)."""
        return tf.gather(self._X, order)


class WordRows:
    """Rows of multi-hot matrices (rows, num_words); a network takes word numbers and the places they count for.

    All members have one matrix, or each has its own, of the same shape; those that are the same object are kept once.

    Member k's word w has the number k * num_words + w, and place b of its batch is k * batch + b. All steps are padded
    to one length, with words that count for a place behind the last, so that one compiled program serves them all.
    """

    def __init__(self, X: "csr_matrix | Sequence[csr_matrix]") -> None:
        own = list(X) if isinstance(X, Sequence) else [X]
        matrices = list({id(matrix): matrix for matrix in own}.values())
        places = {id(matrix): number for number, matrix in enumerate(matrices)}
        self._words = np.concatenate([matrix.indices for matrix in matrices]).astype(np.int32, copy=False)
        self._lengths = np.concatenate([np.diff(matrix.indptr) for matrix in matrices]).astype(np.int64)
        self._offsets = np.cumsum(self._lengths) - self._lengths
        self._first = np.array([places[id(matrix)] * matrix.shape[0] for matrix in own])  # where it begins
        self.features = matrices[0].shape[1]

    def steps(self, rows: Sequence[Rows], batch_size: int) -> Steps:
        """Cut each member's rows into batches, with the words of each."""
        order, mask, _ = batches(rows, batch_size)
        own = order + self._first
        lengths = (self._lengths[own] * mask).astype(np.int64)
        width = max(self._expected(rows, order.shape), int(lengths.sum(axis=(1, 2)).max(initial=0)))
        places = order.shape[1] * order.shape[2]
        words, counts_for = np.zeros((len(order), width), np.int32), np.full((len(order), width), places, np.int32)
        for step in range(len(order)):
            found, place = self._words_of(own[step].T.ravel(), lengths[step].T.ravel())
            words[step, : len(found)] = found + place // order.shape[1] * self.features
            counts_for[step, : len(found)] = place
        return Steps(order, mask, (words, counts_for))

    def inputs(self, order: tf.Tensor, entries: tuple[tf.Tensor, ...]) -> tuple[tf.Tensor, ...]:
        """Return what a network takes at one step."""
        return entries

    def _words_of(self, rows: Rows, lengths: NDArray[np.int64]) -> Entries:
        """Return the words of these rows, and to which of them each belongs."""
        place = np.repeat(np.arange(len(rows), dtype=np.int32), lengths)
        first = np.cumsum(lengths) - lengths
        position = np.arange(len(place)) + np.repeat(self._offsets[rows] - first, lengths)
        return self._words[position], place

    def _expected(self, rows: Sequence[Rows], shape: tuple[int, ...]) -> int:
        """Return a number of words that a step of rows drawn at random hardly ever exceeds."""
        begins = np.broadcast_to(self._first, len(rows))
        own = np.concatenate([learned + first for learned, first in zip(rows, begins, strict=True)])
        lengths = self._lengths[own.astype(np.int64)]
        drawn = shape[1] * shape[2]
        if not len(lengths):
            return 0
        return int(drawn * lengths.mean() + DEVIATIONS * np.sqrt(drawn) * lengths.std())
