"""From examples to arrays: what every contender takes, before anything is fitted."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tasks.data.examples import Examples, WordLists, read_part
from tasks.data.problem import Problem
from tasks.store import StoredFile, load_arrays, store_arrays

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

PADDING, OUT_OF_VOCABULARY = 0, 2  # word numbers that Keras reserves

Features = Any  # NDArray (rows, features), or csr_matrix (rows, num_words): they share rows, shape and indexing by rows
Labels = NDArray[np.generic]


class Arrays(Problem):
    """The vectorized data: a file with X and y of the training part and of the test part.

    X is float64 (rows, features) for a table, float32 in [0, 1] (rows, pixels) for pictures, and a CSR matrix
    (rows, num_words) of word counts for texts. y (rows,) is float64 for regression; otherwise it holds class numbers,
    as integers from 0.
    """

    file: StoredFile

    def training(self) -> tuple[Features, Labels]:
        """X and y of the rows that contenders may learn from."""
        return self._features("train"), self.y("train")

    def test(self) -> tuple[Features, Labels]:
        """X and y of the rows that are kept for the test."""
        return self._features("test"), self.y("test")

    def y(self, part: str) -> Labels:
        """The targets of "train" or "test" alone."""
        return load_arrays(self.file, f"y_{part}")[f"y_{part}"]

    def _features(self, part: str) -> Features:
        if self.form == "words":
            from scipy.sparse import csr_matrix

            arrays = load_arrays(self.file, f"indices_{part}", f"indptr_{part}", f"counts_{part}")
            indices, indptr, counts = (array.astype(np.int32, copy=False) for array in arrays.values())
            return csr_matrix((counts.astype(np.float32), indices, indptr), (len(indptr) - 1, self.shape[0]))
        return load_arrays(self.file, f"X_{part}")[f"X_{part}"]


def vectorize(examples: Examples) -> Arrays:
    """Turns examples into arrays of numbers; nothing is fitted here, so nothing can leak between folds."""
    arrays: dict[str, NDArray[np.generic]] = {}
    for part, held_out in (("train", False), ("test", True)):
        X, y, groups = read_part(examples, held_out)
        if groups is not None:
            arrays[f"groups_{part}"] = groups
        arrays[f"y_{part}"] = y.astype(np.float64 if examples.task == "regression" else np.int64)
        if isinstance(X, WordLists):
            matrix = count_words(X, examples.shape[0])
            counts = matrix.data.astype(np.min_scalar_type(int(matrix.data.max(initial=0))))
            arrays |= {f"counts_{part}": counts, f"indices_{part}": matrix.indices, f"indptr_{part}": matrix.indptr}
        elif isinstance(X, np.ndarray):
            arrays[f"X_{part}"] = scale_pixels(X.astype(np.uint8, copy=False), examples.brightest)
        else:
            arrays[f"X_{part}"] = X.to_numpy(np.float64)
    file = store_arrays(**arrays)
    return Arrays(**examples.fields(), file=file)


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
