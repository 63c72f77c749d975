"""The user's own texts: a column of a file, or a folder with one sub-folder a class."""

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from tasks.data.examples import TEXT, Raw
from tasks.data.own import values as read
from tasks.data.own.arrangement import RowsSpec
from tasks.data.own.delimited import encoding_of
from tasks.data.own.folders import class_files, is_folder
from tasks.data.own.rows import read_rows
from tasks.data.own.spec import hold_out, refuse_reserved, refuse_two_uses
from tasks.data.own.targets import read_target
from tasks.data.problem import Problem
from tasks.data.terms import RESERVED, has_words
from tasks.specs import BakeoffError

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

logger = logging.getLogger(__name__)
SUFFIXES = (".txt",)


class TextFileSpec(RowsSpec):
    """Texts in a column of a file, in Unicode; or in a folder, each a .txt file, and each sub-folder a class.

    Such a folder may have two, `train` and `test`, with the classes below; the texts of `test` are kept for the test.
    What is learned from are the terms that most texts have: words and, if `ngrams` is 2, pairs of words.
    """

    kind: Literal["text"] = "text"
    text: str | None = Field(None, description="the column of the texts")
    target: str | None = Field(None, description="the column to predict")
    num_words: int = Field(100_000, ge=1, description="how many of the most frequent terms are kept")
    ngrams: Literal[1, 2] = Field(2, description="the longest term: 1 for words, 2 for pairs of words as well")

    @model_validator(mode="after")
    def _a_column_has_one_use(self) -> "TextFileSpec":
        refuse_two_uses((self.text, self.target, self.group_column, self.time_column, self.test.column))
        refuse_reserved([self.text])
        return self

    @property
    def problem(self) -> Problem:
        """What is known before the classes and the terms are; there may be fewer of these than `num_words`."""
        return Problem(task=self.task, form="words", shape=(RESERVED + self.num_words,))

    def read(self) -> Raw:
        """The rows that have a text and a target, as the file has them or in the order of time.

        Raises:
            BakeoffError: when a text or a target cannot be read, there is nothing to learn from, or the rows cannot be
                kept for the test as it is asked.
        """
        return self._folder() if is_folder(self.path) else self._file()

    def _file(self) -> Raw:
        import pandas as pd

        if self.text is None or self.target is None:
            raise BakeoffError(
                f"{self.path} is no folder with one sub-folder a class; of a file, text and target must name columns"
            )
        others = (self.group_column, self.time_column, self.test.column)
        rows = read_rows(self.path, (), [self.text, self.target, *filter(None, others)])
        texts = _texts(rows[self.text])
        used = self.arrange(rows, rows[self.target].where(read.known(texts)))
        if len(used.kept) < len(rows):
            lacking = len(rows) - len(used.kept)
            logger.info("%s: %d of %d rows have no text or no target, and are left out", self.path, lacking, len(rows))
        X = pd.DataFrame({self.text: texts.take(used.kept).to_pylist()})
        return self._raw(X, used.y, used.classes, used.held_out, used.groups)

    def _folder(self) -> Raw:
        import pandas as pd

        settings = ("text", "target", "group_column", "time_column")
        columns = [name for name in settings if getattr(self, name)] + ["test.column"] * bool(self.test.column)
        if columns:
            raise BakeoffError(
                f"{self.path} is a folder, whose sub-folders are the classes, and has no columns; leave out"
                f" {', '.join(columns)}"
            )
        found = class_files(self.path, SUFFIXES, "texts")
        texts = [_read_text(file) for file in found.files]
        y, classes, _ = read_target(pd.Series(found.labels, name="of the sub-folders"), self.task, as_it_is=True)
        held_out = found.held_out
        if held_out is None:
            held_out = hold_out(self.test, y, self.problem.model_copy(update={"classes": classes}))
        return self._raw(pd.DataFrame({TEXT: texts}), y, classes, held_out)

    def _raw(
        self,
        X: "pd.DataFrame",
        y: NDArray[np.generic],
        classes: tuple[str, ...],
        held_out: NDArray[np.bool_],
        groups: NDArray[np.int64] | None = None,
    ) -> Raw:
        if not any(has_words(text) for text in X.loc[~held_out].iloc[:, 0]):
            raise BakeoffError(f"{self.path}: no text among the rows to learn from has a word")
        problem = self.problem.model_copy(update={"classes": classes})
        return Raw(X, y, held_out, problem, groups=groups, ngrams=self.ngrams)


def _texts(values: "pd.Series[Any]") -> "pa.Array[Any]":
    """The texts, null where there is none."""
    array = read.typed(values)
    if not read.is_text(array):
        raise BakeoffError(f"column {values.name} holds {array.type}, and texts are needed")
    known = read.known(array)
    if not known.any():
        raise BakeoffError(f"column {values.name} has no texts; all are empty")
    if np.isfinite(read.numbers(array)[known]).all():
        raise BakeoffError(
            f"column {values.name} holds numbers, and texts are needed; name another column, or choose kind: table"
        )
    return array


def _read_text(file: Path) -> str:
    try:
        return file.read_text(encoding=encoding_of(file))
    except OSError as error:
        raise BakeoffError(f"{file} cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise BakeoffError(f"{file}: {error}") from error
