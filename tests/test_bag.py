"""The bag layer computes what a dense layer computes on the multi-hot matrix."""

from pathlib import Path

import keras
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from tasks.data.vectorization import word_rows
from tasks.metrics import Task
from tasks.models.nets.networks import DenseSpec
from tasks.models.nets.training import Member, Stack
from tests.builders import problem_of
from tests.tiers import quick_first

RNG = np.random.default_rng(0)
WORDS = 40
DENSE = (RNG.random((90, WORDS)) < 0.15).astype(np.float32)
DENSE[:, 0] = 0  # the number that fills rows up
TARGETS: dict[Task, NDArray[np.generic]] = {
    "regression": DENSE[:, 1:6].sum(axis=1),
    "binary": (DENSE[:, 1:9].sum(axis=1) > 1).astype(np.int64),
    "multiclass": DENSE[:, 1:9].sum(axis=1).astype(np.int64).clip(0, 2),
}
MEMBERS = [
    Member(np.arange(60), seed=1, validation=np.arange(60, 90)),
    Member(np.arange(30, 87), seed=2, validation=np.arange(10)),
]
SPECS = [
    DenseSpec(units=(8, 4), batch_size=16),
    DenseSpec(units=(8,), batch_size=16, batch_normalization=True, l2=0.01, activation="tanh"),
    DenseSpec(units=(), batch_size=16),
]


def stack_on(X: NDArray[np.float32] | csr_matrix, spec: DenseSpec, task: Task, members: list[Member]) -> Stack:
    return Stack(spec, X, TARGETS[task], problem_of(task, "words"), members)


@pytest.mark.parametrize("members", quick_first([MEMBERS[:1], MEMBERS], {1}), ids=["alone", "stacked"])
@pytest.mark.parametrize("task", quick_first(TARGETS, {1}))
def test_after_one_epoch_all_weights_and_curves_are_those_of_dense_on_the_multi_hot_matrix(
    task: Task, members: list[Member]
) -> None:
    sparse, dense = (stack_on(X, SPECS[0], task, members) for X in (csr_matrix(DENSE), DENSE))
    curves = [stack.fit(1) for stack in (sparse, dense)]
    for mine, reference in zip(sparse.network.weights, dense.network.weights, strict=True):
        np.testing.assert_allclose(mine, reference, atol=1e-4)
    np.testing.assert_allclose(curves[0].val_loss, curves[1].val_loss, atol=1e-4)
    for mine, reference in zip(
        *(stack.predict([np.arange(90)] * len(members)) for stack in (sparse, dense)), strict=True
    ):
        np.testing.assert_allclose(mine, reference, atol=1e-4)


@pytest.mark.variants
@pytest.mark.parametrize("spec", SPECS[1:], ids=["normalized", "linear"])
def test_every_architecture_trains_on_words_as_on_the_matrix(spec: DenseSpec) -> None:
    sparse, dense = (stack_on(X, spec, "binary", MEMBERS) for X in (csr_matrix(DENSE), DENSE))
    losses = [stack.fit(3).loss for stack in (sparse, dense)]
    np.testing.assert_allclose(*losses, atol=1e-4)


def test_a_saved_net_takes_word_rows_and_needs_no_code_of_ours(tmp_path: Path) -> None:
    stack = stack_on(csr_matrix(DENSE), SPECS[0], "binary", MEMBERS)
    stack.fit(2)
    for k in range(2):
        stack.unstack(k).save(tmp_path / "net.keras")
        net = keras.models.load_model(tmp_path / "net.keras", safe_mode=True)
        expected = stack.predict([np.arange(90)] * 2)[k][:, 1]
        np.testing.assert_allclose(net.predict(word_rows(csr_matrix(DENSE)), verbose=0)[:, 0], expected, atol=1e-6)
    assert "tasks" not in (tmp_path / "net.keras").read_bytes().decode("latin1")


def test_a_saved_net_counts_a_word_once_and_takes_unknown_words_for_the_unknown_one() -> None:
    net = stack_on(csr_matrix(DENSE), SPECS[0], "binary", MEMBERS[:1]).unstack(0)
    plain = net.predict(np.array([[2, 5, 7, 0, 0]]), verbose=0)
    np.testing.assert_allclose(net.predict(np.array([[7, 5, 2]]), verbose=0), plain, atol=1e-6)
    np.testing.assert_allclose(net.predict(np.array([[7, 7, 5, 5, WORDS + 3, 0]]), verbose=0), plain, atol=1e-6)
    assert not np.allclose(net.predict(np.array([[2, 5, 8]]), verbose=0), plain, atol=1e-6)


def test_a_text_without_words_is_the_bias_alone() -> None:
    empty = np.zeros((4, WORDS), np.float32)
    net = stack_on(csr_matrix(DENSE), SPECS[0], "binary", MEMBERS[:1]).unstack(0)
    rows = net.predict(word_rows(csr_matrix(empty)), verbose=0)
    assert np.isfinite(rows).all()
    assert len(np.unique(rows)) == 1
