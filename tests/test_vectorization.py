"""From examples to arrays."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.data.builtin.numbers import BostonSpec, DigitsSpec, WineSpec
from tasks.data.datasets import AnyDataset, ingest
from tasks.data.examples import RawData, StoredData, WordLists, keep, read_part
from tasks.data.vectorization import count_words, one_hot, scale_pixels, vectorize, word_rows
from tasks.store import load_arrays
from tests.builders import arrays_of

TEXTS = st.lists(st.lists(st.integers(1, 30), max_size=8), min_size=1, max_size=6)


def _word_lists(texts: list[list[int]]) -> WordLists:
    words = np.array([word for text in texts for word in text], np.int32)
    return WordLists(words, np.concatenate([[0], np.cumsum([len(text) for text in texts])]).astype(np.int64))


@pytest.mark.parametrize("spec", [BostonSpec(), WineSpec()], ids=lambda spec: spec.kind)
def test_arrays_hold_the_table_row_by_row(spec: AnyDataset) -> None:
    examples = ingest(spec)
    arrays = vectorize(examples)
    for held_out, (X, y) in ((False, arrays.training()), (True, arrays.test())):
        features, target, _ = read_part(examples, held_out)
        np.testing.assert_array_equal(X, np.asarray(features))
        np.testing.assert_array_equal(y, target)
        assert X.dtype == np.float64
    assert (arrays.task, arrays.classes, arrays.shape) == (examples.task, examples.classes, examples.shape)


def test_targets_are_numbers_for_regression_and_class_numbers_otherwise() -> None:
    assert vectorize(ingest(BostonSpec())).y("train").dtype == np.float64
    y = vectorize(ingest(WineSpec())).y("train")
    assert y.dtype == np.int64
    assert set(y) == {0, 1, 2}


def test_no_row_is_both_learned_from_and_tested_on() -> None:
    arrays = vectorize(ingest(BostonSpec()))
    training, test = ({tuple(row) for row in X} for X, _ in (arrays.training(), arrays.test()))
    assert not training & test


def test_vectorizing_twice_gives_the_same_file() -> None:
    for spec in (WineSpec(), DigitsSpec()):
        examples = ingest(spec)
        assert vectorize(examples) == vectorize(examples)


def test_a_prediction_has_a_column_for_each_class_and_one_for_a_number() -> None:
    assert arrays_of("regression", [1, 2, 3]).n_outputs == 1
    assert arrays_of("binary", [0, 1, 0]).n_outputs == 2
    assert arrays_of("multiclass", [0, 1, 2]).n_outputs == 3


@given(TEXTS, st.integers(5, 35))
def test_a_row_counts_every_word_that_the_text_has(texts: list[list[int]], num_words: int) -> None:
    expected = np.zeros((len(texts), num_words))
    for row, words in enumerate(texts):
        for word in words:
            expected[row, word if word < num_words else 2] += 1
    matrix = count_words(_word_lists(texts), num_words)
    np.testing.assert_array_equal(matrix.toarray(), expected)
    assert matrix.dtype == np.float32
    assert matrix.nnz == np.count_nonzero(expected)
    assert matrix.has_canonical_format


@given(TEXTS)
def test_word_rows_hold_each_word_of_every_text_once_and_nothing_but_padding_more(texts: list[list[int]]) -> None:
    matrix = count_words(_word_lists(texts), 31)
    rows = word_rows(matrix)
    assert rows.shape == (len(texts), max(1, *(len(set(text)) for text in texts), 0))
    for row, text in zip(rows, texts, strict=True):
        assert sorted(word for word in row if word) == sorted(set(text))


@pytest.mark.parametrize(("most", "stored"), [(3, np.uint8), (300, np.uint16)])
def test_texts_are_vectorized_as_counts_that_take_no_more_room_than_they_need(most: int, stored: type) -> None:
    texts = _word_lists([[5] * most + [7], [], [9, 9]])
    raw = RawData(texts, np.array([0, 1, 1]), held_out=np.array([False, False, True]))
    file, digest = keep(raw)
    examples = StoredData(
        name="texts", task="binary", form="words", shape=(10,), unit="", features=(), classes=("a", "b"), brightest=0,
        digest=digest, training_rows=2, test_rows=1, file=file,
    )  # fmt: skip
    arrays = vectorize(examples)
    (X, _), (X_test, _) = arrays.training(), arrays.test()
    assert X.toarray()[:, [5, 7, 9]].tolist() == [[most, 1, 0], [0, 0, 0]]
    assert X_test.toarray()[:, [5, 7, 9]].tolist() == [[0, 0, 2]]
    assert X.dtype == np.float32
    assert load_arrays(arrays.file)["counts_train"].dtype == stored


def test_pixels_become_rows_from_0_to_1() -> None:
    pictures = np.array([[[0, 8], [16, 4]]], np.uint8)
    scaled = scale_pixels(pictures, 16)
    assert scaled.dtype == np.float32
    assert scaled.tolist() == [[0, 0.5, 1, 0.25]]


def test_pictures_are_vectorized_as_scaled_rows() -> None:
    arrays = vectorize(ingest(DigitsSpec()))
    X, _ = arrays.training()
    assert X.shape == (1437, 64)
    assert (X.min(), X.max(), X.dtype) == (0, 1, np.float32)
    assert arrays.shape == (8, 8)


@given(st.lists(st.integers(0, 6), min_size=1))
def test_one_hot_rows_have_a_1_at_their_class_alone(labels: list[int]) -> None:
    rows = one_hot(np.array(labels), 7)
    assert rows.argmax(axis=1).tolist() == labels
    assert (rows.sum(axis=1) == 1).all()
