"""The leak audit: it sees a leak that is planted, and nothing where there is none."""

from collections.abc import Callable
from typing import get_args

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from tasks.data.folds.splitting import Folds, GroupKFoldSpec, HoldOutSpec, KFoldSpec, split
from tasks.data.vectorization import DesignMatrix
from tasks.evaluation.cross_validation import evaluate
from tasks.insight.leak_audit import (
    LEAKS,
    Finding,
    LeakKind,
    LeakyMatrix,
    Suspect,
    entered_honestly,
    evaluate_leaky,
    fitted_before,
    folds_for,
    suspects,
    weigh_leaks,
    without_impossible,
)
from tasks.metrics import MetricName
from tasks.models.baselines.boosting import LightGBMSpec
from tasks.models.baselines.classic import LinearSvmSpec, LogisticRegressionSpec, RidgeSpec
from tasks.models.baselines.pipelines import SelectKBestSpec
from tasks.models.contenders import Baseline, Contender
from tasks.models.nets.networks import DenseSpec
from tasks.models.nets.optimizers import AdamSpec
from tasks.specs import BakeoffError
from tests.builders import arrays_of, grouped_arrays, made_arrays, mixed_arrays, text_arrays

VALIDATION = KFoldSpec(n_splits=5, n_repeats=2)


def audited(contender: Contender, leak: LeakKind, arrays: DesignMatrix, metric: MetricName = "accuracy") -> Finding:
    folds = split(arrays, VALIDATION)
    suspect = Suspect(name="x", contender=contender, leak=leak)
    honest = evaluate("x", *entered_honestly(suspect, arrays, folds), metric)
    leaky = evaluate_leaky(suspect, arrays, folds, metric)
    (finding,) = weigh_leaks([suspect], [honest], [leaky], arrays, VALIDATION, metric)
    return finding


def chance(rows: int = 60, features: int = 400) -> DesignMatrix:
    """Rows of which nothing can be learned."""
    X = np.random.default_rng(0).normal(size=(rows, features))
    return arrays_of("binary", (np.arange(rows) % 2).tolist(), X)


def test_the_audit_sees_a_planted_leak() -> None:
    select = SelectKBestSpec(score_func="f_classif", k=10)
    found = audited(LogisticRegressionSpec(select=select), "selection", chance())
    assert found.honest == pytest.approx(0.5, abs=0.15)
    assert found.leaky > 0.8
    assert found.verdict.p_value < 0.001
    assert found.verdict.interval[0] > 0.1


@pytest.mark.variants
def test_the_epoch_that_the_rows_held_out_choose_never_looks_worse_on_them() -> None:
    arrays = chance(60, 5)
    folds = split(arrays, KFoldSpec(n_splits=3))
    net = DenseSpec(units=(8,), epochs=30, optimizer=AdamSpec(learning_rate=0.03))
    suspect = Suspect(name="x", contender=net, leak="best_epoch")
    honest = evaluate("x", *entered_honestly(suspect, arrays, folds), "log_loss").scores
    gains = np.subtract(honest, evaluate_leaky(suspect, arrays, folds, "log_loss"))
    assert gains.min() > -1e-5
    assert gains.max() > 0.01


def test_a_net_with_the_mean_and_deviation_of_all_rows_is_another_net() -> None:
    arrays = made_arrays("regression", rows=40, n_test=0)
    X, y = arrays.training()
    X = X.copy()
    X[0] *= 1e3  # where it is held out, an honest net knows nothing of its size
    found = audited(DenseSpec(units=(4,), epochs=3), "normalization", arrays_of("regression", y.tolist(), X), "mae")
    assert found.leaky != found.honest


@pytest.mark.parametrize("leak", get_args(LeakKind))
def test_a_net_prepares_features_by_all_rows_only_where_that_is_the_leak(leak: LeakKind) -> None:
    leaky, rows = LeakyMatrix(**dict(mixed_numbers()), leak=leak), np.arange(5)
    everything = leak in ("normalization", "encoding")
    np.testing.assert_array_equal(leaky.prepared_on(rows), np.arange(120) if everything else rows)


@pytest.mark.parametrize("leak", ["normalization", "selection"])
def test_but_for_its_leak_the_leaky_way_is_the_honest_one(leak: LeakKind) -> None:
    arrays = chance(40, 30)
    X, y = arrays.training()
    honest = LogisticRegressionSpec(select=SelectKBestSpec(score_func="f_classif", k=5))
    leaky = fitted_before(honest, leak, arrays)
    own, theirs = (each.predict(each.fit(X, y, arrays, 0).model, X, arrays) for each in (honest, leaky))
    np.testing.assert_array_equal(own, theirs)


def mixed_numbers() -> DesignMatrix:
    """A table with categories and missing values."""
    return mixed_arrays("regression", 120, 0)


def texts_with_rare_words() -> DesignMatrix:
    """Texts of which each has two of many words, so that a small vocabulary is another on other rows."""
    generator = np.random.default_rng(0)
    counts = np.zeros((80, 60), np.float32)
    for row in range(80):
        counts[row, generator.integers(0, 60, 2)] = 1
    arrays = text_arrays(csr_matrix(counts), np.arange(80) % 2)
    return arrays.model_copy(update={"terms": 60, "shape": (20,)})


def test_a_vocabulary_of_all_rows_is_the_same_on_all_folds_and_an_honest_one_is_not() -> None:
    arrays = texts_with_rare_words()
    X, y = arrays.training()
    leaky = LeakyMatrix(**dict(arrays), leak="vocabulary")
    parts = [np.arange(0, len(y) // 2), np.arange(len(y) // 2, len(y))]
    assert len({leaky.in_vocabulary_of(X, rows).toarray().tobytes() for rows in parts}) == 1
    assert len({arrays.in_vocabulary_of(X, rows).toarray().tobytes() for rows in parts}) == 2
    assert audited(LogisticRegressionSpec(), "vocabulary", arrays).verdict.first == "leaky"


@pytest.mark.parametrize(
    ("contender", "made", "leak"),
    [
        (RidgeSpec(), mixed_numbers, "encoding"),
        (LinearSvmSpec(weighting="tf_idf"), text_arrays, "weighting"),
        (LinearSvmSpec(weighting="tf_idf"), texts_with_rare_words, "weighting"),
    ],
    ids=["table", "words", "own words"],
)
def test_each_leak_can_be_built(contender: Contender, made: Callable[[], DesignMatrix], leak: LeakKind) -> None:
    arrays = made()
    found = audited(contender, leak, arrays, "mae" if arrays.task == "regression" else "accuracy")
    assert np.isfinite([found.honest, found.leaky]).all()


def test_what_is_audited_is_what_a_contender_fits_beside_its_model() -> None:
    contenders: dict[str, Contender] = {"net": DenseSpec(), "ridge": RidgeSpec(), "trees": LightGBMSpec()}
    found = suspects(contenders, made_arrays("regression"))
    assert [(each.name, each.leak) for each in found] == [
        ("net", "normalization"),
        ("ridge", "normalization"),
        ("ridge", "selection"),
        ("net", "best_epoch"),
    ]
    with pytest.raises(BakeoffError, match="nothing to audit"):
        suspects({"trees": LightGBMSpec()}, made_arrays("regression"))
    assert set(LEAKS) == set(get_args(LeakKind))


def test_a_leak_is_out_of_reach_of_an_experiment() -> None:
    arrays = made_arrays("regression")
    leaky = fitted_before(RidgeSpec(), "normalization", arrays)
    assert type(leaky) not in get_args(Baseline)
    assert leaky.model_dump() == RidgeSpec().model_dump()
    assert RidgeSpec.model_validate(leaky.model_dump()).estimator(arrays, 0)[0].__class__.__name__ == "StandardScaler"


def test_where_there_is_a_hold_out_an_audit_has_folds_of_its_own() -> None:
    assert folds_for(HoldOutSpec(validation_rows=5, seed=3)) == KFoldSpec(n_splits=5, seed=3)
    assert folds_for(VALIDATION) is VALIDATION
    assert isinstance(split(made_arrays("binary"), folds_for(HoldOutSpec(validation_rows=5))), Folds)


def grouped_by_two() -> tuple[DesignMatrix, Folds]:
    arrays = grouped_arrays("binary", (np.arange(20) % 2).tolist(), (np.arange(20) // 10).tolist())
    return arrays, split(arrays, GroupKFoldSpec(n_splits=2))


def eight_classes() -> tuple[DesignMatrix, Folds]:
    arrays = arrays_of("multiclass", (np.arange(32) % 8).tolist())
    return arrays, split(arrays, KFoldSpec(n_splits=4))


@pytest.mark.parametrize("made", [grouped_by_two, eight_classes])
def test_a_best_epoch_that_no_rows_can_be_set_aside_for_is_left_out_and_said_to_be(
    made: Callable[[], tuple[DesignMatrix, Folds]],
) -> None:
    arrays, folds = made()
    suspected = [
        Suspect(name="net", contender=DenseSpec(), leak="normalization"),
        Suspect(name="net", contender=DenseSpec(), leak="best_epoch"),
    ]
    left, remarks = without_impossible(suspected, arrays, folds)
    assert left == suspected[:1]
    assert remarks[0].startswith(
        "Not audited is the best epoch by the rows held out: a fold has too few rows or groups"
    )
    assert without_impossible(suspected[:1], arrays, folds) == (suspected[:1], ())
    with pytest.raises(BakeoffError, match="Not audited is the best epoch"):
        without_impossible(suspected[1:], arrays, folds)


def test_where_rows_can_be_set_aside_the_best_epoch_is_audited() -> None:
    arrays = chance(40, 3)
    suspected = [Suspect(name="net", contender=DenseSpec(), leak="best_epoch")]
    assert without_impossible(suspected, arrays, split(arrays, KFoldSpec(n_splits=4))) == (suspected, ())
