"""Convolutional nets, stacked, against Keras's own."""

from typing import Any

import keras
import numpy as np
import pytest

from tasks.models.nets.networks import ConvSpec
from tasks.models.nets.optimizers import AdamSpec, RMSpropSpec
from tasks.models.nets.stacking import ensemble
from tasks.models.nets.training import Member, Stack
from tests.builders import problem_of
from tests.tiers import quick_first

SHAPE = (12, 10)
PICTURES = np.random.default_rng(0).random((48, 120)).astype(np.float32)
Y = np.arange(48) % 3
MEMBERS = [  # the second's last batch is short, and it has fewer batches
    Member(np.arange(32), seed=1, validation=np.arange(32, 48)),
    Member(np.arange(10, 36), seed=2, validation=np.arange(10)),
]
SPECS = {
    "plain": ConvSpec(filters=(3, 4), units=(5,), batch_size=16),
    "normalized": ConvSpec(filters=(3,), units=(), batch_normalization=True, batch_size=16),
    "same padding": ConvSpec(filters=(2, 2), kernel_size=2, padding="same", pool_size=3, units=(4,), batch_size=16),
}
EPOCHS = 3


def stack_of(spec: ConvSpec, members: list[Member] = MEMBERS, shape: tuple[int, ...] = SHAPE) -> Stack:
    return Stack(spec, PICTURES, Y, problem_of("multiclass", "pixels", shape), members)


def fit_with_keras(net: Any, spec: ConvSpec, member: Member) -> None:
    """Plain `fit`, an epoch at a time, over the member's rows in the order that the engine draws."""
    net.compile(keras.optimizers.RMSprop(0.001), "sparse_categorical_crossentropy")
    shuffle = np.random.default_rng(member.seed)
    for _ in range(EPOCHS):
        rows = shuffle.permutation(member.training)
        net.fit(PICTURES[rows], Y[rows], spec.batch_size, shuffle=False, verbose=0)


@pytest.mark.parametrize(
    ("spec", "shape"),
    quick_first([*((spec, SHAPE) for spec in SPECS.values()), (SPECS["normalized"], (5, 8, 3))]),
    ids=[*SPECS, "in colour"],
)
def test_every_member_gets_the_weights_that_a_separate_keras_fit_gives(spec: ConvSpec, shape: tuple[int, ...]) -> None:
    stack = stack_of(spec, shape=shape)
    separate = [stack.unstack(k) for k in range(len(MEMBERS))]
    stack.fit(EPOCHS)
    for k, (net, member) in enumerate(zip(separate, MEMBERS, strict=True)):
        fit_with_keras(net, spec, member)
        for mine, theirs in zip(stack.unstack(k).get_weights(), net.get_weights(), strict=True):
            np.testing.assert_allclose(mine, theirs, atol=5e-5, rtol=0)


def test_the_ordinary_net_takes_rows_of_pixels_and_predicts_as_the_stack_does() -> None:
    stack = stack_of(SPECS["normalized"])
    stack.fit(2)
    rows = np.arange(48)
    for k, together in enumerate(stack.predict([rows] * 2)):
        np.testing.assert_allclose(stack.unstack(k).predict(PICTURES, verbose=0), together, atol=1e-5)


def test_the_same_seed_gives_the_same_bits() -> None:
    spec = ConvSpec(filters=(8, 8), units=(16,), dropout=0.3, optimizer=AdamSpec(), batch_size=8)
    first, again = (stack_of(spec) for _ in range(2))
    assert np.array_equal(first.fit(5).loss, again.fit(5).loss)
    for one, other in zip(first.network.weights, again.network.weights, strict=True):
        assert np.array_equal(one, other)


def test_it_learns_a_pattern_wherever_it_stands() -> None:
    generator = np.random.default_rng(0)
    pictures = np.zeros((120, *SHAPE), np.float32)
    y = np.arange(120) % 2
    for row, (top, left) in enumerate(generator.integers(0, 6, size=(120, 2))):
        stroke = (slice(top, top + 4), left) if y[row] else (top, slice(left, left + 4))
        pictures[row][stroke] = 1
    spec = ConvSpec(filters=(8,), units=(16,), optimizer=RMSpropSpec(learning_rate=0.01), batch_size=16)
    member = Member(np.arange(80), seed=0, validation=np.arange(80, 120))
    stack = Stack(spec, pictures.reshape(120, -1), y, problem_of("binary", "pixels", SHAPE), [member])
    assert stack.fit(15).val_metric[-1, 0] > 0.9


@pytest.mark.variants
def test_an_ensemble_is_one_saved_net_that_predicts_the_mean(tmp_path: Any) -> None:
    stack = stack_of(SPECS["plain"])
    stack.fit(1)
    ensemble([stack.unstack(k) for k in range(2)]).save(tmp_path / "net.keras")
    net = keras.models.load_model(tmp_path / "net.keras", safe_mode=True)
    mean = np.mean(stack.predict([np.arange(48)] * 2), axis=0)
    np.testing.assert_allclose(net.predict(PICTURES, verbose=0), mean, atol=1e-5)
