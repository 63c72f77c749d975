"""The user's own series: a table in long form, a row for each step of each series, or arrays in a .npz file."""

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, PositiveInt, model_validator

from tasks.data.examples import Column, Problem, RawData
from tasks.data.files import presets
from tasks.data.files import values as read
from tasks.data.files.data_file import DataFile
from tasks.data.files.own_spec import (
    A_FIFTH,
    Inspection,
    OwnSpec,
    about_test,
    check_training_rows,
    hold_out,
    marked,
    refuse_two_uses,
)
from tasks.data.files.presets import Entries, Size
from tasks.data.files.profile import DataProfile, InitOptions
from tasks.data.files.tables import choose_test, read_named
from tasks.data.files.target_column import Target, choose_task, found_kind, read_target, target_of
from tasks.data.files.values import told_by
from tasks.specs import BakeoffError, counted, listed

if TYPE_CHECKING:
    import pandas as pd

logger = logging.getLogger(__name__)
Floats = NDArray[np.float64]
LARGEST = 2**29  # values of all series, with what fills the shorter ones up: 4 GB
LARGEST_VALUE = float(np.finfo(np.float32).max)
ID, TIME = "id", "time"  # what a long table calls them where the examples came from arrays


class Arranged(NamedTuple):
    """Series out of a long table: their `ids`, in the order in which these come first, and their values `X`.

    X is (series, time, features), NaN where a value is missing and where a series has ended. `numbers` (rows,) says
    which series each row of the table belongs to, and `first` (series,) which row names each series first.
    """

    ids: list[str]
    X: Floats
    numbers: NDArray[np.int64]
    first: NDArray[np.intp]


class SeriesSpec(OwnSpec):
    """Series of numbers, one target for each.

    A long table has a row for each step: which series it belongs to, when it was, the values, and the target, which is
    the same in all rows of a series. A .npz file has `X` (series, time, features) or (series, time), NaN where a value
    is missing, and `y` (series,).
    """

    kind: Literal["series"] = "series"
    id: str | None = Field(None, description="the column that says which series a row belongs to")
    time: str | None = Field(None, description="the column of numbers or dates that orders the rows of a series")
    target: str | None = Field(None, description="the column to predict, the same in all rows of a series")
    columns: tuple[str, ...] = Field((), description="the columns of numbers to predict from")
    length: PositiveInt | None = Field(
        None, description="steps of a series; of longer ones the last count. By default as many as the longest has"
    )

    examples: ClassVar[str] = "series"

    @model_validator(mode="after")
    def _a_long_table_says_what_its_columns_are(self) -> "SeriesSpec":
        uses = {"id": self.id, "time": self.time, "target": self.target, "test.column": self.test.column}
        needed: dict[str, Any] = {name: uses[name] for name in (ID, TIME, "target")} | {"columns": self.columns}
        if DataFile(self.path).is_archive:
            given = [name for name, value in (*needed.items(), ("length", self.length)) if value]
            given += ["test.column"] if self.test.column else []
            if given:
                raise ValueError(f"a .npz file has arrays X and y, and no columns; leave {', '.join(given)} out")
            return self
        missing = [name for name, value in needed.items() if not value]
        if missing:
            raise ValueError(f"{', '.join(missing)} must be given, as it is the name of a column")
        refuse_two_uses((*uses.values(), *self.columns))
        return self

    @property
    def problem(self) -> Problem:
        """What is known before the classes, and perhaps the length, are."""
        shape = (self.length, len(self.columns)) if self.length else ()
        return Problem(task=self.task, form="series", shape=shape)

    @classmethod
    def suits(cls, options: InitOptions) -> bool:
        """Return whether a column says which rows are of one series, or an archive has what may be series."""
        return options.id is not None or options.file.is_archive

    @classmethod
    def inspect(cls, options: InitOptions) -> Inspection:
        """Look at a table in long form, or at arrays in a .npz file."""
        settings, comments, facts = _of_archive(options) if options.file.is_archive else _of_table(options)
        dataset = cls(kind="series", path=options.path, **settings)
        raw = dataset.read(options.file)
        profile = dataset.describe(raw, options.file)
        return Inspection(profile._replace(facts=(*facts, *profile.facts)), dataset, raw, comments)

    @classmethod
    def contenders(cls, size: Size) -> Entries:
        """Enter nets that know the order of the steps; boosting and a linear model, which do not; and the dummy."""
        epochs, batch, patience = (60, 30, 10), (32, 128, 512), (10, 5, 3)
        filters = presets.halvings((32, 32), size.shape[0])
        cell = {"cell": "gru", "recurrent_units": [32]}
        windows = {"filters": filters, "kernel_size": min(5, size.shape[0]), "padding": "same"}
        recurrent = presets.net(size, "recurrent", 0.003, epochs, batch, patience, cell)
        conv = presets.net(size, "conv", 0.002, epochs, batch, patience, windows, units=[32])
        return {
            "recurrent": (recurrent, "a net that reads step by step"),
            **({"conv": (conv, "a net that looks for patterns of a few steps")} if filters else {}),
            **presets.boosting(size),
            **presets.linear(size),
            **presets.DUMMY,
        }

    def read(self, file: DataFile | None = None) -> RawData:
        """Return the series that have a target, in the order in which the file first names them."""
        file = file or self.opened()
        X, columns, target, said = self._archive(file) if file.is_archive else self._long_table(file)
        if not target.known.all():
            logger.info("%s: %d series have no target, and are left out", self.path, (~target.known).sum())
            X = X[target.known]
        problem = Problem(task=self.task, form="series", shape=X.shape[1:], classes=target.classes)
        held_out = hold_out(self.test, target.y, problem) if said is None else marked(self.test, said[target.known])
        check_training_rows(target.y, held_out, target.classes)
        empty = np.isnan(X[~held_out]).all(axis=(0, 1))
        if empty.any():
            name = columns[2 + int(empty.argmax())].name
            raise BakeoffError(f"column {name} has no values in the series to learn from; take it out of columns")
        learned = (c.learned_from(X[~held_out][..., number].ravel()) for number, c in enumerate(columns[2:]))
        columns = (*columns[:2], *learned)
        return RawData(narrowed(X, columns), target.y, held_out, problem, columns)

    def describe(self, raw: RawData, file: DataFile) -> DataProfile:
        """Return how the targets are spread, how many steps series have, and how much is missing."""
        X = np.asarray(raw.X)
        there = ~np.isnan(X).all(axis=2)
        lengths = X.shape[1] - there[:, ::-1].argmax(axis=1)  # up to the last step with a value
        within = np.arange(X.shape[1]) < lengths[:, None]
        missing = np.isnan(X)[within].mean()
        least = f"{lengths.min():,} to " if lengths.min() < lengths.max() else ""
        fact = f"{least}{counted(lengths.max(), 'step')} of {counted(X.shape[2], 'value')}, {missing:.1%} missing"
        return DataProfile(str(self.path), len(X), self.examples, target_of(raw, self.target or "y"), facts=(fact,))

    def _long_table(self, file: DataFile) -> tuple[Floats, tuple[Column, ...], Target, NDArray[np.str_] | None]:
        """X, the columns that a long table needs, the targets, and what each series says of the test."""
        key, clock, target = str(self.id), str(self.time), str(self.target)  # which are there, as the schema holds
        names = [key, clock, target, *self.columns, *([self.test.column] if self.test.column else [])]
        reading = self.reading
        rows = file.rows(reading.plain([clock, *self.columns]), names)
        moments = read.kind_of(rows[clock], reading)
        if moments not in ("number", "date"):
            raise BakeoffError(f"column {clock} orders the rows of a series; numbers or dates are needed in it")
        columns = (
            Column(name=key, kind="category", missing=reading.missing),
            told_by(rows[clock], clock, moments, reading),
            *(told_by(rows[name], name, "number", reading) for name in self.columns),
        )
        arranged = arrange(rows, columns, self.length)
        if len(arranged.ids) == 1:
            raise BakeoffError(f"all rows belong to one series, {arranged.ids[0]}; at least two are needed")
        if arranged.X.shape[1] == 1 and self.length != 1:
            raise BakeoffError(
                f"each series has one step; column {key} must say which rows belong together, or it is a table"
            )
        said = None
        if self.test.column:
            said = read.as_text(rows[self.test.column])
            _refuse_change(said, arranged, self.test.column, np.ones(len(rows), np.bool_))
            said = said[arranged.first]
        return arranged.X, columns, self._targets(rows[target], arranged), said

    def _targets(self, values: "pd.Series[Any]", arranged: Arranged) -> Target:
        """One for each series, out of those of its rows, which may leave it out but not contradict each other."""
        found = read_target(values, self.task, self.reading)
        labels = np.array(found.classes)[found.y] if found.classes else found.y
        of_rows = np.zeros(len(values), labels.dtype)
        of_rows[found.known] = labels
        _refuse_change(of_rows, arranged, str(values.name), found.known)
        series, rows = np.unique(arranged.numbers[found.known], return_index=True)
        known = np.isin(np.arange(len(arranged.ids)), series)
        return Target(found.name, found.y[rows], found.classes, known)

    def _archive(self, file: DataFile) -> tuple[Floats, tuple[Column, ...], Target, None]:
        """X, the columns that a long table of such series would have, and the targets."""
        import pandas as pd

        values, y = file.arrays
        if values.ndim not in (2, 3) or 0 in values.shape or values.dtype.kind not in "fiub":
            raise BakeoffError(
                f"{self.path}: X has shape {values.shape} and holds {values.dtype}; numbers of shape"
                " (series, time, features) or (series, time) are needed"
            )
        X = values.reshape(*values.shape[:2], -1).astype(np.float64)
        strange = np.argwhere(np.abs(X) > LARGEST_VALUE)
        if len(strange):
            raise BakeoffError(
                f"{self.path}: X{strange[0].tolist()} is infinite, or too large for single precision; set it to NaN"
                " where a value is missing"
            )
        features = (Column(name=f"x{number}", kind="number") for number in range(1, X.shape[2] + 1))
        columns = (Column(name=ID, kind="category"), Column(name=TIME, kind="number"), *features)
        return X, columns, read_target(pd.Series(y, name="y"), self.task), None


def arrange(rows: "pd.DataFrame", columns: Sequence[Column], length: int | None) -> Arranged:
    """The series of a long table, each in the order of its time.

    Args:
        rows: in any order.
        columns: the column of ids, that of times, and those of values.
        length: steps of a series, by default as many as the longest has. Of longer ones the last count; shorter ones
            are filled up with NaN at their end.

    Raises:
        BakeoffError: when an id or a time is missing, a series has a time twice, or a value is no finite number.
    """
    key, clock, *values = columns
    ids = read.parse(rows[key.name], key).cat
    numbers, moments = (
        ids.codes.to_numpy().astype(np.int64),
        read.parse(rows[clock.name], clock, local=False).to_numpy(),
    )
    _refuse_missing(numbers < 0, key.name)
    _refuse_missing(np.isnan(moments), clock.name)
    order = np.lexsort((moments, numbers))
    in_order, times = numbers[order], moments[order]
    repeated = (in_order[1:] == in_order[:-1]) & (times[1:] == times[:-1])
    if repeated.any():
        row = order[1:][repeated][0]
        raise BakeoffError(
            f"series {ids.categories[numbers[row]]} has more than one row of {clock.name}"
            f" {rows[clock.name].iloc[row]}; a series has one"
            " row for each time"
        )
    lengths = np.bincount(numbers)
    steps = length or int(lengths.max())
    if len(lengths) * steps * len(values) > LARGEST:
        raise BakeoffError(
            f"{len(lengths)} series of up to {steps} steps, filled up to one length, would take"
            f" {len(lengths) * steps * len(values) * 8 / 1e9:.0f} GB; set `length` to fewer steps, of which the last"
            " count"
        )
    ends = np.cumsum(lengths)
    place = np.arange(len(rows)) - np.repeat(ends - np.minimum(lengths, steps), lengths)  # of the last steps, from 0
    kept = place >= 0
    X = np.full((len(lengths), steps, len(values)), np.nan)
    for number, column in enumerate(values):
        X[in_order[kept], place[kept], number] = _numbers(rows[column.name], column)[order][kept]
    return Arranged([*ids.categories], X, numbers, np.unique(numbers, return_index=True)[1])


def narrowed(X: Floats, columns: Sequence[Column]) -> NDArray[np.float32]:
    """Series (series, time, features) in single precision, each value counted from the origin of its column.

    Args:
        X: as they are arranged.
        columns: that of ids, that of times, and those of values.
    """
    narrow = np.empty(X.shape, np.float32)
    for number, column in enumerate(columns[2:]):
        narrow[..., number] = X[..., number] - column.origin
    return narrow


def _numbers(values: "pd.Series[Any]", column: Column) -> Floats:
    """The values (rows,) of a column, NaN where one is missing."""
    numbers = read.parse(values, column).to_numpy()
    large = np.abs(numbers) > LARGEST_VALUE
    if large.any():
        row = int(large.argmax())
        raise BakeoffError(
            f"column {column.name}, row {row + 1}: {numbers[row]:g} is too large for single precision; give it in"
            " another unit"
        )
    return numbers


def _refuse_missing(missing: NDArray[np.bool_], name: str) -> None:
    if missing.any():
        raise BakeoffError(
            f"column {name}, row {missing.argmax() + 1}: there is no value, and each row of a series must have one"
        )


def _refuse_change(values: NDArray[Any], arranged: Arranged, name: str, known: NDArray[np.bool_]) -> None:
    """Refuses a column (rows,) whose `known` values differ within a series."""
    rows = np.flatnonzero(known)
    numbers = arranged.numbers[rows]
    series, first = np.unique(numbers, return_index=True)
    expected = values[rows[first]][np.searchsorted(series, numbers)]
    changed = values[rows] != expected
    if changed.any():
        at = int(changed.argmax())
        raise BakeoffError(
            f"column {name} changes within series {arranged.ids[numbers[at]]}, from {expected[at]} to"
            f" {values[rows[at]]} (row {rows[at] + 1}); it must be the same in all rows of a series"
        )


def _of_table(options: InitOptions) -> tuple[dict[str, Any], dict[str, str], tuple[str, ...]]:
    """How a long table is read, comments on that, and what was seen."""
    named = read_named(options)
    if options.id is None or options.time is None:
        raise BakeoffError("series need --id COLUMN, which rows are of one series, and --time COLUMN, their order")
    rows, target = named.rows, named.target
    test = choose_test(rows.drop(columns=[target, options.id, options.time, *options.kinds]), options)
    used = (target, options.id, options.time, test.spec.column, test.unsure)
    free = [str(name) for name in rows if name not in used]
    kinds = {name: options.kinds.get(name) or found_kind(rows[name], named.reading) for name in free}
    columns = tuple(name for name, kind in kinds.items() if kind == "number")
    if not columns:
        raise BakeoffError(f"{options.path} has no column of numbers to predict {target} from")
    others = [name for name in free if name not in columns]
    settings = {**named.settings, "id": options.id, "time": options.time, "columns": columns}
    facts = (*named.facts, *test.facts)
    if test.warning:
        facts += (f"{test.unsure} is not used: {test.warning.said}",)
    comments = {
        "dataset.task": named.about,
        "dataset.columns": "numbers" + (f"; not used, since they are none: {listed(others)}" if others else ""),
        "dataset.test": test.why if test.spec.column else about_test("series"),
    }
    return settings | {"test": test.spec}, comments, facts


def _of_archive(options: InitOptions) -> tuple[dict[str, Any], dict[str, str], tuple[str, ...]]:
    import pandas as pd

    task, about_task = choose_task(pd.Series(options.file.arrays[1], name="y"), None)
    return {"task": task, "test": A_FIFTH}, {"dataset.task": about_task, "dataset.test": about_test("series")}, ()
