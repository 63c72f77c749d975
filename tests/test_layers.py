"""Layers with a member axis; tests/test_training.py and test_convolution.py hold them to Keras's."""

from collections.abc import Sequence

import numpy as np
import pytest
import tensorflow as tf
from numpy.typing import NDArray

from tasks.models.nets.layers import MemberBatchNormalization, MemberDropout
from tasks.models.nets.random_bits import threefry

Pair = tuple[int, int]

ONES = np.ones((50, 4, 60), np.float32)
ALL_COUNT = np.ones((50, 4), np.float32)


def dropout(rate: float, seeds: Sequence[int] = (1, 2, 3, 4), position: int = 0, units: int = 60) -> MemberDropout:
    """A layer that has been built, as in a stack."""
    layer = MemberDropout(rate)
    layer(np.ones((1, len(seeds), units), np.float32), np.ones((1, len(seeds)), np.float32), training=False)
    layer.begin(seeds, position)
    return layer


def masks(layer: MemberDropout, steps: int, rows: int = 50, units: int = 60) -> NDArray[np.float32]:
    """What is left of ones (steps, rows, members, units)."""
    members = layer._key.shape[1]
    ones, weights = np.ones((rows, members, units), np.float32), np.ones((rows, members), np.float32)
    return np.stack([layer(ones, weights, training=True).numpy() for _ in range(steps)])


@pytest.mark.parametrize("rate", [0.05, 0.25, 0.5])
def test_dropout_zeroes_its_share_and_raises_the_rest_so_that_the_mean_stays(rate: float) -> None:
    dropped = masks(dropout(rate), 20)
    assert set(np.unique(dropped)) == {np.float32(0), np.float32(1) / np.float32(1 - rate)}
    deviation = np.sqrt(rate * (1 - rate) / dropped.size)
    assert abs((dropped == 0).mean() - rate) < 5 * deviation
    assert abs(dropped.mean() - 1) < 5 * deviation / (1 - rate)
    assert abs(dropped.var() - rate / (1 - rate)) < 0.02


def test_draws_of_steps_rows_members_and_units_are_independent() -> None:
    dropped = masks(dropout(0.5), 20)
    for axis in range(4):
        length = dropped.shape[axis]
        before, after = (np.take(dropped, kept, axis).ravel() for kept in (range(length - 1), range(1, length)))
        assert abs(np.corrcoef(before, after)[0, 1]) < 5 / np.sqrt(before.size)
    counts = (dropped == 0).sum(axis=(0, 1, 3))  # of each member
    assert (np.abs(counts - 30000) < 5 * np.sqrt(60000 / 4)).all()


def test_every_step_layer_and_member_drops_others_but_the_same_seed_the_same() -> None:
    first, second = masks(dropout(0.5), 2)
    assert (first != second).any()
    assert (first[:, 0] != first[:, 1]).any()
    assert (first == masks(dropout(0.5), 1)[0]).all()
    assert (first != masks(dropout(0.5, position=1), 1)[0]).any()


def test_a_members_masks_do_not_depend_on_the_stack_that_it_is_in() -> None:
    together = masks(dropout(0.5), 3)
    np.testing.assert_array_equal(together[:, :, 2], masks(dropout(0.5, seeds=[3]), 3)[:, :, 0])


def test_a_member_that_waits_for_the_others_of_its_epoch_goes_on_where_it_was() -> None:
    layer = dropout(0.5, seeds=[1, 2])
    ones, waits = np.ones((50, 2, 60), np.float32), np.array([1, 0], np.float32) * np.ones((50, 1), np.float32)
    layer(ones, waits, training=True)
    now = layer(ones, np.ones((50, 2), np.float32), training=True).numpy()
    np.testing.assert_array_equal(now[:, 0], masks(dropout(0.5, seeds=[1]), 2)[1, :, 0])
    np.testing.assert_array_equal(now[:, 1], masks(dropout(0.5, seeds=[2]), 1)[0, :, 0])


def test_dropout_draws_anew_at_every_step_of_a_compiled_loop() -> None:
    layer = dropout(0.5, seeds=[1], units=200)

    @tf.function(jit_compile=True, autograph=False)
    def steps() -> tf.Tensor:
        draws = tf.TensorArray(tf.float32, 3)
        ones = tf.ones((1, 1, 200)), tf.ones((1, 1))
        return tf.while_loop(
            lambda k, _: k < 3,
            lambda k, draws: (k + 1, draws.write(k, layer(*ones, training=True))),
            (tf.constant(0), draws),
        )[1].stack()

    np.testing.assert_array_equal(steps().numpy(), masks(dropout(0.5, seeds=[1], units=200), 3, rows=1, units=200))


def test_nothing_is_dropped_when_nothing_is_learned() -> None:
    assert (dropout(0.5)(ONES, ALL_COUNT, training=False).numpy() == ONES).all()


# The known answers that the authors' library Random123 is tested by, for 13 rounds: counter, key, result.
ANSWERS = [
    ((0x00000000, 0x00000000), (0x00000000, 0x00000000), (0x9D1C5EC6, 0x8BD50731)),
    ((0xFFFFFFFF, 0xFFFFFFFF), (0xFFFFFFFF, 0xFFFFFFFF), (0xFD36D048, 0x2D17272C)),
    ((0x243F6A88, 0x85A308D3), (0x13198A2E, 0x03707344), (0xBA3E4725, 0xF27D669E)),
]


@pytest.mark.parametrize(("counter", "key", "answer"), ANSWERS)
def test_threefry_gives_the_known_answers(counter: Pair, key: Pair, answer: Pair) -> None:
    numbers = [tuple(tf.constant(word, tf.uint32) for word in pair) for pair in (key, counter)]
    assert tuple(int(bits) for bits in threefry(*numbers)) == answer


def test_batch_normalization_of_pictures_takes_each_channels_moments_over_rows_that_count_and_pixels() -> None:
    pictures = np.random.default_rng(0).normal(3, 2, size=(6, 2, 4, 5, 3)).astype(np.float32)
    weights = np.ones((6, 2), np.float32)
    weights[4:, 1] = 0  # the second member's batch is short
    layer = MemberBatchNormalization()
    normalized = layer(pictures, weights, training=True).numpy()
    for member, rows in ((0, 6), (1, 4)):
        own = normalized[:rows, member]
        np.testing.assert_allclose(own.mean(axis=(0, 1, 2)), 0, atol=1e-5)
        np.testing.assert_allclose(own.std(axis=(0, 1, 2)), 1, atol=1e-3)
