"""Which rows of the user's file are used, in which order, which belong together, and which are kept for the test."""

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from tasks.data.columns import Column
from tasks.data.own import values as read
from tasks.data.own.kinds import kind_of, parse
from tasks.data.own.spec import OwnSpec, check_training_rows, hold_out, marked
from tasks.data.own.targets import read_target
from tasks.specs import BakeoffError

if TYPE_CHECKING:
    import pandas as pd


class Arrangement(NamedTuple):
    """The places in the file of the rows that are used, in their order, and what is known of each."""

    kept: NDArray[np.intp]
    y: NDArray[np.generic]
    classes: tuple[str, ...]
    groups: NDArray[np.int64] | None
    held_out: NDArray[np.bool_]


class RowsSpec(OwnSpec):
    """Rows of a file. Those with the same value in `group_column` stay together: the test has whole groups.

    By `time_column` the rows are put in order, and the test has the last of them.
    """

    group_column: str | None = Field(None, description="a column that says which rows belong together")
    time_column: str | None = Field(None, description="a column of dates or numbers that says which row came first")

    @model_validator(mode="after")
    def _groups_or_time(self) -> "RowsSpec":
        if self.group_column and self.time_column:
            raise ValueError("there is a group_column and a time_column, and they do not go together; choose one")
        return self

    def arrange(self, rows: "pd.DataFrame", target: "pd.Series[Any]") -> Arrangement:
        """Rows without a target are left out; the others are as the file has them, or in the order of time.

        Raises:
            BakeoffError: when the target, a group or a time cannot be read, or the rows cannot be kept for the test as
                it is asked. Rows are named as the file has them: the first after the header is row 1.
        """
        y, classes, known = read_target(target, self.task)
        kept = np.flatnonzero(known)
        moments = None
        if self.time_column:
            moments = _moments(rows[self.time_column], kept)
            order = np.argsort(moments, kind="stable")
            kept, y, moments = kept[order], y[order], moments[order]
        groups = _groups(rows[self.group_column], kept) if self.group_column else None
        if self.test.column:
            held_out = marked(self.test, read.as_text(rows[self.test.column])[kept])
            self._check_marked(rows, kept, held_out, groups, moments)
        else:
            problem = self.problem.model_copy(update={"classes": classes})
            held_out = hold_out(self.test, y, problem, groups, in_time_order=self.time_column is not None)
        check_training_rows(y, held_out, classes)
        return Arrangement(kept, y, classes, groups, held_out)

    def _check_marked(
        self,
        rows: "pd.DataFrame",
        kept: NDArray[np.intp],
        held_out: NDArray[np.bool_],
        groups: NDArray[np.int64] | None,
        moments: NDArray[Any] | None,
    ) -> None:
        """Refuses a test of groups, or of moments before some, that are learned from: its score would be too good."""
        first, wrong = int(held_out.argmax()), ""
        if groups is not None and (shared := held_out & np.isin(groups, groups[~held_out])).any():
            first = int(shared.argmax())
            group = rows[self.group_column].iloc[kept[first]]
            wrong = f"other rows whose {self.group_column} is {group} as well are to be learned from"
        if moments is not None and moments[~held_out][-1] > moments[first]:
            last = kept[~held_out][-1] + 1
            wrong = f"row {last}, which is to be learned from, came later, by {self.time_column}"
        if wrong:
            raise BakeoffError(
                f"row {kept[first] + 1} is marked for the test, and {wrong}; leave test.column out (of `bakeoff init`:"
                f" --column {self.test.column}=ignore), and the test is chosen by that"
            )


def _moments(values: "pd.Series[Any]", kept: NDArray[np.intp]) -> NDArray[Any]:
    """When each of the rows that are kept came, or its number in the order of time."""
    kind = kind_of(values)
    if kind not in ("number", "date"):
        raise BakeoffError(f"column {values.name} is the time_column; dates or numbers are needed in it")
    moments = parse(values, Column(name=str(values.name), kind=kind)).to_numpy()[kept]
    _refuse_missing(np.isnan(moments), "time_column", values, kept)
    return moments


def _groups(values: "pd.Series[Any]", kept: NDArray[np.intp]) -> NDArray[np.int64]:
    """The number of the group of each of the rows that are kept."""
    groups = read.labels(read.typed(values)).codes.astype(np.int64)[kept]
    _refuse_missing(groups < 0, "group_column", values, kept)
    return groups


def _refuse_missing(missing: NDArray[np.bool_], use: str, values: "pd.Series[Any]", kept: NDArray[np.intp]) -> None:
    if missing.any():
        row = kept[missing.argmax()] + 1
        raise BakeoffError(
            f"column {values.name}, row {row}: there is no value, and the {use} must have one in each row"
        )
