import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import expit
from sklearn.linear_model import Ridge

from tasks.models.baselines.linear import LinearSvmSpec, RbfSvmSpec, RidgeSpec
from tasks.specs import BakeoffError
from tests.learnable import N_OUTPUTS, SEED, fit_predict, learnable

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
    model = spec.fit(X, y, task, "table", SEED).model  # type: ignore[arg-type]
    probabilities = spec.predict(model, X, task, N_OUTPUTS[task])  # type: ignore[arg-type, index]
    assert_array_equal(probabilities.argmax(axis=1), model.predict(X))
    assert 0.5 < (model.predict(X) == y).mean() < 1


@MACHINES
def test_of_two_classes_the_probability_is_the_sigmoid_of_the_decision_value(
    spec: LinearSvmSpec | RbfSvmSpec,
) -> None:
    X, y = learnable("binary", "table")
    model = spec.fit(X, y, "binary", "table", SEED).model
    assert_allclose(spec.predict(model, X, "binary", 2)[:, 1], expit(model.decision_function(X)))


@MACHINES
def test_the_unit_of_the_target_does_not_matter(spec: LinearSvmSpec | RbfSvmSpec) -> None:
    X, y = learnable("regression", "table")
    dollars, thousands = (
        spec.predict(spec.fit(X, target, "regression", "table", SEED).model, X, "regression", 1)
        for target in (y * 1000, y)
    )
    assert_allclose(dollars / 1000, thousands, rtol=1e-3)


def test_decision_values_of_pairs_of_classes_are_refused() -> None:
    RbfSvmSpec(params={"decision_function_shape": "ovr"}).check("multiclass", "table", (8,), "accuracy")
    with pytest.raises(BakeoffError, match="leave decision_function_shape out"):
        RbfSvmSpec(params={"decision_function_shape": "ovo"}).check("multiclass", "table", (8,), "accuracy")
