from typing import get_args

import numpy as np
import pytest
from sklearn.base import is_classifier, is_regressor

from tasks.metrics import Task
from tasks.models.baselines import Baseline, DummySpec, GradientBoostingSpec, HistGradientBoostingSpec, predict_with
from tasks.specs import BakeoffError

SPECS = [GradientBoostingSpec(), HistGradientBoostingSpec(), DummySpec()]
X = np.random.default_rng(0).normal(size=(60, 3))
Y = X[:, 0] * 2 + 1


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.kind)
def test_the_estimator_suits_the_task(spec: Baseline) -> None:
    assert is_regressor(spec.estimator("regression", 0))
    assert is_classifier(spec.estimator("binary", 0))
    assert is_classifier(spec.estimator("multiclass", 0))


@pytest.mark.parametrize("task", get_args(Task))
@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.kind)
def test_what_is_drawn_at_random_is_drawn_from_the_seed(spec: Baseline, task: Task) -> None:
    arguments = spec.estimator(task, 17).get_params()
    assert arguments.get("random_state", 17) == 17


def test_the_same_seed_gives_the_same_trees_and_another_seed_others() -> None:
    spec = GradientBoostingSpec(params={"subsample": 0.5, "n_estimators": 5})
    one, same, other = (spec.estimator("regression", seed).fit(X, Y).predict(X) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert (one != other).any()


def test_params_reach_the_estimator_and_win_over_the_seed() -> None:
    spec = HistGradientBoostingSpec(params={"max_iter": 7, "max_depth": None, "random_state": 3})
    arguments = spec.estimator("binary", 17).get_params()
    assert (arguments["max_iter"], arguments["max_depth"], arguments["random_state"]) == (7, None, 3)


def test_an_argument_the_estimator_does_not_have_is_refused_with_the_nearest_that_it_has() -> None:
    with pytest.raises(BakeoffError, match=r"Regressor has no argument 'n_estimatorz'; did you mean n_estimators\?"):
        GradientBoostingSpec(params={"n_estimatorz": 7}).estimator("regression", 0)


def test_where_no_argument_is_near_all_are_named() -> None:
    with pytest.raises(BakeoffError, match=r"DummyClassifier has no argument 'xyz'; it has constant, random_state, "):
        DummySpec(params={"xyz": 7}).estimator("binary", 0)


def test_only_dummy_is_the_floor() -> None:
    assert [spec.family for spec in SPECS] == ["baseline", "baseline", "floor"]


def test_dummy_predicts_the_mean_of_the_training_targets() -> None:
    fitted = DummySpec().estimator("regression", 0).fit(X[:3], np.array([1.0, 2.0, 6.0]))
    assert predict_with(fitted, X[:2], "regression", 1).tolist() == [3, 3]


def test_dummy_predicts_the_shares_of_the_classes() -> None:
    fitted = DummySpec().estimator("multiclass", 0).fit(X[:4], np.array([0, 0, 0, 2]))
    assert predict_with(fitted, X[:2], "multiclass", 3).tolist() == [[0.75, 0, 0.25]] * 2


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.kind)
def test_a_class_that_was_never_seen_gets_probability_0_in_its_own_column(spec: Baseline) -> None:
    y = np.where(X[:, 0] > 0, 3, 1)
    probabilities = predict_with(spec.estimator("multiclass", 0).fit(X, y), X, "multiclass", 5)
    assert probabilities.shape == (60, 5)
    assert not probabilities[:, [0, 2, 4]].any()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)


@pytest.mark.parametrize("spec", SPECS[:2], ids=lambda spec: spec.kind)
def test_boosting_learns_what_dummy_cannot(spec: Baseline) -> None:
    fitted = spec.estimator("regression", 0).fit(X, Y)
    error = np.abs(predict_with(fitted, X, "regression", 1) - Y).mean()
    assert error < np.abs(Y - Y.mean()).mean() / 3
