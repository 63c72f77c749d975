"""What a prediction owes to one thing, found by taking it away: a column's values, a word, a part of a picture.

A column's values are shuffled: the permutation importance of Breiman ("Random forests", Machine Learning 2001, section
10), on rows that the contender was not fitted on, as Fisher, Rudin & Dominici (JMLR 2019) define it for any model.

A word is taken out of the texts that have it.

A part of a picture is covered, the occlusion of Zeiler & Fergus ("Visualizing and understanding convolutional
networks", ECCV 2014), which asks any model alike. A patch is covered by what the training pictures have there on
average: on a black ground, where there is nothing as a rule, it covers nothing.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from tasks.data.examples import StoredData
from tasks.metrics import METRICS, MetricName
from tasks.specs import BakeoffError, Spec
from tasks.statistics import CONFIDENCE, interval_of, resample

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

Floats = NDArray[np.float64]
Numbers = NDArray[np.int64]
Pixels = NDArray[np.float32]
Rows = NDArray[np.intp]
Predict = Callable[[Any], Floats]  # features of rows to (rows,), or probabilities (rows, classes)
RESAMPLES = 500  # of which 12 lie beyond each end of the interval
CANDIDATES = 1000  # words that are tried, those that most of the texts have
LEAST_ROWS = 10  # texts that must have a word, for its mean to have an interval
SHOWN = 10  # words of each end, or of each class
PART = 20_000  # texts that are predicted at a time
MOST_PICTURES = 20
SIDE = 4  # a patch is a quarter of the picture's shorter side
STEPS = 3  # and is moved by a third of its own


class Effect(Spec):
    """What it does to one contender that one thing is not there: a column, a word, or a part of a picture.

    Of a column it is by how much the metric worsens when the column's values are shuffled. Of a word it is what the
    predicted probability of `label`, or the predicted number, loses on those `rows` that have the word. Of a picture of
    class `label` it is the most that the probability of this class loses when a patch is covered.
    """

    contender: str
    feature: str
    label: str = ""
    effect: float
    interval: tuple[float, float] | None = Field(None, description="95 %; none for a single picture")
    rows: int


class ColumnInputs(NamedTuple):
    """A column of the data, and the numbers of the features that were computed from it."""

    name: str
    features: tuple[int, ...]


def inputs_of(examples: StoredData) -> list[ColumnInputs]:
    """Return the columns that are shuffled as one: a date with all its parts, of series a value at all of its times."""
    if examples.form == "series":
        time, width = examples.shape
        names = [column.name for column in examples.columns[2:]] or [f"value {number}" for number in range(width)]
        return [ColumnInputs(name, tuple(range(number, time * width, width))) for number, name in enumerate(names)]
    columns = {column.name: column.features for column in examples.columns} or {n: (n,) for n in examples.features}
    places = {name: number for number, name in enumerate(examples.features)}
    return [ColumnInputs(name, tuple(places[feature] for feature in own)) for name, own in columns.items()]


def shuffles(rows: int, n_repeats: int, seed: int) -> Rows:
    """Draw orders of the rows (n_repeats, rows) once: every contender and every column gets the same."""
    generator = np.random.default_rng(seed)
    return np.stack([generator.permutation(rows) for _ in range(n_repeats)])


def permutation_effects(
    name: str,
    predict: Predict,
    X: Floats,
    y: NDArray[np.generic],
    columns: Sequence[ColumnInputs],
    orders: Rows,
    metric: MetricName,
    groups: NDArray[np.generic] | None = None,
) -> list[Effect]:
    """Return by how much the metric worsens, as a mean over shuffles, for each column.

    The interval is a bootstrap's over rows, or groups of rows, and over shuffles.

    Args:
        name: the contender's.
        predict: gives its prediction for rows of X.
        X: the features of the test rows (rows, features).
        y: their targets (rows,).
        columns: what to shuffle.
        orders: the shuffled orders (n_repeats, rows).
        metric: the experiment's.
        groups: the number (rows,) of each row's group, where rows belong together.
    """
    before = predict(X)
    after = [_predict_shuffled(predict, X, column, orders) for column in columns]
    score, sign = METRICS[metric].score, METRICS[metric].sign
    scores = resample(y, [before[None], *after], metric, RESAMPLES, groups)
    return [
        Effect(
            contender=name,
            feature=column.name,
            effect=sign * (score(y, before) - float(np.mean([score(y, each) for each in own]))),
            interval=interval_of(sign * (scores[0] - resampled)),
            rows=len(y),
        )
        for column, own, resampled in zip(columns, after, scores[1:], strict=True)
    ]


def _predict_shuffled(predict: Predict, X: Floats, column: ColumnInputs, orders: Rows) -> Floats:
    """What is predicted (n_repeats, rows, ...) when the column's values stand in these orders, all else unchanged."""
    shuffled = np.tile(X, (len(orders), 1))
    features = list(column.features)
    shuffled[:, features] = X[orders.ravel()][:, features]
    predicted = predict(shuffled)
    return predicted.reshape(*orders.shape, *predicted.shape[1:])


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
    """Return what a contender's predictions lose with each candidate, in the order of these."""
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
    """Return the effects of the words that matter most to `judges` as a mean, for all contenders alike.

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


def choose_pictures(y: NDArray[np.generic], seed: int) -> NDArray[np.intp]:
    """Draw test pictures, as many of each class, whatever is predicted for them; return their numbers by class."""
    order = np.random.default_rng(seed).permutation(len(y))
    present = np.unique(y)
    of_each = max(1, MOST_PICTURES // len(present))
    chosen = [order[y[order] == label][:of_each] for label in present]
    return np.concatenate(chosen[:MOST_PICTURES])


def patch_side(shape: tuple[int, ...]) -> int:
    """Return a patch's width and height in pixels, in pictures of shape (height, width) or (height, width, colours)."""
    return max(1, round(min(shape[:2]) / SIDE))


def occlusion_maps(
    predict: Predict, X: Pixels, y: NDArray[np.generic], cover: Pixels, shape: tuple[int, ...]
) -> Floats:
    """Return what the probability of the true class loses (pictures, height, width), per pixel.

    It is the mean over all patches that cover the pixel.

    Args:
        predict: gives probabilities (rows, classes) for rows of pixels.
        X: the pictures (pictures, pixels).
        y: their classes (pictures,), as numbers.
        cover: what a patch shows (pixels,).
        shape: that of a picture.
    """
    side, (height, width) = patch_side(shape), shape[:2]
    corners = product(_starts(height, side), _starts(width, side))
    places = np.zeros((len(_starts(height, side)) * len(_starts(width, side)), height, width), np.bool_)
    for place, (top, left) in zip(places, corners, strict=True):
        place[top : top + side, left : left + side] = True
    hidden = np.repeat(places.reshape(len(places), -1), int(np.prod(shape[2:])), axis=1)  # (patches, pixels)
    labels = y.astype(np.int64)
    before = predict(X)[np.arange(len(X)), labels]
    maps = np.zeros((len(X), height, width))
    for number, (row, label) in enumerate(zip(X, labels, strict=True)):
        lost = before[number] - predict(np.where(hidden, cover, row).astype(np.float32))[:, label]
        maps[number] = np.tensordot(lost, places, axes=1) / places.sum(axis=0)
    return maps


def _starts(length: int, side: int) -> list[int]:
    """Where patches begin, so that together they cover the whole length."""
    return sorted({*range(0, length - side + 1, max(1, side // STEPS)), length - side})
