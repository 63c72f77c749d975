"""TabM: Gorishniy, Kotelnikov & Babenko 2024, arXiv 2410.24210, section 3: k submodels that share their kernels.

A layer of submodel j is `activation(s_j * (W (r_j * x)) + b_j)` (BatchEnsemble; Wen, Tran & Ba 2020), its output layer
is its own, its loss too, and the prediction is the mean of all k. At first the r of the first layer are random signs,
or normal where numbers are embedded, and all other r and s are 1: so all submodels begin alike but for what they see.

Not from the paper are how numbers are scaled and embedded, which is RealMLP's (tasks/models/table_layers.py; the paper
has quantiles, and piecewise linear embeddings), and biases that are 0 at first. The clipping of the gradient's norm is
left out: it would couple the members of a stack.
"""

from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops
from numpy.typing import NDArray

from tasks.models.layers import MemberDropout
from tasks.models.networks import TabMSpec
from tasks.models.table_layers import LENGTH, Layer, MemberNumbers, MemberTableLayer, numbers_of, uniform


class MemberAdapter(MemberTableLayer):
    """`x * factor` for each of k submodels, and `+ bias` behind a kernel; in front of the first, all have one x."""

    def __init__(self, k: int, begins: str = "ones", activation: str = "linear", biased: bool = False) -> None:
        super().__init__()
        self._k, self._begins, self._biased = k, begins, biased
        self.activation = keras.activations.get(activation)

    def build(self, shape: tuple[int | None, ...]) -> None:
        """Makes factor and bias, both (members, k, inputs)."""
        own = (shape[1], self._k, shape[-1])
        self.factor = self.make(*own)
        self.bias = self.make(*own) if self._biased else None

    def first(self, generator: np.random.Generator) -> list[NDArray[np.float64]]:
        """Factors as they begin, and no bias."""
        shape = tuple(self.factor.shape[1:])
        factors = {
            "ones": np.ones(shape),
            "signs": generator.choice([-1.0, 1.0], shape),
            "normal": generator.standard_normal(shape),
        }
        return [factors[self._begins], *([np.zeros(shape)] if self._biased else [])]

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """From (batch, members, inputs) or (batch, members, k, inputs) to (batch, members, k, inputs)."""
        product = (x if len(x.shape) == 4 else x[:, :, None]) * self.factor
        return self.activation(product if self.bias is None else product + self.bias)


class MemberShared(MemberTableLayer):
    """`x W`, where all k submodels of a member have one W."""

    def __init__(self, units: int) -> None:
        super().__init__()
        self._units = units

    def build(self, shape: tuple[int | None, ...]) -> None:
        """Makes the kernel (members, inputs, units)."""
        self.kernel = self.make(shape[1], shape[-1], self._units)

    @property
    def kernels(self) -> list[Any]:
        """The kernel."""
        return [self.kernel]

    def first(self, generator: np.random.Generator) -> list[NDArray[np.float64]]:
        """The kernel."""
        inputs, units = self.kernel.shape[1:]
        return [uniform(generator, inputs, inputs, units)]

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """From (batch, members, k, inputs) to (batch, members, k, units)."""
        return ops.einsum("bmki,mio->bmko", x, self.kernel)


class MemberHeads(MemberTableLayer):
    """An output layer for each of the k submodels."""

    def __init__(self, k: int, outputs: int, activation: str) -> None:
        super().__init__()
        self._k, self._outputs = k, outputs
        self.activation = keras.activations.get(activation)

    def build(self, shape: tuple[int | None, ...]) -> None:
        """Makes kernel (members, k, inputs, outputs) and bias (members, k, outputs)."""
        self.kernel = self.make(shape[1], self._k, shape[-1], self._outputs)
        self.bias = self.make(shape[1], self._k, self._outputs)

    @property
    def kernels(self) -> list[Any]:
        """The kernel."""
        return [self.kernel]

    def first(self, generator: np.random.Generator) -> list[NDArray[np.float64]]:
        """Kernel and bias."""
        inputs = self.kernel.shape[2]
        return [uniform(generator, inputs, self._k, inputs, self._outputs), np.zeros((self._k, self._outputs))]

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """From (batch, members, k, inputs) to (batch, members, k, outputs)."""
        return self.activation(ops.einsum("bmki,mkio->bmko", x, self.kernel) + self.bias)


class MemberMean(keras.layers.Layer):  # type: ignore[misc]  # keras ships no types
    """The mean of the k submodels; while they learn, each one's output, for each has its own loss."""

    def call(self, x: tf.Tensor, training: bool) -> tf.Tensor:
        """From (batch, members, k, outputs) to (batch, members, outputs)."""
        return x if training else ops.mean(x, axis=2)


def member_tabm(spec: TabMSpec, output: tuple[int, str], numbers: int, seed: int) -> list[Layer]:
    """The layers of all members, on prepared inputs of which the first are so many numbers."""
    layers: list[Layer] = [MemberNumbers(numbers, spec.embed_numbers)]
    begins = "normal" if spec.embed_numbers else "signs"
    for position, units in enumerate(spec.units):
        layers += [
            MemberAdapter(spec.k, begins if position == 0 else "ones"),
            MemberShared(units),
            MemberAdapter(spec.k, activation=spec.activation, biased=True),
        ]
        layers += [MemberDropout(spec.dropout, seed=seed + position)] if spec.dropout else []
    return [*layers, MemberHeads(spec.k, *output), MemberMean()]


def single_tabm(spec: TabMSpec, output: tuple[int, str], inputs: int, numbers: int) -> list[Layer]:
    """Those of one net: the einsum is over batch b, submodels k, inputs i and outputs o."""
    linear, k = keras.layers.EinsumDense, spec.k
    layers = [numbers_of(inputs, numbers, spec.embed_numbers)]
    width = inputs + (LENGTH - 1) * numbers if spec.embed_numbers else inputs
    for position, units in enumerate(spec.units):
        layers += [
            linear("bki,ki->bki" if position else "bi,ki->bki", (k, width)),
            linear("bki,io->bko", (k, units)),
            linear("bko,ko->bko", (k, units), bias_axes="ko", activation=spec.activation),
        ]
        layers += [keras.layers.Dropout(spec.dropout)] if spec.dropout else []
        width = units
    heads = linear("bki,kio->bko", (k, output[0]), bias_axes="ko", activation=output[1])
    return [*layers, heads, keras.layers.GlobalAveragePooling1D()]
