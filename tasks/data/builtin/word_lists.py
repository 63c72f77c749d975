"""Texts: data sets whose examples are lists of word numbers, and how raw text becomes such numbers.

They were made with the defaults of Keras's `Tokenizer`
(https://www.tensorflow.org/api_docs/python/tf/keras/preprocessing/text/Tokenizer): lower case, punctuation but the
apostrophe taken out, split at blanks, and a word that was not among those counted left out. The lower case was that of
bytes, of ASCII letters alone. So each of IMDB's 50,000 raw reviews becomes the very numbers that Keras has for it.
"""

import io
import json
from collections.abc import Iterable, Sequence
from functools import cache
from string import ascii_lowercase, ascii_uppercase
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from tasks.data.builtin.builtin_spec import KerasFile, PublishedSpec, content, fetch
from tasks.data.examples import Problem, RawData, WordLists

IMDB = KerasFile("imdb.npz", "69664113be75683a8fe16e3ed0ab59fda8886cb3cd7ada244f7d9544e4676b9f", 17_464_789, "imdb")
IMDB_WORDS = KerasFile("imdb_word_index.json", "bfafd718b763782e994055a2d397834f", 1_641_221, "imdb")
REUTERS = KerasFile(
    "reuters.npz", "d6586e694ee56d7a4e65172e12b3e987c03096cb01eab99753921ef915959916", 2_110_848, "reuters"
)
REUTERS_WORDS = KerasFile("reuters_word_index.json", "4d44cc38712099c9e383dc6e5f11a921", 550_378, "reuters")
# As `keras.datasets.reuters.get_label_names()` gives them.
TOPICS = (
    "cocoa", "grain", "veg-oil", "earn", "acq", "wheat", "copper", "housing", "money-supply", "coffee", "sugar",
    "trade", "reserves", "ship", "cotton", "carcass", "crude", "nat-gas", "cpi", "money-fx", "interest", "gnp",
    "meal-feed", "alum", "oilseed", "gold", "tin", "strategic-metal", "livestock", "retail", "ipi", "iron-steel",
    "rubber", "heat", "jobs", "lei", "bop", "zinc", "orange", "pet-chem", "dlr", "gas", "silver", "wpi", "hog", "lead",
)  # fmt: skip


# Keras's defaults, by which the files' word numbers become those of its loaders.
START, INDEX_FROM, SEED = 1, 3, 113
TAKEN_OUT = '!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n'
_AS_KERAS = str.maketrans(TAKEN_OUT + ascii_uppercase, " " * len(TAKEN_OUT) + ascii_lowercase)


class TextSpec(PublishedSpec):
    """What all texts have in common; the most frequent words have the lowest numbers, from 4 on.

    `files` are the texts and their word index; the arrays of the former are `x` and `y` with each of the `endings`.
    """

    num_words: int
    form = "words"
    endings: ClassVar[tuple[str, ...]] = ("",)

    @property
    def problem(self) -> Problem:
        """A text is a row of as many columns as there are words."""
        return Problem(task=self.task, form=self.form, shape=(self.num_words,), classes=self.classes)

    def read(self) -> RawData:
        """The rows of Keras's `load_data()` in its order, training rows first, with all their words."""
        packed = content(self.files[0])
        fetch(self.files)  # its words travel with the models
        texts, labels, shuffle = [], [], np.random.RandomState(SEED)  # one for all parts, as in Keras
        with np.load(io.BytesIO(packed), allow_pickle=True) as archive:  # whose hash has been checked
            for ending in self.endings:
                order = np.arange(len(archive[f"y{ending}"]))
                shuffle.shuffle(order)
                texts.append(_led_by_start(archive[f"x{ending}"]).take(order))
                labels.append(archive[f"y{ending}"][order].astype(np.int64))
        X, y = WordLists.joined(texts), np.concatenate(labels)
        return RawData(X, y, np.arange(len(y)) >= (len(labels[0]) if len(labels) > 1 else int(len(y) * (1 - 0.2))))

    def decode(self, words: Sequence[int] | NDArray[np.int32]) -> str:
        """A text for people; `?` for words that are not among the first `num_words`."""
        names = _names(self.files[1])
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
    endings = ("_train", "_test")


class ReutersSpec(TextSpec):
    """Reuters: 11,228 newswires of 1987 on 46 topics; Keras's last fifth is held out."""

    kind: Literal["reuters"] = "reuters"
    num_words: int = Field(10_000, ge=5, le=30_982, description="the most frequent words, and 4 numbers with a meaning")
    task = "multiclass"
    rows = 11_228
    classes = TOPICS
    files = (REUTERS, REUTERS_WORDS)


def vocabulary(dataset: type[TextSpec]) -> tuple[str, ...]:
    """All words that a data set counted, whatever its `num_words`; the most frequent comes first.

    Raises:
        BakeoffError: when the word index cannot be had.
    """
    places = json.loads(content(dataset.files[1]))
    return tuple(sorted(places, key=places.__getitem__))


def number_words(texts: Iterable[str], words: Iterable[str]) -> WordLists:
    """The texts as Keras's loaders give them: each led by START, the word in place i (from 1) as i + INDEX_FROM."""
    numbers = {word: number for number, word in enumerate(words, start=1 + INDEX_FROM)}
    split = (text.translate(_AS_KERAS).split(" ") for text in texts)
    return WordLists.of([[START, *(numbers[word] for word in words if word in numbers)] for words in split])


def _led_by_start(lists: NDArray[np.object_]) -> WordLists:
    """Lists whose numbers are raised by INDEX_FROM and led by START, as Keras's loaders do it."""
    texts = WordLists.of(lists)
    words = np.insert(texts.words + np.int32(INDEX_FROM), texts.offsets[:-1], START)
    return WordLists(words, texts.offsets + np.arange(len(texts) + 1))


@cache
def _names(word_index: KerasFile) -> dict[int, str]:
    return {number: word for word, number in json.loads(content(word_index)).items()}


TextDataset = ImdbSpec | ReutersSpec
