"""The paired bootstrap on test rows."""

import numpy as np
import pytest
from scipy import stats

from tasks.bootstrap import RESAMPLES, interval_of, resample
from tasks.comparison import Verdict, compare, verdict_on_test
from tasks.data.splitting import HoldOutSpec
from tasks.metrics import METRICS, MetricName
from tasks.store import store_arrays
from tests.builders import arrays_of, evaluation_of, final_of

RNG = np.random.default_rng(0)
Y = RNG.integers(0, 2, 400)


def _probabilities(accuracy: float, y: np.ndarray = Y, seed: int = 0) -> np.ndarray:
    """Of a model that is right on such a share of the rows, for one seed: (1, rows, 2)."""
    right = np.random.default_rng(seed).random(len(y)) < accuracy
    said = np.where(right, y, 1 - y)
    return np.where(np.arange(2) == said[:, None], 0.9, 0.1)[None]


@pytest.mark.parametrize("metric", ["accuracy", "log_loss", "mae"])
def test_scores_by_row_have_the_metric_itself_as_their_mean(metric: MetricName) -> None:
    y = Y if METRICS[metric].classification else RNG.normal(size=400)
    prediction = _probabilities(0.8)[0] if METRICS[metric].classification else y + RNG.normal(size=400)
    by_row = METRICS[metric].row_scores
    assert by_row is not None
    assert by_row(y, prediction).mean() == pytest.approx(METRICS[metric].score(y, prediction))


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


def test_a_metric_that_is_no_mean_over_rows_is_computed_on_each_resample(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.bootstrap.RESAMPLES", 50)
    predictions = _probabilities(0.8)
    f1 = resample(Y, [predictions], "macro_f1")[0]
    assert f1.mean() == pytest.approx(METRICS["macro_f1"].score(Y, predictions[0]), abs=0.02)


def test_a_resample_for_a_ranking_never_lacks_a_class(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.bootstrap.RESAMPLES", 200)
    y = np.array([0] * 20 + [1])
    assert np.isfinite(resample(y, [_probabilities(0.9, y)], "roc_auc")).all()


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
    scores = [[METRICS["accuracy"].score(y, each) for each in model] for model in (first, second)]
    one, two = final_of("one", scores[0]), final_of("two", scores[1])
    resamples = resample(y, [first, second], "accuracy")
    return verdict_on_test(one, two, resamples[0] - resamples[1], "accuracy", within)


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
        differences = np.array([np.mean(np.subtract(*(p[0].argmax(1) == y for p in (one, two)), dtype=float)[rows])
                                for rows in generator.integers(0, 300, (500, 300))])  # fmt: skip
        calls += verdict_on_test(final_of("a", [0]), final_of("b", [0]), differences, "accuracy", 0).better is not None
    assert calls / runs <= 0.06 + 2 * np.sqrt(0.06 * 0.94 / runs)
    assert calls > 0


def test_with_a_hold_out_every_pair_is_compared_on_the_test_rows() -> None:
    arrays = arrays_of("binary", [*Y, *Y], n_test=400)
    predictions = [_probabilities(0.95), _probabilities(0.7, seed=1), _probabilities(0.6, seed=2)]
    tests = [
        final_of(n, [p[0].argmax(1).mean()], store_arrays(test=p)) for n, p in zip("abc", predictions, strict=True)
    ]
    evaluations = [evaluation_of(name, [0.5]) for name in "abc"]
    found = compare(evaluations, tests, arrays, HoldOutSpec(validation_rows=10), "accuracy", 0.01)
    assert [(each.first, each.second) for each in found] == [("a", "b"), ("a", "c"), ("b", "c")]
    assert found[0].better == "a"
    assert found[0].repeats_needed is None
