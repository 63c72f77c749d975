"""A number that is learned in standard deviations: its unit makes no difference, and nothing leaks."""

import keras
import numpy as np
import pytest
from builders import problem_of
from numpy.typing import NDArray

from tasks.models.nets.networks import DenseSpec
from tasks.models.nets.optimizers import AdamSpec
from tasks.models.nets.training import Member, Stack
from tasks.specs import BakeoffError
from tests.tiers import quick_first

SPEC = DenseSpec(units=(8,), optimizer=AdamSpec(learning_rate=0.01), epochs=5, batch_size=16, standardize_target=True)
X = np.random.default_rng(0).normal(size=(90, 4))
Y = X[:, 0] + 0.1 * np.random.default_rng(1).normal(size=90)
LEARNED, WATCHED = np.arange(60), np.arange(60, 90)
MEMBERS = (Member(LEARNED, seed=1, validation=WATCHED), Member(LEARNED[:40], seed=2, validation=WATCHED))


def fitted(y: NDArray[np.float64], spec: DenseSpec = SPEC) -> Stack:
    stack = Stack(spec, X, y, problem_of("regression", shape=(4,)), MEMBERS)
    stack.fit(5)
    return stack


@pytest.mark.parametrize(("unit", "zero"), quick_first([(1.0, 1000.0), (50_000.0, 200_000.0), (1e-6, 0.0)], {1}))
def test_predictions_are_the_same_in_whatever_unit_the_target_is(unit: float, zero: float) -> None:
    expected = fitted(Y).predict([WATCHED, WATCHED])
    for mine, theirs in zip(fitted(Y * unit + zero).predict([WATCHED, WATCHED]), expected, strict=True):
        np.testing.assert_allclose((mine - zero) / unit, theirs, atol=1e-4)


@pytest.mark.variants
def test_it_depends_on_a_members_own_training_rows_alone() -> None:
    changed = Y.copy()
    changed[60:] = 1000.0
    for mine, theirs in zip(fitted(changed).predict([WATCHED] * 2), fitted(Y).predict([WATCHED] * 2), strict=True):
        np.testing.assert_allclose(mine, theirs, atol=1e-3)


def test_an_ordinary_net_gives_numbers_in_the_targets_unit_as_its_member_does() -> None:
    stack = fitted(Y * 1000 + 7)
    for k, expected in enumerate(stack.predict([WATCHED, WATCHED])):
        net = stack.unstack(k)
        assert isinstance(net, keras.Sequential)
        np.testing.assert_allclose(net.predict(X[WATCHED], verbose=0)[:, 0], expected, rtol=1e-4, atol=0.05)


def test_curves_show_the_mean_absolute_error_in_the_targets_unit() -> None:
    stack = Stack(SPEC, X, Y * 1000, problem_of("regression", shape=(4,)), MEMBERS)
    history = stack.fit(5)
    errors = [np.abs(each - 1000 * Y[WATCHED]).mean() for each in stack.predict([WATCHED, WATCHED])]
    np.testing.assert_allclose(history.val_metric[-1], errors, rtol=1e-4)


@pytest.mark.variants
def test_a_net_reaches_a_target_that_lies_far_from_zero() -> None:
    with_scale = fitted(Y + 1000).predict([WATCHED])[0]
    without = fitted(Y + 1000, SPEC.model_copy(update={"standardize_target": False})).predict([WATCHED])[0]
    assert np.abs(with_scale - Y[WATCHED] - 1000).mean() < 1.0
    assert np.abs(without - Y[WATCHED] - 1000).mean() > 100.0


def test_a_target_so_far_from_zero_that_a_kept_net_would_lose_its_digits_is_refused() -> None:
    with pytest.raises(
        BakeoffError, match=r"its mean, 1e\+09, is 1e\+09 times its standard deviation.*subtract 1e\+09"
    ):
        fitted(Y + 1e9)
    fitted(np.full_like(Y, 1e9))


def test_classes_have_no_scale() -> None:
    with pytest.raises(BakeoffError, match="standardize_target is for numbers"):
        SPEC.check(problem_of("binary"), "accuracy")
