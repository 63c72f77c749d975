"""The user's own table: a CSV or Parquet file whose columns are numbers, booleans, categories or dates."""

import logging
from collections import Counter
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from tasks.data.columns import Column, ColumnKind, encode, feature_levels, feature_names
from tasks.data.examples import Raw
from tasks.data.own.arrangement import RowsSpec
from tasks.data.own.kinds import how_written, parse
from tasks.data.own.rows import read_rows
from tasks.data.own.spec import refuse_reserved, refuse_two_uses
from tasks.data.problem import Problem
from tasks.specs import BakeoffError

if TYPE_CHECKING:
    import pandas as pd

logger = logging.getLogger(__name__)


class TableFileSpec(RowsSpec):
    """A file of rows. Columns that are not named are not used, and rows without a target are left out."""

    kind: Literal["table"] = "table"
    target: str = Field(description="the column to predict")
    columns: dict[str, ColumnKind] = Field(min_length=1, description="the columns to predict from, and what they hold")

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

    def read(self) -> Raw:
        """The rows that have a target, as the file has them or in the order of time.

        The levels of categories are those of the training rows. Errors name rows as the file has them: the first after
        the header is row 1.

        Raises:
            BakeoffError: when the file or a value cannot be read, a column has no values to learn from, or the rows
                cannot be kept for the test as it is asked.
        """
        others = (self.target, self.group_column, self.time_column, self.test.column)
        numbers = [name for name, kind in self.columns.items() if kind == "number"]
        rows = read_rows(self.path, numbers, [*self.columns, *filter(None, others)])
        used = self.arrange(rows, rows[self.target])
        if len(used.kept) < len(rows):
            missing = len(rows) - len(used.kept)
            logger.info("%s: %d of %d rows have no target, and are left out", self.path, missing, len(rows))
        columns, values = self._parse(rows, used.kept, used.held_out)
        problem = self._problem(columns, used.classes)
        return Raw(encode(values, columns), used.y, used.held_out, problem, columns, used.groups)

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
            column = given.model_copy(update={"written": how_written(raw, given.kind)})
            found = parse(raw, column)
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
