"""RealMLP-TD: Holzmueller, Grinsztajn & Steinwart 2024, "Better by Default", arXiv 2407.04491, section 3.

From the paper: numbers are scaled by their quartiles (tasks/data/normalization.py) and clipped smoothly; each has a
periodic embedding with bias (PBLD); a learned scale of all inputs, at 6 times the learning rate; the neural tangent
parametrization, with biases at a tenth of the rate; Mish for numbers and SELU for classes; Adam with beta_2 of 0.95
and decoupled weight decay on kernels; the schedules coslog4 of the rate and flat_cos of dropout and decay
(tasks/models/annealing.py); targets in standard deviations; and the best epoch by a fifth of the training rows. With
`early_stopping: null` a net learns from all rows, until its rate is 0; on diabetes, which is mostly noise, it then has
an MAE of 51.5 instead of 44.5 (5 folds, units of 128 and 128).

The rate is the paper's for classes, 0.04, for numbers too, where the paper has 0.2, and 0.07 for RealMLP-TD-S: on
Boston's training rows, 3 x 4 folds, units of 128 and 128 and no early stopping have an MAE of 2.163 with 0.04, 2.172
with 0.07 and 2.240 with 0.2.

Left out: first weights and biases that are fitted to the training rows (they are normal and the last layer is 0, as in
the paper's simplified RealMLP-TD-S, so that a member's first weights depend on its seed alone); the activations'
learned strength; the clipping of predictions to the range of the targets; and label smoothing, which spoils
probabilities.
"""

from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops
from numpy.typing import NDArray

from tasks.models.layers import MemberDropout
from tasks.models.networks import RealMLPSpec
from tasks.models.table_layers import Floats, Layer, MemberNumbers, MemberTableLayer, numbers_of

SCALE_RATE, BIAS_RATE = 6.0, 0.1  # shares of the learning rate (appendix A)


class MemberNTKDense(MemberTableLayer):
    """`x W / sqrt(inputs) + b`, where W and b are normal at first (Jacot, Gabriel & Hongler 2018).

    A net's first layer multiplies its inputs by a scale; its last one begins at 0.
    """

    def __init__(self, units: int, activation: str, is_first: bool, is_last: bool = False) -> None:
        super().__init__()
        self._units, self._is_first, self._is_last = units, is_first, is_last
        self.activation = keras.activations.get(activation)

    def build(self, shape: tuple[int | None, ...]) -> None:
        """Makes kernel (members, inputs, units), bias (members, units), and a first layer's scale (members, inputs)."""
        members, inputs = shape[1], shape[-1]
        self.kernel, self.bias = self.make(members, inputs, self._units), self.make(members, self._units)
        self._factor = float(self.kernel.shape[1]) ** -0.5
        self.scale = self.make(members, inputs) if self._is_first else None

    @property
    def kernels(self) -> list[Any]:
        """The kernel."""
        return [self.kernel]

    def first(self, generator: np.random.Generator) -> list[NDArray[np.float64]]:
        """Kernel, bias and scale."""
        inputs = self.kernel.shape[1]
        draw = np.zeros if self._is_last else generator.standard_normal
        scale = [np.full(inputs, 1 / SCALE_RATE)] if self._is_first else []
        return [draw((inputs, self._units)), draw(self._units) / BIAS_RATE, *scale]

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """From (batch, members, inputs) to (batch, members, units)."""
        scaled = x if self.scale is None else x * (SCALE_RATE * self.scale)
        product = ops.einsum("bki,kio->bko", scaled, self.kernel)
        return self.activation(self._factor * product + BIAS_RATE * self.bias)

    def ordinary(self, k: int) -> list[Floats]:
        """Kernel and bias of a dense layer."""
        kernel, bias, *scale = super().ordinary(k)
        factor = SCALE_RATE * scale[0][:, None] if scale else 1.0
        return [factor * self._factor * kernel, BIAS_RATE * bias]


def member_realmlp(spec: RealMLPSpec, output: tuple[int, str], numbers: int, seed: int) -> list[Layer]:
    """The layers of all members, on prepared inputs of which the first are so many numbers."""
    layers: list[Layer] = [MemberNumbers(numbers, spec.embed_numbers)]
    for position, units in enumerate(spec.units):
        layers.append(MemberNTKDense(units, _activation(spec, output), is_first=position == 0))
        layers += [MemberDropout(spec.dropout, seed=seed + position)] if spec.dropout else []
    return [*layers, MemberNTKDense(*output, is_first=not spec.units, is_last=True)]


def single_realmlp(spec: RealMLPSpec, output: tuple[int, str], inputs: int, numbers: int) -> list[Layer]:
    """Those of one net, which are dense."""
    layers = [numbers_of(inputs, numbers, spec.embed_numbers)]
    for units in spec.units:
        layers.append(keras.layers.Dense(units, activation=_activation(spec, output)))
        layers += [keras.layers.Dropout(spec.dropout)] if spec.dropout else []
    return [*layers, keras.layers.Dense(output[0], activation=output[1])]


def _activation(spec: RealMLPSpec, output: tuple[int, str]) -> str:
    return spec.activation or ("mish" if output[1] == "linear" else "selu")
