"""Each member keeps its own best weights; the engine's use of it is tested in test_training.py."""

import keras
import numpy as np
import tensorflow as tf

from tasks.models.nets.stacked_optimizer import BestWeights

PATIENCE = 2
LOSSES = [(3.0, 3.0), (2.0, 4.0), (2.5, 5.0), (2.6, 1.0), (1.0, np.nan)]  # of two members, epoch by epoch


def watched(epochs: int) -> tuple[BestWeights, keras.Variable]:
    weights = keras.Variable(np.zeros((2, 3), np.float32))
    best = BestWeights([weights], members=2)
    for epoch in range(1, epochs + 1):
        weights.assign(np.full((2, 3), epoch, np.float32))
        best.update(tf.constant(LOSSES[epoch - 1], tf.float32), tf.constant(epoch), PATIENCE)
    return best, weights


def test_each_member_gets_back_the_weights_of_its_own_lowest_loss() -> None:
    best, weights = watched(3)
    assert best.restore().tolist() == [2, 1]
    assert weights.numpy()[:, 0].tolist() == [2, 1]


def test_what_comes_after_patience_has_run_out_does_not_count() -> None:
    best, _ = watched(5)
    assert best.restore().tolist() == [2, 1]


def test_all_are_stopped_when_the_last_has_waited_long_enough() -> None:
    assert [watched(epochs)[0].all_stopped(PATIENCE) for epochs in range(1, 5)] == [False, False, False, True]


def test_a_loss_that_was_never_finite_has_no_best_epoch() -> None:
    best = BestWeights([keras.Variable(np.zeros((1, 3), np.float32))], members=1)
    best.update(tf.constant([np.nan], tf.float32), tf.constant(1), PATIENCE)
    assert best.restore().tolist() == [0]
