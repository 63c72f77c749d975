"""Every contender takes a table of numbers and categories with missing values, and uses all three."""

import warnings
from functools import cache
from typing import Any, get_args

import numpy as np
import pytest

from tasks.data.examples import Problem
from tasks.data.folds.splitting import HoldOutSpec, KFoldSpec, Validation, split
from tasks.evaluation.cross_validation import evaluate, predict, refit, score_on_test
from tasks.metrics import METRICS, Task
from tasks.models.baselines.boosting import HistGradientBoostingSpec, LightGBMSpec, XGBoostSpec
from tasks.models.baselines.classic import (
    DecisionTreeSpec,
    DummySpec,
    KNeighborsSpec,
    LogisticRegressionSpec,
    RidgeSpec,
)
from tasks.models.baselines.estimators import BaselineSpec, Setting
from tasks.models.baselines.pipelines import SelectKBestSpec
from tasks.models.contenders import Baseline, Contender
from tasks.models.nets.network_spec import EarlyStoppingSpec
from tasks.models.nets.networks import DenseSpec
from tasks.models.nets.optimizers import AdamSpec
from tasks.specs import BakeoffError
from tests.builders import CLASSES, mixed_arrays
from tests.learnable import FITTING

NAN = np.nan
TAKING = [
    (spec, task)
    for spec in (each() for each in get_args(Baseline))
    if spec.kind not in ("dummy", "multinomial_nb")
    for task in ("regression", "binary")
    if (spec.regressor if task == "regression" else spec.classifier)
]
EACH = pytest.mark.parametrize(("spec", "task"), TAKING, ids=[f"{spec.kind}-{task}" for spec, task in TAKING])


def problem(task: Task, *levels: int) -> Problem:
    return Problem(task=task, form="table", shape=(len(levels),), levels=levels, classes=CLASSES[task])


def quiet_fit(spec: BaselineSpec, X: Any, y: Any, of: Problem) -> Any:
    """The fitted model; any warning is an error."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return spec.fit(np.asarray(X, float), np.asarray(y), of, 0).model


def quiet_predict(spec: BaselineSpec, model: Any, X: Any, of: Problem) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return spec.predict(model, np.asarray(X, float), of)


@cache
def part_that_matters(task: Task, feature: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows whose target follows the level of feature 1, or whether feature 0 is missing, and nothing else."""
    X, _ = mixed_arrays(task, rows=400, n_test=0).training()
    y = X[:, 1] == 1 if feature else np.isnan(X[:, 0])
    return X, y.astype(np.float64 if task == "regression" else np.int64)


@EACH
@pytest.mark.parametrize("feature", [0, 1], ids=["missing", "category"])
def test_each_finds_a_target_that_follows_a_category_or_what_is_missing(
    spec: BaselineSpec, task: Task, feature: int
) -> None:
    X, y = part_that_matters(task, feature)
    of, metric = problem(task, 0, 3, 30), METRICS[FITTING[task]]
    mine, floor = (
        metric.score(y[300:], quiet_predict(each, quiet_fit(each, X[:300], y[:300], of), X[300:], of))
        for each in (spec, DummySpec())
    )
    assert mine < 0.6 * floor if task == "regression" else 1 - mine < 0.6 * (1 - floor)


@EACH
def test_levels_that_were_not_seen_and_a_feature_without_any_value_do_not_fail(spec: BaselineSpec, task: Task) -> None:
    X, y = part_that_matters(task, 1)
    X = np.column_stack([X, np.full(len(X), NAN), np.full(len(X), NAN)])
    X[:300][X[:300] == 29] = NAN
    of = problem(task, 0, 3, 30, 0, 4)
    model = quiet_fit(spec, X[:300], y[:300], of)
    asked = [[50, 1, 29, 7, 3], [NAN, NAN, NAN, NAN, NAN], [1e6, 2, 0, NAN, 0]]
    found = quiet_predict(spec, model, asked, of)
    assert found.shape == ((3,) if task == "regression" else (3, 2))
    assert np.isfinite(found).all()


# Nets, ensembles and all steps of a run


FAST, FEW = AdamSpec(learning_rate=0.02), EarlyStoppingSpec(patience=5)
NET = DenseSpec(units=(16,), epochs=30, optimizer=FAST)
ENSEMBLE = NET.model_copy(
    update={"n_members": 2, "early_stopping": FEW, "dropout": 0.1, "batch_normalization": True, "units": (8,)}
)


@pytest.mark.parametrize(
    ("task", "contender", "validation"),
    [
        ("regression", NET, HoldOutSpec(validation_rows=80, n_seeds=1)),
        pytest.param("binary", ENSEMBLE, KFoldSpec(n_splits=2), marks=pytest.mark.variants),
        ("multiclass", HistGradientBoostingSpec(), KFoldSpec(n_splits=2)),
    ],
    ids=["net", "ensemble", "boosting"],
)
def test_all_steps_of_a_run_take_a_mixed_table(task: Task, contender: Contender, validation: Validation) -> None:
    arrays, metric = mixed_arrays(task), FITTING[task]
    folds = split(arrays, validation)
    floor = np.mean(evaluate("floor", DummySpec(), arrays, folds, metric).scores)
    evaluation = evaluate("me", contender, arrays, folds, metric)
    kept = refit(evaluation, arrays, validation)
    final = score_on_test(kept, arrays, metric)
    for score in (np.mean(evaluation.scores), final.score):
        assert score < 0.5 * floor if task == "regression" else 1 - score < 0.5 * (1 - floor)
    assert np.isfinite(predict(kept, np.array([[NAN, NAN, NAN], [1e4, 9, -3]]), arrays)).all()


@pytest.mark.variants
def test_the_same_seed_gives_the_same_bits() -> None:
    arrays = mixed_arrays("binary")
    folds = split(arrays, KFoldSpec(n_splits=2))
    few: dict[str, Setting] = {"n_estimators": 10}
    for contender in (DenseSpec(units=(4,), epochs=2), LightGBMSpec(params=few), XGBoostSpec(params=few)):
        first, second = (evaluate("me", contender, arrays, folds, "log_loss").scores for _ in range(2))
        assert first == second


# What the encodings are fitted on, and how


def test_imputation_and_scaling_never_see_rows_that_were_not_given() -> None:
    X = np.array([[1.0], [3.0], [8.0], [NAN], [1000.0], [2000.0]])
    model = quiet_fit(RidgeSpec(), X[:4], np.arange(4.0), problem("regression", 0))
    imputer, scaler = model[0].named_transformers_["numbers"]
    assert imputer.statistics_.tolist() == [3]
    assert scaler.mean_.tolist() == [15 / 4, 1 / 4]  # the number, and whether it is missing


def test_levels_that_are_rare_in_the_training_rows_share_a_column() -> None:
    codes = [0] * 9 + [1] * 3 + [2] * 2 + [NAN] * 4
    y = np.arange(len(codes)) % 2
    model = quiet_fit(LogisticRegressionSpec(), np.array(codes)[:, None], y, problem("binary", 5))
    asked = np.array([[0], [1], [NAN], [2], [3], [4]], float)
    columns = [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1], [0, 0, 0, 1], [0, 0, 0, 1]]
    assert model[0].transform(asked).tolist() == columns


def test_methods_that_need_no_scale_get_numbers_as_they_are() -> None:
    X = np.column_stack([[1.0, 5, NAN, 9] * 3, [0, 1, 0, 1] * 3])
    model = quiet_fit(DecisionTreeSpec(), X, np.arange(12) % 2, problem("binary", 0, 2))
    assert model[0].transform(X[:3]).tolist() == [[1, 0, 1, 0], [5, 0, 0, 1], [5, 1, 1, 0]]


def test_histograms_take_categories_as_such_and_pool_only_what_is_beyond_their_limit() -> None:
    generator = np.random.default_rng(0)
    codes = np.concatenate([np.arange(300), generator.integers(0, 20, 900)])
    X = np.column_stack([codes, generator.normal(size=1200)])
    model = quiet_fit(HistGradientBoostingSpec(), X, codes % 2, problem("binary", 300, 0))
    numbered = model[0].transform(X)
    assert len(np.unique(numbered[:, 1])) == 255
    np.testing.assert_array_equal(numbered[:, 0], X[:, 1])
    assert model[-1].is_categorical_.tolist() == [False, True]
    coarse = HistGradientBoostingSpec(params={"max_bins": 16})
    assert len(np.unique(quiet_fit(coarse, X, codes % 2, problem("binary", 300, 0))[0].transform(X)[:, 1])) == 16


def test_boosters_split_on_sets_of_levels() -> None:
    codes = np.arange(2400) % 20
    y = np.isin(codes, [1, 4, 6, 11, 17]).astype(np.int64)
    X = np.column_stack([codes, np.random.default_rng(0).normal(size=2400)])
    of = problem("binary", 20, 0)
    for spec in (
        LightGBMSpec(params={"n_estimators": 20, "num_leaves": 2}),
        XGBoostSpec(params={"n_estimators": 20, "max_depth": 1, "max_cat_to_onehot": 1}),
        HistGradientBoostingSpec(params={"max_iter": 20, "max_leaf_nodes": 2}),
    ):
        assert (spec.predict(quiet_fit(spec, X, y, of), X, of).argmax(axis=1) == y).all()


@pytest.mark.parametrize(
    "spec",
    [KNeighborsSpec, HistGradientBoostingSpec, DummySpec],
    ids=lambda spec: spec.__name__,
)
def test_the_best_features_are_chosen_among_columns_without_gaps(spec: type[Any]) -> None:
    X, y = part_that_matters("binary", 1)
    y = np.where(np.arange(400) % 50, y, 1 - y)  # else a column has no variance in a class, of which sklearn warns
    chosen = spec(select=SelectKBestSpec(score_func="f_classif", k=3))
    of = problem("binary", 0, 3, 30)
    found = quiet_predict(chosen, quiet_fit(chosen, X[:300], y[:300], of), X[300:], of).argmax(axis=1)
    assert spec is DummySpec or (found == y[300:]).mean() > 0.9


@pytest.mark.parametrize(
    ("spec", "argument"),
    [
        (HistGradientBoostingSpec(params={"categorical_features": [0]}), "categorical_features"),
        (HistGradientBoostingSpec(params={"monotonic_cst": [1, 0]}), "monotonic_cst"),
        (XGBoostSpec(params={"feature_types": ["q", "q"]}), "feature_types"),
    ],
)
def test_what_lists_features_by_their_place_is_refused_beside_categories(spec: Any, argument: str) -> None:
    spec.check(problem("binary", 0, 0), "accuracy")
    with pytest.raises(BakeoffError, match=f"{spec.kind} is told .* cannot take {argument} as well; leave params"):
        spec.check(problem("binary", 0, 2), "accuracy")


def test_a_table_of_finite_numbers_gets_no_encoding() -> None:
    plain = Problem(task="regression", form="table", shape=(3,))
    for spec in (HistGradientBoostingSpec(), RidgeSpec(), DecisionTreeSpec()):
        assert "columntransformer" not in spec.estimator(plain, 0).named_steps
