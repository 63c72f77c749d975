"""The correction for having been chosen; the figures stand in docs/verdict.md."""

from collections.abc import Sequence

import numpy as np
import pytest

from tasks.metrics import METRICS, MetricName
from tasks.store import store_arrays
from tasks.verdict.selection_bias import Corrected, correct_for_choice, corrected
from tests.builders import arrays_of, evaluation_of

DATA_SETS = 200


def _scores(y: np.ndarray, out_of_fold: np.ndarray, metric: MetricName) -> list[float]:
    if metric == "accuracy":  # ten times as fast as scikit-learn, which many made data sets need
        return [float(np.mean(each.argmax(axis=1) == y)) for each in out_of_fold]
    return [METRICS[metric].score(y, each) for each in out_of_fold]


def _classifier(y: np.ndarray, accuracy: float, rng: np.random.Generator, repeats: int = 1) -> np.ndarray:
    right = rng.random((repeats, len(y))) < accuracy
    said = np.where(right, y, 1 - y)
    sure = rng.uniform(0.5, 1, said.shape)
    return np.stack([np.where(said == label, sure, 1 - sure) for label in range(2)], axis=2)


def _correct(
    accuracies: Sequence[float], seed: int, metric: MetricName = "accuracy", rows: int = 100, repeats: int = 1
) -> tuple[Corrected, list[float]]:
    """What correction makes of such classifiers, and their mean scores."""
    rng = np.random.default_rng(seed)
    y = np.arange(rows) % 2
    predictions = [_classifier(y, each, rng, repeats) for each in accuracies]
    scores = [_scores(y, each, metric) for each in predictions]
    return corrected(scores, y, predictions, metric), [float(np.mean(each)) for each in scores]


@pytest.mark.parametrize("rows", [100, 300])
def test_the_best_of_ten_equal_classifiers_is_worth_no_more_than_any(rows: int) -> None:
    truth = 0.8
    found = [_correct([truth] * 10, seed, rows=rows) for seed in range(DATA_SETS)]
    best = np.mean([max(means) for _, means in found])
    mended = np.mean([each.score for each, _ in found])
    print(f"{rows} rows: the best score {best:.4f}, corrected {mended:.4f}, in truth {truth}")
    assert abs(mended - truth) < 0.006
    assert best - truth > 5 * abs(mended - truth)
    assert best - truth > 0.02
    covered = np.mean([each.interval[0] <= truth <= each.interval[1] for each, _ in found])
    assert covered > 0.95


def test_the_correction_is_small_where_one_classifier_is_better_by_much() -> None:
    found = [_correct([0.95] + [0.7] * 9, seed)[0] for seed in range(50)]
    assert np.mean([each.optimism for each in found]) < 0.001
    assert np.mean([each.score for each in found]) == pytest.approx(0.95, abs=0.005)


def test_a_contender_alone_keeps_its_score() -> None:
    found, means = _correct([0.8], 0, repeats=3)
    assert (found.score, found.optimism) == (means[0], 0)
    assert found.interval[0] < found.score < found.interval[1]


@pytest.mark.parametrize("metric", ["accuracy", "log_loss", "macro_f1", "roc_auc"])
def test_a_choice_among_classifiers_is_corrected_towards_the_worse(metric: MetricName) -> None:
    found, means = _correct([0.8] * 6, 1, metric, repeats=3)
    sign = METRICS[metric].sign
    best = sign * max(sign * mean for mean in means)
    assert found.optimism > 0
    assert found.score == pytest.approx(best - sign * found.optimism)
    assert found.interval[0] < found.score < found.interval[1]


@pytest.mark.parametrize("metric", ["mae", "rmse", "r2"])
def test_a_choice_among_regressions_is_corrected_towards_the_worse(metric: MetricName) -> None:
    rng, sign = np.random.default_rng(0), METRICS[metric].sign
    y = rng.normal(size=80)
    predictions = [y + rng.normal(size=(2, 80)) for _ in range(6)]
    scores = [_scores(y, each, metric) for each in predictions]
    found = corrected(scores, y, predictions, metric)
    best = sign * max(sign * np.mean(each) for each in scores)
    assert found.optimism > 0
    assert found.score == pytest.approx(best - sign * found.optimism)


def test_the_correction_is_in_expectation_the_papers_own() -> None:
    """Rows drawn choose, the others score, as the algorithm in the paper says, with as many bootstraps drawn anew."""
    rng = np.random.default_rng(5)
    y = np.arange(100) % 2
    predictions = [_classifier(y, 0.8, rng) for _ in range(5)]
    right = np.array([each[0].argmax(axis=1) == y for each in predictions])
    scores = []
    for _ in range(4000):
        drawn = rng.integers(0, 100, 100)
        scores.append(np.delete(right[right[:, drawn].mean(axis=1).argmax()], drawn).mean())
    found = corrected([_scores(y, each, "accuracy") for each in predictions], y, predictions, "accuracy")
    assert found.score == pytest.approx(np.mean(scores), abs=0.003)


def test_an_experiments_contenders_are_scored_on_the_rows_held_out() -> None:
    y = np.array([0, 0, 1] * 20)
    rows = np.flatnonzero(np.arange(60) % 4 == 0)
    rng = np.random.default_rng(0)
    predictions = [_classifier(y[rows], 0.8, rng, repeats) for repeats in (3, 1, 3)]
    scores = [_scores(y[rows], each, "accuracy") for each in predictions]
    evaluations = [
        evaluation_of(f"c{number}", own, predictions=store_arrays(rows=rows, out_of_fold=each))
        for number, (own, each) in enumerate(zip(scores, predictions, strict=True))
    ]
    found = correct_for_choice(evaluations, arrays_of("binary", y), "accuracy")
    assert found == corrected(scores, y[rows], predictions, "accuracy")


@pytest.mark.parametrize("y", [[1], [0, 1], [0, 0, 0, 1]])
@pytest.mark.parametrize("metric", ["accuracy", "log_loss", "macro_f1"])
def test_very_few_rows_held_out_still_give_a_number(y: list[int], metric: MetricName) -> None:
    rng, targets = np.random.default_rng(0), np.array(y)
    predictions = [_classifier(targets, 0.7, rng) for _ in range(3)]
    found = corrected([[0.7]] * 3, targets, predictions, metric)
    assert np.isfinite([found.score, found.optimism, *found.interval]).all()


def test_the_correction_is_the_same_every_time() -> None:
    assert _correct([0.8] * 4, 3) == _correct([0.8] * 4, 3)


def test_the_choice_is_repeated_on_whole_groups_where_rows_make_some() -> None:
    rng, y = np.random.default_rng(0), np.arange(60) % 2
    predictions = [_classifier(y, 0.7, rng) for _ in range(4)]
    scores = [_scores(y, each, "accuracy") for each in predictions]
    groups = np.repeat(np.arange(60), 5)
    copied = [np.repeat(each, 5, axis=1) for each in predictions]
    alone = corrected(scores, y, predictions, "accuracy")
    assert corrected(scores, np.repeat(y, 5), copied, "accuracy", groups) == alone
    assert corrected(scores, np.repeat(y, 5), copied, "accuracy").optimism < alone.optimism
