"""How the gradients of a stack become its next weights, for each member by itself, and which weights are kept.

What may differ between its nets are learning rate, L2 penalty, dropout and number of epochs. All of it is in variables
of the compiled program, so that one program serves one set of them after the other.
"""

from collections.abc import Sequence
from itertools import chain

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tasks.models.nets.network_spec import NetworkSpec
from tasks.models.nets.stacking import StackedNetwork

CYCLES = 4  # of the annealed learning rate, each about twice as long as the one before


class MemberHyperparameters:
    """Each member's own hyperparameters, as tensors (members,).

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
        """Take each member's own from its spec, which is the stack's in all else, and its first weights."""
        for weight, first in zip(network.weights, self._first, strict=True):
            weight.assign(first)
        network.restart_dropout()
        highest = self._spec.optimizer.highest_rate
        self.rate.assign([spec.optimizer.highest_rate / highest for spec in specs])
        self.l2.assign([spec.l2 for spec in specs])
        self.dropout.assign([spec.dropout for spec in specs])
        self.epochs.assign([spec.epochs for spec in specs])

    def penalty(self, kernel: tf.Tensor) -> tf.Tensor:
        """Return the sum over members of each one's L2 penalty on its part of a kernel (members, ...)."""
        own = tf.reduce_sum(tf.square(kernel), axis=range(1, len(kernel.shape)))
        return tf.reduce_sum(self.l2 * own)

    def left(self, epoch: tf.Tensor) -> tf.Tensor:
        """Return 1 (members,) for those that still learn in an epoch, counted from 0; else 0."""
        return tf.cast(epoch < self.epochs, tf.float32)

    def learning(self, values: NDArray[np.float32], start: int) -> NDArray[np.float32]:
        """Return the values (epochs, members) of the epochs after `start`, of those that still learned; else 0."""
        return np.where(start + np.arange(len(values))[:, None] < self.epochs.numpy(), values, 0)

    def freeze(self, curves: NDArray[np.float32]) -> NDArray[np.int64]:
        """Have each member's curves (epochs, 4, members) stay as they are after its last epoch; return these epochs."""
        epochs = np.asarray(np.minimum(self.epochs.numpy(), len(curves)), np.int64)
        for k, last in enumerate(epochs):
            curves[last:, :, k] = curves[last - 1, :, k]
        return epochs


def coslog(progress: tf.Tensor) -> tf.Tensor:
    """`(1 - cos(2 pi log2(1 + (2^4 - 1) t))) / 2`, coslog4: the learning rate's share of its peak."""
    return (1 - tf.cos(2 * np.pi * tf.math.log(1 + (2**CYCLES - 1) * progress) / np.log(2))) / 2


def flat_cos(progress: tf.Tensor) -> tf.Tensor:
    """`(1 + cos(pi (max(1, 2 t) - 1))) / 2`: 1 in the first half of the training, then along half a cosine to 0."""
    return (1 + tf.cos(np.pi * (tf.maximum(1.0, 2 * progress) - 1))) / 2


class Annealing:
    """How learning rate, weight decay and dropout change by "Better by Default" (table_nets.py), appendix A.

    `rate` and `decay` are the shares of learning rate and weight decay in force at a step, as variables (members,) of
    the compiled program; the network takes its dropout from here. Progress is the share of a member's own steps that
    are done, from 0 to 1, whatever the number of its rows and epochs.
    """

    def __init__(
        self,
        spec: NetworkSpec,
        network: StackedNetwork,
        steps_per_epoch: Sequence[int],
        own: MemberHyperparameters | None,
    ) -> None:
        members = len(steps_per_epoch)
        self._steps_per_epoch = tf.constant(steps_per_epoch, tf.float32)
        self._epochs = own.epochs if own else tf.fill((members,), spec.epochs)
        self._most_dropout = own.dropout if own else tf.fill((members,), np.float32(spec.dropout))
        self.rate, self.decay, self._dropout = (tf.Variable(tf.zeros(members)) for _ in range(3))
        network.drop_out(self._dropout)

    def advance(self, done: tf.Tensor) -> None:
        """Go to the step that follows on those that are done (members,)."""
        progress = tf.minimum(1.0, done / (self._steps_per_epoch * tf.cast(self._epochs, tf.float32)))
        self.rate.assign(coslog(progress))
        self.decay.assign(flat_cos(progress))
        self._dropout.assign(self._most_dropout * flat_cos(progress))


class StackedOptimizer:
    """The optimizer's rule with its state, and each member's number of steps.

    Args:
        spec: the rule, and whether it is annealed.
        network: whose weights they are.
        steps_per_epoch: that each member takes.
        own: where members differ, their hyperparameters.
    """

    def __init__(
        self,
        spec: NetworkSpec,
        network: StackedNetwork,
        steps_per_epoch: Sequence[int],
        own: MemberHyperparameters | None,
    ) -> None:
        self._rule, self._variables, self._own = spec.optimizer, network.trainable_variables, own
        self._slots = [
            [tf.Variable(tf.zeros_like(weight.value)) for _ in range(spec.optimizer.n_slots)]
            for weight in self._variables
        ]
        self._steps = tf.Variable(tf.zeros(len(steps_per_epoch)))
        self._same_steps = len({*steps_per_epoch}) == 1 and not own
        self._kernels = {id(kernel) for kernel in network.kernels}
        self._annealing = Annealing(spec, network, steps_per_epoch, own) if spec.annealed else None

    def restart(self) -> None:
        """Put steps and state back to where they began."""
        for slot in (self._steps, *chain.from_iterable(self._slots)):
            slot.assign(tf.zeros_like(slot))

    def prepare(self) -> None:
        """Set what changes between steps, before one is taken."""
        if self._annealing:
            self._annealing.advance(self._steps.value())

    def apply(self, gradients: Sequence[tf.Tensor], active: tf.Tensor) -> None:
        """Update the weights of active members; a member that has run out of batches this epoch keeps its own."""
        self._steps.assign_add(tf.cast(active, tf.float32))
        for variable, gradient, slots in zip(self._variables, gradients, self._slots, strict=True):
            per_member = (-1,) + (1,) * (len(variable.shape) - 1)
            step = tf.maximum(tf.reshape(self._steps, per_member), 1.0)
            factor = decay = tf.reshape(self._own.rate, per_member) if self._own else 1.0
            if self._annealing:
                factor = factor * tf.reshape(self._annealing.rate, per_member)
                decay = factor * tf.reshape(self._annealing.decay, per_member)
            before = variable.value
            if id(variable) in self._kernels:
                before = self._rule.decayed(before, step, decay)
            weight, updated = self._rule.update(before, gradient, [slot.value() for slot in slots], step, factor)
            for target, value in zip([variable, *slots], [weight, *updated], strict=True):
                target.assign(value if self._same_steps else tf.where(tf.reshape(active, per_member), value, target))


class BestWeights:
    """Early stopping of each member by itself: its weights at its lowest loss so far.

    `update` is traced into the engine's program; a member is stopped once it has waited for `patience` epochs.
    """

    def __init__(self, weights: Sequence[tf.Variable], members: int) -> None:
        self._weights = weights
        self._kept = [tf.Variable(weight.value) for weight in weights]
        self._loss = tf.Variable(tf.fill((members,), np.float32(np.inf)))
        self._epoch = tf.Variable(tf.zeros(members, tf.int32))
        self._waited = tf.Variable(tf.zeros(members, tf.int32))

    def update(self, loss: tf.Tensor, epoch: tf.Tensor, patience: int) -> None:
        """Keep the weights of members whose loss (members,) fell, unless they have been stopped."""
        better = (loss < self._loss) & (self._waited < patience)
        self._waited.assign(tf.where(better, 0, self._waited + 1))
        self._loss.assign(tf.where(better, loss, self._loss))
        self._epoch.assign(tf.where(better, epoch, self._epoch))
        for kept, weight in zip(self._kept, self._weights, strict=True):
            per_member = (-1,) + (1,) * (len(weight.shape) - 1)
            kept.assign(tf.where(tf.reshape(better, per_member), weight.value, kept))

    def all_stopped(self, patience: int) -> bool:
        """Say whether no member can improve any more."""
        return bool(tf.reduce_all(self._waited >= patience))

    def restore(self) -> NDArray[np.int64]:
        """Put the best weights back and return the epochs, from 1, at which they were reached."""
        for kept, weight in zip(self._kept, self._weights, strict=True):
            weight.assign(kept)
        return np.asarray(self._epoch.numpy(), np.int64)
