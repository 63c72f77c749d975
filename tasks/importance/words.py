"""Words of texts: what a prediction loses when a word is taken out of the texts that have it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tasks.importance.explanation import Effect, Floats, Predict
from tasks.specs import BakeoffError
from tasks.statistics.bootstrap import CONFIDENCE

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

Numbers = NDArray[np.int64]
CANDIDATES = 1000  # words that are tried, those that most of the texts have
LEAST_ROWS = 10  # texts that must have a word, for its mean to have an interval
SHOWN = 10  # words of each end, or of each class
PART = 20_000  # texts that are predicted at a time


@dataclass(frozen=True)
class Removal:
    """The texts X (rows, columns) that words are taken out of; `names` (columns,) are empty where there is no word.

    A name with a blank is that of a pair of words, which goes where one of its words goes.
    """

    X: "csr_matrix"
    names: Sequence[str]

    @cached_property
    def candidates(self) -> Numbers:
        """The columns of the words to try, the most frequent first.

        Raises:
            BakeoffError: when no word is in enough texts.
        """
        frequencies = np.bincount(self.X.indices, minlength=self.X.shape[1])
        frequencies[[number for number, name in enumerate(self.names) if not name]] = 0
        order = np.argsort(-frequencies, kind="stable")[:CANDIDATES]
        found: Numbers = order[frequencies[order] >= LEAST_ROWS].astype(np.int64)
        if not len(found):
            raise BakeoffError(
                f"no word is in {LEAST_ROWS} or more of the {self.X.shape[0]} test texts, so none tells anything;"
                " keep more rows for the test"
            )
        return found

    @cached_property
    def halves(self) -> Numbers:
        """The columns (2, columns) of the words that a column is made of: a pair's two, else itself twice."""
        places = {name: number for number, name in enumerate(self.names) if name}
        halves = np.tile(np.arange(self.X.shape[1]), (2, 1))
        for number, name in enumerate(self.names):
            if " " in name:
                halves[:, number] = [places[word] for word in name.split(" ")]
        return halves

    def parts(self) -> Iterator[tuple[Numbers, Numbers, "csr_matrix"]]:
        """The numbers of texts, the word that each of them has lost, and what is left of them; word by word."""
        by_word = self.X.tocsc()
        counts = np.diff(by_word.indptr)[self.candidates]
        parts = np.cumsum(counts) // PART
        for part in np.unique(parts):
            words = self.candidates[parts == part]
            rows = np.concatenate([by_word.indices[by_word.indptr[word] : by_word.indptr[word + 1]] for word in words])
            lost = np.repeat(words, counts[parts == part])
            yield rows.astype(np.int64), lost, self.without(rows, lost)

    def without(self, rows: NDArray[np.integer], lost: Numbers) -> "csr_matrix":
        """These texts, each without the word that it has lost."""
        from scipy.sparse import csr_matrix

        texts = self.X[rows]
        of_entries = np.repeat(lost, np.diff(texts.indptr))
        columns = texts.indices
        kept = (columns != of_entries) & (self.halves[:, columns] != of_entries).all(axis=0)
        offsets = np.concatenate([[0], np.cumsum(kept)])[texts.indptr]
        return csr_matrix((texts.data[kept], columns[kept], offsets.astype(np.int32)), texts.shape)


@dataclass(frozen=True)
class Losses:
    """What one contender's predictions lose: mean and standard error (words, outputs), over `rows` (words,) texts."""

    mean: Floats
    error: Floats
    rows: Numbers

    def interval(self, word: int, output: int) -> tuple[float, float]:
        """By Student's t of a mean over texts, for this word by itself, whichever was chosen for it."""
        from scipy.special import stdtrit

        t = float(stdtrit(self.rows[word] - 1, (1 + CONFIDENCE) / 2))
        reach = t * float(self.error[word, output])
        return float(self.mean[word, output]) - reach, float(self.mean[word, output]) + reach


def losses(predict: Predict, removal: Removal) -> Losses:
    """What a contender's predictions lose with each candidate, in the order of these."""
    before = _columns(predict(removal.X))
    places = np.full(removal.X.shape[1], -1)
    places[removal.candidates] = np.arange(len(removal.candidates))
    mean, error = np.zeros((2, len(removal.candidates), before.shape[1]))
    rows = np.zeros(len(removal.candidates), np.int64)
    for numbers, lost, texts in removal.parts():
        difference = before[numbers] - _columns(predict(texts))
        begins = np.flatnonzero(np.diff(lost, prepend=-1))
        words, counts = places[lost[begins]], np.diff(begins, append=len(lost))
        mean[words] = np.add.reduceat(difference, begins) / counts[:, None]
        squares = np.add.reduceat((difference - np.repeat(mean[words], counts, axis=0)) ** 2, begins)
        error[words] = np.sqrt(squares / (counts * (counts - 1))[:, None])
        rows[words] = counts
    return Losses(mean, error, rows)


def word_effects(
    found: Mapping[str, Losses], judges: Sequence[str], removal: Removal, classes: Sequence[str]
) -> list[Effect]:
    """The effects of the words that matter most to `judges` as a mean, for all contenders alike.

    Of several classes they are, for each class, those that speak for it; of two, those that speak for the second, and
    those that speak against it; of numbers, those that raise them and those that lower them.
    """
    effects = []
    several = len(classes) > 2
    for output in range(len(classes)) if several else [0]:
        order = np.argsort(-np.mean([found[name].mean[:, output] for name in judges], axis=0), kind="stable")
        half = min(SHOWN, (len(order) + 1) // 2)
        shown = order[:SHOWN] if several else [*order[:half], *order[half:][-half:]]
        label = classes[output] if several else classes[1] if classes else ""
        effects += [
            Effect(
                contender=name,
                feature=removal.names[removal.candidates[word]],
                label=label,
                effect=float(own.mean[word, output]),
                interval=own.interval(word, output),
                rows=int(own.rows[word]),
            )
            for name, own in found.items()
            for word in shown
        ]
    return effects


def _columns(prediction: Floats) -> Floats:
    """Of two classes the probability of the second, and of numbers themselves, as a column."""
    if prediction.ndim == 1:
        return prediction[:, None]
    return prediction[:, 1:] if prediction.shape[1] == 2 else prediction
