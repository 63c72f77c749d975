"""XGBoost and LightGBM, where they differ from scikit-learn's estimators."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from pydantic import ValidationError

from tasks.models.baselines.boosting import GradientBoostingSpec, LightGBMSpec, XGBoostSpec
from tasks.specs import BakeoffError
from tests.builders import problem_of
from tests.learnable import SEED, fit_predict, learnable

LIBRARIES = pytest.mark.parametrize("spec", [XGBoostSpec, LightGBMSpec], ids=["xgboost", "lightgbm"])


def test_the_same_seed_gives_the_same_trees_and_another_seed_others() -> None:
    for spec in (
        GradientBoostingSpec(params={"subsample": 0.5, "n_estimators": 5}),
        XGBoostSpec(params={"subsample": 0.5, "n_estimators": 5}),
        LightGBMSpec(params={"subsample": 0.5, "subsample_freq": 1, "n_estimators": 5}),
    ):
        one, same, other = (fit_predict(spec, "regression", "table", seed) for seed in (1, 1, 2))
        assert_array_equal(one, same)
        assert (one != other).any()


@LIBRARIES
def test_the_booster_predicts_as_the_librarys_own_estimator(spec: type[XGBoostSpec | LightGBMSpec]) -> None:
    for task in ("regression", "binary", "multiclass"):
        X, y = learnable(task, "words")
        estimator = spec().estimator(problem_of(task, "words"), SEED).fit(X[:100], y[:100])
        expected = (estimator.predict if task == "regression" else estimator.predict_proba)(X[100:])
        assert_allclose(fit_predict(spec(), task, "words"), expected, rtol=1e-5, atol=1e-7)


def test_lightgbm_takes_its_listed_names_and_refuses_aliases() -> None:
    known = (
        LightGBMSpec(params={"max_bin": 63, "deterministic": False})
        .estimator(problem_of("binary", "words"), 0)
        .get_params()
    )
    assert (known["max_bin"], known["deterministic"], known["force_col_wise"]) == (63, False, True)
    with pytest.raises(BakeoffError, match=r"LGBMClassifier has no argument 'num_leaf'; did you mean num_leaves\?"):
        LightGBMSpec(params={"num_leaf": 7}).estimator(problem_of("binary", "words"), 0)
    with pytest.raises(BakeoffError, match=r"LGBMClassifier has no argument 'bagging_fraction'"):
        LightGBMSpec(params={"bagging_fraction": 0.5}).estimator(problem_of("binary", "words"), 0)


@LIBRARIES
def test_a_fit_has_one_thread_unless_params_say_otherwise(
    spec: type[XGBoostSpec | LightGBMSpec], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []

    def watch(self: XGBoostSpec | LightGBMSpec, estimator: object, *_: object) -> None:
        seen.append(estimator.get_params()["n_jobs"])  # type: ignore[attr-defined]

    monkeypatch.setattr(spec, "_booster", watch)
    X, y = learnable("regression", "table")
    for entered in (spec(), spec(params={"n_jobs": 3})):
        entered.fit(X, y, problem_of("regression"), SEED)
    assert seen == [1, 3]


@LIBRARIES
def test_a_class_without_training_rows_is_refused(spec: type[XGBoostSpec | LightGBMSpec]) -> None:
    X, y = learnable("binary", "table")
    with pytest.raises(BakeoffError, match="needs a training row of every class"):
        spec().fit(X, 2 * y, problem_of("multiclass"), SEED)


@LIBRARIES
def test_an_objective_that_gives_no_probabilities_is_refused(spec: type[XGBoostSpec | LightGBMSpec]) -> None:
    objective = {"xgboost": "binary:hinge", "lightgbm": "regression"}[spec().kind]
    with pytest.raises(BakeoffError, match=f"gives no probabilities with objective {objective}; leave it out"):
        spec(params={"objective": objective}).check(problem_of("binary", "table", (3,)), "accuracy")
    spec(params={"objective": spec.probability_objectives[0]}).check(problem_of("binary", "table", (3,)), "accuracy")


@LIBRARIES
def test_a_file_that_holds_no_pipeline_leaves_no_room_for_words_to_be_weighted(
    spec: type[XGBoostSpec | LightGBMSpec],
) -> None:
    for field in ({"weighting": "tf_idf"}, {"select": {"k": 3}}):
        with pytest.raises(ValidationError, match="extra_forbidden"):
            spec.model_validate({"kind": spec().kind} | field)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (XGBoostSpec(params={"tree_method": "magic"}), "Invalid Input: 'magic', valid values are"),
        (LightGBMSpec(params={"boosting_type": "magic"}), "Unknown boosting type magic"),
    ],
    ids=["xgboost", "lightgbm"],
)
def test_what_a_library_says_of_a_value_is_for_the_user_to_mend_and_not_printed(
    spec: XGBoostSpec | LightGBMSpec, message: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(BakeoffError, match=message):
        fit_predict(spec, "regression", "table")
    assert capfd.readouterr().out == ""


def test_a_missing_value_is_what_params_say() -> None:
    X, y = learnable("regression", "table")
    X[::3, 0] = np.nan
    expected, coded = (
        spec.predict(spec.fit(rows, y, problem_of("regression"), SEED).model, rows, problem_of("regression"))
        for spec, rows in (
            (XGBoostSpec(), X),
            (XGBoostSpec(params={"missing": -999.0}), np.where(np.isnan(X), -999.0, X)),
        )
    )
    assert_array_equal(coded, expected)
