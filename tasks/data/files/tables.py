"""The user's own table: a CSV or Parquet file whose columns are numbers, booleans, categories or dates."""

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, ValidationError, model_validator

from tasks.data.examples import Column, ColumnKind, Problem, RawData, encode, feature_levels, feature_names
from tasks.data.files import presets
from tasks.data.files import values as read
from tasks.data.files.data_file import DataFile
from tasks.data.files.folders import PARTS
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
from tasks.data.files.profile import ColumnProfile, DataProfile, InitOptions, counted, profile_columns
from tasks.data.files.target_column import choose_task, found_kind, read_target
from tasks.metrics import Task
from tasks.specs import BakeoffError, listed

if TYPE_CHECKING:
    import pandas as pd

MARKING = {"split", "set", "part", "partition", "subset"}  # names of a column that says which rows are for the test


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
        rows, target, task, about_task = read_named(options)
        test, why_test = choose_test(rows.drop(columns=[target, *options.kinds]))
        others = [name for name in (options.group, options.time, test.column) if name]
        profile = _profile(rows.drop(columns=others), str(options.path), target, task, options.kinds)
        dataset = cls._chosen(options, target, task, test, profile.columns)
        comments = {
            "dataset.task": about_task,
            "dataset.columns": "a column that is not named here is not used: number, category, boolean or date",
            "dataset.test": why_test,
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
        rows = (file or self.opened_as(self.path)).rows(numbers, [*self.columns, *filter(None, others)])
        used = self.arrange(rows, rows[self.target], "no target")
        columns, values = self._parse(rows, used.kept, used.held_out)
        problem = self._problem(columns, used.classes)
        return RawData(encode(values, columns), used.y, used.held_out, problem, columns, used.groups)

    def describe(self, raw: RawData, file: DataFile) -> DataProfile:
        """Return what is seen of the target and of the columns that are used."""
        rows = file.rows((), [*self.columns, self.target])
        return _profile(rows, str(self.path), self.target, self.task, self.columns)

    @classmethod
    def _chosen(
        cls, options: InitOptions, target: str, task: Task, test: TestRowsSpec, columns: tuple[ColumnProfile, ...]
    ) -> "TableFileSpec":
        features = {column.name: column.kind for column in columns if column.is_feature}
        if not features:
            why = [f"{column.name} ({column.warning.what})" for column in columns if column.warning]
            raise BakeoffError(
                f"{options.path} has no column to predict {target} from"
                + (f": {listed(why)}; --column NAME=KIND takes one all the same" if why else "")
            )
        try:
            return cls(
                kind=cls.model_fields["kind"].default,
                path=options.path,
                task=task,
                target=target,
                columns=features,
                group_column=options.group,
                time_column=options.time,
                test=test,
                **({"unit": ""} if task == "regression" else {}),
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
            column = given.model_copy(update={"written": read.how_written(raw, given.kind)})
            found = read.parse(raw, column)
            known = training & found.notna().to_numpy()
            if not known.any():
                raise BakeoffError(
                    f"column {column.name} has no values in the rows to learn from; take it out of columns"
                )
            if column.kind == "category":
                numbers = np.unique(found.cat.codes[known])
                column = column.model_copy(update={"levels": tuple(sorted(found.cat.categories[numbers]))})
            columns.append(column)
            values[column.name] = found
        return tuple(columns), pd.DataFrame(values, copy=False).iloc[kept].reset_index(drop=True)


def read_named(options: InitOptions) -> "tuple[pd.DataFrame, str, Task, str]":
    """Return a file's rows without ignored columns, its target's name, what is to be done with that, and why.

    Raises:
        BakeoffError: when one is not, or the target can be no target.
    """
    target = options.check_columns(options.file.column_names)
    rows = options.file.rows(numbers=()).drop(columns=[*options.ignored])
    return rows, target, *choose_task(rows[target], options.kinds.get(target))


def choose_test(rows: "pd.DataFrame") -> tuple[TestRowsSpec, str]:
    """Choose the rows that a column marks as those for the test, if there is such a column; else a fifth of them."""
    for name in rows:
        if str(name).lower() in MARKING and found_kind(rows[name]) == "category":
            parts = {part.lower(): part for part in read.as_text(rows[name]).tolist()}
            if parts.keys() == PARTS:
                said = "the file says itself which rows are for the test"
                return TestRowsSpec(column=str(name), value=parts["test"]), said
    return A_FIFTH, about_test("rows")


def _profile(
    rows: "pd.DataFrame", source: str, target: str, task: Task, kinds: Mapping[str, ColumnKind]
) -> DataProfile:
    """What is seen of the target and of all other columns; those whose kind was said are features whatever is wrong."""
    found = read_target(rows[target], task)
    columns, duplicates = profile_columns(rows.drop(columns=target), kinds, found)
    left_out = int((~found.known).sum())
    return DataProfile(source, len(rows), "rows", found, columns, duplicates=duplicates, left_out=left_out)


def _about(column: ColumnProfile) -> str:
    """What is to be known of a column that is used; nothing, as a rule."""
    if column.warning:
        return f"{column.warning.what}: {column.warning.said}"
    codes = f"{column.said}; category, if these are codes" if column.may_be_codes else ""
    missing = f"missing in {counted(column.missing, 'row')}" if column.missing else ""
    return "; ".join(filter(None, [codes, missing]))
