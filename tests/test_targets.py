"""The target column becomes numbers, or class numbers whose labels can be given back."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.data.files.target_column import read_target
from tasks.metrics import Task
from tasks.specs import BakeoffError


def column(*values: Any, dtype: Any = "str") -> "pd.Series[Any]":
    return pd.Series(values, dtype=dtype, name="y")


def refused(values: "pd.Series[Any]", task: Task) -> str:
    with pytest.raises(BakeoffError) as error:
        read_target(values, task)
    return str(error.value)


def test_numbers_are_read_however_they_are_written() -> None:
    for values in (column("1.5", "", "2"), column("1,5", "?", "2"), column(1.5, None, 2, dtype=np.float64)):
        target = read_target(values, "regression")
        assert target.y.tolist() == [1.5, 2]
        assert target.known.tolist() == [True, False, True]
        assert target.classes == ()


def test_class_numbers_follow_the_labels_in_order() -> None:
    target = read_target(column("b", "a", "NA", "c", "a"), "multiclass")
    assert target.classes == ("a", "b", "c")
    assert target.y.tolist() == [1, 0, 2, 0]
    assert target.y.dtype == np.int64
    assert target.known.tolist() == [True, True, False, True, True]


def test_labels_that_are_numbers_are_in_order_of_size_and_have_no_decimals() -> None:
    assert read_target(column("10", "9", "x", "1"), "multiclass").classes == ("1", "9", "10", "x")
    assert read_target(column(10.0, 9.0, None, dtype=np.float64), "binary").classes == ("9", "10")
    assert read_target(column("inf", "nan1", "2"), "multiclass").classes == ("2", "inf", "nan1")


def test_booleans_are_two_classes() -> None:
    target = read_target(column(True, False, dtype=bool), "binary")
    assert (target.classes, target.y.tolist()) == (("False", "True"), [1, 0])


def test_labels_that_are_left_as_they_are_mean_nothing_else() -> None:
    target = read_target(column("NA", "None", " a"), "multiclass", as_it_is=True)
    assert (target.classes, target.known.all()) == ((" a", "NA", "None"), True)


@pytest.mark.parametrize(
    ("values", "task", "said"),
    [
        (column("", "?"), "binary", "column y, the target, has no values"),
        (column("a", "a", ""), "binary", "column y, the target, is 'a' in every row; there is nothing to predict"),
        (column("1", "1.0"), "regression", "column y, the target, is 1 in every row; there is nothing to predict"),
        (column("a", "b"), "multiclass", "column y has 2 classes; set task: binary"),
        (column("a", "b", "c"), "binary", "column y has 3 classes; set task: multiclass"),
        (
            column("1", "", "c"),
            "regression",
            "column y, row 3: a finite number is needed, and there is 'c'",
        ),
        (
            column(1.0, np.inf, dtype=float),
            "regression",
            "column y, row 2: a finite number is needed, and there",
        ),
        (column([1], [2], dtype=object), "binary", "column y, the target, holds list<"),
    ],
)
def test_a_target_that_cannot_be_predicted_is_refused(values: "pd.Series[Any]", task: Task, said: str) -> None:
    assert refused(values, task).startswith(said)


@given(st.lists(st.text("abc1 ", max_size=2), min_size=1, max_size=12))
def test_every_label_comes_back_by_its_number(labels: list[str]) -> None:
    values = column(*labels)
    try:
        target = read_target(values, "multiclass")
    except BakeoffError:
        assert len({label.strip() for label in labels} - {""}) < 3
        return
    assert [target.classes[number] for number in target.y] == [label.strip() for label in labels if label.strip()]
