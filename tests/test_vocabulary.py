from pathlib import Path

import numpy as np
import pytest

from tasks.data.builtin.word_lists import ImdbSpec, ReutersSpec, TextSpec, number_words, vocabulary
from tasks.data.examples import WordLists
from tests.served import cached_words

WORDS = ("the", "film", "it's", "Été")


def numbers(text: str) -> list[int]:
    return number_words([text], WORDS)[0].tolist()


def test_words_are_numbered_by_their_frequency_after_kerass_own_numbers() -> None:
    assert numbers("the film the") == [1, 4, 5, 4]


def test_case_and_punctuation_do_not_count_but_the_apostrophe_does() -> None:
    assert numbers("The FILM!<br />It's\t(the) film...\n") == [1, 4, 5, 6, 4, 5]


def test_a_word_that_was_never_counted_is_left_out() -> None:
    assert numbers("the other film") == numbers("the film")


def test_letters_beyond_ascii_keep_their_case_as_in_the_data_sets() -> None:
    assert numbers("Été été") == [1, 7]


def test_texts_stay_apart_and_an_empty_one_has_its_start_alone() -> None:
    lists = number_words(["film", "", "the film"], WORDS)
    assert [lists[row].tolist() for row in range(len(lists))] == [[1, 5], [1], [1, 4, 5]]
    assert (lists.words.dtype, lists.offsets.dtype) == (np.int32, np.int64)


def test_a_vocabulary_is_that_of_the_word_index_by_frequency(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cached_words(monkeypatch, tmp_path, WORDS)
    assert vocabulary(ImdbSpec) == WORDS


@pytest.mark.real_data
@pytest.mark.parametrize("dataset", [ImdbSpec(num_words=88_590), ReutersSpec(num_words=30_982)])
def test_texts_in_words_become_the_numbers_that_keras_has_for_them(dataset: TextSpec) -> None:
    raw = dataset.read()
    assert isinstance(raw.X, WordLists)
    some = raw.X.take(np.arange(0, len(raw.y), 50))
    again = number_words((dataset.decode(some[row]) for row in range(len(some))), vocabulary(type(dataset)))
    np.testing.assert_array_equal(again.words, some.words)
    np.testing.assert_array_equal(again.offsets, some.offsets)
