"""Examples on disk: given back in two parts, with a digest of their values."""

from itertools import chain
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from tasks.data.examples import RawData, StoredData, WordLists, keep, read_part

FRAME = pd.DataFrame({"a": [1.0, 2.0, 3.0], "b": [4, 5, 6]}, index=[7, 8, 9])
Y = np.array([0.5, 1.5, 2.5])
HELD_OUT = np.array([False, True, False])
PICTURES = np.arange(12, dtype=np.uint8).reshape(3, 2, 2)
TEXTS = WordLists(np.array([1, 5, 1, 1, 7, 7], np.int32), np.array([0, 2, 3, 6]))


def _kept(
    X: pd.DataFrame | NDArray[np.uint8] | WordLists, y: Any = Y, held_out: NDArray[np.bool_] = HELD_OUT
) -> StoredData:
    file, digest = keep(RawData(X, y, held_out))
    return StoredData(
        name="made",
        task="regression",
        form="words" if isinstance(X, WordLists) else "pixels" if isinstance(X, np.ndarray) else "table",
        shape=(2, 2),
        unit="",
        features=tuple(X) if isinstance(X, pd.DataFrame) else (),
        classes=(),
        brightest=255,
        digest=digest,
        training_rows=2,
        test_rows=1,
        file=file,
    )


def test_an_example_is_as_wide_as_its_shape_has_numbers() -> None:
    assert _kept(PICTURES).width == 4


def test_a_tables_parts_are_the_rows_held_out_and_the_rest_in_order() -> None:
    (X, y, _), (X_test, y_test, _) = (read_part(_kept(FRAME), held_out) for held_out in (False, True))
    assert isinstance(X, pd.DataFrame)
    assert isinstance(X_test, pd.DataFrame)
    assert X.to_dict("list") == {"a": [1, 3], "b": [4, 6]}
    assert y.tolist() == [0.5, 2.5]
    assert X_test.to_dict("list") == {"a": [2], "b": [5]}
    assert y_test.tolist() == [1.5]


def test_the_parts_of_pictures_are_the_rows_held_out_and_the_rest_in_order() -> None:
    (X, y, _), (X_test, _, _) = (read_part(_kept(PICTURES), held_out) for held_out in (False, True))
    np.testing.assert_array_equal(X, PICTURES[[0, 2]])
    np.testing.assert_array_equal(X_test, PICTURES[[1]])
    assert y.tolist() == [0.5, 2.5]


def test_the_parts_of_texts_keep_every_word_in_order() -> None:
    (X, _, _), (X_test, _, _) = (read_part(_kept(TEXTS), held_out) for held_out in (False, True))
    assert isinstance(X, WordLists)
    assert isinstance(X_test, WordLists)
    assert [X[row].tolist() for row in range(len(X))] == [[1, 5], [1, 7, 7]]
    assert [X_test[row].tolist() for row in range(len(X_test))] == [[1]]


def test_the_digest_depends_on_the_values_and_not_on_how_rows_are_labelled() -> None:
    assert _kept(FRAME.reset_index(drop=True)).digest == _kept(FRAME).digest


@pytest.mark.parametrize(
    "other",
    [
        (FRAME.assign(a=[1.0, 2.0, 3.0000001]), Y, HELD_OUT),
        (FRAME, np.array([0.5, 1.5, 2.0]), HELD_OUT),
        (FRAME, Y, np.array([True, True, False])),
        (FRAME.rename(columns={"a": "c"}), Y, HELD_OUT),
        (FRAME.iloc[::-1], Y, HELD_OUT),
    ],
    ids=["value", "target", "part", "name", "order"],
)
def test_any_change_of_the_data_changes_the_digest(other: tuple[pd.DataFrame, Any, Any]) -> None:
    assert _kept(*other).digest != _kept(FRAME).digest


@given(st.lists(st.lists(st.integers(1, 50), max_size=6), min_size=1, max_size=8), st.data())
def test_texts_are_taken_in_any_order_and_as_often_as_wanted(texts: list[list[int]], data: st.DataObject) -> None:
    rows = data.draw(st.lists(st.integers(0, len(texts) - 1), max_size=10))
    offsets = np.concatenate([[0], np.cumsum([len(text) for text in texts])])
    taken = WordLists(np.array([*chain.from_iterable(texts)], np.int32), offsets).take(np.array(rows, np.intp))
    assert [taken[row].tolist() for row in range(len(taken))] == [texts[row] for row in rows]


def test_texts_and_pictures_have_a_digest_of_every_value_too() -> None:
    other_words = WordLists(np.array([1, 5, 1, 1, 7, 8], np.int32), TEXTS.offsets)
    other_cut = WordLists(TEXTS.words, np.array([0, 3, 4, 6]))
    other_pictures = PICTURES[:, ::-1]
    made: list[Any] = [TEXTS, other_words, other_cut, PICTURES, other_pictures]
    assert len({_kept(X).digest for X in made}) == len(made)
