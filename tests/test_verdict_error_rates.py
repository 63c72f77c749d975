"""The verdict's false alarms, counted where the truth is known; the figures stand in docs/verdict.md."""

from itertools import combinations

import numpy as np
import pytest
from scipy import stats

from tasks.comparison import RESAMPLES_PER_PAIR, Comparison, FoldPair, RowPair, Verdict, adjusted, compare
from tasks.data.splitting import KFoldSpec
from tasks.data.vectorization import Arrays
from tasks.metrics import MetricName
from tasks.models.baselines.boosting import GradientBoostingSpec
from tasks.models.networks import DenseSpec
from tasks.statistics.bootstrap import resample
from tests.builders import NO_FILE, evaluation_of

SIMULATIONS = 1000
SIMULATIONS_OF_MANY = 300
NO_ARRAYS = Arrays(task="regression", form="table", shape=(1,), classes=(), file=NO_FILE)


def scores_of_equal_contenders(
    rng: np.random.Generator, count: int, rows: int, n_splits: int, n_repeats: int
) -> np.ndarray:
    """Fold scores (contenders, folds) of linear regressions on a data set of their own.

    Each sees three features of its own. All matter equally and are drawn alike, so no contender is better: any
    difference that is found is a false alarm.
    """
    features = rng.normal(size=(count, rows, 3))
    target = features.sum(axis=(0, 2)) + rng.normal(size=rows) * 2
    scores = []
    for _ in range(n_repeats):
        fold = rng.permutation(rows) % n_splits
        for held_out in range(n_splits):
            known, unknown = features[:, fold != held_out], features[:, fold == held_out]
            turned = known.transpose(0, 2, 1)
            weights = np.linalg.solve(turned @ known, turned @ target[fold != held_out, None])
            scores.append(np.abs(target[fold == held_out] - (unknown @ weights)[:, :, 0]).mean(axis=1))
    return np.transpose(scores)


def _verdict(first: np.ndarray, second: np.ndarray, n_splits: int, metric: MetricName, within: float = 0) -> Verdict:
    return FoldPair("first", "second", first - second, n_splits, metric, within).verdict(1, 1)


@pytest.mark.parametrize(("rows", "n_splits", "n_repeats"), [(100, 4, 10), (400, 4, 10), (100, 4, 1)])
def test_equal_contenders_are_told_apart_in_at_most_6_percent_of_cases(
    rows: int, n_splits: int, n_repeats: int
) -> None:
    rng = np.random.default_rng(0)
    alarms = naive_alarms = 0
    for _ in range(SIMULATIONS):
        first, second = scores_of_equal_contenders(rng, 2, rows, n_splits, n_repeats)
        alarms += _verdict(first, second, n_splits, "mae").better is not None
        naive_alarms += stats.ttest_rel(first, second).pvalue < 0.05
    print(f"{rows} rows, {n_repeats} x {n_splits} folds: {alarms / 10} % against {naive_alarms / 10} % naive")
    assert alarms <= 0.06 * SIMULATIONS
    if n_repeats > 1:
        assert naive_alarms > 0.3 * SIMULATIONS


def _compared_six(rng: np.random.Generator) -> Comparison:
    """A net and five boostings that are equal: scores are what counts, and not what made them."""
    validation, kinds = KFoldSpec(n_splits=4, n_repeats=5), [DenseSpec(), *[GradientBoostingSpec()] * 5]
    scores = scores_of_equal_contenders(rng, 6, 100, validation.n_splits, validation.n_repeats)
    evaluations = [evaluation_of(str(n), *each) for n, each in enumerate(zip(scores, kinds, strict=True))]
    return compare(evaluations, [], NO_ARRAYS, validation, "mae", 0.0)


def test_among_six_equal_contenders_any_is_called_better_in_at_most_6_percent_of_cases() -> None:
    rng = np.random.default_rng(0)
    found = [_compared_six(rng) for _ in range(SIMULATIONS_OF_MANY)]
    headlines = [each.headline for each in found if each.headline]
    shares = {
        "any pair": np.mean([any(pair.better for pair in each.verdicts) for each in found]),
        "any pair, not adjusted": np.mean([any(pair.p_value <= 0.05 for pair in each.verdicts) for each in found]),
        "headline": np.mean([each.better is not None for each in headlines]),
        "headline, not adjusted": np.mean([each.p_value <= 0.05 for each in headlines]),
    }
    print(*(f"{name} {share:.1%}," for name, share in shares.items()))
    assert len(headlines) == SIMULATIONS_OF_MANY
    assert max(shares["any pair"], shares["headline"]) <= 0.06
    assert shares["any pair, not adjusted"] > 0.15
    assert shares["headline, not adjusted"] > shares["headline"]


def test_on_test_rows_any_of_six_equal_classifiers_is_called_better_in_at_most_6_percent_of_cases() -> None:
    rng, y, alarms = np.random.default_rng(0), np.zeros(300, int), np.zeros(2)
    for _ in range(SIMULATIONS_OF_MANY):
        right = rng.random((6, 1, 300)) < 0.8
        models = np.stack([right, ~right], axis=3).astype(float)
        scores = resample(y, list(models), "accuracy", 15 * RESAMPLES_PER_PAIR)
        pairs = [RowPair("a", "b", 0, one - two, "accuracy", 0) for one, two in combinations(scores, 2)]
        alarms += any(each.better for each in adjusted(pairs)), any(each.p_value <= 0.05 for each in pairs)
    share, share_alone = alarms / SIMULATIONS_OF_MANY
    print(f"any pair on 300 test rows {share:.1%}, not adjusted {share_alone:.1%}")
    assert share <= 0.06
    assert share_alone > 0.15


def test_the_same_difference_on_few_folds_is_no_certainty() -> None:
    """Accuracy on few rows is so coarse that two folds often show the same difference by chance."""
    rng = np.random.default_rng(0)
    alarms = 0
    for _ in range(SIMULATIONS):
        first, second = rng.binomial(20, 0.8, size=(2, 2)) / 20
        alarms += _verdict(first, second, 2, "accuracy").better is not None
    assert alarms <= 0.06 * SIMULATIONS


def test_a_real_difference_is_found() -> None:
    rng = np.random.default_rng(0)
    first, second = scores_of_equal_contenders(rng, 2, 100, 4, 10)
    assert _verdict(first + 1.0, second, 4, "mae", 0.1).better == "second"
