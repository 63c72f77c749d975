"""The user's own texts: a column of a file, or a folder with one sub-folder a class."""

import unicodedata
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, cast

import numpy as np
from pydantic import Field, model_validator

from tasks.data.examples import TEXT, Problem, RawData, Tokens
from tasks.data.files import presets
from tasks.data.files import values as read
from tasks.data.files.data_file import DataFile
from tasks.data.files.encodings import encoding_of
from tasks.data.files.folders import class_files, is_folder
from tasks.data.files.notation import known, numbers, type_of
from tasks.data.files.own_spec import (
    A_FIFTH,
    Arrangement,
    Inspection,
    RowsSpec,
    hold_out,
    refuse_reserved,
    refuse_two_uses,
)
from tasks.data.files.presets import Entries, Settings, Size
from tasks.data.files.profile import DataProfile, InitOptions
from tasks.data.files.tables import Named, choose_test, read_named
from tasks.data.files.target_column import lacking_in, read_target, target_of
from tasks.data.files.values import Reading
from tasks.data.terms import RESERVED, have_no_blanks, words_of
from tasks.metrics import classification
from tasks.specs import BakeoffError, counted

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

FEW = 1000  # texts that are looked at to tell the script
MANY = 10_000  # texts from which the rarer terms are learned as well
WORDS = (20_000, 50_000)  # terms that are kept, of fewer texts and of more
ABOUT = {
    "dataset.num_words": "so many terms are kept, the most frequent; they are found among the texts to learn from",
    "dataset.ngrams": "2: pairs of words are terms as well; 1: words alone",
    "dataset.analyzer": "word; or char: runs of 1 to 4 letters, for scripts without blanks and for other spellings",
}


class TextFileSpec(RowsSpec):
    """Texts in a column of a file, in Unicode; or in a folder, each a .txt file, and each sub-folder a class.

    Such a folder may have parts such as `train`, `val` and `test`, with the classes below; the texts of `test` are kept
    for the test, those of the others to learn from.
    What is learned from are the terms that most texts have: words and, if `ngrams` is 2, pairs of words; or, if the
    `analyzer` is "char", runs of 1 to 4 letters.
    """

    kind: Literal["text"] = "text"
    text: str | None = Field(None, description="the column of the texts")
    target: str | None = Field(None, description="the column to predict")
    num_words: int = Field(100_000, ge=1, description="how many of the most frequent terms are kept")
    analyzer: Literal["word", "char"] = Field("word", description="what terms are made of: words, or runs of letters")
    ngrams: Literal[1, 2] = Field(2, description="the longest term: 1 for words, 2 for pairs of words as well")

    examples: ClassVar[str] = "texts"
    suffixes: ClassVar[tuple[str, ...]] = (".txt",)
    large: ClassVar[int] = 10_000
    sparse: ClassVar[bool] = True

    @model_validator(mode="after")
    def _a_column_has_one_use(self) -> "TextFileSpec":
        refuse_two_uses((self.text, self.target, self.group_column, self.time_column, self.test.column))
        refuse_reserved([self.text])
        return self

    @property
    def tokens(self) -> Tokens:
        """Return what terms are; runs of letters come in no pairs."""
        return Tokens(analyzer=self.analyzer, ngrams=self.ngrams if self.analyzer == "word" else 1)

    @property
    def problem(self) -> Problem:
        """What is known before the classes and the terms are; there may be fewer of these than `num_words`."""
        return Problem(task=self.task, form="words", shape=(RESERVED + self.num_words,))

    @classmethod
    def suits(cls, options: InitOptions) -> bool:
        """Return whether a column of texts was named."""
        return not options.file.is_archive and options.text is not None and options.id is None

    @classmethod
    def inspect(cls, options: InitOptions) -> Inspection:
        """Look at a file with a column of texts, or at a folder."""
        if is_folder(options.path):
            found = class_files(options.path, cls.suffixes, cls.examples)
            settings: dict[str, Any] = {"task": classification(found.n_classes)}
            rows, comments = len(found.files), ABOUT | {"dataset.path": found.parts}
            facts, lacking = found.facts, ""
            settings |= {"test": A_FIFTH} if found.held_out is None else {}
        else:
            named = read_named(options)
            others = [name for name in (options.text, options.group, options.time) if name]
            test = choose_test(named.rows.drop(columns=[named.target, *others]), options)
            settings = {**named.settings, "text": options.text, "test": test.spec}
            settings |= {"group_column": options.group, "time_column": options.time}
            rows, comments = len(named.rows), ABOUT | {"dataset.task": named.about, "dataset.test": test.why}
            facts = (*named.facts, *test.facts)
            lacking = _lacking(named, str(options.text))
        dataset = cls(kind="text", path=options.path, num_words=WORDS[rows >= MANY], ngrams=2, **settings)
        raw = dataset.read(options.file)
        if have_no_blanks(cast("pd.DataFrame", raw.X).iloc[:FEW, 0]):
            dataset = dataset.model_copy(update={"analyzer": "char", "ngrams": 1})
            raw = replace(raw, tokens=dataset.tokens)
            facts += ("most letters are of scripts without blanks: terms are runs of 1 to 4 letters (analyzer: char)",)
        profile = dataset.describe(raw, options.file)
        profile = profile._replace(lacking=lacking, facts=(*facts, *profile.facts))
        return Inspection(profile, dataset, raw, comments)

    @classmethod
    def contenders(cls, size: Size) -> Entries:
        """Enter a net on words that are there or not, the linear methods that suit texts, boosting, and the dummy."""
        dense = presets.net(size, "dense", 0.002, (40, 20, 10), (32, 512, 1024), (3, 3, 3), units=[16])
        weighting = {"weighting": "tf_idf"}
        machine = {"kind": "linear_svm", "params": {"C": 0.3}, **weighting}
        regression = {"kind": "logistic_regression", "params": {"C": 10.0, "max_iter": 1000}, **weighting}
        bayes = {"kind": "multinomial_nb", "params": {"alpha": 0.1}}
        linear: Entries = {
            "nb_svm": ({"kind": "nb_svm"}, "naive Bayes and a linear model in one, a strong baseline"),
            "logistic_regression": (regression, "a linear model; rare words weigh more"),
            "multinomial_nb": (bayes, "naive Bayes, in no time"),
        }
        if size.task == "regression":
            linear = {"ridge": ({"kind": "ridge", **weighting}, "a linear model")}
        boosting: Settings = {"n_estimators": 200, "learning_rate": 0.1}
        if size.classes > presets.MANY_CLASSES:
            boosting = {"n_estimators": 60, "num_leaves": 15, "learning_rate": 0.15}
            boosting |= {"reg_lambda": 10.0, "min_child_weight": 0.1}
        return {
            "dense": (dense, "a net on the terms that a text has"),
            **linear,
            "linear_svm": (machine, "a linear model that looks at the texts near the border"),
            **presets.installed("lightgbm", "LightGBM, on the counts of the terms", boosting),
            **presets.DUMMY,
        }

    def read(self, file: DataFile | None = None) -> RawData:
        """Return the rows that have a text and a target, as the file has them or in the order of time."""
        return self._folder() if is_folder(self.path) else self._file(file or self.opened())

    def describe(self, raw: RawData, file: DataFile) -> DataProfile:
        """Return how long they are, and how many have the same text and the same target as an earlier one."""
        texts = cast("pd.DataFrame", raw.X).iloc[:, 0]
        words = np.array([len(words_of(text)) for text in texts])
        return DataProfile(
            source=str(self.path),
            rows=len(texts),
            examples=self.examples,
            target=target_of(raw, self.target or "class"),
            facts=(
                f"{words.min():,} to {counted(words.max(), 'word')}, half of the texts up to {np.median(words):,.0f}",
            ),
            duplicates=int(texts.to_frame().assign(y=raw.y).duplicated().sum()),
        )

    def _file(self, file: DataFile) -> RawData:
        import pandas as pd

        if self.text is None or self.target is None:
            raise BakeoffError(
                f"{self.path} is no folder with one sub-folder a class; of a file, text and target must name columns"
            )
        others = (self.group_column, self.time_column, self.test.column)
        rows = file.rows((), [self.text, self.target, *filter(None, others)])
        texts = _texts(rows[self.text], self.reading)
        used = self.arrange(rows, rows[self.target].where(known(texts)), "no text or no target")
        X = pd.DataFrame({self.text: texts.take(used.kept).to_pylist()})
        return self._raw(X, used)

    def _folder(self) -> RawData:
        import pandas as pd

        settings = ("text", "target", "group_column", "time_column")
        columns = [name for name in settings if getattr(self, name)] + ["test.column"] * bool(self.test.column)
        if columns:
            raise BakeoffError(
                f"{self.path} is a folder, whose sub-folders are the classes, and has no columns; leave out"
                f" {', '.join(columns)}"
            )
        found = class_files(self.path, self.suffixes, self.examples)
        texts = [_read_text(file, self.reading.encoding) for file in found.files]
        target = read_target(pd.Series(found.labels, name="of the sub-folders"), self.task, as_it_is=True)
        held_out = found.held_out
        if held_out is None:
            held_out = hold_out(self.test, target.y, self.problem.model_copy(update={"classes": target.classes}))
        used = Arrangement(np.arange(len(texts)), target.y, target.classes, None, held_out)
        return self._raw(pd.DataFrame({TEXT: texts}), used)

    def _raw(self, X: "pd.DataFrame", used: Arrangement) -> RawData:
        if not any(words_of(text) for text in X.loc[~used.held_out].iloc[:, 0]):
            raise BakeoffError(f"{self.path}: no text among the rows to learn from has a word")
        problem = self.problem.model_copy(update={"classes": used.classes})
        return RawData(X, used.y, used.held_out, problem, groups=used.groups, tokens=self.tokens)


def _lacking(named: Named, text: str) -> str:
    """How many rows lack a text, and of the others how many a target."""
    there = known(_texts(named.rows[text], named.reading))
    target = named.rows[named.target]
    has_target = known(read.typed(target, named.reading.marks))
    said = [lacking_in(named.rows[text], there, "a text"), lacking_in(target, has_target, "the target")]
    return "; ".join(filter(None, said))


def _texts(values: "pd.Series[Any]", reading: Reading) -> "pa.Array[Any]":
    """The texts, null where there is none."""
    array = read.typed(values, reading.marks)
    if type_of(array) != "text":
        raise BakeoffError(f"column {values.name} holds {array.type}, and texts are needed")
    there = known(array)
    if not there.any():
        raise BakeoffError(f"column {values.name} has no texts; all are empty")
    if np.isfinite(numbers(array)[there]).all():
        raise BakeoffError(
            f"column {values.name} holds numbers, and texts are needed; name another column, or choose kind: table"
        )
    return array


def _read_text(file: Path, encoding: str | None) -> str:
    try:
        return unicodedata.normalize("NFC", file.read_text(encoding=encoding_of(file, encoding)))
    except OSError as error:
        raise BakeoffError(f"{file} cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise BakeoffError(f"{file}: {error}") from error
