"""How the gradients of a stack become its next weights, for each member by itself."""

from collections.abc import Sequence
from itertools import chain

import tensorflow as tf

from tasks.models.annealing import Annealing
from tasks.models.networks import NetworkSpec
from tasks.models.settings import OwnSettings
from tasks.models.stacking import StackedNetwork


class Descent:
    """The optimizer's rule with its state, and each member's number of steps.

    Args:
        spec: the rule, and whether it is annealed.
        network: whose weights they are.
        steps_per_epoch: that each member takes.
        own: where members differ, their settings.
    """

    def __init__(
        self, spec: NetworkSpec, network: StackedNetwork, steps_per_epoch: Sequence[int], own: OwnSettings | None
    ) -> None:
        self._rule, self._variables, self._own = spec.optimizer, network.trainable_variables, own
        self._slots = [
            [tf.Variable(tf.zeros_like(weight.value)) for _ in range(spec.optimizer.n_slots)]
            for weight in self._variables
        ]
        self._steps = tf.Variable(tf.zeros(len(steps_per_epoch)))
        self._same_steps = len({*steps_per_epoch}) == 1 and not own
        self._kernels = {id(kernel) for kernel in network.kernels}
        self._annealing = Annealing(spec, steps_per_epoch, own, network) if spec.annealed else None

    def restart(self) -> None:
        """Puts steps and state back to where they began."""
        for slot in (self._steps, *chain.from_iterable(self._slots)):
            slot.assign(tf.zeros_like(slot))

    def prepare(self) -> None:
        """What changes between steps, before one is taken."""
        if self._annealing:
            self._annealing.advance(self._steps.value())

    def apply(self, gradients: Sequence[tf.Tensor], active: tf.Tensor) -> None:
        """Updates the weights of active members; a member that has run out of batches this epoch keeps its own."""
        self._steps.assign_add(tf.cast(active, tf.float32))
        for variable, gradient, slots in zip(self._variables, gradients, self._slots, strict=True):
            per_member = (-1,) + (1,) * (len(variable.shape) - 1)
            step = tf.maximum(tf.reshape(self._steps, per_member), 1.0)
            factor, decay = self._factors(per_member)
            before = variable.value
            if id(variable) in self._kernels:
                before = self._rule.decayed(before, step, decay)
            weight, updated = self._rule.update(before, gradient, [slot.value() for slot in slots], step, factor)
            for target, value in zip([variable, *slots], [weight, *updated], strict=True):
                target.assign(value if self._same_steps else tf.where(tf.reshape(active, per_member), value, target))

    def _factors(self, shape: tuple[int, ...]) -> tuple[tf.Tensor | float, tf.Tensor | float]:
        """By what each member's learning rate is multiplied, and its rate of weight decay."""
        factor = tf.reshape(self._own.rate, shape) if self._own else 1.0
        if not self._annealing:
            return factor, factor
        factor = factor * tf.reshape(self._annealing.rate, shape)
        return factor, factor * tf.reshape(self._annealing.hold, shape)
