import math
from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy

from tasks.metrics import METRICS, MetricName, Task, metric_for
from tasks.specs import BakeoffError

TARGETS = np.array([1.0, 2.0, 3.0, 6.0])
PREDICTED = np.array([2.0, 2.0, 1.0, 6.0])  # errors 1, 0, -2, 0; the mean target is 3, its squares sum to 14

CLASSES = np.array([0, 1, 1, 0])
P_BINARY = np.array([[0.9, 0.1], [0.4, 0.6], [0.7, 0.3], [0.8, 0.2]])  # the third row is wrong

THREE = np.array([0, 1, 2])
P_THREE = np.array([[0.5, 0.3, 0.2], [0.2, 0.5, 0.3], [0.6, 0.3, 0.1]])  # the last row is wrong


@pytest.mark.parametrize(
    ("name", "expected"),
    [("mae", 3 / 4), ("rmse", math.sqrt(5 / 4)), ("r2", 1 - 5 / 14)],
)
def test_regression_scores_are_those_worked_out_by_hand(name: MetricName, expected: float) -> None:
    assert METRICS[name].score(TARGETS, PREDICTED) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("accuracy", 3 / 4),
        ("log_loss", -(math.log(0.9) + math.log(0.6) + math.log(0.3) + math.log(0.8)) / 4),
        ("macro_f1", (4 / 5 + 2 / 3) / 2),  # class 0: 2 hits, 1 false alarm; class 1: 1 hit, 1 miss
        ("roc_auc", 1.0),  # both rows of class 1 stand above both rows of class 0
    ],
)
def test_binary_scores_are_those_worked_out_by_hand(name: MetricName, expected: float) -> None:
    assert METRICS[name].score(CLASSES, P_BINARY) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("accuracy", 2 / 3),
        ("log_loss", -(math.log(0.5) + math.log(0.5) + math.log(0.1)) / 3),
        ("macro_f1", (2 / 3 + 1 + 0) / 3),
        ("roc_auc", (1 / 2 + 1 + 0) / 3),  # class 0: one of two rows below it; class 1: both; class 2: none
    ],
)
def test_scores_of_three_classes_are_those_worked_out_by_hand(name: MetricName, expected: float) -> None:
    assert METRICS[name].score(THREE, P_THREE) == pytest.approx(expected)


def test_roc_auc_reads_the_second_column() -> None:
    assert METRICS["roc_auc"].score(CLASSES, P_BINARY[:, ::-1]) == 0.0


def test_log_loss_counts_classes_that_the_rows_do_not_hold() -> None:
    assert METRICS["log_loss"].score(np.array([0, 0]), P_THREE[:2]) == pytest.approx(
        -(math.log(0.5) + math.log(0.2)) / 2
    )


def test_a_sure_and_wrong_prediction_costs_much_but_not_infinitely() -> None:
    loss = METRICS["log_loss"].score(np.array([0, 1]), np.array([[0.0, 1.0], [0.0, 1.0]]))
    assert 10 < loss < math.inf


@given(st_numpy.arrays(np.float64, st.integers(2, 20), elements=st.floats(-1e3, 1e3)))
def test_no_regression_score_beats_a_perfect_prediction(y: np.ndarray) -> None:
    for metric in METRICS.values():
        if not metric.classification:
            perfect, other = metric.score(y, y), metric.score(y, y + np.linspace(1, 2, len(y)))
            assert metric.sign * perfect > metric.sign * other


@given(st.permutations([0, 0, 1, 1, 2, 2]))
def test_no_classification_score_beats_a_perfect_prediction(y: list[int]) -> None:
    perfect, wrong = np.eye(3)[y], np.eye(3)[np.roll([0, 1, 2], 1)][y]
    for metric in METRICS.values():
        if metric.classification:
            assert metric.sign * metric.score(np.array(y), perfect) > metric.sign * metric.score(np.array(y), wrong)


def test_direction_and_unit_of_every_metric() -> None:
    assert {name for name, metric in METRICS.items() if metric.greater_is_better} == {
        "r2", "accuracy", "macro_f1", "roc_auc",
    }  # fmt: skip
    assert {name for name, metric in METRICS.items() if metric.in_target_unit} == {"mae", "rmse"}
    assert [METRICS["mae"].sign, METRICS["r2"].sign] == [-1, 1]


def test_every_metric_that_an_experiment_may_name_exists() -> None:
    assert set(METRICS) == set(get_args(MetricName))


@pytest.mark.parametrize("task", get_args(Task))
@pytest.mark.parametrize("name", get_args(MetricName))
def test_a_metric_is_given_for_its_own_tasks_and_refused_for_others(name: MetricName, task: Task) -> None:
    if METRICS[name].classification == (task != "regression"):
        assert metric_for(name, task) is METRICS[name]
    else:
        with pytest.raises(BakeoffError, match=f"metric {name} does not fit a"):
            metric_for(name, task)


@pytest.mark.parametrize(
    ("name", "task", "offered"),
    [("accuracy", "regression", "mae, rmse"), ("mae", "binary", "accuracy, log_loss")],
)
def test_a_refused_metric_is_answered_with_those_that_fit(name: MetricName, task: Task, offered: str) -> None:
    with pytest.raises(BakeoffError, match=f"choose one of {offered}"):
        metric_for(name, task)
