"""Many nets of one architecture as one Keras model, and back.

Member k of the stack computes exactly what the ordinary net with the k-th part of all weights computes.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain, count
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tasks.data.encoding import Encoding
from tasks.data.normalization import Normalization
from tasks.models.bag import MemberBag, bag_of_words, bag_weights
from tasks.models.encoding import MemberEncoding, encode, first_vectors
from tasks.models.layers import (
    BATCH_NORMALIZATION,
    MemberBatchNormalization,
    MemberConv,
    MemberDense,
    MemberDropout,
    MemberNormalization,
    MemberPooling,
    normalize,
)
from tasks.models.networks import ConvSpec, NetworkSpec, RecurrentSpec, TableNetwork
from tasks.models.recurrent import (
    MemberFilled,
    MemberGRU,
    MemberLSTM,
    MemberRecurrent,
    MemberSeries,
    filled,
    first_recurrent_kernel,
    series_of,
)
from tasks.models.table_layers import MemberTableLayer, begin
from tasks.models.tables import member_layers, single_layers
from tasks.models.tabm import MemberMean

Layer = Any  # keras ships no types
Preparation = Normalization | Encoding  # of a table, by what a net's own training rows say


class StackedNetwork(keras.Model):  # type: ignore[misc]  # keras ships no types
    """The members' layers, one after the other."""

    def __init__(self, stacked_layers: Sequence[Layer]) -> None:
        super().__init__()
        self.stacked_layers = list(stacked_layers)

    def call(self, x: tf.Tensor, row_weights: tf.Tensor, training: bool = False) -> tf.Tensor:
        """From (batch, members, features) to (batch, members, outputs); row_weights is (batch, members)."""
        for layer in self.stacked_layers:
            if isinstance(layer, MemberBatchNormalization):
                x = layer(x, row_weights, training=training)
            elif isinstance(layer, MemberBag):
                x = layer(x, batch=row_weights.shape[0])
            elif isinstance(layer, MemberDropout | MemberMean):
                x = layer(x, training=training)
            else:
                x = layer(x)
        return x

    def drop_out(self, rates: tf.Variable) -> None:
        """Has each member drop out by its own rate (members,), where there is dropout at all."""
        for layer in self.stacked_layers:
            if isinstance(layer, MemberDropout):
                layer.rate = rates

    @property
    def kernels(self) -> list[Any]:
        """The kernels (members, ..., inputs, outputs): what weight decay and an L2 penalty fall on."""
        with_kernel = MemberDense | MemberBag | MemberConv | MemberRecurrent
        of_tables = [layer.kernels for layer in self.stacked_layers if isinstance(layer, MemberTableLayer)]
        return [*(layer.kernel for layer in self.stacked_layers if isinstance(layer, with_kernel)), *chain(*of_tables)]

    @property
    def recurrent_kernels(self) -> list[Any]:
        """What leads from a state to the next (members, units, gates * units)."""
        return [layer.recurrent_kernel for layer in self.stacked_layers if isinstance(layer, MemberRecurrent)]

    @property
    def vectors(self) -> list[Any]:
        """The vectors (members, slots, length) of a table's categories, which no penalty falls on."""
        encodings = [layer for layer in self.stacked_layers if isinstance(layer, MemberEncoding)]
        return [vectors for encoding in encodings for vectors in encoding.vectors]


@dataclass(frozen=True)
class Inputs:
    """What a net takes: so many features, which may have the shape of a picture or a series, or texts of such words."""

    features: int
    words: bool = False
    shape: tuple[int, ...] = ()
    series: bool = False

    @property
    def picture(self) -> tuple[int, ...]:
        """Height, width and channels of a picture; a grey one has one channel. A series is as high as it is long."""
        if self.series:
            return self.shape[0], 1, self.shape[1]
        return self.shape if len(self.shape) == 3 else (*self.shape, 1)

    def window(self, size: int) -> tuple[int, int]:
        """Height and width of a window of this size; on series it goes along time alone."""
        return size, 1 if self.series else size


@dataclass(frozen=True)
class _Kit:
    """How each kind of layer is made, stacked or not; `lead` is what activations have between batch and features."""

    lead: tuple[int, ...]
    first: Callable[..., Layer]
    dense: Callable[..., Layer]
    conv: Callable[..., Layer]
    pooling: Callable[[tuple[int, int]], Layer]
    filled: Callable[[], Layer]
    series: Callable[[tuple[int, ...]], Layer]
    gru: Callable[..., Layer]
    lstm: Callable[..., Layer]
    batch_normalization: Callable[[], Layer]
    dropout: Callable[..., Layer]


def build_stack(
    spec: NetworkSpec,
    output: tuple[int, str],
    inputs: Inputs,
    seeds: Sequence[int],
    preparations: Sequence[Preparation] = (),
) -> StackedNetwork:
    """A stack with one member for each seed; each member's initial weights depend on its own seed alone."""
    members = len(seeds)
    dense, bag = partial(MemberDense, members), partial(MemberBag, members, inputs.features)
    first = bag if inputs.words else dense
    kit = _Kit(
        (members,), first, dense, MemberConv, MemberPooling, MemberFilled, MemberSeries, MemberGRU, MemberLSTM,
        MemberBatchNormalization, MemberDropout,
    )  # fmt: skip
    if isinstance(spec, TableNetwork):
        layers = member_layers(spec, output, inputs.features, preparations, seed=seeds[0])
    else:
        layers = _layers(spec, output, inputs, kit, seed=seeds[0])
    stack = StackedNetwork([*_prepare_members(preparations), *layers])
    no_words = (tf.zeros(1, tf.int32), tf.zeros(1, tf.int32))
    stack(no_words if inputs.words else tf.zeros((1, members, inputs.features)), tf.ones((1, members)))
    begin(stack.stacked_layers, seeds)
    for position, kernel in enumerate(() if isinstance(spec, TableNetwork) else stack.kernels):
        kernel.assign(np.stack([_glorot_uniform(kernel.shape[1:], seed, position) for seed in seeds]))
    for position, kernel in enumerate(stack.recurrent_kernels, start=len(stack.kernels)):
        kernel.assign(np.stack([first_recurrent_kernel(kernel.shape[1:], (seed + position) % 2**31) for seed in seeds]))
    for position, vectors in enumerate(stack.vectors, start=len(stack.kernels)):
        vectors.assign(np.stack([first_vectors(vectors.shape[1:], (seed + position) % 2**31) for seed in seeds]))
    return stack


def build_single(
    spec: NetworkSpec, output: tuple[int, str], inputs: Inputs, preparation: Preparation | None = None
) -> Layer:
    """The ordinary `keras.Sequential` of the same architecture.

    It takes raw features, which a normalization or an encoding in front turns into what the net learned from, or
    rows of word numbers (tasks/models/bag.py).
    """
    dense, bag = keras.layers.Dense, partial(bag_of_words, inputs.features)
    batch_normalization = partial(keras.layers.BatchNormalization, **BATCH_NORMALIZATION)
    first = bag if inputs.words else dense
    own = keras.layers
    kit = _Kit(
        (), first, dense, own.Conv2D, own.MaxPooling2D, partial(filled, inputs.features), series_of, own.GRU, own.LSTM,
        batch_normalization, own.Dropout,
    )  # fmt: skip
    taken = keras.Input((None,), dtype="int32") if inputs.words else keras.Input((inputs.features,))
    prepare = []
    if isinstance(preparation, Encoding):
        prepare = [encode(preparation, inputs.features)]
    elif preparation:
        prepare = [normalize(preparation)]
    if isinstance(spec, TableNetwork):
        width = prepare[0].output_shape[-1] if isinstance(preparation, Encoding) else inputs.features
        layers = single_layers(spec, output, width, inputs.features, preparation)
    else:
        layers = _layers(spec, output, inputs, kit)
    return keras.Sequential([taken, *prepare, *layers])


def unstack(stack: StackedNetwork, k: int, single: Layer) -> Layer:
    """Copies member k's weights into an ordinary net of the same architecture, which is given back."""
    for source, target in zip(stack.stacked_layers, single.layers, strict=True):
        if isinstance(source, MemberTableLayer):
            target.set_weights(source.ordinary(k))
            continue
        weights = [weight[k] for weight in source.get_weights()]
        target.set_weights(bag_weights(*weights) if isinstance(source, MemberBag) else weights)
    return single


def ensemble(nets: Sequence[Layer]) -> Layer:
    """One net whose output is the mean of these nets' outputs; a single net is its own mean."""
    if len(nets) == 1:
        return nets[0]
    taken = keras.Input(nets[0].input_shape[1:], dtype=nets[0].inputs[0].dtype)
    return keras.Model(taken, keras.layers.Average()([net(taken) for net in nets]))


def _prepare_members(preparations: Sequence[Preparation]) -> list[Layer]:
    """The layer in front, if there is any."""
    encodings = [each for each in preparations if isinstance(each, Encoding)]
    normalizations = [each for each in preparations if isinstance(each, Normalization)]
    if encodings:
        return [MemberEncoding(encodings)]
    return [MemberNormalization(normalizations)] if normalizations else []


def _layers(spec: NetworkSpec, output: tuple[int, str], inputs: Inputs, kit: _Kit, seed: int = 0) -> list[Layer]:
    """The architecture, said once for both kinds of net."""
    dropout_seeds = count(seed)

    def dropout() -> list[Layer]:
        return [kit.dropout(spec.dropout, seed=next(dropout_seeds))] if spec.dropout else []

    def hidden(layer: Callable[..., Layer], *then: Layer) -> list[Layer]:
        activated = [layer(activation=spec.activation)]
        if spec.batch_normalization:
            activated = [
                layer(activation="linear"),
                kit.batch_normalization(),
                keras.layers.Activation(spec.activation),
            ]
        return [*activated, *then, *dropout()]

    layers: list[Layer] = []
    if isinstance(spec, RecurrentSpec):
        layers.append(kit.series(inputs.shape))
        recurrent = {"gru": kit.gru, "lstm": kit.lstm}[spec.cell]
        for position, units in enumerate(spec.recurrent_units, start=1):
            layers.append(recurrent(units, return_sequences=position < len(spec.recurrent_units)))
            layers += dropout()
    elif inputs.series:
        layers.append(kit.filled())
    if isinstance(spec, ConvSpec):
        layers.append(keras.layers.Reshape((*kit.lead, *inputs.picture)))
        for filters in spec.filters:
            window = inputs.window(spec.kernel_size)
            conv = partial(kit.conv, filters=filters, kernel_size=window, padding=spec.padding)
            layers += hidden(conv, kit.pooling(inputs.window(spec.pool_size)))
        layers.append(keras.layers.Reshape((*kit.lead, -1)))
    for position, units in enumerate(spec.units):
        layers += hidden(partial(kit.dense if position else kit.first, units))
    return [*layers, (kit.dense if spec.units else kit.first)(output[0], activation=output[1])]


def _glorot_uniform(shape: Sequence[int], seed: int, position: int) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Keras's default initial kernel (Glorot & Bengio 2010) of one member's layer."""
    initial = keras.initializers.GlorotUniform(seed=(seed + position) % 2**31)(tuple(shape))
    return np.asarray(initial)
