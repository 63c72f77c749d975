"""What RealMLP and TabM have in common: layers that begin by their members' seeds, and how numbers are embedded.

Each such layer has a member axis, and a counterpart of Keras's own layers alone for an ordinary net.
"""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops
from numpy.typing import NDArray

Layer = Any  # keras ships no types
Tensor = Any  # a tensor, or what stands for one while Keras builds an ordinary net
Floats = NDArray[np.float32]

# "Better by Default" (tasks/models/realmlp.py), section 3: where the smooth clipping ends, and of an embedding its
# cosines, the inputs that it gives, the deviation of its first frequencies, and its share of the learning rate.
CLIP, FREQUENCIES, LENGTH, DEVIATION, RATE = 3.0, 16, 4, 0.1, 0.1


class MemberTableLayer(keras.layers.Layer):  # type: ignore[misc]  # keras ships no types
    """A layer whose first weights are drawn by each member's seed, and which gives them to an ordinary layer.

    Where the paper learns a weight at a share of the learning rate, the weight is multiplied by that share here, and
    begins so much larger. By Adam's rule, whose steps have no unit, it is the same.
    """

    @property
    def kernels(self) -> list[Any]:
        """What weight decay and an L2 penalty fall on."""
        return []

    def first(self, generator: np.random.Generator) -> list[NDArray[np.float64]]:
        """One member's first weights, in the order in which they were made."""
        return []

    def ordinary(self, k: int) -> list[Floats]:
        """Member k's weights as those of the ordinary layer."""
        return [weight[k] for weight in self.get_weights()]

    def make(self, *shape: int | None) -> Any:
        """A weight of this shape, which begins with the members."""
        return self.add_weight(shape=shape, initializer="zeros")


def begin(layers: Sequence[Layer], seeds: Sequence[int]) -> None:
    """Gives each member its first weights, which depend on its own seed alone."""
    for position, layer in enumerate(layers):
        if isinstance(layer, MemberTableLayer):
            own = [layer.first(np.random.default_rng([seed, position])) for seed in seeds]
            layer.set_weights([np.stack(each) for each in zip(*own, strict=True)])


def uniform(generator: np.random.Generator, fan_in: int, *shape: int) -> NDArray[np.float64]:
    """PyTorch's first weights of a linear layer, as the authors of both papers have them."""
    return generator.uniform(-(fan_in**-0.5), fan_in**-0.5, shape)


class MemberNumbers(MemberTableLayer):
    """Clips the numbers, which are the first inputs, and embeds each by itself; other inputs stay as they are.

    `x / sqrt(1 + (x / 3)^2)` is the clipping. PBLD, periodic with bias, linear, and densely connected, is
    `x -> (x, W2 cos(2 pi w1 x + b1) + b2)`.
    """

    def __init__(self, numbers: int, embedded: bool) -> None:
        super().__init__()
        self._numbers, self._embedded = numbers, embedded and numbers > 0

    def build(self, shape: tuple[int | None, ...]) -> None:
        """Makes w1, b1, W2 and b2, if there is an embedding."""
        if self._embedded:
            own = (shape[1], self._numbers)
            self._weights_of = [
                self.make(*own, FREQUENCIES),
                self.make(*own, FREQUENCIES),
                self.make(*own, FREQUENCIES, LENGTH - 1),
                self.make(*own, LENGTH - 1),
            ]

    def first(self, generator: np.random.Generator) -> list[NDArray[np.float64]]:
        """Normal frequencies, phases all around, and the usual linear layer."""
        if not self._embedded:
            return []
        waves = (self._numbers, FREQUENCIES)
        return [
            DEVIATION / RATE * generator.standard_normal(waves),
            np.pi / RATE * generator.uniform(-1, 1, waves),
            uniform(generator, FREQUENCIES, *waves, LENGTH - 1) / RATE,
            uniform(generator, FREQUENCIES, self._numbers, LENGTH - 1) / RATE,
        ]

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """From (batch, members, inputs) to (batch, members, more inputs)."""
        if not self._embedded:
            return _with_numbers(x, self._numbers, lambda clipped: clipped)
        w1, b1, w2, b2 = (RATE * weight for weight in self._weights_of)

        def embed(clipped: tf.Tensor) -> tf.Tensor:
            return _embedded(
                clipped,
                lambda x: 2 * np.pi * w1 * x + b1,
                lambda waves: tf.reduce_sum(waves[..., None] * w2, axis=-2) + b2,
            )

        return _with_numbers(x, self._numbers, embed)

    def ordinary(self, k: int) -> list[Floats]:
        """With the factor 2 pi in the frequencies."""
        if not self._embedded:
            return []
        w1, *others = (RATE * weight for weight in super().ordinary(k))
        return [2 * np.pi * w1[:, None], *others]


def numbers_of(inputs: int, numbers: int, embedded: bool) -> Layer:
    """What MemberNumbers does, for one net: the einsum is over batch b, numbers n, cosines h and outputs o."""
    taken = keras.Input((inputs,))
    if not (embedded and numbers):
        return keras.Model(taken, _with_numbers(taken, numbers, lambda clipped: clipped))
    linear = keras.layers.EinsumDense
    waves = linear("bni,nih->bnh", (numbers, FREQUENCIES), bias_axes="nh")
    mix = linear("bnh,nho->bno", (numbers, LENGTH - 1), bias_axes="no")
    return keras.Model(taken, _with_numbers(taken, numbers, lambda clipped: _embedded(clipped, waves, mix)))


def _with_numbers(x: Tensor, numbers: int, embed: Callable[[Tensor], Tensor]) -> Tensor:
    """Inputs x (..., inputs), of which the first are clipped numbers, embedded."""
    taken = x[..., :numbers]
    clipped = taken / ops.sqrt(1 + ops.square(taken / CLIP))
    return ops.concatenate([embed(clipped), x[..., numbers:]], axis=-1)


def _embedded(x: Tensor, waves: Callable[[Tensor], Tensor], mix: Callable[[Tensor], Tensor]) -> Tensor:
    """Inputs (..., numbers * LENGTH) for numbers x (..., numbers)."""
    own = x[..., None]
    inputs = ops.concatenate([own, mix(ops.cos(waves(own)))], axis=-1)
    return ops.reshape(inputs, (-1, *x.shape[1:-1], x.shape[-1] * LENGTH))
