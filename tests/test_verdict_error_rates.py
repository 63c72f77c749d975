"""The verdict's false alarms, counted where the truth is known; the figures stand in docs/verdict.md."""

import numpy as np
import pytest
from scipy import stats

from tasks.comparison import verdict

SIMULATIONS = 1000


def scores_of_two_equal_contenders(rng: np.random.Generator, rows: int, n_splits: int, n_repeats: int) -> np.ndarray:
    """Fold scores (folds, 2) of two linear regressions on a data set of its own.

    Each sees one half of the features. The halves matter equally and are drawn alike, so neither contender is better:
    any difference that is found is a false alarm.
    """
    features = rng.normal(size=(rows, 6))
    target = features.sum(axis=1) + rng.normal(size=rows) * 2
    scores = []
    for _ in range(n_repeats):
        fold = rng.permutation(rows) % n_splits
        for held_out in range(n_splits):
            train, test = fold != held_out, fold == held_out
            for half in (features[:, :3], features[:, 3:]):
                known = half[train]
                weights = np.linalg.solve(known.T @ known, known.T @ target[train])
                scores.append(np.abs(target[test] - half[test] @ weights).mean())
    return np.reshape(scores, (-1, 2))


@pytest.mark.parametrize(("rows", "n_splits", "n_repeats"), [(100, 4, 10), (400, 4, 10), (100, 4, 1)])
def test_equal_contenders_are_told_apart_in_at_most_6_percent_of_cases(
    rows: int, n_splits: int, n_repeats: int
) -> None:
    rng = np.random.default_rng(0)
    alarms = naive_alarms = 0
    for _ in range(SIMULATIONS):
        first, second = scores_of_two_equal_contenders(rng, rows, n_splits, n_repeats).T
        found = verdict("first", "second", first, second, n_splits, "mae", equivalent_within=0.0)
        alarms += found.decision in ("first", "second")
        naive_alarms += stats.ttest_rel(first, second).pvalue < 0.05
    print(f"{rows} rows, {n_repeats} x {n_splits} folds: {alarms / 10} % against {naive_alarms / 10} % naive")
    assert alarms <= 0.06 * SIMULATIONS
    if n_repeats > 1:
        assert naive_alarms > 0.3 * SIMULATIONS


def test_the_same_difference_on_few_folds_is_no_certainty() -> None:
    """Accuracy on few rows is so coarse that two folds often show the same difference by chance."""
    rng = np.random.default_rng(0)
    alarms = 0
    for _ in range(SIMULATIONS):
        first, second = rng.binomial(20, 0.8, size=(2, 2)) / 20
        found = verdict("first", "second", first, second, 2, "accuracy", equivalent_within=0.0)
        alarms += found.decision in ("first", "second")
    assert alarms <= 0.06 * SIMULATIONS


def test_a_real_difference_is_found() -> None:
    rng = np.random.default_rng(0)
    first, second = scores_of_two_equal_contenders(rng, 100, 4, 10).T
    found = verdict("first", "second", first + 1.0, second, 4, "mae", equivalent_within=0.1)
    assert found.better == "second"
