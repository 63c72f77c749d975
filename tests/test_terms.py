"""How texts are cut into words and pairs of words, counted, and brought into a vocabulary."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_matrix
from sklearn.feature_extraction.text import CountVectorizer

from tasks.data.examples import Tokens
from tasks.data.terms import (
    RESERVED,
    Terms,
    count_known,
    count_terms,
    find_terms,
    have_no_blanks,
    in_vocabulary,
    most_frequent,
    words_of,
)

TEXTS = st.lists(
    st.lists(
        st.sampled_from(
            ["a", "the", "Film", "don't", "!", ",", "état", "x2", "…", "C++", "#tag", "हिन्दी", "東京", "👍🏽"]
        ),
        max_size=8,
    ).map(" ".join),
    min_size=1,
    max_size=8,
).filter(lambda texts: any(words_of(text) for text in texts))


def _all(terms: Terms) -> tuple[str, ...]:
    return terms.names(np.arange(len(terms), dtype=np.int32))


def _counts(matrix: csr_matrix, names: tuple[str, ...]) -> list[dict[str, int]]:
    return [{names[at]: int(count) for at, count in zip(row.indices, row.data, strict=True)} for row in matrix]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("I didn't like it", ["i", "didn't", "like", "it"]),
        ("GREAT film!! Isn’t it?", ["great", "film", "!", "!", "isn't", "it", "?"]),
        ("'quoted' -- (well-made), 9/10...", ["quoted", "well", "made", "9", "10"]),
        ("Größe, été", ["größe", "été"]),
        (" \n<br />", ["br"]),
        ("...", []),
        ("C++, c# and C.", ["c++", "c#", "and", "c"]),
        ("a #tag, not #1 and f#$k", ["a", "#tag", "not", "1", "and", "f", "k"]),
        ("हिन्दी भाषा", ["हिन्दी", "भाषा"]),
        ("東京へ、カタカナ", ["東", "京", "へ", "カタカナ"]),
        ("น้ำไทย", ["น้", "ำ", "ไ", "ท", "ย"]),
        ("ok 👍🏽❤️ 👨‍👩‍👧 🇩🇪🇫🇷 ®", ["ok", "👍🏽", "❤️", "👨‍👩‍👧", "🇩🇪", "🇫🇷"]),
        ("8½ نص عربي", ["8½", "نص", "عربي"]),
    ],
)
def test_words_are_letters_and_digits_with_apostrophes_inside_and_signs_of_sentiment(
    text: str, words: list[str]
) -> None:
    terms, matrix = find_terms([text, "other"], Tokens(ngrams=1))
    assert _counts(matrix, _all(terms))[0] == {word: words.count(word) for word in words}


@given(TEXTS, TEXTS, st.sampled_from([1, 2]))
def test_terms_are_those_that_scikit_learn_finds_and_counts(texts: list[str], others: list[str], ngrams: int) -> None:
    terms, matrix = find_terms(texts, Tokens(ngrams=ngrams))
    names = _all(terms)
    theirs = CountVectorizer(ngram_range=(1, ngrams), tokenizer=words_of, token_pattern=None).fit(texts)
    assert sorted(names) == sorted(theirs.vocabulary_)
    reference = CountVectorizer(ngram_range=(1, ngrams), tokenizer=words_of, token_pattern=None, vocabulary=names)
    np.testing.assert_array_equal(matrix.toarray(), reference.transform(texts).toarray())
    assert matrix.has_sorted_indices
    within = " unheard of ".join(others)  # known words, and between them some that are not
    for each in (others, [within]):
        np.testing.assert_array_equal(count_terms(each, terms, Tokens()).toarray(), reference.transform(each).toarray())


def test_the_order_of_terms_does_not_depend_on_the_order_of_texts() -> None:
    texts = ["b a", "a c", "c b a"]
    assert (
        _all(find_terms(texts, Tokens())[0])
        == _all(find_terms(texts[::-1], Tokens())[0])
        == ("a", "b", "c", "a c", "b a", "c b")
    )


def test_a_term_is_frequent_by_the_texts_that_have_it_and_ties_go_by_order() -> None:
    terms, matrix = find_terms(["b b b b a", "a c", "a d", "d"], Tokens(ngrams=1))
    names = [terms.names(most_frequent(matrix, number)) for number in range(1, 5)]
    assert names == [("a",), ("a", "d"), ("a", "b", "d"), ("a", "b", "c", "d")]
    assert terms.names(most_frequent(matrix[:1], 10)) == ("a", "b")  # what no text has is in no vocabulary


@given(TEXTS, TEXTS, st.integers(1, 12))
def test_texts_counted_by_a_vocabularys_names_are_as_in_the_matrix_of_all_terms(
    texts: list[str], others: list[str], num_words: int
) -> None:
    terms, matrix = find_terms(texts, Tokens())
    columns = most_frequent(matrix, num_words)
    names, width = terms.names(columns), RESERVED + num_words
    for each, counted in ((texts, matrix), (others, count_terms(others, terms, Tokens()))):
        known = in_vocabulary(counted, columns, width)
        np.testing.assert_array_equal(count_known(each, names, width, Tokens()).toarray(), known.toarray())
        np.testing.assert_array_equal(
            known.toarray()[:, RESERVED : RESERVED + len(columns)], counted.toarray()[:, columns]
        )
        assert not known.toarray()[:, :RESERVED].any()
        assert known.has_sorted_indices


def test_runs_of_letters_are_terms_where_they_are_asked_for() -> None:
    tokens = Tokens(analyzer="char", ngrams=1)
    terms, matrix = find_terms(["ab ab!", "東京"], tokens)
    assert _counts(matrix, _all(terms)) == [{"!": 1, "a": 2, "ab": 2, "b": 2}, {"東": 1, "東京": 1, "京": 1}]
    known = count_known(["xab"], _all(terms), RESERVED + len(terms), tokens)
    assert known.sum() == 3


def test_scripts_without_blanks_are_seen() -> None:
    assert have_no_blanks(["満足です。", "ok"])
    assert not have_no_blanks(["fine", "満足", "हिन्दी भाषा"])
