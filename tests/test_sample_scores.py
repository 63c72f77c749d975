"""Scores by counts of rows are those of scikit-learn on the rows themselves."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.metrics import METRICS, MetricName, scorer

CLASSIFICATION: list[MetricName] = [name for name, metric in METRICS.items() if metric.classification]
REGRESSION: list[MetricName] = [name for name, metric in METRICS.items() if not metric.classification]


def _score(metric: MetricName, y: np.ndarray, prediction: np.ndarray, counts: np.ndarray) -> float:
    rows = np.repeat(np.arange(len(y)), counts)
    return METRICS[metric].score(y[rows], prediction[rows])


@settings(max_examples=40)
@given(st.sampled_from(CLASSIFICATION), st.integers(2, 4), st.integers(0, 2**32 - 1))
def test_classifiers_are_scored_as_on_the_rows(metric: MetricName, n_classes: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    y = np.concatenate([np.arange(n_classes), rng.integers(0, n_classes, 20)])
    coarse = rng.integers(1, 5, (3, len(y), n_classes)).astype(float)  # so that ranks tie
    models = coarse / coarse.sum(axis=2, keepdims=True)
    counts = rng.integers(0, 3, (4, len(y)))
    counts[:, :n_classes] += 1
    expected = [[_score(metric, y, model, each) for model in models] for each in counts]
    np.testing.assert_allclose(scorer(y, list(models), metric)(counts), expected)


@given(st.sampled_from(REGRESSION), st.integers(0, 2**32 - 1))
def test_regressions_are_scored_as_on_the_rows(metric: MetricName, seed: int) -> None:
    rng = np.random.default_rng(seed)
    y = 1000 + rng.normal(size=20)
    models = y + rng.normal(size=(3, 20))
    counts = rng.integers(0, 3, (4, 20))
    expected = [[_score(metric, y, model, each) for model in models] for each in counts]
    np.testing.assert_allclose(scorer(y, list(models), metric)(counts), expected)


@pytest.mark.parametrize("metric", REGRESSION)
def test_targets_that_are_all_the_same_are_scored_as_scikit_learn_does(metric: MetricName) -> None:
    y = np.array([0.5, 0.5, 0.5, 7.0])
    models = [np.array([0.5, 0.5, 0.5, 3.0]), np.array([0.5, 0.25, 0.5, 3.0])]
    counts = np.array([[1, 2, 3, 0]])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = scorer(y, models, metric)(counts)
    np.testing.assert_allclose(found, [[_score(metric, y, model, counts[0]) for model in models]])


@pytest.mark.parametrize("metric", ["macro_f1", "roc_auc"])
def test_a_class_that_a_sample_lacks_is_put_in_once(metric: MetricName) -> None:
    y = np.array([0, 0, 0, 1, 1])
    model = np.array([[0.9, 0.1], [0.6, 0.4], [0.3, 0.7], [0.4, 0.6], [0.2, 0.8]])
    score = scorer(y, [model], metric)
    np.testing.assert_array_equal(score(np.array([[2, 1, 1, 0, 0]])), score(np.array([[2, 1, 1, 1, 1]])))


def test_a_class_that_is_predicted_but_never_there_counts_as_in_scikit_learn() -> None:
    y = np.array([0, 0, 1, 1])
    model = np.eye(4)[[0, 2, 1, 1]]
    counts = np.array([[1, 1, 1, 1], [2, 0, 1, 1]])
    expected = [[_score("macro_f1", y, model, each)] for each in counts]
    np.testing.assert_allclose(scorer(y, [model], "macro_f1")(counts), expected)
