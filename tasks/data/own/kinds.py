"""What a column of the user's table holds: its kind, found from the values, and the values as that kind has them."""

import re
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tasks.data.columns import Column, ColumnKind
from tasks.data.own import values as read
from tasks.specs import BakeoffError

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

MIXED = 0.5  # a column of which this share or more are numbers, but not all, is one of numbers with faults in it
LEADING_ZEROS = r"^0\d+$"
MOST_SPELLINGS = 10  # of the two words of a boolean column, in small and large letters: true, True, TRUE, ...
# Numbers and dates that do not tell what they are.
LIKE: dict[ColumnKind, str] = {
    "number": r"^[+-]?(inf|\d+(,\d{3})+(\.\d+)?|\d{1,3}(\.\d{3})+,\d+|\d+,\d+)$",
    "date": read.SLASHES,
}
HINTS: dict[ColumnKind, tuple[str, str]] = {
    "number": (r"^[+-]?[\d.]*,[\d.,]*$", "write it with a point for decimals, and nothing between thousands"),
    "date": (read.SLASHES, "the day or the month may come first; write it as 2024-03-31"),
}
LONGEST = 60  # letters of a value that a message shows
NEEDED: dict[ColumnKind, str] = {
    "number": "a finite number",
    "boolean": "true or false (or yes or no, 1 or 0)",
    "category": "text, a number or a date",
    "date": "a date such as 2024-03-31",
}


def kind_of(values: "pd.Series[Any]") -> ColumnKind | None:
    """The kind of a column, found from its values; None where all are missing, or are lists, bytes or the like.

    In a Parquet file, values have a type that says it. Text is boolean if it is true/false, yes/no, t/f or y/n in any
    case, number if all are finite numbers, date if all are dates, else category. Numbers with leading zeros, such as
    00501, are a category: they would lose them. A number may have a decimal comma, and a date be of any form that
    `tasks.data.own.values.dates` reads, if the column tells which.

    Raises:
        BakeoffError: when at least half are numbers, or dates, or look like them, but not all can be read, with the
            first that cannot.
    """
    array = read.typed(values)
    if not read.is_usable(array) or not read.known(array).any():
        return None
    if hasattr(values, "cat"):
        return "category"
    if read.is_boolean(array):
        return "boolean"
    if read.is_date(array):
        return "date"
    if read.is_number(array):
        return "number"
    return _kind_of_text(str(values.name), array)


def parse(values: "pd.Series[Any]", column: Column) -> "pd.Series[Any]":
    """The values as their kind has them, NaN where one is missing: float64, booleans as 0 and 1, or dates; or labels.

    Labels are a `Categorical` of text. How numbers and dates are written is told by the column, if it says so, or else
    by these values.

    Raises:
        BakeoffError: when one cannot be read, or is infinite, with its row; the first after the header is row 1.
    """
    import pandas as pd

    array = read.typed(values)
    if not read.is_usable(array):
        raise BakeoffError(f"column {column.name} holds {array.type}; {NEEDED[column.kind]} is needed; leave it out")
    if column.kind == "category":
        return pd.Series(read.labels(array), index=values.index, name=column.name)
    found = _read(array, column.kind, column.written or _written(array, column.kind))
    unreadable = read.known(array) & ~np.isfinite(found)
    if unreadable.any():
        raise BakeoffError(_fault(column.name, array, int(unreadable.argmax()), column.kind))
    return pd.Series(found, index=values.index, name=column.name)


def how_written(values: "pd.Series[Any]", kind: ColumnKind) -> str:
    """What `Column.written` is to say of such values, as far as they tell; nothing if they are no text."""
    return _written(read.typed(values), kind) if values.dtype == "str" or values.dtype == object else ""


def _written(array: "pa.Array[Any]", kind: ColumnKind) -> str:
    if kind == "number":
        return read.decimal_sign(array)
    return read.first_in_dates(array) if kind == "date" else ""


def _kind_of_text(name: str, array: "pa.Array[Any]") -> ColumnKind:
    spellings = array.unique().drop_null()
    if len(spellings) <= MOST_SPELLINGS:
        said = {text.lower() for text in spellings.to_pylist()}
        if any(said <= set(pair) for pair in read.PAIRS):
            return "boolean"
    if read.matches(array, LEADING_ZEROS).any():
        return "category"
    known = read.known(array)
    for kind, pattern in LIKE.items():
        readable = np.isfinite(_read(array, kind, _written(array, kind)))
        if readable[known].all():
            return kind
        share = (readable | read.matches(array, pattern)).sum() / known.sum()
        if share >= MIXED:
            most = f"{np.floor(share * 1000) / 10:g} % of column {name} are {kind}s, and not the others: "
            fault = _fault(name, array, int((known & ~readable).argmax()), kind)
            raise BakeoffError(fault if share == 1 else most + fault)
    return "category"


def _read(array: "pa.Array[Any]", kind: ColumnKind, written: str) -> NDArray[Any]:
    if kind == "boolean":
        return read.booleans(array)
    return read.dates(array, written) if kind == "date" else read.numbers(array, written)


def _fault(name: str, array: "pa.Array[Any]", row: int, kind: ColumnKind) -> str:
    """What is wrong with a value, and how to mend it."""
    value = array[row].as_py()
    said = repr(value) if isinstance(value, str) else str(value)
    pattern, hint = HINTS.get(kind, ("", ""))
    if not hint or not isinstance(value, str) or not re.match(pattern, value):
        hint = "leave the field empty where the value is missing"
    shown = said if len(said) <= LONGEST else f"{said[: LONGEST - 2]}…{said[-1]}"
    return f"column {name}, row {row + 1}: {NEEDED[kind]} is needed, and there is {shown}; {hint}"
