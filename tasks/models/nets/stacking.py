"""Many nets of one architecture as one Keras model, and back.

Member k of the stack computes exactly what the ordinary net with the k-th part of all weights computes.
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import count
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tasks.models.nets.layers import Inputs, Layer, MemberDropout, MemberLayer
from tasks.models.nets.networks import NetworkSpec


class StackedNetwork(keras.Model):  # type: ignore[misc]  # keras ships no types
    """The members' layers, one after the other."""

    def __init__(self, stacked_layers: Sequence[MemberLayer], inputs: Inputs) -> None:
        super().__init__()
        self.stacked_layers, self._inputs = list(stacked_layers), inputs

    def call(self, x: tf.Tensor, row_weights: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Turn (batch, members, features) into (batch, members, outputs); row_weights is (batch, members)."""
        given = {"row_weights": row_weights, "training": training}
        for layer in self.stacked_layers:
            x = layer(x, **{name: given[name] for name in layer.takes})
        return x

    def drop_out(self, rates: tf.Variable) -> None:
        """Have each member drop out by its own rate (members,), where there is dropout at all."""
        for layer in self.stacked_layers:
            if isinstance(layer, MemberDropout):
                layer.rate = rates

    @property
    def kernels(self) -> list[Any]:
        """Return the kernels (members, ..., inputs, outputs): what weight decay and an L2 penalty fall on."""
        return [kernel for layer in self.stacked_layers for kernel in layer.kernels]

    def begin(self, seeds: Sequence[int]) -> None:
        """Give each member its first weights, which depend on its own seed alone."""
        kernels = [(kernel, layer.draw_kernel) for layer in self.stacked_layers for kernel in layer.kernels]
        others = [pair for layer in self.stacked_layers for pair in layer.others]
        for position, (weight, draw) in enumerate([*kernels, *others]):
            if draw:
                weight.assign(np.stack([draw(weight.shape[1:], (seed + position) % 2**31) for seed in seeds]))
        for position, layer in enumerate(self.stacked_layers):
            layer.begin(seeds, position)

    def unstack(self, k: int) -> Layer:
        """Return member k as the ordinary `keras.Sequential` of the same architecture.

        It takes raw features, which a normalization or an encoding in front turns into what the net learned from, or
        rows of word numbers.
        """
        words = self._inputs.words
        taken = keras.Input((None,), dtype="int32") if words else keras.Input((self._inputs.features,))
        net = keras.Sequential([taken, *(layer.ordinary(k) for layer in self.stacked_layers)])
        for layer, target in zip(self.stacked_layers, net.layers, strict=True):
            target.set_weights(layer.weights_of(k))
        return net


def build_stack(
    spec: NetworkSpec,
    output: tuple[int, str],
    inputs: Inputs,
    seeds: Sequence[int],
    front: Sequence[MemberLayer] = (),
) -> StackedNetwork:
    """Build a stack with one member for each seed; each member's first weights depend on its own seed alone.

    In `front` is what prepares the rows of a table or of series, if they are to be prepared.
    """
    numbers = front[0].numbers if front else inputs.features
    layers = spec.layers(replace(inputs, numbers=numbers), output, dropout_seeds=count(seeds[0]))
    stack = StackedNetwork([*front, *layers], inputs)
    no_words = (tf.zeros(1, tf.int32), tf.zeros(1, tf.int32))
    members = len(seeds)
    stack(no_words if inputs.words else tf.zeros((1, members, inputs.features)), tf.ones((1, members)))
    stack.begin(seeds)
    return stack


def ensemble(nets: Sequence[Layer]) -> Layer:
    """Return one net whose output is the mean of these nets' outputs; a single net is its own mean."""
    if len(nets) == 1:
        return nets[0]
    taken = keras.Input(nets[0].input_shape[1:], dtype=nets[0].inputs[0].dtype)
    return keras.Model(taken, keras.layers.Average()([net(taken) for net in nets]))
