import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import expit
from sklearn.linear_model import Ridge

from tasks.models.baselines.classic import LinearSvmSpec, RbfSvmSpec, RidgeSpec
from tasks.specs import BakeoffError
from tests.builders import problem_of
from tests.learnable import SEED, fit_predict, learnable

MACHINES = pytest.mark.parametrize("spec", [LinearSvmSpec(), RbfSvmSpec()], ids=lambda spec: spec.kind)


def test_ridge_scales_by_the_training_rows_alone() -> None:
    X, y = learnable("regression", "table")
    scaled = (X - X[:100].mean(axis=0)) / X[:100].std(axis=0)
    expected = Ridge().fit(scaled[:100], y[:100]).predict(scaled[100:])
    assert_allclose(fit_predict(RidgeSpec(), "regression", "table"), expected)


@MACHINES
@pytest.mark.parametrize("task", ["binary", "multiclass"])
def test_the_most_probable_class_is_the_machines_own_choice(spec: LinearSvmSpec | RbfSvmSpec, task: str) -> None:
    X, y = learnable(task, "table")  # type: ignore[arg-type]
    X = X + np.random.default_rng(1).normal(size=X.shape) * X.std(axis=0)
    model = spec.fit(X, y, problem_of(task), SEED).model  # type: ignore[arg-type]
    probabilities = spec.predict(model, X, problem_of(task))  # type: ignore[arg-type, index]
    assert_array_equal(probabilities.argmax(axis=1), model.predict(X))
    assert 0.5 < (model.predict(X) == y).mean() < 1


@MACHINES
def test_of_two_classes_the_probability_is_the_sigmoid_of_the_decision_value(
    spec: LinearSvmSpec | RbfSvmSpec,
) -> None:
    X, y = learnable("binary", "table")
    model = spec.fit(X, y, problem_of("binary"), SEED).model
    assert_allclose(spec.predict(model, X, problem_of("binary"))[:, 1], expit(model.decision_function(X)))


@MACHINES
def test_the_unit_of_the_target_does_not_matter(spec: LinearSvmSpec | RbfSvmSpec) -> None:
    X, y = learnable("regression", "table")
    dollars, thousands = (
        spec.predict(spec.fit(X, target, problem_of("regression"), SEED).model, X, problem_of("regression"))
        for target in (y * 1000, y)
    )
    assert_allclose(dollars / 1000, thousands, rtol=1e-3)


def test_decision_values_of_pairs_of_classes_are_refused() -> None:
    RbfSvmSpec(params={"decision_function_shape": "ovr"}).check(problem_of("multiclass"), "accuracy")
    with pytest.raises(BakeoffError, match="leave decision_function_shape out"):
        RbfSvmSpec(params={"decision_function_shape": "ovo"}).check(problem_of("multiclass"), "accuracy")
