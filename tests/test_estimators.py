"""What holds for every contender that is no net; a new one is covered by itself."""

import pickle
import sys
import warnings
from itertools import product
from pathlib import Path
from typing import NoReturn, get_args

import joblib
import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import is_classifier, is_regressor
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.svm import LinearSVC

from tasks.data.examples import Form
from tasks.metrics import MetricName, Task
from tasks.models.baselines import estimators
from tasks.models.baselines.boosting import GradientBoostingSpec, HistGradientBoostingSpec, LightGBMSpec, XGBoostSpec
from tasks.models.baselines.classic import (
    DecisionTreeSpec,
    DummySpec,
    KNeighborsSpec,
    LinearSvmSpec,
    LogisticRegressionSpec,
    MultinomialNBSpec,
    RandomForestSpec,
    RbfSvmSpec,
    RidgeSpec,
)
from tasks.models.baselines.estimators import BaselineSpec
from tasks.models.baselines.pipelines import SelectKBestSpec, SklearnSpec
from tasks.specs import BakeoffError
from tests.builders import problem_of
from tests.learnable import CASES, IDS, SEED, SPECS, fit_predict, fitted, learnable, predicted

ALL = pytest.mark.parametrize(("spec", "task", "form"), CASES, ids=IDS)
EACH = pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.kind)
NO_NUMBERS = {"logistic_regression", "gaussian_nb", "multinomial_nb", "bernoulli_nb", "nb_svm"}
ONLY_WORDS = {"nb_svm"}
NO_CLASSES = {"ridge"}
NO_SPARSE = {"hist_gradient_boosting", "gaussian_nb"}
NO_PROBABILITIES = {"linear_svm", "rbf_svm"}
NEGATIVE = {"table", "series"}


def _some_task(spec: BaselineSpec) -> Task:
    return "regression" if spec.regressor else "multiclass"


def _some_form(spec: BaselineSpec) -> Form:
    return "words" if spec.kind in ONLY_WORDS else "pixels"


# What is refused


def _reason(kind: str, task: Task, form: Form, metric: MetricName) -> str | None:
    """Why a contender is refused, as far as it is."""
    reasons = {
        "predicts classes; for numbers choose ridge": kind in NO_NUMBERS and task == "regression",
        "predicts numbers; for classes choose logistic_regression": kind in NO_CLASSES and task != "regression",
        "takes no sparse rows, as texts are; add `select: {score_func: chi2": kind in NO_SPARSE and form == "words",
        "a table may hold negative values; choose gaussian_nb": kind == "multinomial_nb" and form in NEGATIVE,
        "is for words, and these data are no texts": kind in ONLY_WORDS and form != "words",
        "gives decision values and no probabilities": kind in NO_PROBABILITIES and metric == "log_loss",
    }
    return next((reason for reason, holds in reasons.items() if holds), None)


@EACH
def test_what_does_not_fit_is_refused_with_what_to_choose_and_all_else_is_taken(spec: BaselineSpec) -> None:
    for task, form in product(get_args(Task), get_args(Form)):
        metrics: list[MetricName] = ["mae"] if task == "regression" else ["accuracy", "log_loss", "roc_auc"]
        for metric in metrics:
            reason = _reason(spec.kind, task, form, metric)
            if reason is None:
                spec.check(problem_of(task, form), metric)
                continue
            with pytest.raises(BakeoffError) as refusal:
                spec.check(problem_of(task, form), metric)
            assert str(refusal.value).startswith(spec.kind)
            assert reason in str(refusal.value)


def test_what_takes_no_sparse_rows_takes_the_best_words_as_an_array() -> None:
    spec = HistGradientBoostingSpec(select=SelectKBestSpec(k=4))
    spec.check(problem_of("binary", "words"), "accuracy")
    _, y = learnable("binary", "words")
    assert (fit_predict(spec, "binary", "words").argmax(axis=1) == y[100:]).mean() > 0.8


def test_a_weighting_of_words_is_refused_where_there_are_none() -> None:
    LinearSvmSpec(weighting="tf_idf").check(problem_of("binary", "words"), "accuracy")
    for form in ("table", "pixels"):
        with pytest.raises(BakeoffError, match=r"weighting tf_idf is for words, and these data are no texts"):
            LinearSvmSpec(weighting="tf_idf").check(problem_of("binary", form), "accuracy")


@EACH
def test_an_argument_that_the_estimator_does_not_have_is_refused(spec: BaselineSpec) -> None:
    wrong = type(spec)(params={"xyzzy": 1})
    with pytest.raises(BakeoffError, match=r"^\w+ has no argument 'xyzzy'; it has \w+, "):
        wrong.estimator(problem_of(_some_task(spec), "pixels"), 0)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (GradientBoostingSpec(params={"n_estimator": 7}), r"Regressor has no argument .*; did you mean n_estimators\?"),
        (RandomForestSpec(params={"max_feature": 1}), r"Regressor has no argument .*; did you mean max_features\?"),
    ],
)
def test_the_nearest_argument_is_named(spec: BaselineSpec, message: str) -> None:
    with pytest.raises(BakeoffError, match=message):
        spec.estimator(problem_of("regression"), 0)


def test_what_a_library_says_of_a_value_is_for_the_user_to_mend() -> None:
    with pytest.raises(BakeoffError, match="'max_depth' parameter of DecisionTreeRegressor must be an int"):
        fit_predict(DecisionTreeSpec(params={"max_depth": "deep"}), "regression", "table")


# How it is built


@ALL
def test_the_estimator_suits_the_task(spec: BaselineSpec, task: Task, form: Form) -> None:
    estimator = spec.estimator(problem_of(task, form), 0)
    assert is_regressor(estimator) == (task == "regression")
    assert is_classifier(estimator) == (task != "regression")


@EACH
def test_what_is_drawn_at_random_is_drawn_from_the_seed_unless_params_say_otherwise(spec: BaselineSpec) -> None:
    arguments = spec.estimator(problem_of(_some_task(spec), "pixels"), 17).get_params()
    seeds = [value for name, value in arguments.items() if name.endswith("random_state")]
    assert set(seeds) <= {17}
    if seeds:
        own = type(spec)(params={"random_state": 5}).estimator(problem_of(_some_task(spec), "pixels"), 17).get_params()
        assert {value for name, value in own.items() if name.endswith("random_state")} == {5}


def test_many_kinds_draw_at_random() -> None:
    seeded = [
        spec
        for spec in SPECS
        if "random_state" in str(spec.estimator(problem_of(_some_task(spec), "pixels"), 17).get_params())
    ]
    assert len(seeded) >= 10


def test_params_reach_the_estimator() -> None:
    spec = HistGradientBoostingSpec(params={"max_iter": 7, "max_depth": None})
    arguments = spec.estimator(problem_of("binary"), 17)[-1].get_params()
    assert (arguments["max_iter"], arguments["max_depth"], arguments["random_state"]) == (7, None, 17)


def test_only_a_table_is_scaled_and_only_for_methods_that_depend_on_scales() -> None:
    scaled = {
        spec.kind
        for spec in SPECS
        if isinstance(spec, SklearnSpec)
        and "StandardScaler" in [type(step).__name__ for step in spec.estimator(problem_of(_some_task(spec)), 0)]
    }
    assert scaled == {
        "logistic_regression", "ridge", "linear_svm", "rbf_svm", "bernoulli_nb", "k_nearest_neighbors"
    }  # fmt: skip
    assert [type(step).__name__ for step in RidgeSpec().estimator(problem_of("regression", "pixels"), 0)] == ["Ridge"]


@pytest.mark.parametrize("form", ["table", "words"])
def test_the_steps_stand_in_the_order_weighting_selection_scaling(form: Form) -> None:
    spec = LinearSvmSpec(select=SelectKBestSpec(k=4, score_func="f_classif"))
    steps = [type(step).__name__ for step in spec.estimator(problem_of("binary", form), 0)]
    selection = ["SelectKBest", "DenseTransformer"]
    assert (
        steps
        == {
            "table": [*selection, "StandardScaler", "LinearSVC"],
            "words": ["Binarizer", *selection, "LinearSVC"],
        }[form]
    )


def test_words_are_weighted_as_scikit_learn_does_from_the_training_rows_alone() -> None:
    X, y = learnable("multiclass", "words")
    tf_idf = TfidfTransformer(sublinear_tf=True).fit(X[:100])
    weighted = {"multi_hot": X > 0, "counts": X, "tf_idf": tf_idf.transform(X)}
    decisions = {}
    for weighting, features in weighted.items():
        spec = LinearSvmSpec(weighting=weighting)
        model = spec.fit(X[:100], y[:100], problem_of("multiclass", "words"), SEED).model
        reference = LinearSVC(random_state=SEED).fit(features[:100].astype(np.float32), y[:100])
        decisions[weighting] = model.decision_function(X[100:])
        np.testing.assert_allclose(
            decisions[weighting], reference.decision_function(features[100:].astype(np.float32)), rtol=1e-5
        )
    assert not np.allclose(decisions["multi_hot"], decisions["counts"])
    assert not np.allclose(decisions["multi_hot"], decisions["tf_idf"])


# What it learns


@ALL
def test_every_method_learns_what_dummy_cannot(spec: BaselineSpec, task: Task, form: Form) -> None:
    _, y = learnable(task, form)
    mine, floor = (predicted(each, task, form) for each in (spec, DummySpec()))
    if task == "regression":
        mistakes, at_the_floor = (np.abs(prediction - y[100:]).mean() for prediction in (mine, floor))
    else:
        mistakes, at_the_floor = ((prediction.argmax(axis=1) != y[100:]).mean() for prediction in (mine, floor))
    assert at_the_floor > 0.3
    assert mistakes == at_the_floor if spec.family == "floor" else mistakes < 0.6 * at_the_floor


@ALL
def test_a_prediction_is_finite_and_of_classes_a_row_of_probabilities(
    spec: BaselineSpec, task: Task, form: Form
) -> None:
    prediction = predicted(spec, task, form)
    assert prediction.dtype == np.float64
    assert prediction.shape == ((50,) if task == "regression" else (50, problem_of(task).n_outputs))
    assert np.isfinite(prediction).all()
    if task != "regression":
        assert prediction.min() >= 0
        np.testing.assert_allclose(prediction.sum(axis=1), 1, rtol=1e-12)


@ALL
def test_the_same_seed_gives_the_same_bits(spec: BaselineSpec, task: Task, form: Form) -> None:
    assert_array_equal(fit_predict(spec, task, form), predicted(spec, task, form))


@pytest.mark.parametrize(
    "spec",
    [spec for spec in SPECS if isinstance(spec, SklearnSpec) and spec.classifier],
    ids=lambda spec: spec.kind,
)
def test_a_class_that_was_never_seen_gets_probability_0_in_its_own_column(spec: SklearnSpec) -> None:
    X, y = learnable("binary", _some_form(spec))
    problem = problem_of("multiclass", _some_form(spec))
    model = spec.fit(X, 2 * y + 1, problem, SEED).model
    five = problem.model_copy(update={"classes": tuple("abcde")})
    probabilities = spec.predict(model, X, five)
    assert probabilities.shape == (len(y), 5)
    assert not probabilities[:, [0, 2, 4]].any()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    if spec.family != "floor":
        assert (probabilities.argmax(axis=1) == 2 * y + 1).mean() > 0.8


# What it says


@pytest.mark.parametrize(
    "spec",
    [
        LogisticRegressionSpec(params={"max_iter": 2}),
        LinearSvmSpec(params={"max_iter": 2, "dual": True, "C": 100}),
        RbfSvmSpec(params={"max_iter": 2}),
    ],
    ids=lambda spec: spec.kind,
)
def test_what_has_not_converged_says_so_and_what_to_raise(spec: BaselineSpec) -> None:
    X, y = learnable("multiclass", "table")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        notes = spec.fit(X, y, problem_of("multiclass"), SEED).warnings
    assert notes == ("did not converge in 2 iterations; raise params.max_iter",)


@ALL
def test_small_data_give_no_warnings_with_the_defaults(spec: BaselineSpec, task: Task, form: Form) -> None:
    assert fitted(spec.kind, task, form).warnings == ()


def test_other_warnings_go_on_as_they_came() -> None:
    spec = MultinomialNBSpec(select=SelectKBestSpec(k=99))
    with pytest.warns(UserWarning, match="k=99 is greater than n_features=8"):
        assert fit_predict(spec, "binary", "pixels").shape == (50, 2)


# How it is kept


def _refuse(*_: object, **__: object) -> NoReturn:
    raise AssertionError("something is unpickled")


@pytest.mark.parametrize(("spec", "task", "form"), [case for case in CASES if case[2] != "pixels"])
def test_a_saved_model_predicts_the_same_bits_and_nothing_is_unpickled(
    spec: BaselineSpec, task: Task, form: Form, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    X, _ = learnable(task, form)
    model = fitted(spec.kind, task, form).model
    path = tmp_path / f"model{spec.suffix}"
    spec.save(model, path)
    for owner, name in ((pickle, "load"), (pickle, "loads"), (pickle, "Unpickler"), (joblib, "load")):
        monkeypatch.setattr(owner, name, _refuse)
    loaded = spec.load(path)
    fresh, kept = (spec.predict(each, X[100:], problem_of(task, form)) for each in (model, loaded))
    assert loaded is not model
    assert_array_equal(kept, fresh)
    assert path.read_bytes().startswith({".skops": b"PK", ".ubj": b"{", ".txt": b"tree\n"}[spec.suffix])


def test_weighting_and_selection_are_kept_with_the_model(tmp_path: Path) -> None:
    X, y = learnable("binary", "words")
    spec = KNeighborsSpec(weighting="tf_idf", select=SelectKBestSpec(k=5))
    model = spec.fit(X, y, problem_of("binary", "words"), SEED).model
    spec.save(model, tmp_path / "model.skops")
    loaded = spec.load(tmp_path / "model.skops")
    assert_array_equal(spec.predict(loaded, X, problem_of("binary")), spec.predict(model, X, problem_of("binary")))


def test_a_setting_that_no_safe_format_holds_is_refused_when_it_is_saved(tmp_path: Path) -> None:
    spec = HistGradientBoostingSpec(params={"early_stopping": True, "scoring": "neg_mean_absolute_error"})
    model = spec.fit(*learnable("regression", "table"), problem_of("regression"), SEED).model
    with pytest.raises(BakeoffError, match="skops cannot save hist_gradient_boosting; leave `scoring` at its default"):
        spec.save(model, tmp_path / "model.skops")


def test_a_type_that_is_not_trusted_is_refused_when_it_is_saved_and_not_only_when_it_is_loaded(tmp_path: Path) -> None:
    spec = KNeighborsSpec(params={"metric": "chebyshev", "algorithm": "kd_tree"})
    model = spec.fit(*learnable("regression", "table"), problem_of("regression"), SEED).model
    with pytest.raises(
        BakeoffError, match=r"k_nearest_neighbors cannot be kept without pickle: \S*ChebyshevDistance64"
    ):
        spec.save(model, tmp_path / "model.skops")


# The libraries


@pytest.mark.parametrize("spec", [LightGBMSpec(), XGBoostSpec()], ids=lambda spec: spec.kind)
def test_a_library_that_is_not_installed_is_named_with_its_extra(
    spec: BaselineSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, spec.kind, None)
    with pytest.raises(BakeoffError, match=rf"{spec.kind} is not installed; `pip install -e '\.\[boosting\]'`"):
        spec.estimator(problem_of("regression"), 0)


def test_a_library_that_finds_no_openmp_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(name: str) -> NoReturn:
        raise OSError("libgomp.so.1: cannot open shared object file")

    monkeypatch.setattr(estimators.importlib, "import_module", fail)
    with pytest.raises(
        BakeoffError, match=r"lightgbm cannot be loaded.*libgomp1 \(Debian\) or libomp \(macOS\).*libgomp\.so\.1"
    ):
        LightGBMSpec().estimator(problem_of("regression"), 0)
