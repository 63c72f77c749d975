"""XGBoost and LightGBM, where they differ from scikit-learn's estimators."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from pydantic import ValidationError

from tasks.data.examples import Problem
from tasks.models.baselines.boosting import GradientBoostingSpec, HistGradientBoostingSpec, LightGBMSpec, XGBoostSpec
from tasks.models.baselines.estimators import BaselineSpec
from tasks.models.baselines.pipelines import SklearnSpec
from tasks.models.search import Range, TuningSpec
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
        estimator = spec().estimator(problem_of(task, "words"), SEED, 100).fit(X[:100], y[:100])
        expected = (estimator.predict if task == "regression" else estimator.predict_proba)(X[100:])
        assert_allclose(fit_predict(spec(), task, "words"), expected, rtol=1e-5, atol=1e-7)


def arguments(spec: BaselineSpec, rows: int = 1000) -> dict[str, object]:
    """What the estimator of two classes is given, with so many rows to learn from."""
    estimator = spec.estimator(problem_of("binary", "pixels"), 0, rows)
    return (estimator[-1] if isinstance(spec, SklearnSpec) else estimator).get_params()


@pytest.mark.parametrize(
    ("spec", "given"),
    [
        (LightGBMSpec(params={"max_bin": 63}), {"max_bin": 63, "deterministic": True, "force_col_wise": True}),
        (LightGBMSpec(params={"deterministic": False}), {"deterministic": False}),
        (
            LightGBMSpec(params={"cat_smooth": 3.0, "min_data_per_group": 5}),
            {"cat_smooth": 3.0, "min_data_per_group": 5},
        ),
        (LightGBMSpec(params={"min_data": 3, "verbose": 1}), {"min_child_samples": 3, "verbosity": 1}),
        (LightGBMSpec(params={"num_threads": 2, "bagging": 0.5}), {"n_jobs": 2, "subsample": 0.5}),
        (XGBoostSpec(params={"eta": 0.2, "nthread": 2, "seed": 5}), {"learning_rate": 0.2, "n_jobs": 2}),
        (XGBoostSpec(params={"refresh_leaf": 0, "lambda": 2.0}), {"refresh_leaf": 0, "reg_lambda": 2.0}),
        (XGBoostSpec(params={"booster": "dart", "rate_drop": 0.1}), {"booster": "dart", "rate_drop": 0.1}),
    ],
    ids=lambda value: ",".join(getattr(value, "params", value)),
)
def test_params_may_name_what_the_library_lists_by_all_its_names(spec: BaselineSpec, given: dict[str, object]) -> None:
    told = arguments(spec, rows=40)
    assert {name: told[name] for name in given} == given
    assert not {*spec.params} - {*given} & {*told}  # nothing is said twice


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (LightGBMSpec(params={"min_data_per_grup": 7}), r"'min_data_per_grup'; did you mean min_data_per_group\?"),
        (LightGBMSpec(params={"application": "binary"}), "LGBMClassifier has no argument 'application'"),
        (XGBoostSpec(params={"refresh_leav": 0}), r"'refresh_leav'; did you mean refresh_leaf\?"),
        (XGBoostSpec(params={"rate_drop": 0.1}), "XGBClassifier has no argument 'rate_drop'"),
        (XGBoostSpec(params={"eta": 0.1, "learning_rate": 0.2}), "another name of what params say already"),
        (LightGBMSpec(params={"min_data": 1, "min_child_samples": 2}), "params say already; keep min_child_samples"),
        (
            LightGBMSpec(search={"params.cat_smoth": Range(low=1.0, high=9.0)}, tuning=TuningSpec(trials=2)),
            r"'cat_smoth'; did you mean cat_smooth\?",
        ),
    ],
)
def test_what_a_library_does_not_list_or_is_said_twice_is_refused(spec: BaselineSpec, message: str) -> None:
    with pytest.raises(BakeoffError, match=message):
        spec.check_settings(problem_of("binary"))


def test_a_search_may_name_what_the_library_lists() -> None:
    space = {"params.cat_smooth": Range(low=1.0, high=9.0)}
    LightGBMSpec(search=space, tuning=TuningSpec(trials=2)).check_settings(problem_of("binary"))


# How few rows there are


def leaves(spec: BaselineSpec, rows: int) -> dict[str, object]:
    names = ("min_samples_leaf", "min_child_samples", "min_data_per_group", "cat_smooth")
    return {name: value for name, value in arguments(spec, rows).items() if name in names}


def test_leaves_and_groups_are_as_large_as_rows_allow_unless_params_say_otherwise() -> None:
    assert [leaves(HistGradientBoostingSpec(), rows)["min_samples_leaf"] for rows in (3, 40, 80)] == [1, 10, 20]
    assert [[*leaves(LightGBMSpec(), rows).values()] for rows in (3, 80, 200, 400, 2000)] == [
        [1, 1, 1], [20, 20, 2], [20, 50, 5], [20, 100, 10], [20, 100, 10]
    ]  # fmt: skip
    assert [*leaves(LightGBMSpec(params={"min_data": 9, "cat_smooth": 3}), 40).values()] == [9, 10, 3]
    assert leaves(HistGradientBoostingSpec(params={"min_samples_leaf": 9}), 40) == {"min_samples_leaf": 9}


@pytest.mark.parametrize("spec", [HistGradientBoostingSpec(), LightGBMSpec()], ids=lambda spec: spec.kind)
def test_on_many_rows_the_defaults_are_the_librarys(spec: BaselineSpec) -> None:
    X = np.random.default_rng(0).integers(0, 30, size=(400, 2)).astype(np.float64)
    y = np.sin(X[:, 0]) * X[:, 1]
    listed = {"min_data": 20, "min_data_per_group": 100, "cat_smooth": 10}
    own = {"min_samples_leaf": 20} if isinstance(spec, SklearnSpec) else listed
    problem = problem_of("regression", "table", (2,)).model_copy(update={"levels": (30, 0)})
    said, unsaid = (each.fit(X, y, problem, SEED).model for each in (type(spec)(params=own), spec))
    assert_array_equal(spec.predict(unsaid, X, problem), spec.predict(said, X, problem))


@pytest.mark.parametrize("spec", [HistGradientBoostingSpec(), LightGBMSpec()], ids=lambda spec: spec.kind)
def test_forty_rows_are_enough_to_split(spec: BaselineSpec) -> None:
    X = np.random.default_rng(0).normal(size=(40, 2))
    problem = problem_of("regression", "table", (2,))
    predictions = spec.predict(spec.fit(X, X[:, 0], problem, SEED).model, X, problem)
    assert np.corrcoef(predictions, X[:, 0])[0, 1] > 0.9


def woods(rows: int = 240) -> tuple[np.ndarray, np.ndarray, Problem]:
    """Boards of six woods: whether one warps follows from its wood, whose numbers have no order, but for one in ten."""
    generator = np.random.default_rng(0)
    X = np.column_stack([generator.normal(size=rows), generator.integers(0, 6, rows)])
    y = (X[:, 1] % 2 == 0) ^ (generator.random(rows) < 0.1)
    return X, y.astype(np.int64), problem_of("binary", "table", (2,)).model_copy(update={"levels": (0, 6)})


def test_no_library_is_blind_to_categories_of_a_few_rows_each() -> None:
    X, y, problem = woods()
    right = dict[str, float]()
    for spec in (HistGradientBoostingSpec(), XGBoostSpec(), LightGBMSpec()):
        model = spec.fit(X[:160], y[:160], problem, SEED).model
        right[spec.kind] = (spec.predict(model, X[160:], problem).argmax(axis=1) == y[160:]).mean()
    assert min(right.values()) > max(right.values()) - 0.06 > 0.75


def test_an_alias_of_a_default_brings_no_warning_of_lightgbm(caplog: pytest.LogCaptureFixture) -> None:
    X, y, problem = woods(80)
    with caplog.at_level("INFO", "lightgbm"):
        LightGBMSpec(params={"min_data": 5, "verbosity": 1}).fit(X, y, problem, SEED)
    assert "Total Bins" in caplog.text
    assert "min_data" not in caplog.text


# How it is fitted


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
