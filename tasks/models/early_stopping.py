"""Early stopping of each member of a stack by itself, without leaving the compiled program."""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray


class BestWeights:
    """Each member's weights at its lowest loss so far.

    `update` is traced into the engine's program; a member is stopped once it has waited for `patience` epochs.
    """

    def __init__(self, weights: Sequence[tf.Variable], members: int) -> None:
        self._weights = weights
        self._kept = [tf.Variable(weight.value) for weight in weights]
        self._loss = tf.Variable(tf.fill((members,), np.float32(np.inf)))
        self._epoch = tf.Variable(tf.zeros(members, tf.int32))
        self._waited = tf.Variable(tf.zeros(members, tf.int32))

    def update(self, loss: tf.Tensor, epoch: tf.Tensor, patience: int) -> None:
        """Keeps the weights of members whose loss (members,) fell, unless they have been stopped."""
        better = (loss < self._loss) & (self._waited < patience)
        self._waited.assign(tf.where(better, 0, self._waited + 1))
        self._loss.assign(tf.where(better, loss, self._loss))
        self._epoch.assign(tf.where(better, epoch, self._epoch))
        for kept, weight in zip(self._kept, self._weights, strict=True):
            per_member = (-1,) + (1,) * (len(weight.shape) - 1)
            kept.assign(tf.where(tf.reshape(better, per_member), weight.value, kept))

    def all_stopped(self, patience: int) -> bool:
        """Whether no member can improve any more."""
        return bool(tf.reduce_all(self._waited >= patience))

    def restore(self) -> NDArray[np.int64]:
        """Puts the best weights back and gives the epochs, from 1, at which they were reached."""
        for kept, weight in zip(self._kept, self._weights, strict=True):
            weight.assign(kept)
        return np.asarray(self._epoch.numpy(), np.int64)
