"""How a net's learning rate, weight decay and dropout change as its training goes on.

By "Better by Default" (tasks/models/realmlp.py), appendix A. Progress is the share of a member's own steps that are
done, from 0 to 1, whatever the number of its rows and epochs.
"""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from tasks.models.networks import NetworkSpec
from tasks.models.settings import OwnSettings
from tasks.models.stacking import StackedNetwork

CYCLES = 4  # of the learning rate, each about twice as long as the one before


def coslog(progress: tf.Tensor) -> tf.Tensor:
    """`(1 - cos(2 pi log2(1 + (2^4 - 1) t))) / 2`, coslog4: the learning rate's share of its peak."""
    return (1 - tf.cos(2 * np.pi * tf.math.log(1 + (2**CYCLES - 1) * progress) / np.log(2))) / 2


def flat_cos(progress: tf.Tensor) -> tf.Tensor:
    """`(1 + cos(pi (max(1, 2 t) - 1))) / 2`: 1 in the first half of the training, then along half a cosine to 0."""
    return (1 + tf.cos(np.pi * (tf.maximum(1.0, 2 * progress) - 1))) / 2


class Annealing:
    """What is in force at a step, as variables (members,) of the compiled program.

    `rate` and `hold` are the shares of learning rate and weight decay; the network takes its dropout from here.
    """

    def __init__(
        self, spec: NetworkSpec, steps_per_epoch: Sequence[int], own: OwnSettings | None, network: StackedNetwork
    ) -> None:
        members = len(steps_per_epoch)
        self._steps_per_epoch = tf.constant(steps_per_epoch, tf.float32)
        self._epochs = own.epochs if own else tf.fill((members,), spec.epochs)
        self._most_dropout = own.dropout if own else tf.fill((members,), np.float32(spec.dropout))
        self.rate, self.hold, self._dropout = (tf.Variable(tf.zeros(members)) for _ in range(3))
        network.drop_out(self._dropout)

    def advance(self, done: tf.Tensor) -> None:
        """Goes to the step that follows on those that are done (members,)."""
        progress = tf.minimum(1.0, done / (self._steps_per_epoch * tf.cast(self._epochs, tf.float32)))
        self.rate.assign(coslog(progress))
        self.hold.assign(flat_cos(progress))
        self._dropout.assign(self._most_dropout * flat_cos(progress))
