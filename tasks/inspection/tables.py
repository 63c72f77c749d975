"""A table of the user's: what is in it, and which of its columns are worth while to learn from."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from pydantic import ValidationError

from tasks.data.columns import ColumnKind
from tasks.data.own import values as read
from tasks.data.own.folders import PARTS
from tasks.data.own.rows import column_names, read_rows
from tasks.data.own.spec import TestRowsSpec
from tasks.data.own.tables import TableFileSpec
from tasks.data.own.targets import read_target
from tasks.inspection.asked import Asked
from tasks.inspection.columns import found_kind, look_at_columns
from tasks.inspection.look import Look
from tasks.inspection.overview import ColumnSeen, Overview, counted
from tasks.inspection.suspicions import Known
from tasks.inspection.targets import choose_task, look_at_target
from tasks.metrics import Task
from tasks.specs import BakeoffError, listed

if TYPE_CHECKING:
    import pandas as pd

A_FIFTH = TestRowsSpec(fraction=0.2, seed=0)
MARKING = {"split", "set", "part", "partition", "subset"}  # names of a column that says which rows are for the test
ABOUT_GROUP = "of rows with the same value in it, none is learned from while another is held out"
ABOUT_TIME = "what comes later is predicted from what came earlier, by this column"


class Named(NamedTuple):
    """A file's rows without the columns to be ignored, its target's name, and what is to be done with that, and why."""

    rows: "pd.DataFrame"
    target: str
    task: Task
    about_task: str


def read_named(asked: Asked) -> Named:
    """Reads a file all of whose columns that were named are there.

    Raises:
        BakeoffError: when one is not, or the target can be no target.
    """
    target = asked.check_columns(column_names(asked.path))
    rows = read_rows(asked.path, numbers=()).drop(columns=[*asked.ignored])
    return Named(rows, target, *choose_task(rows[target], asked.kinds.get(target)))


def about_test(examples: str) -> str:
    """What is to be known of a share of them that is kept for the test."""
    return f"this share of the {examples} is kept for the test: scored once, at the end"


def look_at_table(
    rows: "pd.DataFrame", source: str, target: str, task: Task, kinds: Mapping[str, ColumnKind]
) -> Overview:
    """What is seen of a table's target and of all its other columns.

    Args:
        rows: as they were read.
        source: where they came from.
        target: the name of its column.
        task: what is to be done with it.
        kinds: of the columns of which it was said; these are features whatever is suspicious about them.

    Raises:
        BakeoffError: when a value cannot be used.
    """
    found = read_target(rows[target], task)
    columns, duplicates = look_at_columns(rows.drop(columns=target), kinds, Known(found.y, task, found.known))
    return Overview(
        source=source,
        rows=len(rows),
        examples="rows",
        target=look_at_target(target, task, found.y, found.classes, int((~found.known).sum())),
        columns=columns,
        duplicates=duplicates,
    )


def look_at_table_file(asked: Asked) -> Look:
    """A file with a row for each example.

    Raises:
        BakeoffError: when it cannot be read, or nothing can be learned from it.
    """
    rows, target, task, about_task = read_named(asked)
    test, why_test = choose_test(rows.drop(columns=[target, *asked.kinds]))
    others = [name for name in (asked.group, asked.time, test.column) if name]
    overview = look_at_table(rows.drop(columns=others), str(asked.path), target, task, asked.kinds)
    dataset = _dataset(asked, target, task, test, overview.columns)
    return Look(
        overview=overview,
        dataset=dataset,
        raw=dataset.read(),
        comments={
            "dataset.task": about_task,
            "dataset.columns": "a column that is not named here is not used: number, category, boolean or date",
            "dataset.group_column": ABOUT_GROUP,
            "dataset.time_column": ABOUT_TIME,
            "dataset.test": why_test,
            **{f"dataset.columns.{column.name}": _about(column) for column in overview.columns if column.is_feature},
        },
    )


def choose_test(rows: "pd.DataFrame") -> tuple[TestRowsSpec, str]:
    """The rows that a column marks as those for the test, if there is such a column; else a fifth of them."""
    for name in rows:
        if str(name).lower() in MARKING and found_kind(rows[name]) == "category":
            parts = {part.lower(): part for part in read.as_text(rows[name]).tolist()}
            if parts.keys() == PARTS:
                said = "the file says itself which rows are for the test"
                return TestRowsSpec(column=str(name), value=parts["test"]), said
    return A_FIFTH, about_test("rows")


def _dataset(
    asked: Asked, target: str, task: Task, test: TestRowsSpec, columns: tuple[ColumnSeen, ...]
) -> TableFileSpec:
    features = {column.name: column.kind for column in columns if column.is_feature}
    if not features:
        why = [f"{column.name} ({column.suspicion.what})" for column in columns if column.suspicion]
        raise BakeoffError(
            f"{asked.path} has no column to predict {target} from"
            + (f": {listed(why)}; --column NAME=KIND takes one all the same" if why else "")
        )
    try:
        return TableFileSpec(
            kind="table",
            path=asked.path,
            task=task,
            target=target,
            columns=features,
            group_column=asked.group,
            time_column=asked.time,
            test=test,
            **({"unit": ""} if task == "regression" else {}),
        )
    except ValidationError as error:
        raise BakeoffError(f"{asked.path}: {error.errors()[0]['msg'].removeprefix('Value error, ')}") from error


def _about(column: ColumnSeen) -> str:
    """What is to be known of a column that is used; nothing, as a rule."""
    if column.suspicion:
        return f"{column.suspicion.what}: {column.suspicion.said}"
    codes = f"{column.said}; category, if these are codes" if column.may_be_codes else ""
    missing = f"missing in {counted(column.missing, 'row')}" if column.missing else ""
    return "; ".join(filter(None, [codes, missing]))
