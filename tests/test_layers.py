"""Layers with a member axis; tests/test_training.py and test_convolution.py hold them to Keras's."""

import numpy as np
import tensorflow as tf

from tasks.models.nets.layers import MemberBatchNormalization, MemberDropout

ONES = np.ones((50, 4, 60), np.float32)


def test_dropout_zeroes_its_share_and_raises_the_rest_so_that_the_mean_stays() -> None:
    dropped = MemberDropout(0.25, seed=1)(ONES, training=True).numpy()
    assert set(np.unique(dropped)) == {np.float32(0), np.float32(1 / 0.75)}
    assert abs((dropped == 0).mean() - 0.25) < 0.015
    assert abs(dropped.mean() - 1) < 0.02


def test_every_step_drops_others_and_every_member_too_but_the_same_seed_the_same() -> None:
    layer, same, other = MemberDropout(0.5, seed=1), MemberDropout(0.5, seed=1), MemberDropout(0.5, seed=2)
    first, second = (layer(ONES, training=True).numpy() for _ in range(2))
    assert (first != second).any()
    assert (first[:, 0] != first[:, 1]).any()
    assert (first == same(ONES, training=True).numpy()).all()
    assert (first != other(ONES, training=True).numpy()).any()


def test_dropout_draws_anew_at_every_step_of_a_compiled_loop() -> None:
    layer = MemberDropout(0.5, seed=1)
    layer(ONES[:1], training=True)

    @tf.function(jit_compile=True, autograph=False)
    def steps() -> tf.Tensor:
        draws = tf.TensorArray(tf.float32, 3)
        return tf.while_loop(
            lambda k, _: k < 3,
            lambda k, draws: (k + 1, draws.write(k, layer(tf.ones((1, 1, 200)), training=True))),
            (tf.constant(0), draws),
        )[1].stack()

    one, two, three = steps().numpy()
    assert (one != two).any()
    assert (two != three).any()


def test_nothing_is_dropped_when_nothing_is_learned() -> None:
    assert (MemberDropout(0.5, seed=1)(ONES, training=False).numpy() == ONES).all()


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
