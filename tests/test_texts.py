"""IMDB and Reuters: the rows of Keras's own loaders."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from tasks.data.builtin.word_lists import TOPICS, ImdbSpec, ReutersSpec, TextSpec
from tasks.data.datasets import ingest
from tasks.data.examples import WordLists
from tasks.data.vectorization import vectorize


@pytest.fixture(scope="module", params=["imdb", "reuters"])
def both(request: pytest.FixtureRequest) -> tuple[ImdbSpec | ReutersSpec, Any]:
    import keras

    spec: ImdbSpec | ReutersSpec = ImdbSpec() if request.param == "imdb" else ReutersSpec()
    return spec, getattr(keras.datasets, request.param).load_data(num_words=10_000)


@pytest.mark.real_data
def test_every_text_and_label_is_that_of_keras_in_its_order(both: tuple[ImdbSpec | ReutersSpec, Any]) -> None:
    spec, parts = both
    raw = spec.read()
    assert isinstance(raw.X, WordLists)
    for held_out, (texts, labels) in zip((False, True), parts, strict=True):
        rows = np.flatnonzero(raw.held_out == held_out)
        mine = raw.X.take(rows)
        np.testing.assert_array_equal(raw.y[rows], labels)
        np.testing.assert_array_equal(np.diff(mine.offsets), [len(text) for text in texts])
        known = np.where(mine.words < 10_000, mine.words, 2)
        np.testing.assert_array_equal(known, np.concatenate([np.asarray(text) for text in texts]))


@pytest.mark.real_data
def test_the_rows_count_the_words_and_where_they_are_not_0_they_are_the_books(
    both: tuple[ImdbSpec | ReutersSpec, Any],
) -> None:
    spec, ((texts, _), _) = both
    X, _ = vectorize(ingest(spec)).training()
    for row in range(0, len(texts), 500):
        multi_hot = np.zeros(10_000)
        multi_hot[texts[row]] = 1.0
        counts = X[row].toarray()[0]
        np.testing.assert_array_equal(counts > 0, multi_hot)
        np.testing.assert_array_equal(counts, np.bincount(texts[row], minlength=10_000))


@pytest.mark.real_data
def test_the_topics_are_in_keras_order() -> None:
    import keras

    assert keras.datasets.reuters.get_label_names() == TOPICS


@pytest.mark.real_data
def test_a_review_reads_as_it_was_written() -> None:
    raw = ImdbSpec().read()
    assert isinstance(raw.X, WordLists)
    assert ImdbSpec().decode(raw.X[0]).startswith("this film was just brilliant casting location scenery story")
    assert ImdbSpec(num_words=20).decode(raw.X[0]).startswith("this ? was ? ? ?")


@pytest.mark.parametrize("spec", [ImdbSpec, ReutersSpec], ids=["imdb", "reuters"])
@pytest.mark.parametrize("num_words", [0, 4, -1, 10**6])
def test_a_number_of_words_that_is_none_is_refused(spec: Callable[..., TextSpec], num_words: int) -> None:
    with pytest.raises(ValidationError, match="num_words"):
        spec(num_words=num_words)
