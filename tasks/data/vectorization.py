"""From examples to arrays: what every contender takes, before anything is fitted."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tasks.data.examples import Groups, Problem, StoredData, Tokens, WordLists, read_part
from tasks.data.terms import RESERVED, count_known, find_terms, in_vocabulary, most_frequent
from tasks.store import StoredFile, load_arrays, store_arrays

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

PADDING, OUT_OF_VOCABULARY = 0, 2  # word numbers that Keras reserves
FIRST_WORD = 4  # lower numbers of a published text mean no word

Features = Any  # NDArray (rows, features), or csr_matrix (rows, num_words): they share rows, shape and indexing by rows
Labels = NDArray[np.generic]


class DesignMatrix(Problem):
    """The vectorized data: a file with X and y of the training part and of the test part.

    X is float64 (rows, features) for a table, float32 in [0, 1] (rows, pixels) for pictures, float32
    (rows, time * features) for series, step after step, and a CSR matrix (rows, num_words) of word counts for texts. y
    (rows,) is float64 for regression; otherwise it holds class numbers, as integers from 0.

    Of the user's own texts, X of the training part is (rows, terms), with all terms that its texts have; a contender
    takes it in the vocabulary of the rows that it is fitted on. X of the test part is in that of all training rows.
    """

    file: StoredFile
    terms: int = 0
    groups: Groups | None = None

    @property
    def n_bytes(self) -> int:
        """How many bytes all arrays take."""
        return self.file.path.stat().st_size

    def training(self) -> tuple[Features, Labels]:
        """X and y of the rows that contenders may learn from."""
        return self._features("train"), self.y("train")

    def test(self) -> tuple[Features, Labels]:
        """X and y of the rows that are kept for the test."""
        return self._features("test"), self.y("test")

    def in_vocabulary_of(self, X: Features, rows: NDArray[np.int64]) -> Features:
        """X of the training part in the vocabulary of some of its rows, by number: the terms that most of them have.

        It is given back as it is where its columns are the vocabulary, or no words at all.
        """
        if not self.terms:
            return X
        return in_vocabulary(X, most_frequent(X[rows], self.shape[0] - RESERVED), self.shape[0])

    def vocabulary(self) -> tuple[str, ...]:
        """The terms that stand in the columns from RESERVED on, in the vocabulary of all training rows."""
        return tuple(load_arrays(self.file, "vocabulary")["vocabulary"].tobytes().decode().split("\n"))

    def y(self, part: str) -> Labels:
        """The targets of "train" or "test" alone."""
        return load_arrays(self.file, f"y_{part}")[f"y_{part}"]

    def group_numbers(self, part: str) -> Labels | None:
        """The number (rows,) of the group of each row of "train" or "test"; none where rows stand alone."""
        return load_arrays(self.file, f"groups_{part}")[f"groups_{part}"] if self.groups else None

    def _features(self, part: str) -> Features:
        if self.form == "words":
            from scipy.sparse import csr_matrix

            arrays = load_arrays(self.file, f"indices_{part}", f"indptr_{part}", f"counts_{part}")
            indices, indptr, counts = (array.astype(np.int32, copy=False) for array in arrays.values())
            columns = self.terms if self.terms and part == "train" else self.shape[0]
            return csr_matrix((counts.astype(np.float32), indices, indptr), (len(indptr) - 1, columns))
        return load_arrays(self.file, f"X_{part}")[f"X_{part}"]


def vectorize(examples: StoredData) -> DesignMatrix:
    """Turn examples into arrays of numbers; nothing that folds learn is fitted here, so nothing leaks between them."""
    arrays: dict[str, NDArray[np.generic]] = {}
    texts: dict[str, list[str]] = {}
    for part, held_out in (("train", False), ("test", True)):
        X, y, groups = read_part(examples, held_out)
        if groups is not None:
            arrays[f"groups_{part}"] = groups
        arrays[f"y_{part}"] = y.astype(np.float64 if examples.task == "regression" else np.int64)
        if isinstance(X, WordLists):
            arrays |= _sparse(part, count_words(X, examples.shape[0]))
        elif isinstance(X, np.ndarray) and examples.form == "series":
            arrays[f"X_{part}"] = X.reshape(len(X), -1)
        elif isinstance(X, np.ndarray):
            arrays[f"X_{part}"] = scale_pixels(X.astype(np.uint8, copy=False), examples.brightest)
        elif examples.tokens:
            texts[part] = X[examples.features[0]].tolist()
        else:
            arrays[f"X_{part}"] = X.to_numpy(np.float64)
    if texts:
        return _vectorize_texts(examples, texts["train"], texts["test"], arrays)
    file = store_arrays(**arrays)
    return DesignMatrix(**examples.fields(), file=file, groups=examples.groups)


def _vectorize_texts(
    examples: StoredData, train: Sequence[str], test: Sequence[str], others: dict[str, NDArray[np.generic]]
) -> DesignMatrix:
    """Counts the terms of texts as people write them, once for all folds, and keeps them with the other arrays."""
    tokens = examples.tokens or Tokens()
    terms, X = find_terms(train, tokens)
    num_words = min(examples.shape[0] - RESERVED, len(terms))
    vocabulary, shape = terms.names(most_frequent(X, num_words)), (RESERVED + num_words,)
    parts = _sparse("train", X) | _sparse("test", count_known(test, vocabulary, shape[0], tokens))
    file = store_arrays(**others, **parts, vocabulary=np.frombuffer("\n".join(vocabulary).encode(), np.uint8))
    return DesignMatrix(**examples.fields() | {"shape": shape}, file=file, terms=len(terms), groups=examples.groups)


def with_all_words(examples: StoredData, arrays: DesignMatrix) -> DesignMatrix:
    """Published texts with all words that they have, so that each fold can have a vocabulary of its own in an audit.

    Their publisher found the most frequent words in all texts, those for the test too: as vectorized, they are in that
    vocabulary. Any other data are as they are.
    """
    if arrays.form != "words" or arrays.terms:
        return arrays
    texts, _, _ = read_part(examples, held_out=False)
    assert isinstance(texts, WordLists)  # noqa: S101  # else they would have terms
    X = count_words(texts, int(texts.words.max()) + 1)[:, FIRST_WORD:].tocsr()
    parts = {"counts_train": X.data, "indices_train": X.indices, "indptr_train": X.indptr}
    return arrays.model_copy(update={"file": store_arrays(y_train=arrays.y("train"), **parts), "terms": X.shape[1]})


def _sparse(part: str, matrix: "csr_matrix") -> dict[str, NDArray[np.generic]]:
    """The arrays of a CSR matrix of counts, which take as few bytes as the largest needs."""
    counts = matrix.data.astype(np.min_scalar_type(int(matrix.data.max(initial=0))))
    return {f"counts_{part}": counts, f"indices_{part}": matrix.indices, f"indptr_{part}": matrix.indptr}


def count_words(texts: WordLists, num_words: int) -> "csr_matrix":
    """A float32 CSR matrix (texts, num_words): how often each text has each word; its indices are sorted.

    Words from `num_words` on count as the one that stands for all that are unknown.
    """
    from scipy.sparse import csr_matrix

    words = np.where(texts.words < num_words, texts.words, OUT_OF_VOCABULARY)
    matrix = csr_matrix((np.ones(len(words), np.float32), words, texts.offsets), (len(texts), num_words))
    matrix.sum_duplicates()
    return matrix


def scale_pixels(pictures: NDArray[np.uint8], brightest: int) -> NDArray[np.float32]:
    """Pictures (rows, height, width) as float32 rows (rows, height * width), 0 for black and 1 for `brightest`."""
    return pictures.reshape(len(pictures), -1).astype(np.float32) / np.float32(brightest)


def one_hot(labels: Labels, n_classes: int) -> NDArray[np.float32]:
    """Class numbers (rows,) as rows of 0 with a 1 at the class's own place, float32 (rows, n_classes)."""
    return np.eye(n_classes, dtype=np.float32)[labels.astype(np.int64)]


def word_rows(X: "csr_matrix") -> NDArray[np.int32]:
    """The words that each text has, without their counts: rows of word numbers, filled up with 0 to the longest."""
    lengths = np.diff(X.indptr)
    rows = np.full((X.shape[0], max(1, int(lengths.max(initial=0)))), PADDING, np.int32)
    rows[np.arange(rows.shape[1]) < lengths[:, None]] = X.indices
    return rows
