"""From raw rows, as people have them, to predictions by a model that was loaded from anywhere."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tasks.data.builtin.word_lists import TextSpec, number_words, vocabulary
from tasks.data.datasets import dataset_named
from tasks.data.examples import (
    AS_IT_IS,
    PREDICTION,
    TEXT,
    Column,
    Problem,
    Rendering,
    StoredData,
    Tokens,
    encode,
    known_levels,
)
from tasks.data.files.notation import COMMA, TIMES
from tasks.data.files.pictures import WHITE, find_pictures, read_pictures
from tasks.data.files.series import arrange, narrowed
from tasks.data.files.values import parse, typed
from tasks.data.terms import count_known
from tasks.data.vectorization import DesignMatrix, Features, count_words, scale_pixels
from tasks.models.contenders import Contender
from tasks.specs import BakeoffError, did_you_mean, listed

if TYPE_CHECKING:
    import pandas as pd


class Served(Problem):
    """What must travel with a model, so that raw rows become predictions wherever it is loaded.

    `dataset` and `digest` say what it was fitted on. `features` are what it takes of a table, and `columns` those of
    the user's own file that they come from; else they have the same names. Of series, `columns` are those of a long
    table: that of ids, that of times, and those of values. `unit` is that of a predicted number.
    `brightest` stands for white in a row of pixels, and `rendering` makes pixels of a file. `words` are those that a
    text data set counted, the most frequent first; or, where there is a feature, which is then the column of the user's
    own texts, the terms of the model's vocabulary.
    """

    dataset: str
    digest: str
    contender: Contender
    features: tuple[str, ...]
    columns: tuple[Column, ...] = ()
    unit: str
    brightest: int
    rendering: Rendering = AS_IT_IS
    tokens: Tokens | None = None
    words: tuple[str, ...]

    @property
    def numbers(self) -> tuple[str, ...] | None:
        """Which columns of a file hold numbers that tell by themselves what they are; None for all of them."""
        table = tuple(
            column.name
            for column in self.columns
            if column.kind == "number" and column.written not in (COMMA, TIMES) and not column.unit
        )
        own = table if self.columns else self.features
        return {"table": own, "series": own, "words": (), "pixels": None}[self.form]

    @property
    def inputs(self) -> tuple[str, ...]:
        """The columns that a table must have, or a long table of series."""
        return tuple(column.name for column in self.columns) or self.features

    @property
    def added(self) -> tuple[str, ...]:
        """The columns that a prediction adds: what is predicted, and the probability of each class if there is one."""
        return (PREDICTION, *self.probabilities) if self.contender.gives_probabilities else (PREDICTION,)

    @property
    def probabilities(self) -> list[str]:
        """The columns of probabilities: p_ and the class, behind underscores if a column of the data is called so."""
        names = [f"p_{label}" for label in self.classes]
        while {*names} & {*self.inputs}:
            names = [f"_{name}" for name in names]
        return names


def describe(contender: Contender, examples: StoredData, arrays: DesignMatrix) -> Served:
    """What a contender that was fitted on these examples, as arrays, needs to travel.

    Raises:
        BakeoffError: when a text data set's words cannot be had.
    """
    return Served(
        dataset=examples.name,
        words=words_of(examples, arrays),
        contender=contender,
        **arrays.fields(),
        **examples.model_dump(include={"digest", "features", "columns", "unit", "brightest", "rendering", "tokens"}),
    )


def words_of(examples: StoredData, arrays: DesignMatrix) -> tuple[str, ...]:
    """The words of texts: those that a published data set counted, or the terms of the vocabulary of one's own.

    Raises:
        BakeoffError: when a text data set's words cannot be had.
    """
    if examples.tokens:
        return arrays.vocabulary()
    dataset = dataset_named(examples.name) if examples.form == "words" else None
    return vocabulary(dataset) if dataset and issubclass(dataset, TextSpec) else ()


def predict_rows(served: Served, load: Callable[[], Any], rows: "pd.DataFrame") -> "pd.DataFrame":
    """The rows with `served.added` beside their own columns, which are kept as they are.

    `load` gives the model, and is called when the rows have been found usable: a net's library takes seconds to load.

    A table's rows have the columns that the model was fitted on, in any order; where those are of the user's own file,
    a value may be missing, and a category may have a level that is new. A picture is a row of its pixels, from left to
    right and from the top down, whatever their names. A text stands in the column `text`, or, of the user's own, in
    that of their file. Series come as a long table; of each there is one row, with its id and nothing else.

    Raises:
        BakeoffError: when columns are missing or of the same name as what is added, or a value is not usable.
    """
    import pandas as pd

    if served.form != "series":
        return _predicted(served, load, rows, _features(served, rows))
    _check_columns(served, rows, served.inputs)
    arranged = arrange(rows, served.columns, served.shape[0])
    ids = pd.DataFrame({served.columns[0].name: arranged.ids})
    return _predicted(served, load, ids, narrowed(arranged.X, served.columns).reshape(len(ids), -1))


def predict_pictures(served: Served, load: Callable[[], Any], source: Path) -> "pd.DataFrame":
    """A row for each picture in a file or below a folder, in order: its path there, `file`, and `served.added`.

    Raises:
        BakeoffError: when the model takes no pictures, or one cannot be read; then `load` has not been called.
    """
    import pandas as pd

    if served.form != "pixels":
        raise BakeoffError("the model takes no pictures; give it rows, in a CSV or Parquet file")
    pictures = find_pictures(source)
    names = [picture.relative_to(source if source.is_dir() else source.parent).as_posix() for picture in pictures]
    features = scale_pixels(read_pictures(pictures, served.shape, served.rendering), WHITE)
    return _predicted(served, load, pd.DataFrame({"file": names}), features)


def _predicted(served: Served, load: Callable[[], Any], rows: "pd.DataFrame", features: Features) -> "pd.DataFrame":
    """The rows with `served.added` for what the model takes of them."""
    import pandas as pd

    if taken := [column for column in served.added if column in rows]:
        raise BakeoffError(f"the prediction would overwrite {listed(taken)}; rename or drop what has that name")
    outputs = served.contender.predict(load(), features, served)
    if not served.classes:
        return rows.assign(**{PREDICTION: outputs})
    labels = np.array(served.classes, object)[outputs.argmax(axis=1)]
    probabilities = pd.DataFrame(outputs, rows.index, served.probabilities)
    predicted = pd.concat([rows.assign(**{PREDICTION: labels}), probabilities], axis=1)
    return predicted[[*rows.columns, *served.added]]


def unused(served: Served, rows: "pd.DataFrame") -> list[str]:
    """The columns that the model does not look at."""
    table, texts, pixels = served.inputs, served.features or (TEXT,), tuple(rows.columns)
    used = {"table": table, "series": table, "words": texts, "pixels": pixels}[served.form]
    return [column for column in rows.columns if column not in used]


class Unknown(NamedTuple):
    """How many values of a column are levels that a model has not seen, and one of them."""

    values: int
    such_as: str


def unknown(served: Served, rows: "pd.DataFrame") -> dict[str, Unknown]:
    """Return the columns of categories with values that the model has not seen, which count as missing to it."""
    found = {}
    for column in served.columns if served.form == "table" else ():
        if column.kind == "category":
            values = parse(rows[column.name], column).cat
            strange = [
                n for n, level in enumerate(known_levels(values.categories.tolist(), column.levels)) if level is None
            ]
            count = int(np.isin(values.codes, strange).sum())
            if count:
                found[column.name] = Unknown(count, str(values.categories[strange[0]]))
    return found


def _features(served: Served, rows: "pd.DataFrame") -> Features:
    """What the model takes: a table keeps its columns' names, by which a model in MLflow knows its features."""
    import pandas as pd

    if served.form == "words":
        _check_columns(served, rows, served.features or (TEXT,))
        if served.features:
            return count_known(
                _texts(rows, served.features[0]), served.words, served.shape[0], served.tokens or Tokens()
            )
        return count_words(number_words(_texts(rows, TEXT), served.words), served.shape[0])
    if served.form == "pixels":
        return scale_pixels(_pixels(served, rows), served.brightest)
    _check_columns(served, rows, served.inputs)
    if served.columns:  # the features of a user's own table are computed as they were when the model was fitted
        values = {column.name: parse(rows[column.name], column) for column in served.columns}
        return encode(pd.DataFrame(values, rows.index), served.columns)
    return _numbers(rows[list(served.features)])


def _check_columns(served: Served, rows: "pd.DataFrame", needed: Sequence[str]) -> None:
    if missing := [column for column in needed if column not in rows]:
        others = unused(served, rows)
        hints = [f"{column}{hint}" for column in others if (hint := did_you_mean(column, missing))]
        there = f"; there is {hints[0]}" if hints else f"; there are {listed(others)}" if others else ""
        raise BakeoffError(f"no column named {listed(missing)}{there}")


def _numbers(rows: "pd.DataFrame") -> "pd.DataFrame":
    """The rows as float64."""
    import pandas as pd

    columns = {name: pd.to_numeric(rows[name], errors="coerce") for name in rows}
    numbers = pd.DataFrame(columns).astype(np.float64)
    _refuse(rows, ~np.isfinite(numbers.to_numpy()), "a finite number is needed")
    return numbers


def _pixels(served: Served, rows: "pd.DataFrame") -> NDArray[np.uint8]:
    """Pictures (rows, height, width)."""
    size = " x ".join(str(length) for length in served.shape)
    if rows.shape[1] != np.prod(served.shape):
        raise BakeoffError(
            f"there are {rows.shape[1]} columns; a picture of {size} pixels is a row of {np.prod(served.shape)}, from"
            " left to right and from the top down, and nothing else"
        )
    shades = _numbers(rows).to_numpy()
    strange = (shades != np.floor(shades)) | (shades < 0) | (shades > served.brightest)
    _refuse(rows, strange, f"a pixel is a whole number from 0 (black) to {served.brightest} (white)")
    return shades.astype(np.uint8).reshape(-1, *served.shape)


def _texts(rows: "pd.DataFrame", column: str) -> list[str]:
    """The texts, in the form in which they were learned from; one that is missing has no words."""
    missing = rows[column].isna()
    strange = [not (gone or isinstance(text, str)) for text, gone in zip(rows[column], missing, strict=True)]
    _refuse(rows[[column]], np.array(strange)[:, None], "text is needed")
    return [text or "" for text in typed(rows[column], ()).to_pylist()]


def _refuse(rows: "pd.DataFrame", strange: NDArray[np.bool_], needed: str) -> None:
    """Refuses the first value that is strange, row by row, the header not counted."""
    if not strange.any():
        return
    import pandas as pd

    row, column = np.argwhere(strange)[0]
    value = rows.iloc[row, column]
    said = "nothing" if pd.isna(value) or value == "" else repr(value) if isinstance(value, str) else value
    raise BakeoffError(f"column {rows.columns[column]}, row {row + 1}: {needed}, and there is {said}")
