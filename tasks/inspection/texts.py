"""Texts of the user's: how many words they have, and how many are the same."""

from typing import TYPE_CHECKING, cast

import numpy as np

from tasks.data.examples import Raw
from tasks.data.own.texts import TextFileSpec
from tasks.inspection.asked import Asked
from tasks.inspection.look import Look
from tasks.inspection.overview import Overview, counted
from tasks.inspection.tables import A_FIFTH, ABOUT_GROUP, ABOUT_TIME, choose_test, read_named
from tasks.inspection.targets import CLASS, look_at_target
from tasks.metrics import classification

if TYPE_CHECKING:
    import pandas as pd

MANY = 10_000  # texts from which the rarer terms are learned as well
WORDS = (20_000, 50_000)  # terms that are kept, of fewer texts and of more
ABOUT = {
    "dataset.num_words": "so many terms are kept, the most frequent; they are found among the texts to learn from",
    "dataset.ngrams": "2: pairs of words are terms as well; 1: words alone",
    "dataset.group_column": ABOUT_GROUP,
    "dataset.time_column": ABOUT_TIME,
}


def look_at_text_file(asked: Asked) -> Look:
    """A file with a column of texts.

    Raises:
        BakeoffError: when it cannot be read, or nothing can be learned from it.
    """
    rows, target, task, about_task = read_named(asked)
    named = [name for name in (asked.text, asked.group, asked.time) if name]
    test, why_test = choose_test(rows.drop(columns=[target, *named]))
    dataset = TextFileSpec(
        kind="text",
        path=asked.path,
        task=task,
        text=asked.text,
        target=target,
        num_words=WORDS[len(rows) >= MANY],
        ngrams=2,
        group_column=asked.group,
        time_column=asked.time,
        test=test,
    )
    raw = dataset.read()
    overview = overview_of_texts(dataset, raw, missing=len(rows) - len(raw.y))
    return Look(overview, dataset, raw, ABOUT | {"dataset.task": about_task, "dataset.test": why_test})


def look_at_text_folder(asked: Asked, n_classes: int, n_texts: int, parted: bool) -> Look:
    """A folder with one sub-folder a class, or such a folder for each of train and test (`parted`).

    Raises:
        BakeoffError: when it cannot be read, or nothing can be learned from it.
    """
    dataset = TextFileSpec(
        kind="text",
        path=asked.path,
        task=classification(n_classes),
        num_words=WORDS[n_texts >= MANY],
        ngrams=2,
        **({} if parted else {"test": A_FIFTH}),
    )
    raw = dataset.read()
    return Look(overview_of_texts(dataset, raw), dataset, raw, ABOUT)


def overview_of_texts(dataset: TextFileSpec, raw: Raw, missing: int = 0) -> Overview:
    """How long they are, and how many have the same text and the same target as an earlier one."""
    texts = cast("pd.DataFrame", raw.X).iloc[:, 0]
    words = texts.str.count(r"\w+").to_numpy(np.int64)
    problem = raw.problem or dataset.problem
    return Overview(
        source=str(dataset.path),
        rows=len(texts),
        examples="texts",
        target=look_at_target(dataset.target or CLASS, dataset.task, raw.y, problem.classes, missing),
        facts=(f"{words.min():,} to {counted(words.max(), 'word')}, half of the texts up to {np.median(words):,.0f}",),
        duplicates=int(texts.to_frame().assign(y=raw.y).duplicated().sum()),
    )
