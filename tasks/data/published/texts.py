"""Texts: data sets whose examples are lists of word numbers."""

import io
import json
from collections.abc import Sequence
from functools import cache
from itertools import chain
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from tasks.data.examples import Raw, WordLists
from tasks.data.problem import Problem
from tasks.data.published.keras_cache import KerasFile, content, fetch
from tasks.data.published.spec import PublishedSpec

if TYPE_CHECKING:
    from numpy.lib.npyio import NpzFile

IMDB = KerasFile(
    name="imdb.npz",
    digest="69664113be75683a8fe16e3ed0ab59fda8886cb3cd7ada244f7d9544e4676b9f",
    size=17_464_789,
    loader="imdb:load_data",
)
IMDB_WORDS = KerasFile(
    name="imdb_word_index.json",
    digest="bfafd718b763782e994055a2d397834f",
    size=1_641_221,
    loader="imdb:get_word_index",
)
REUTERS = KerasFile(
    name="reuters.npz",
    digest="d6586e694ee56d7a4e65172e12b3e987c03096cb01eab99753921ef915959916",
    size=2_110_848,
    loader="reuters:load_data",
)
REUTERS_WORDS = KerasFile(
    name="reuters_word_index.json",
    digest="4d44cc38712099c9e383dc6e5f11a921",
    size=550_378,
    loader="reuters:get_word_index",
)
# As `keras.datasets.reuters.get_label_names()` gives them.
TOPICS = (
    "cocoa", "grain", "veg-oil", "earn", "acq", "wheat", "copper", "housing", "money-supply", "coffee", "sugar",
    "trade", "reserves", "ship", "cotton", "carcass", "crude", "nat-gas", "cpi", "money-fx", "interest", "gnp",
    "meal-feed", "alum", "oilseed", "gold", "tin", "strategic-metal", "livestock", "retail", "ipi", "iron-steel",
    "rubber", "heat", "jobs", "lei", "bop", "zinc", "orange", "pet-chem", "dlr", "gas", "silver", "wpi", "hog", "lead",
)  # fmt: skip

# Keras's defaults, by which the files' word numbers become those of its loaders.
START, INDEX_FROM, SEED = 1, 3, 113


class TextSpec(PublishedSpec):
    """What all texts have in common; the most frequent words have the lowest numbers, from 4 on."""

    num_words: int
    form = "words"
    word_index: ClassVar[KerasFile]

    @property
    def problem(self) -> Problem:
        """A text is a row of as many columns as there are words."""
        return Problem(task=self.task, form=self.form, shape=(self.num_words,), classes=self.classes)

    def decode(self, words: Sequence[int] | NDArray[np.int32]) -> str:
        """A text for people; `?` for words that are not among the first `num_words`."""
        names = _names(self.word_index)
        known = [int(word) for word in words if word != START]
        return " ".join(names.get(word - INDEX_FROM, "?") if word < self.num_words else "?" for word in known)


class ImdbSpec(TextSpec):
    """IMDB: 50,000 film reviews, negative or positive; the official 25,000 are held out (Maas et al. 2011)."""

    kind: Literal["imdb"] = "imdb"
    num_words: int = Field(10_000, ge=5, le=88_590, description="the most frequent words, and 4 numbers with a meaning")
    task = "binary"
    rows = 50_000
    classes = ("negative", "positive")
    files = (IMDB, IMDB_WORDS)
    word_index = IMDB_WORDS

    def read(self) -> Raw:
        """The rows of `keras.datasets.imdb.load_data()` in its order, training rows first, with all their words."""
        packed = content(IMDB)
        fetch(self.files)  # its words travel with the models
        with np.load(io.BytesIO(packed), allow_pickle=True) as archive:  # whose hash has been checked
            shuffle = np.random.RandomState(SEED)  # one for both parts, as in Keras
            parts = [
                _shuffled(_word_lists(archive, f"x_{part}"), archive[f"y_{part}"], shuffle)
                for part in ("train", "test")
            ]
        texts, labels = _joined([texts for texts, _ in parts]), np.concatenate([labels for _, labels in parts])
        return Raw(texts, labels.astype(np.int64), np.arange(len(texts)) >= len(parts[0][0]))


class ReutersSpec(TextSpec):
    """Reuters: 11,228 newswires of 1987 on 46 topics; Keras's last fifth is held out."""

    kind: Literal["reuters"] = "reuters"
    num_words: int = Field(10_000, ge=5, le=30_982, description="the most frequent words, and 4 numbers with a meaning")
    task = "multiclass"
    rows = 11_228
    classes = TOPICS
    files = (REUTERS, REUTERS_WORDS)
    word_index = REUTERS_WORDS

    def read(self) -> Raw:
        """The rows of `keras.datasets.reuters.load_data()` in its order, training rows first, with all their words."""
        packed = content(REUTERS)
        fetch(self.files)  # its words travel with the models
        with np.load(io.BytesIO(packed), allow_pickle=True) as archive:  # whose hash has been checked
            texts, labels = _shuffled(_word_lists(archive, "x"), archive["y"], np.random.RandomState(SEED))
        return Raw(texts, labels.astype(np.int64), np.arange(len(texts)) >= int(len(texts) * (1 - 0.2)))


def _word_lists(archive: "NpzFile", name: str) -> WordLists:
    """An array of lists, whose numbers are raised by INDEX_FROM and led by START, as Keras's loaders do it."""
    lists = archive[name]
    lengths = np.fromiter(map(len, lists), np.int64, len(lists)) + 1
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    words = np.full(offsets[-1], START, np.int32)
    inner = np.ones(offsets[-1], np.bool_)
    inner[offsets[:-1]] = False
    words[inner] = np.fromiter(chain.from_iterable(lists), np.int32, int(inner.sum())) + INDEX_FROM
    return WordLists(words, offsets)


def _shuffled(
    texts: WordLists, labels: NDArray[np.generic], shuffle: np.random.RandomState
) -> tuple[WordLists, NDArray[np.generic]]:
    order = np.arange(len(texts))
    shuffle.shuffle(order)
    return texts.take(order), labels[order]


def _joined(parts: Sequence[WordLists]) -> WordLists:
    lengths = np.concatenate([np.diff(part.offsets) for part in parts])
    return WordLists(np.concatenate([part.words for part in parts]), np.concatenate([[0], np.cumsum(lengths)]))


@cache
def _names(word_index: KerasFile) -> dict[int, str]:
    return {number: word for word, number in json.loads(content(word_index)).items()}
