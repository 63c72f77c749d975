"""Series in a few numbers each, for the methods that know of no order."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from tasks.data.examples import Problem
from tasks.models.baselines.boosting import HistGradientBoostingSpec, LightGBMSpec
from tasks.models.baselines.classic import LogisticRegressionSpec
from tasks.models.baselines.estimators import PART, SUMMARIES, BaselineSpec, as_table, summarize, without_order
from tests.builders import hats, problem_of

VALUES = st.floats(-1e3, 1e3) | st.just(np.nan)


def one_by_one(series: NDArray[np.float64]) -> dict[str, float]:
    """The summaries of one series, as their names say it."""
    steps = np.flatnonzero(~np.isnan(series))
    known, nothing = series[steps], np.nan
    if not len(known):
        return dict.fromkeys(SUMMARIES, nothing) | {"count": 0}
    return {
        "count": len(known),
        "mean": np.mean(known),
        "standard_deviation": np.std(known),
        "minimum": np.min(known),
        "maximum": np.max(known),
        "median": np.median(known),
        "first": known[0],
        "last": known[-1],
        "slope": np.polyfit(steps, known, 1)[0] if len(known) > 1 else nothing,
        "mean_abs_change": np.mean(np.abs(np.diff(known))) if len(known) > 1 else nothing,
    }


@given(arrays(np.float64, st.tuples(st.integers(1, 4), st.integers(1, 9)), elements=VALUES))
def test_summaries_are_what_their_names_say_whatever_is_missing(series: NDArray[np.float64]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = summarize(series)
    expected = [[one_by_one(each)[name] for name in SUMMARIES] for each in series]
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6)


def test_each_feature_has_its_own_summaries_one_after_the_other() -> None:
    X = np.arange(12, dtype=np.float32).reshape(2, 6)  # two series of 3 steps and 2 features
    table, problem = without_order(X, problem_of("binary", "series", (3, 2)))
    assert table.dtype == np.float64
    assert table.shape == (2, 2 * len(SUMMARIES)) == (2, *problem.shape)
    np.testing.assert_array_equal(table[:, SUMMARIES.index("first")], [0, 6])
    np.testing.assert_array_equal(table[:, len(SUMMARIES) + SUMMARIES.index("last")], [5, 11])


def test_a_series_has_the_same_summaries_whatever_else_there_is() -> None:
    X = np.random.default_rng(0).normal(size=(3, 6)).astype(np.float32)
    problem = problem_of("binary", "series", (3, 2))
    together, _ = without_order(np.tile(X, (PART // 18 + 1, 1)), problem)
    alone = np.concatenate([without_order(row[None], problem)[0] for row in X])
    np.testing.assert_array_equal(together[-3:], alone)


def test_series_are_a_table_with_missing_values_and_all_else_is_itself() -> None:
    table = as_table(problem_of("multiclass", "series", (5, 3)))
    assert (table.form, table.shape, table.classes) == ("table", (30,), ("a", "b", "c"))
    assert table.levels == (0,) * 30
    assert as_table(Problem(task="regression", form="series", shape=())).form == "table"  # before they are read
    words = problem_of("binary", "words")
    assert as_table(words) is words


@pytest.mark.parametrize(
    "spec",
    [HistGradientBoostingSpec(), LightGBMSpec(params={"n_estimators": 50}), LogisticRegressionSpec()],
    ids=lambda spec: spec.kind,
)
def test_no_method_on_summaries_learns_what_lies_in_the_order_of_the_values_alone(spec: BaselineSpec) -> None:
    X, y = hats(1000)
    problem = problem_of("binary", "series", (16, 1))
    model = spec.fit(X[:600], y[:600], problem, seed=0).model
    accuracy = (spec.predict(model, X[600:], problem).argmax(axis=1) == y[600:]).mean()
    assert abs(accuracy - 0.5) < 0.1


def test_boosting_learns_from_summaries_what_lies_in_them_and_takes_a_feature_that_is_never_known() -> None:
    X, y = np.random.default_rng(0).normal(size=(200, 5, 2)).astype(np.float32), np.arange(200) % 2
    X[:, :, 0] += np.outer(y, np.arange(5))
    X[:, :, 1] = np.nan
    problem = problem_of("binary", "series", (5, 2))
    rows = X.reshape(200, -1)
    for spec in (HistGradientBoostingSpec(), LogisticRegressionSpec()):
        model = spec.fit(rows[:120], y[:120], problem, seed=0).model
        assert (spec.predict(model, rows[120:], problem).argmax(axis=1) == y[120:]).mean() > 0.9
