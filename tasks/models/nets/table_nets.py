"""The layers of nets for tables, RealMLP and TabM, which begin by their members' seeds.

RealMLP-TD: Holzmueller, Grinsztajn & Steinwart 2024, "Better by Default", arXiv 2407.04491, section 3. From the paper:
numbers are scaled by their quartiles (tasks/data/encoding.py) and clipped smoothly; each has a periodic embedding
with bias (PBLD); a learned scale of all inputs, at 6 times the learning rate; the neural tangent parametrization, with
biases at a tenth of the rate; Mish for numbers and SELU for classes; Adam with beta_2 of 0.95 and decoupled weight
decay on kernels; the schedules coslog4 of the rate and flat_cos of dropout and decay (stacked_optimizer.py); targets in
standard deviations; and the best epoch by a fifth of the training rows.
With `early_stopping: null` a net learns from all rows, until its rate is 0; on diabetes, which is mostly noise, it then
has an MAE of 51.5 instead of 44.5 (5 folds, units of 128 and 128).

The rate is the paper's for classes, 0.04, for numbers too, where the paper has 0.2, and 0.07 for RealMLP-TD-S: on
Boston's training rows, 3 x 4 folds, units of 128 and 128 and no early stopping have an MAE of 2.163 with 0.04, 2.172
with 0.07 and 2.240 with 0.2.

Left out: first weights and biases that are fitted to the training rows (they are normal and the last layer is 0, as in
the paper's simplified RealMLP-TD-S, so that a member's first weights depend on its seed alone); the activations'
learned strength; the clipping of predictions to the range of the targets; and label smoothing, which spoils
probabilities.

TabM: Gorishniy, Kotelnikov & Babenko 2024, arXiv 2410.24210, section 3: k submodels that share their kernels. A layer
of submodel j is `activation(s_j * (W (r_j * x)) + b_j)` (BatchEnsemble; Wen, Tran & Ba 2020), its output layer is its
own, its loss too, and the prediction is the mean of all k. At first the r of the first layer are random signs, or
normal where numbers are embedded, and all other r and s are 1: so all submodels begin alike but for what they see.

Not from the paper are how numbers are scaled and embedded, which is RealMLP's (the paper has quantiles, and piecewise
linear embeddings), and biases that are 0 at first. The clipping of the gradient's norm is left out: it would couple the
members of a stack.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops
from numpy.typing import NDArray

from tasks.models.nets.layers import Floats, Layer, MemberLayer

Tensor = Any  # a tensor, or what stands for one while Keras builds an ordinary net
First = list[NDArray[np.float64]]  # one member's first weights, in the order in which they were made

# "Better by Default", section 3: where the smooth clipping ends, and of an embedding its cosines, the inputs that it
# gives, the deviation of its first frequencies, and its share of the learning rate.
CLIP, FREQUENCIES, LENGTH, DEVIATION, RATE = 3.0, 16, 4, 0.1, 0.1
SCALE_RATE, BIAS_RATE = 6.0, 0.1  # shares of the learning rate (appendix A)


class MemberTableLayer(MemberLayer):
    """A layer all of whose first weights are drawn by each member's seed.

    Where the paper learns a weight at a share of the learning rate, the weight is multiplied by that share here, and
    begins so much larger. By Adam's rule, whose steps have no unit, it is the same.
    """

    draw_kernel = None

    def first(self, generator: np.random.Generator) -> First:
        """Draw one member's first weights."""
        return []

    def begin(self, seeds: Sequence[int], position: int) -> None:
        """Give each member its first weights."""
        own = [self.first(np.random.default_rng([seed, position])) for seed in seeds]
        self.set_weights([np.stack(weights) for weights in zip(*own, strict=True)])


def uniform(generator: np.random.Generator, fan_in: int, *shape: int) -> NDArray[np.float64]:
    """Draw PyTorch's first weights of a linear layer, as the authors of both papers have them."""
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
        """Make w1, b1, W2 and b2, if there is an embedding."""
        self._inputs = shape[-1]
        own, length = (shape[1], self._numbers), LENGTH - 1
        shapes = [(FREQUENCIES,), (FREQUENCIES,), (FREQUENCIES, length), (length,)] if self._embedded else []
        self._weights_of = [self.make(*own, *rest) for rest in shapes]

    def first(self, generator: np.random.Generator) -> First:
        """Draw normal frequencies, phases all around, and the usual linear layer."""
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
        """Turn (batch, members, inputs) into (batch, members, more inputs)."""
        if not self._embedded:
            return _with_numbers(x, self._numbers)
        w1, b1, w2, b2 = (RATE * weight for weight in self._weights_of)
        return _with_numbers(
            x,
            self._numbers,
            lambda x: 2 * np.pi * w1 * x + b1,
            lambda waves: tf.reduce_sum(waves[..., None] * w2, axis=-2) + b2,
        )

    def ordinary(self, k: int) -> Layer:
        """Do it by Keras's own: the einsum is over batch b, numbers n, cosines h and outputs o."""
        taken = keras.Input((self._inputs,))
        embedding = []
        if self._embedded:
            linear, n = keras.layers.EinsumDense, self._numbers
            embedding = [
                linear("bni,nih->bnh", (n, FREQUENCIES), bias_axes="nh"),
                linear("bnh,nho->bno", (n, LENGTH - 1), bias_axes="no"),
            ]
        return keras.Model(taken, _with_numbers(taken, self._numbers, *embedding))

    def weights_of(self, k: int) -> list[Floats]:
        """Put the factor 2 pi into the frequencies."""
        if not self._embedded:
            return []
        w1, *others = (RATE * weight for weight in super().weights_of(k))
        return [2 * np.pi * w1[:, None], *others]


def _with_numbers(x: Tensor, numbers: int, *embedding: Callable[[Tensor], Tensor]) -> Tensor:
    """Clip the numbers, the first of inputs x (..., inputs), and embed them by `waves` and `mix` if these are given."""
    taken = x[..., :numbers]
    clipped = taken / ops.sqrt(1 + ops.square(taken / CLIP))
    if embedding:
        waves, mix = embedding
        own = clipped[..., None]
        embedded = ops.concatenate([own, mix(ops.cos(waves(own)))], axis=-1)
        clipped = ops.reshape(embedded, (-1, *clipped.shape[1:-1], numbers * LENGTH))
    return ops.concatenate([clipped, x[..., numbers:]], axis=-1)


class MemberNTKDense(MemberTableLayer):
    """`x W / sqrt(inputs) + b`, where W and b are normal at first (Jacot, Gabriel & Hongler 2018).

    A net's first layer multiplies its inputs by a scale; its last one begins at 0.
    """

    of_keras = keras.layers.Dense

    def __init__(self, units: int, activation: str, is_first: bool, is_last: bool = False) -> None:
        super().__init__(units=units, activation=activation)
        self._units, self._is_first, self._is_last = units, is_first, is_last

    def build(self, shape: tuple[int | None, ...]) -> None:
        """Make kernel (members, inputs, units), bias (members, units), and a first layer's scale (members, inputs)."""
        members, inputs = shape[1], shape[-1]
        self.kernel, self.bias = self.make(members, inputs, self._units), self.make(members, self._units)
        self._factor = float(self.kernel.shape[1]) ** -0.5
        self.scale = self.make(members, inputs) if self._is_first else None

    def first(self, generator: np.random.Generator) -> First:
        """Draw kernel, bias and scale."""
        inputs = self.kernel.shape[1]
        draw = np.zeros if self._is_last else generator.standard_normal
        scale = [np.full(inputs, 1 / SCALE_RATE)] if self._is_first else []
        return [draw((inputs, self._units)), draw(self._units) / BIAS_RATE, *scale]

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """Turn (batch, members, inputs) into (batch, members, units)."""
        scaled = x if self.scale is None else x * (SCALE_RATE * self.scale)
        product = ops.einsum("bki,kio->bko", scaled, self.kernel)
        return self.activation(self._factor * product + BIAS_RATE * self.bias)

    def weights_of(self, k: int) -> list[Floats]:
        """Return kernel and bias of a dense layer."""
        kernel, bias, *scale = super().weights_of(k)
        factor = SCALE_RATE * scale[0][:, None] if scale else 1.0
        return [factor * self._factor * kernel, BIAS_RATE * bias]


class MemberAdapter(MemberTableLayer):
    """`x * factor` for each of k submodels, and `+ bias` behind a kernel; in front of the first, all have one x."""

    def __init__(self, k: int, begins: str = "ones", activation: str = "linear", biased: bool = False) -> None:
        super().__init__(activation=activation)
        self._k, self._begins, self._biased = k, begins, biased

    def build(self, shape: tuple[int | None, ...]) -> None:
        """Make factor and bias, both (members, k, inputs)."""
        own, self._one_input = (shape[1], self._k, shape[-1]), len(shape) == 3
        self.factor = self.make(*own)
        self.bias = self.make(*own) if self._biased else None

    def first(self, generator: np.random.Generator) -> First:
        """Draw factors as they begin, and no bias."""
        shape = tuple(self.factor.shape[1:])
        factors = {
            "ones": np.ones(shape),
            "signs": generator.choice([-1.0, 1.0], shape),
            "normal": generator.standard_normal(shape),
        }
        return [factors[self._begins], *([np.zeros(shape)] if self._biased else [])]

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """Turn (batch, members, inputs) or (batch, members, k, inputs) into (batch, members, k, inputs)."""
        product = (x[:, :, None] if self._one_input else x) * self.factor
        return self.activation(product if self.bias is None else product + self.bias)

    def ordinary(self, k: int) -> Layer:
        """Do it by an einsum over batch b, submodels k and inputs i."""
        equation, shape = "bi,ki->bki" if self._one_input else "bki,ki->bki", tuple(self.factor.shape[1:])
        biased = "ki" if self._biased else None
        return keras.layers.EinsumDense(equation, shape, bias_axes=biased, activation=self.activation)


class MemberShared(MemberTableLayer):
    """`x W`, where all k submodels of a member have one W: over batch b, submodels k, inputs i and outputs o."""

    of_keras = partial(keras.layers.EinsumDense, "bki,io->bko")

    def __init__(self, k: int, units: int) -> None:
        super().__init__(output_shape=(k, units))
        self._units = units

    def build(self, shape: tuple[int | None, ...]) -> None:
        """Make the kernel (members, inputs, units)."""
        self.kernel = self.make(shape[1], shape[-1], self._units)

    def first(self, generator: np.random.Generator) -> First:
        """Draw the kernel."""
        inputs, units = self.kernel.shape[1:]
        return [uniform(generator, inputs, inputs, units)]

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """Turn (batch, members, k, inputs) into (batch, members, k, units)."""
        return ops.einsum("bmki,mio->bmko", x, self.kernel)


class MemberHeads(MemberTableLayer):
    """An output layer for each of the k submodels."""

    of_keras = partial(keras.layers.EinsumDense, "bki,kio->bko", bias_axes="ko")

    def __init__(self, k: int, outputs: int, activation: str) -> None:
        super().__init__(output_shape=(k, outputs), activation=activation)
        self._k, self._outputs = k, outputs

    def build(self, shape: tuple[int | None, ...]) -> None:
        """Make kernel (members, k, inputs, outputs) and bias (members, k, outputs)."""
        self.kernel = self.make(shape[1], self._k, shape[-1], self._outputs)
        self.bias = self.make(shape[1], self._k, self._outputs)

    def first(self, generator: np.random.Generator) -> First:
        """Draw the kernel; the bias is 0."""
        inputs = self.kernel.shape[2]
        return [uniform(generator, inputs, self._k, inputs, self._outputs), np.zeros((self._k, self._outputs))]

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """Turn (batch, members, k, inputs) into (batch, members, k, outputs)."""
        return self.activation(ops.einsum("bmki,mkio->bmko", x, self.kernel) + self.bias)


class MemberMean(MemberLayer):
    """The mean of the k submodels; while they learn, each one's output, for each has its own loss."""

    of_keras = keras.layers.GlobalAveragePooling1D
    takes = ("training",)

    def call(self, x: tf.Tensor, training: bool) -> tf.Tensor:
        """Turn (batch, members, k, outputs) into (batch, members, outputs)."""
        return x if training else ops.mean(x, axis=2)
