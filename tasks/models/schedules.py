"""Learning rates that change as training goes on, by the names and formulas of `keras.optimizers.schedules`.

A schedule counts steps, that is batches, from 0, for each member of a stack by itself.
"""

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Discriminator, Field, PositiveFloat, PositiveInt, Tag

from tasks.specs import Spec

if TYPE_CHECKING:
    import tensorflow as tf


class _ScheduleSpec(Spec):
    """Where the rate begins, and over how many steps it falls."""

    initial_learning_rate: PositiveFloat
    decay_steps: PositiveInt = Field(description="batches; an epoch has as many as the batch size goes into its rows")

    @property
    def highest(self) -> float:
        """The largest rate that is ever used."""
        return self.initial_learning_rate

    def at(self, step: "tf.Tensor") -> "tf.Tensor":
        """The rate at each of these steps, counted from 0."""
        raise NotImplementedError


class ExponentialDecaySpec(_ScheduleSpec):
    """The rate is multiplied by `decay_rate` every `decay_steps`, little by little, or at once with `staircase`."""

    kind: Literal["exponential_decay"] = "exponential_decay"
    decay_rate: float = Field(0.96, gt=0, le=1)
    staircase: bool = False

    def at(self, step: "tf.Tensor") -> "tf.Tensor":
        """`initial * decay_rate ** (step / decay_steps)`."""
        import tensorflow as tf

        periods = step / self.decay_steps
        return self.initial_learning_rate * self.decay_rate ** (tf.floor(periods) if self.staircase else periods)


class CosineDecaySpec(_ScheduleSpec):
    """The rate falls along half a cosine to `alpha` times its start, and stays there (Loshchilov & Hutter 2017)."""

    kind: Literal["cosine_decay"] = "cosine_decay"
    alpha: float = Field(0.0, ge=0, le=1)

    def at(self, step: "tf.Tensor") -> "tf.Tensor":
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
