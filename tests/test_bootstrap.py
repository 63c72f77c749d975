"""The paired bootstrap on test rows."""

import numpy as np
import pytest
from scipy import stats

from tasks.data.folds.splitting import HoldOutSpec
from tasks.metrics import METRICS
from tasks.statistics import (
    RESAMPLES,
    SEED,
    draw,
    interval_of,
    mcnemar,
    resample,
    resample_with_subsets,
    vary_with_subsets,
)
from tasks.store import store_arrays
from tasks.verdict.comparison import RowPair, Rules, Verdict, compare
from tests.builders import arrays_of, evaluation_of, final_of, result_of

RNG = np.random.default_rng(0)
Y = RNG.integers(0, 2, 400)
RULES = Rules(validation=HoldOutSpec(validation_rows=10), metric="accuracy", equivalent_within=0.01)


def _probabilities(accuracy: float, y: np.ndarray = Y, seed: int = 0) -> np.ndarray:
    """Of a model that is right on such a share of the rows, for one seed: (1, rows, 2)."""
    right = np.random.default_rng(seed).random(len(y)) < accuracy
    said = np.where(right, y, 1 - y)
    return np.where(np.arange(2) == said[:, None], 0.9, 0.1)[None]


def test_resampled_accuracies_vary_as_a_binomial_share_does() -> None:
    predictions = _probabilities(0.8)
    accuracy = METRICS["accuracy"].score(Y, predictions[0])
    scores = resample(Y, [predictions], "accuracy")[0]
    assert scores.shape == (RESAMPLES,)
    assert scores.mean() == pytest.approx(accuracy, abs=0.002)
    assert scores.std() == pytest.approx(np.sqrt(accuracy * (1 - accuracy) / 400), rel=0.1)
    low, high = interval_of(scores)
    exact = stats.binomtest(round(accuracy * 400), 400).proportion_ci(method="wilson")
    assert (low, high) == pytest.approx((exact.low, exact.high), abs=0.01)


def test_a_resample_scores_the_drawn_rows_by_the_metric_itself() -> None:
    of_rows = np.random.default_rng(np.random.SeedSequence(SEED).spawn(2)[0])
    drawn = [of_rows.integers(0, 400, 400) for _ in range(20)]
    one, two = _probabilities(0.8), _probabilities(0.7, seed=1)
    for metric in ("accuracy", "log_loss", "macro_f1", "roc_auc"):
        expected = [[METRICS[metric].score(Y[rows], each[0][rows]) for rows in drawn] for each in (one, two)]
        np.testing.assert_allclose(resample(Y, [one, two], metric, 20), expected)


def test_the_same_resamples_come_whatever_the_parts_and_however_many(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = resample(Y, [_probabilities(0.8)], "accuracy", 50)
    monkeypatch.setattr("tasks.statistics.PART", 1300)
    np.testing.assert_allclose(resample(Y, [_probabilities(0.8)], "accuracy", 50), whole)
    np.testing.assert_allclose(resample(Y, [_probabilities(0.8)], "accuracy", 7), whole[:, :7])


def test_a_resample_for_a_ranking_never_lacks_a_class() -> None:
    y = np.array([0] * 20 + [1])
    assert np.isfinite(resample(y, [_probabilities(0.9, y)], "roc_auc", 200)).all()


def test_contenders_are_resampled_together() -> None:
    one = _probabilities(0.8)
    first, second = resample(Y, [one, one.copy()], "accuracy")
    np.testing.assert_array_equal(first, second)


def test_several_seeds_widen_the_interval_by_how_they_differ() -> None:
    same = np.concatenate([_probabilities(0.8)] * 3)
    differing = np.concatenate([_probabilities(accuracy) for accuracy in (0.7, 0.8, 0.9)])
    widths = [np.diff(interval_of(resample(Y, [each], "accuracy")[0]))[0] for each in (same, differing)]
    assert widths[1] > 1.5 * widths[0]


def _verdict(first: np.ndarray, second: np.ndarray, within: float = 0.01, y: np.ndarray = Y) -> Verdict:
    difference = float(np.subtract(*(METRICS["accuracy"].score(y, model[0]) for model in (first, second))))
    resamples = resample(y, [first, second], "accuracy")
    return RowPair("one", "two", difference, resamples[0] - resamples[1], "accuracy", within).verdict(1, 1)


def test_a_clear_difference_on_the_test_rows_is_called() -> None:
    found = _verdict(_probabilities(0.95), _probabilities(0.7, seed=1))
    assert (found.decision, found.better) == ("first", "one")
    assert 0 < found.p_value < 0.002
    assert found.interval[0] < found.difference < found.interval[1]
    assert _verdict(_probabilities(0.7, seed=1), _probabilities(0.95)).better == "two"


def test_the_same_predictions_are_practically_equal() -> None:
    found = _verdict(_probabilities(0.8), _probabilities(0.8))
    assert (found.decision, found.p_value, found.p_equivalent) == ("equivalent", 1, 1)


def test_equal_contenders_are_called_different_in_at_most_6_percent_of_data_sets() -> None:
    generator, calls, runs = np.random.default_rng(1), 0, 400
    for number in range(runs):
        y = generator.integers(0, 2, 300)
        one, two = _probabilities(0.8, y, 2 * number), _probabilities(0.8, y, 2 * number + 1)
        resamples = resample(y, [one, two], "accuracy", 500)
        pair = RowPair("a", "b", 0, resamples[0] - resamples[1], "accuracy", 0)
        calls += pair.verdict(1, 1).better is not None
    assert calls / runs <= 0.06 + 2 * np.sqrt(0.06 * 0.94 / runs)
    assert calls > 0


def test_with_a_hold_out_every_pair_is_compared_on_the_test_rows() -> None:
    arrays = arrays_of("binary", [*Y, *Y], n_test=400)
    predictions = [_probabilities(0.95), _probabilities(0.7, seed=1), _probabilities(0.6, seed=2)]
    tests = [
        final_of(n, [p[0].argmax(1).mean()], store_arrays(test=p)) for n, p in zip("abc", predictions, strict=True)
    ]
    results = [result_of(evaluation_of(test.name, [0.5]), test) for test in tests]
    found = compare(results, arrays, RULES).verdicts
    assert [(each.first, each.second) for each in found] == [("a", "b"), ("a", "c"), ("b", "c")]
    assert found[0].better == "a"
    assert found[0].repeats_needed is None
    right = [each[0].argmax(axis=1) == Y for each in predictions]
    assert [each.mcnemar for each in found] == [mcnemar(right[a], right[b]) for a, b in ((0, 1), (0, 2), (1, 2))]
    others = compare(results, arrays, RULES.model_copy(update={"metric": "log_loss"})).verdicts
    assert all(each.mcnemar is None for each in others)


def test_among_all_pairs_of_18_contenders_a_clear_difference_is_still_called() -> None:
    arrays = arrays_of("binary", [*Y, *Y], n_test=400)
    predictions = [_probabilities(0.95), *(_probabilities(0.6, seed=seed) for seed in range(1, 18))]
    tests = [final_of(f"c{n}", [0.5], store_arrays(test=each)) for n, each in enumerate(predictions)]
    results = [result_of(evaluation_of(test.name, [0.5]), test) for test in tests]
    found = compare(results, arrays, RULES).verdicts
    assert len(found) == 153
    assert [each.better for each in found[:17]] == ["c0"] * 17
    assert max(each.p_adjusted for each in found[:17]) < 0.03


def test_of_groups_all_rows_are_drawn_together_and_as_many_groups_as_there_are() -> None:
    groups = np.repeat([4, 7, 9], [1, 2, 5])
    counts = np.concatenate(list(draw(8, 400, np.random.default_rng(0), groups)))
    of_groups = counts[:, [0, 1, 3]]
    np.testing.assert_array_equal(counts, np.repeat(of_groups, [1, 2, 5], axis=1))
    assert (of_groups.sum(axis=1) == 3).all()
    assert of_groups.mean(axis=0) == pytest.approx([1, 1, 1], abs=0.1)


def test_copies_of_a_row_in_its_group_change_no_interval() -> None:
    alone, copied = _probabilities(0.8), np.repeat(_probabilities(0.8), 3, axis=1)
    groups = np.repeat(np.arange(400), 3)
    by_group = resample(np.repeat(Y, 3), [copied], "accuracy", groups=groups)[0]
    np.testing.assert_allclose(by_group, resample(Y, [alone], "accuracy")[0])
    assert resample(np.repeat(Y, 3), [copied], "accuracy")[0].std() < 0.7 * by_group.std()


@pytest.mark.parametrize(("subsets", "row_sd"), [(2, 0.0), (3, 0.0), (5, 0.0), (3, 0.5), (5, 1.0)])
def test_intervals_over_few_subsets_hold_the_mean_as_often_as_they_say(subsets: int, row_sd: float) -> None:
    generator, trials, count = np.random.default_rng(1), 2000, 800
    held = []
    for _ in range(trials):
        shared = generator.normal(scale=5, size=subsets)  # hard subsets are hard for both
        scores = shared + generator.normal(size=(2, subsets))
        by_row = scores.mean(axis=1) + row_sd * (generator.normal(size=2) + generator.normal(size=(count, 2)))
        resampled = by_row.T + vary_with_subsets(scores, count, generator)
        low, high = interval_of(resampled[0] - resampled[1])
        held.append(low <= 0 <= high)
    assert 0.935 <= np.mean(held) <= 0.975


def test_contenders_that_learned_from_the_same_subsets_vary_together() -> None:
    predictions = np.random.default_rng(2).random((3, 400, 2))
    one, two = resample_with_subsets(Y, [predictions, predictions], "accuracy", 50)
    np.testing.assert_array_equal(one, two)
    assert np.ptp(one) > 0


def test_a_single_subset_adds_nothing_to_what_rows_vary() -> None:
    predictions = _probabilities(0.8)
    scores = resample_with_subsets(Y, [predictions], "accuracy", 50)
    np.testing.assert_array_equal(scores, resample(Y, [predictions], "accuracy", 50))
