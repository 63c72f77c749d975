"""Optimizers for stacked nets: Keras's update rules, applied to every member of a stack at once.

Each rule works element by element, so stacked members never mix. They are written out here, rather than taken from
`keras.optimizers`, because every member counts its own steps: members with fewer batches per epoch must sit out a step
without a trace, and Adam's bias correction depends on that count. Tests hold each rule to Keras's result.

Learning rates may change as training goes on, by the names and formulas of `keras.optimizers.schedules`. A schedule
counts steps, that is batches, from 0, for each member of a stack by itself.
"""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Discriminator, Field, PositiveFloat, PositiveInt, Tag

from tasks.specs import Spec

Tensor = Any  # TensorFlow, which ships no types, is imported where it computes
Slots = list[Tensor]
Update = tuple[Tensor, Slots]  # the weight and slots after a step
Factor = Tensor | float
EPSILON = 1e-7  # Keras's default, in all its optimizers


class _ScheduleSpec(Spec):
    """Where the rate begins, and over how many steps it falls."""

    initial_learning_rate: PositiveFloat
    decay_steps: PositiveInt = Field(description="batches; an epoch has as many as the batch size goes into its rows")

    @property
    def highest(self) -> float:
        """Return the largest rate that is ever used."""
        return self.initial_learning_rate

    def at(self, step: Tensor) -> Tensor:
        """Return the rate at each of these steps, counted from 0."""
        raise NotImplementedError


class ExponentialDecaySpec(_ScheduleSpec):
    """The rate is multiplied by `decay_rate` every `decay_steps`, little by little, or at once with `staircase`."""

    kind: Literal["exponential_decay"] = "exponential_decay"
    decay_rate: float = Field(0.96, gt=0, le=1)
    staircase: bool = False

    def at(self, step: Tensor) -> Tensor:
        """`initial * decay_rate ** (step / decay_steps)`."""
        import tensorflow as tf

        periods = step / self.decay_steps
        return self.initial_learning_rate * self.decay_rate ** (tf.floor(periods) if self.staircase else periods)


class CosineDecaySpec(_ScheduleSpec):
    """The rate falls along half a cosine to `alpha` times its start, and stays there (Loshchilov & Hutter 2017)."""

    kind: Literal["cosine_decay"] = "cosine_decay"
    alpha: float = Field(0.0, ge=0, le=1)

    def at(self, step: Tensor) -> Tensor:
        """`initial * ((1 - alpha) * (1 + cos(pi * min(step, decay_steps) / decay_steps)) / 2 + alpha)`."""
        import numpy as np
        import tensorflow as tf

        fallen = (1 + tf.cos(np.pi * tf.minimum(step, self.decay_steps) / self.decay_steps)) / 2
        return self.initial_learning_rate * ((1 - self.alpha) * fallen + self.alpha)


Schedule = Annotated[ExponentialDecaySpec | CosineDecaySpec, Field(discriminator="kind")]


def _is_schedule(value: object) -> str:
    return "schedule" if isinstance(value, dict | _ScheduleSpec) else "number"


LearningRate = Annotated[
    Annotated[PositiveFloat, Tag("number")] | Annotated[Schedule, Tag("schedule")], Discriminator(_is_schedule)
]


class _OptimizerSpec(Spec):
    """A rule that turns a gradient into a new weight; all of its state has the weight's shape."""

    learning_rate: LearningRate = 0.001

    @property
    def highest_rate(self) -> float:
        """Return the learning rate, or the largest of its schedule."""
        return self.learning_rate if isinstance(self.learning_rate, float) else self.learning_rate.highest

    def rate(self, step: Tensor, factor: Factor) -> Factor:
        """Return the learning rate at a step, counted from 1, times each member's own factor."""
        rate = self.learning_rate
        return factor * (rate if isinstance(rate, float) else rate.at(step - 1))

    @property
    def n_slots(self) -> int:
        """Return how many tensors of state the rule keeps for each weight."""
        raise NotImplementedError

    def decayed(self, kernel: Tensor, step: Tensor, factor: Factor) -> Tensor:
        """Return what weight decay leaves of a kernel, before it is updated; `factor` is that of the decay."""
        return kernel

    def update(self, weight: Tensor, gradient: Tensor, slots: Slots, step: Tensor, factor: Factor = 1.0) -> Update:
        """Take a step; its number, counted from 1, and the rate's `factor` broadcast against the weight."""
        raise NotImplementedError


class SGDSpec(_OptimizerSpec):
    """Gradient descent, with momentum where it is set."""

    kind: Literal["sgd"] = "sgd"
    learning_rate: LearningRate = 0.01
    momentum: float = Field(0.0, ge=0, lt=1)

    @property
    def n_slots(self) -> int:
        """Keep the velocity, with momentum; else nothing."""
        return 1 if self.momentum else 0

    def update(self, weight: Tensor, gradient: Tensor, slots: Slots, step: Tensor, factor: Factor = 1.0) -> Update:
        """`v = momentum * v - rate * g; w = w + v`."""
        if not self.momentum:
            return weight - self.rate(step, factor) * gradient, []
        velocity = self.momentum * slots[0] - self.rate(step, factor) * gradient
        return weight + velocity, [velocity]


class RMSpropSpec(_OptimizerSpec):
    """RMSprop (Hinton 2012), as Keras has it."""

    kind: Literal["rmsprop"] = "rmsprop"
    n_slots: ClassVar[int] = 1  # the mean square of the gradient
    rho: float = Field(0.9, ge=0, lt=1)

    def update(self, weight: Tensor, gradient: Tensor, slots: Slots, step: Tensor, factor: Factor = 1.0) -> Update:
        """`v = rho * v + (1 - rho) * g^2; w = w - rate * g / sqrt(v + epsilon)`."""
        import tensorflow as tf

        square = self.rho * slots[0] + (1 - self.rho) * gradient * gradient
        return weight - self.rate(step, factor) * gradient / tf.sqrt(square + EPSILON), [square]


class _AdamSpec(_OptimizerSpec):
    """The rule of Adam and AdamW."""

    n_slots: ClassVar[int] = 2  # the means of the gradient and of its square
    beta_1: float = Field(0.9, ge=0, lt=1)
    beta_2: float = Field(0.999, ge=0, lt=1)

    def update(self, weight: Tensor, gradient: Tensor, slots: Slots, step: Tensor, factor: Factor = 1.0) -> Update:
        """`w = w - rate * sqrt(1 - beta_2^t) / (1 - beta_1^t) * m / (sqrt(v) + epsilon)`."""
        import tensorflow as tf

        mean = slots[0] + (gradient - slots[0]) * (1 - self.beta_1)
        square = slots[1] + (gradient * gradient - slots[1]) * (1 - self.beta_2)
        rate = self.rate(step, factor) * tf.sqrt(1 - self.beta_2**step) / (1 - self.beta_1**step)
        return weight - rate * mean / (tf.sqrt(square) + EPSILON), [mean, square]


class AdamSpec(_AdamSpec):
    """Adam (Kingma & Ba 2015), as Keras has it."""

    kind: Literal["adam"] = "adam"


class AdamWSpec(_AdamSpec):
    """Adam with decoupled weight decay (Loshchilov & Hutter 2019), as Keras has it; it falls on kernels, as L2 does."""

    kind: Literal["adamw"] = "adamw"
    weight_decay: float = Field(0.004, ge=0)

    def decayed(self, kernel: Tensor, step: Tensor, factor: Factor) -> Tensor:
        """`w = w - rate * weight_decay * w`."""
        return kernel - self.rate(step, factor) * self.weight_decay * kernel


# What would couple the members of a stack, and what it couples them by.
_MIXING = {
    "lamb": "scales each layer's step by a norm over all its weights",
    "lars": "scales each layer's step by a norm over all its weights",
    "muon": "orthogonalizes whole weight matrices",
    "global_clipnorm": "scales all gradients by one norm over all weights",
    "clipnorm": "scales each gradient by a norm over a whole weight",
}


def _refuse_mixing(value: Any) -> Any:
    """Say why an optimizer cannot be stacked, where pydantic would only say that it does not know it."""
    names = [value.get("kind"), *value] if isinstance(value, dict) else []
    for name in names:
        if isinstance(name, str) and name.lower() in _MIXING:
            raise ValueError(
                f"{name} {_MIXING[name.lower()]}, so nets that are trained as one stack would not stay independent;"
                " use sgd, rmsprop, adam or adamw, without norm clipping"
            )
    return value


Optimizer = Annotated[SGDSpec | RMSpropSpec | AdamSpec | AdamWSpec, Field(discriminator="kind")]
IndependentOptimizer = Annotated[Optimizer, BeforeValidator(_refuse_mixing)]
