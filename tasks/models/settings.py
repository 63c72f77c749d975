"""What may differ between the nets of one stack: learning rate, L2 penalty, dropout and number of epochs.

They are variables of the compiled program, so that it serves one set of settings after the other.
"""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tasks.models.networks import NetworkSpec
from tasks.models.stacking import StackedNetwork


class OwnSettings:
    """Each member's own settings, as tensors (members,).

    `rate` is by how much a member's learning rate exceeds that of the stack; a schedule keeps its form.
    """

    def __init__(self, spec: NetworkSpec, specs: Sequence[NetworkSpec], network: StackedNetwork) -> None:
        self._spec = spec
        self._first = [weight.numpy() for weight in network.weights]
        zeros = tf.zeros(len(specs))
        self.rate, self.l2, self.dropout = (tf.Variable(zeros) for _ in range(3))
        self.epochs = tf.Variable(tf.zeros(len(specs), tf.int32))
        network.drop_out(self.dropout)
        self.restart(network, specs)

    def restart(self, network: StackedNetwork, specs: Sequence[NetworkSpec]) -> None:
        """Takes each member's settings from its own spec, which is the stack's in all else, and its first weights."""
        for weight, first in zip(network.weights, self._first, strict=True):
            weight.assign(first)
        highest = self._spec.optimizer.highest_rate
        self.rate.assign([each.optimizer.highest_rate / highest for each in specs])
        self.l2.assign([each.l2 for each in specs])
        self.dropout.assign([each.dropout for each in specs])
        self.epochs.assign([each.epochs for each in specs])

    def penalty(self, kernel: tf.Tensor) -> tf.Tensor:
        """The sum over members of each one's L2 penalty on its part of a kernel (members, ...)."""
        own = tf.reduce_sum(tf.square(kernel), axis=range(1, len(kernel.shape)))
        return tf.reduce_sum(self.l2 * own)

    def left(self, epoch: tf.Tensor) -> tf.Tensor:
        """1 (members,) for those that still learn in an epoch, counted from 0; else 0."""
        return tf.cast(epoch < self.epochs, tf.float32)

    def learning(self, values: NDArray[np.float32], start: int) -> NDArray[np.float32]:
        """Values (epochs, members) of the epochs after `start`, of those that still learned; else 0."""
        return np.where(start + np.arange(len(values))[:, None] < self.epochs.numpy(), values, 0)

    def hold(self, curves: NDArray[np.float32]) -> NDArray[np.int64]:
        """Has each member's curves (epochs, 4, members) stay as they are after its last epoch; gives these epochs."""
        epochs = np.asarray(np.minimum(self.epochs.numpy(), len(curves)), np.int64)
        for k, last in enumerate(epochs):
            curves[last:, :, k] = curves[last - 1, :, k]
        return epochs
