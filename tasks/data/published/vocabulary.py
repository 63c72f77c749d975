"""From raw text to word numbers, as Keras's text data sets were made.

They were made with the defaults of Keras's `Tokenizer`
(https://www.tensorflow.org/api_docs/python/tf/keras/preprocessing/text/Tokenizer): lower case, punctuation but the
apostrophe taken out, split at blanks, and a word that was not among those counted left out. The lower case was that of
bytes, of ASCII letters alone. So each of IMDB's 50,000 raw reviews becomes the very numbers that Keras has for it.
"""

import json
from collections.abc import Iterable
from itertools import chain
from string import ascii_lowercase, ascii_uppercase

import numpy as np

from tasks.data.examples import WordLists
from tasks.data.published.keras_cache import content
from tasks.data.published.texts import INDEX_FROM, START, TextSpec

TAKEN_OUT = '!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n'
_AS_KERAS = str.maketrans(TAKEN_OUT + ascii_uppercase, " " * len(TAKEN_OUT) + ascii_lowercase)


def vocabulary(dataset: type[TextSpec]) -> tuple[str, ...]:
    """All words that a data set counted, whatever its `num_words`; the most frequent comes first.

    Raises:
        BakeoffError: when the word index cannot be had.
    """
    places = json.loads(content(dataset.word_index))
    return tuple(sorted(places, key=places.__getitem__))


def number_words(texts: Iterable[str], words: Iterable[str]) -> WordLists:
    """The texts as Keras's loaders give them: each led by START, the word in place i (from 1) as i + INDEX_FROM."""
    numbers = {word: number for number, word in enumerate(words, start=1 + INDEX_FROM)}
    lists = [[START, *(numbers[word] for word in _split(text) if word in numbers)] for text in texts]
    offsets = np.cumsum([0, *map(len, lists)])
    return WordLists(np.fromiter(chain.from_iterable(lists), np.int32, offsets[-1]), offsets)


def _split(text: str) -> list[str]:
    return text.translate(_AS_KERAS).split(" ")
