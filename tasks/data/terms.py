"""The terms of texts as people write them: words, and pairs of words that follow one another.

Words are in small letters. An apostrophe within a word belongs to it (don't), and `!` and `?` are words of their own,
for they tell of sentiment: on IMDB's reviews NB-SVM is right on 91.5 % with them and with words of a single letter, on
91.1 % with scikit-learn's token pattern, which has neither. Signs that make another word belong to it as well (C++, C#,
#tag), and an emoji is a word, with all that it is joined of. What a word is in other scripts follows Unicode's rules
(UAX 29): vowel signs belong to it, and where no blanks stand between words, each letter is one, and pairs of letters
are terms. Instead of words, terms may be runs of a few letters, which forgive other endings and spellings.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import repeat
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tasks.data.examples import Tokens, WordLists, offsets_of

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

SIGNED = r"(?<!\w)[a-z](?:\+\+|#)(?=[\s.,;:!?)]|$)|(?<!\w)#[^\W\d_]\w*"  # C++, C#, #tag; not #1
WORD = re.compile(rf"{SIGNED}|\w+(?:'\w+)*|[!?]")
# The same for texts that are not ASCII. \w has vowel signs here; letters of scripts without blanks stand alone.
ALONE = r"\p{Han}\p{Hiragana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
LETTERS = rf"[[\w\p{{N}}\u200c\u200d]--[{ALONE}]]+"
PICTOGRAPH = (
    r"\p{Regional_Indicator}{2}|(?:\p{Emoji_Presentation}|\p{Extended_Pictographic}\ufe0f|[\u2600-\u27bf])"
    r"(?:[\ufe0f\p{Emoji_Modifier}]|\u200d\p{Extended_Pictographic})*"
)
ANY_WORD = rf"(?V1){SIGNED}|{PICTOGRAPH}|[{ALONE}]\p{{M}}*|{LETTERS}(?:'{LETTERS})*|[!?]"
RUN = rf"(?V1){PICTOGRAPH}|[\w\p{{N}}\u200c\u200d]+|[!?]"
LONGEST_RUN = 4  # letters
RESERVED = 3  # columns before the first term's: by Keras's convention for padding, the start and the unknown word
UNKNOWN = -1


@dataclass(frozen=True)
class Terms:
    """Words, in the order of their letters, and pairs of them, of which (i, j) is `i * len(words) + j`, ascending."""

    words: tuple[str, ...]
    pairs: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.words) + len(self.pairs)

    @cached_property
    def numbers(self) -> dict[str, int]:
        """Each word's place."""
        return {word: number for number, word in enumerate(self.words)}

    def names(self, columns: NDArray[np.int32]) -> tuple[str, ...]:
        """The terms of these columns, words first; a pair is two words with a blank between them."""
        words = [self.words[column] for column in columns[columns < len(self.words)]]
        first, second = np.divmod(self.pairs[columns[columns >= len(self.words)] - len(self.words)], len(self.words))
        return (*words, *(f"{self.words[i]} {self.words[j]}" for i, j in zip(first, second, strict=True)))

    @classmethod
    def named(cls, names: Sequence[str]) -> "Terms":
        """The terms that `names` gave, in the same order; the words of each pair must be among them."""
        words = tuple(name for name in names if " " not in name)
        terms = cls(words, np.empty(0, np.int64))
        halves = [name.split(" ") for name in names[len(words) :]]
        pairs = [terms.numbers[first] * len(words) + terms.numbers[second] for first, second in halves]
        return cls(words, np.array(pairs, np.int64))


def words_of(text: str) -> list[str]:
    """Return the words of a text, in order; a typographer's apostrophe is one as well."""
    plain = text.lower().replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")
    return WORD.findall(plain) if plain.isascii() else _pattern(ANY_WORD).findall(plain)


def runs_of(text: str) -> list[str]:
    """Return all runs of 1 to 4 letters within the words of a text."""
    return [
        run[start : start + length]
        for run in _pattern(RUN).findall(text.lower())
        for length in range(1, LONGEST_RUN + 1)
        for start in range(len(run) - length + 1)
    ]


def have_no_blanks(texts: Iterable[str]) -> bool:
    """Whether most letters are of scripts that have no blanks between words."""
    letters = "".join(sign for text in texts for sign in text if sign.isalpha())
    return 2 * len(_pattern(f"[{ALONE}]").findall(letters)) > len(letters)


@lru_cache
def _pattern(pattern: str) -> Any:
    import regex

    return regex.compile(pattern)


def find_terms(texts: Iterable[str], tokens: Tokens) -> tuple[Terms, "csr_matrix"]:
    """All terms of the texts, and how often each text has each, as `count_terms` does."""
    numbers: defaultdict[str, int] = defaultdict()
    numbers.default_factory = numbers.__len__
    found = _word_lists(texts, tokens, lambda words: map(numbers.__getitem__, words))
    words = tuple(sorted(numbers))
    order = np.empty(len(words), np.int32)
    order[[numbers[word] for word in words]] = np.arange(len(words), dtype=np.int32)
    lists = WordLists(order[found.words], found.offsets)
    if tokens.ngrams == 1:
        return Terms(words, np.empty(0, np.int64)), _matrix(lists.words, lists.offsets, len(words))
    codes, offsets = _pairs(lists, len(words))
    pairs, places = np.unique(codes, return_inverse=True)
    return Terms(words, pairs), _side_by_side(lists, len(words), places, offsets, len(pairs))


def count_terms(texts: Iterable[str], terms: Terms, tokens: Tokens) -> "csr_matrix":
    """A float32 CSR matrix (texts, terms): how often each text has each of the terms; its indices are sorted."""
    lists = _word_lists(texts, tokens, lambda words: map(terms.numbers.get, words, repeat(UNKNOWN)))
    if not len(terms.pairs):
        return _matrix(lists.words, lists.offsets, len(terms.words))
    codes, offsets = _pairs(lists, len(terms.words))
    found, places = np.unique(codes, return_inverse=True)
    known = np.searchsorted(terms.pairs, found).clip(max=len(terms.pairs) - 1)
    known = np.where(terms.pairs[known] == found, known, UNKNOWN)
    return _side_by_side(lists, len(terms.words), known[places], offsets, len(terms.pairs))


def count_known(texts: Iterable[str], vocabulary: Sequence[str], width: int, tokens: Tokens) -> "csr_matrix":
    """How often each text has each term of a vocabulary, in the columns that `in_vocabulary` gives them."""
    terms = Terms.named(vocabulary)
    return in_vocabulary(count_terms(texts, terms, tokens), np.arange(len(terms), dtype=np.int32), width)


def most_frequent(X: "csr_matrix", num_words: int) -> NDArray[np.int32]:
    """The columns, ascending, of the `num_words` terms that most texts (rows) have, and of these at least one has.

    Of terms in as many texts the first come first. So words that make up a pair are there if the pair is.
    """
    frequencies = np.bincount(X.indices, minlength=X.shape[1])
    columns = np.argsort(-frequencies, kind="stable")[:num_words].astype(np.int32)
    return np.sort(columns[frequencies[columns] > 0])


def in_vocabulary(X: "csr_matrix", columns: NDArray[np.int32], width: int) -> "csr_matrix":
    """X in the columns alone, ascending, which stand behind those that are reserved; its shape is (rows, width)."""
    from scipy.sparse import csr_matrix

    numbers = np.zeros(X.shape[1], np.int32)
    numbers[columns] = RESERVED + np.arange(len(columns), dtype=np.int32)
    indices = numbers[X.indices]
    kept = indices > 0
    offsets = offsets_of(kept)[X.indptr]
    return csr_matrix((X.data[kept], indices[kept], offsets.astype(np.int32)), (X.shape[0], width))


def _word_lists(texts: Iterable[str], tokens: Tokens, numbers_of: Callable[[list[str]], Iterable[int]]) -> WordLists:
    """Each text as the numbers of its words, or runs of letters."""
    split = map(words_of if tokens.analyzer == "word" else runs_of, texts)
    lists = [np.fromiter(numbers_of(words), np.int32, len(words)) for words in split]
    return WordLists(np.concatenate(lists), offsets_of(np.array([len(each) for each in lists])))


def _pairs(lists: WordLists, n_words: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The pairs of known words that each text has, as `Terms` numbers them, and where those of each text begin."""
    first, second = lists.words[:-1], lists.words[1:]
    inside = (first != UNKNOWN) & (second != UNKNOWN)
    ends = lists.offsets[1:-1]
    inside[ends[(ends > 0) & (ends <= len(inside))] - 1] = False  # a text's last word and the next text's first
    codes = first[inside].astype(np.int64) * n_words + second[inside]
    return codes, offsets_of(inside)[np.minimum(lists.offsets, len(inside))]


def _side_by_side(
    lists: WordLists, n_words: int, pairs: NDArray[np.intp], offsets: NDArray[np.int64], n_pairs: int
) -> "csr_matrix":
    from scipy.sparse import hstack

    parts = [_matrix(lists.words, lists.offsets, n_words), _matrix(pairs, offsets, n_pairs)]
    matrix: csr_matrix = hstack(parts, format="csr")
    return matrix


def _matrix(numbers: NDArray[np.integer[Any]], offsets: NDArray[np.int64], width: int) -> "csr_matrix":
    """How often each row has each of the numbers (rows, width); what is unknown is left out."""
    from scipy.sparse import csr_matrix

    known = numbers != UNKNOWN
    indices, begins = numbers[known].astype(np.int32), offsets_of(known)[offsets].astype(np.int32)
    matrix = csr_matrix((np.ones(len(indices), np.float32), indices, begins), (len(offsets) - 1, width))
    matrix.sum_duplicates()
    return matrix
