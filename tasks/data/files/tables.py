"""The user's own table: a CSV or Parquet file whose columns are numbers, booleans, categories or dates."""

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, ValidationError, model_validator

from tasks.data.examples import Column, ColumnKind, Problem, RawData, encode, feature_levels, feature_names
from tasks.data.files import presets
from tasks.data.files import values as read
from tasks.data.files.data_file import DataFile
from tasks.data.files.folders import part_of
from tasks.data.files.own_spec import (
    A_FIFTH,
    Inspection,
    RowsSpec,
    TestRowsSpec,
    about_test,
    refuse_reserved,
    refuse_two_uses,
)
from tasks.data.files.presets import Entries, Size
from tasks.data.files.profile import (
    ColumnProfile,
    ColumnWarning,
    DataProfile,
    InitOptions,
    find_out,
    profile_columns,
)
from tasks.data.files.target_column import choose_task, lacking_in, read_target
from tasks.data.files.values import FOUND_OUT, Reading, told_by
from tasks.metrics import Task
from tasks.specs import BakeoffError, counted, listed

if TYPE_CHECKING:
    import pandas as pd

# Names of a column that says which rows are for the test.
MARKING = {
    "split", "set", "part", "partition", "subset", "fold", "usage", "data_split", "dataset", "is_test", "is_train",
    "holdout",
}  # fmt: skip
MOST_PARTS = 3  # different values of such a column


class Named(NamedTuple):
    """A file's rows without ignored columns, what is to be done with its target, how it is written, what is seen."""

    rows: "pd.DataFrame"
    target: str
    task: Task
    about: str
    reading: Reading
    facts: tuple[str, ...]

    @property
    def settings(self) -> dict[str, Any]:
        """Of a data set of such rows, whatever its form."""
        reading = {"reading": self.reading} if self.reading != FOUND_OUT else {}
        return {"task": self.task, "target": self.target, **reading}


class Marked(NamedTuple):
    """Which rows are for the test, and why; a column that may say it as well, in words that are `unsure`."""

    spec: TestRowsSpec
    why: str
    unsure: str = ""
    warning: ColumnWarning | None = None

    @property
    def facts(self) -> tuple[str, ...]:
        """What is to be told, where the file says which rows are for the test."""
        return (self.why,) if self.spec.column else ()


class TableFileSpec(RowsSpec):
    """A file of rows. Columns that are not named are not used, and rows without a target are left out."""

    kind: Literal["table"] = "table"
    target: str = Field(description="the column to predict")
    columns: dict[str, ColumnKind] = Field(min_length=1, description="the columns to predict from, and what they hold")

    repeats: ClassVar[tuple[tuple[int, int], ...]] = ((500, 10), (2_000, 4), (5_000, 2))

    @model_validator(mode="after")
    def _a_column_has_one_use(self) -> "TableFileSpec":
        refuse_two_uses((self.target, self.group_column, self.time_column, self.test.column, *self.columns))
        features = feature_names(self._columns)
        refuse_reserved(features)
        twice = [name for name, times in Counter(features).items() if times > 1]
        if twice:
            raise ValueError(f"two features would be called {twice[0]}; rename a column")
        return self

    @property
    def problem(self) -> Problem:
        """What is known before the classes and levels are: a category counts as one of one level."""
        return self._problem(self._columns, ())

    @classmethod
    def suits(cls, options: InitOptions) -> bool:
        """Return whether it is a file in which no column is that of texts, or of series."""
        return not options.file.is_archive and options.text is None and options.id is None

    @classmethod
    def inspect(cls, options: InitOptions) -> Inspection:
        """Look at a file with a row for each example, and choose the columns that are worth while to learn from."""
        named = read_named(options)
        test = choose_test(named.rows.drop(columns=[named.target, *options.kinds]), options)
        others = [name for name in (options.group, options.time, test.spec.column) if name]
        rows = named.rows.drop(columns=others)
        profile = _profile(rows, str(options.path), named.target, named.task, options.kinds, named.reading, test)
        profile = profile._replace(facts=(*named.facts, *test.facts))
        dataset = cls._chosen(options, named, test.spec, profile)
        comments = {
            "dataset.task": named.about,
            "dataset.columns": "a column that is not named here is not used: number, category, boolean or date",
            "dataset.reading": "how the file is written: encoding, decimal, thousands, missing",
            "dataset.test": test.why,
            **{f"dataset.columns.{column.name}": _about(column) for column in profile.columns if column.is_feature},
        }
        return Inspection(profile, dataset, dataset.read(options.file), comments)

    @classmethod
    def contenders(cls, size: Size) -> Entries:
        """Enter a net, boosting, a forest where it does not take too long, a linear model, and the dummy."""
        dense = presets.net(size, "dense", 0.001, (200, 100, 30), (32, 128, 1024), (20, 10, 3), units=[64, 64])
        forest = {"kind": "random_forest", "params": {"n_estimators": 100}}
        has_time = size.values <= presets.MANY_VALUES
        return {
            "dense": (dense, "a net"),
            **presets.boosting(size),
            **({"random_forest": (forest, "100 trees of full depth")} if has_time else {}),
            **presets.linear(size),
            **presets.DUMMY,
        }

    def read(self, file: DataFile | None = None) -> RawData:
        """Return the rows that have a target, as the file has them or in the order of time.

        The levels of categories are those of the training rows. Errors name rows as the file has them: the first after
        the header is row 1.
        """
        others = (self.target, self.group_column, self.time_column, self.test.column)
        numbers = [name for name, kind in self.columns.items() if kind == "number"]
        rows = (file or self.opened()).rows(self.reading.plain(numbers), [*self.columns, *filter(None, others)])
        used = self.arrange(rows, rows[self.target], "no target")
        columns, values = self._parse(rows, used.kept, used.held_out)
        problem = self._problem(columns, used.classes)
        return RawData(encode(values, columns), used.y, used.held_out, problem, columns, used.groups)

    def describe(self, raw: RawData, file: DataFile) -> DataProfile:
        """Return what is seen of the target and of the columns that are used."""
        rows = file.rows((), [*self.columns, self.target])
        return _profile(rows, str(self.path), self.target, self.task, self.columns, self.reading)

    @classmethod
    def _chosen(cls, options: InitOptions, named: Named, test: TestRowsSpec, profile: DataProfile) -> "TableFileSpec":
        features = {column.name: column.kind for column in profile.columns if column.is_feature}
        if not features:
            why = [f"{column.name} ({column.warning.what})" for column in profile.columns if column.warning]
            raise BakeoffError(
                f"{options.path} has no column to predict {named.target} from"
                + (f": {listed(why)}; --column NAME=KIND takes one all the same" if why else "")
            )
        try:
            return cls(
                kind=cls.model_fields["kind"].default,
                path=options.path,
                columns=features,
                group_column=options.group,
                time_column=options.time,
                test=test,
                **named.settings,
                **({"unit": profile.target.unit} if named.task == "regression" else {}),
            )
        except ValidationError as error:
            raise BakeoffError(f"{options.path}: {error.errors()[0]['msg'].removeprefix('Value error, ')}") from error

    @property
    def _columns(self) -> tuple[Column, ...]:
        return tuple(Column(name=name, kind=kind) for name, kind in self.columns.items())

    def _problem(self, columns: tuple[Column, ...], classes: tuple[str, ...]) -> Problem:
        levels = feature_levels(columns)
        return Problem(task=self.task, form="table", shape=(len(levels),), classes=classes, levels=levels)

    def _parse(
        self, rows: "pd.DataFrame", kept: NDArray[np.intp], held_out: NDArray[np.bool_]
    ) -> "tuple[tuple[Column, ...], pd.DataFrame]":
        """The columns, with the levels of the training rows, and their values in the rows that are kept."""
        import pandas as pd

        training = np.zeros(len(rows), np.bool_)
        training[kept[~held_out]] = True
        columns, values = [], {}
        for given in self._columns:
            raw = rows[given.name]
            array = read.typed(raw, self.reading.marks)
            column = told_by(array, given.name, given.kind, self.reading)
            found = read.parse(array, column)
            known = training & found.notna().to_numpy()
            if not known.any():
                raise BakeoffError(
                    f"column {column.name} has no values in the rows to learn from; take it out of columns"
                )
            if column.kind in ("number", "date"):
                column = column.learned_from(found.to_numpy()[training])
            if column.kind == "category":
                numbers = np.unique(found.cat.codes[known])
                column = column.model_copy(update={"levels": tuple(sorted(found.cat.categories[numbers]))})
            columns.append(column)
            values[column.name] = found
        return tuple(columns), pd.DataFrame(values, copy=False).iloc[kept].reset_index(drop=True)


def read_named(options: InitOptions) -> Named:
    """Read the columns that were named, and what the file says of itself.

    Raises:
        BakeoffError: when one is not there, or the target can be no target.
    """
    target = options.check_columns(options.file.column_names)
    rows = options.file.rows(numbers=()).drop(columns=[*options.ignored])
    reading, facts = find_out(options, rows)
    return Named(rows, target, *choose_task(rows[target], options.kinds.get(target), reading), reading, facts)


def choose_test(rows: "pd.DataFrame", options: InitOptions) -> Marked:
    """Choose the rows for the test: those that were named, or that a column marks by a usual word; else a fifth."""
    if options.test:
        return Marked(TestRowsSpec(column=options.test[0], value=options.test[1]), "as it was said")
    unsure = Marked(A_FIFTH, about_test("rows"))
    for name in map(str, rows):
        if name.strip().casefold().replace(" ", "_") not in MARKING:
            continue
        words = list(dict.fromkeys(word for word in read.as_text(rows[name]).tolist() if word))
        parts = {part_of(word): word for word in words}
        if {"train", "test"} <= parts.keys() and None not in parts:
            validation = (
                f"; the rows of {parts['validation']} are learned from, in folds" if "validation" in parts else ""
            )
            why = f"column {name} says which rows are for the test{validation}"
            return Marked(TestRowsSpec(column=name, value=parts["test"]), why)
        if 2 <= len(words) <= MOST_PARTS:
            said = (
                f"{listed(words)}: it may say which rows are for the test: --test {name}={words[-1]} holds those out,"
                f" --column {name}=category learns from it"
            )
            unsure = unsure._replace(unsure=name, warning=ColumnWarning("named like a split", said))
    return unsure


def _profile(
    rows: "pd.DataFrame",
    source: str,
    target: str,
    task: Task,
    kinds: Mapping[str, ColumnKind],
    reading: Reading,
    test: Marked | None = None,
) -> DataProfile:
    """What is seen of the target and of all other columns; those whose kind was said are features whatever is wrong."""
    found = read_target(rows[target], task, reading)
    columns, duplicates = profile_columns(rows.drop(columns=target), kinds, found, reading)
    if test and test.warning:
        columns = tuple(c._replace(warning=test.warning) if c.name == test.unsure else c for c in columns)
    lacking = lacking_in(rows[target], found.known, "the target")
    return DataProfile(source, len(rows), "rows", found, columns, duplicates=duplicates, lacking=lacking)


def _about(column: ColumnProfile) -> str:
    """What is to be known of a column that is used; nothing, as a rule."""
    if column.warning:
        return f"{column.warning.what}: {column.warning.said}"
    codes = f"{column.said}; category, if these are codes" if column.may_be_codes else ""
    missing = f"missing in {counted(column.missing, 'row')}" if column.missing else ""
    return "; ".join(filter(None, [codes, missing]))
