"""The values of a column, whatever type they have, as numbers, booleans, dates or labels, and what it holds."""

import re
import unicodedata
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from tasks.data.examples import Column, ColumnKind, plain
from tasks.data.files.notation import (
    COMMA,
    DAY_FIRST,
    MONTH_FIRST,
    NUMBER,
    PAIRS,
    POINT,
    SLASHES,
    TIMES,
    are_times,
    booleans,
    dates,
    decimal_signs,
    first_in_dates,
    known,
    matches,
    numbers,
    texts,
    type_of,
    unit_of,
    without_unit,
)
from tasks.specs import BakeoffError, Spec

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

# Text that stands for a missing value: what pandas takes for one (`pandas.read_csv`, na_values), and "?".
MISSING = (
    "", "?", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A", "NA",
    "NULL", "NaN", "None", "n/a", "nan", "null",
)  # fmt: skip
# Text that stands for no value among numbers, booleans and dates; it may be a category.
NOTHING = (
    "-", "--", "---", "–", "—", ".", "..", "...", "*", "N.A.", "n.a.", "k.A.", "none", "nil", "missing", "Missing",
    "unknown", "Unknown", "#DIV/0!", "#VALUE!", "#REF!", "#NAME?", "#NUM!",
)  # fmt: skip
INVISIBLE = "\u200b\u200e\u200f\u2060\ufeff"  # signs that copied text has at its ends, and nobody sees
MOST_FAULTS = 10  # different values that are none; a column with more of them is no column of numbers
MIXED = 0.5  # a column of which this share or more are numbers, but not all, is one of numbers with faults in it
LEADING_ZEROS = r"^0\d+$"
MOST_SPELLINGS = 10  # of the two words of a boolean column, in small and large letters: true, True, TRUE, ...
EXACT = 2.0**53  # whole numbers beyond it may be rounded in double precision
# Numbers and dates that do not tell what they are.
LIKE: dict[ColumnKind, str] = {
    "number": r"^[+-]?(inf|\d+(,\d{3})+(\.\d+)?|\d{1,3}(\.\d{3})+,\d+|\d+,\d+)$",
    "date": SLASHES,
}
HINTS: dict[ColumnKind, tuple[str, str]] = {
    "number": (
        r"^[+-]?[\d.]*,[\d.,]*$",
        "write it with a point for decimals, and nothing between thousands, or say which sign it is by --decimal",
    ),
    "date": (r"^\d{1,2}[-/]\d{1,2}[-/]\d", "the day or the month may come first; write it as 2024-03-31"),
}
LONGEST = 60  # letters of a value that a message shows
NEEDED: dict[ColumnKind, str] = {
    "number": "a finite number",
    "boolean": "true or false (or yes or no, 1 or 0)",
    "category": "text, a number or a date",
    "date": "a date such as 2024-03-31",
}


Values = Union["pd.Series[Any]", "pa.Array[Any]"]  # of a column, as they were read, or as `typed` gives them
Word = Annotated[str, Field(coerce_numbers_to_str=True)]


class Reading(Spec):
    """How a file is written, where it does not tell by itself; what is not said is found out.

    `missing` replaces the words that stand for a missing value by default; an empty field always does.
    """

    encoding: str | None = Field(None, description="of a CSV or text file, by Python's name: utf-8, cp1251, gb18030")
    decimal: Literal[".", ","] | None = Field(None, description="the decimal sign, where a column does not tell")
    thousands: Literal[".", ",", " ", "'"] | None = Field(None, description="what stands between thousands")
    missing: tuple[Word, ...] | None = Field(None, description="what stands for a missing value, beside an empty field")

    @model_validator(mode="after")
    def _signs_differ(self) -> "Reading":
        if self.decimal and self.decimal == self.thousands:
            raise ValueError(f"decimal and thousands are both {self.decimal!r}; they must differ")
        return self

    @property
    def marks(self) -> Sequence[str]:
        """The words that stand for a missing value."""
        return MISSING if self.missing is None else self.missing

    @property
    def decimal_sign(self) -> str:
        """The decimal sign, as far as it is said; that of thousands tells it too."""
        return self.decimal or {POINT: COMMA, COMMA: POINT}.get(self.thousands or "", "")

    def plain(self, numbers: Sequence[str]) -> Sequence[str]:
        """Which columns of numbers may be read as programmers write them: none where 1.041 is a thousand and more."""
        return () if self.decimal_sign == COMMA else numbers


FOUND_OUT = Reading()


def typed(values: Values, missing: Sequence[str] | None = MISSING) -> "pa.Array[Any]":
    """The values in a type of Arrow's; text without blanks around it, and null where it stands for a missing value.

    What this has given is given back as it is.

    Text has one form, Unicode's NFC, however its accents were written. If there are no words for `missing`, text has
    its blanks, and stands for nothing else. A time of day, or a span of time, is in hours.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    if isinstance(values, pa.Array):
        return values
    try:
        array = pa.array(values, from_pandas=True)
    except (pa.ArrowException, ValueError, TypeError, OverflowError):  # of several types, as no file has them
        gone = values.isna()
        array = pa.array([None if nothing else str(value) for value, nothing in zip(values, gone, strict=True)])
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    array = _usual(array)
    if type_of(array) == "number" and missing:
        array = pc.if_else(pa.array(_are_marks(numbers(array), missing)), None, array)
    if pa.types.is_floating(array.type):
        return pc.if_else(pc.is_nan(array), None, array)
    if type_of(array) != "text":
        return array
    array = array.cast(pa.large_string())
    if not pc.all(pc.string_is_ascii(array)).as_py():  # Arrow's own utf8_normalize gives NFD, whatever it is told
        array = pa.array([text and unicodedata.normalize("NFC", text) for text in array.to_pylist()], array.type)
        array = array if missing is None else pc.utf8_trim(pc.utf8_trim_whitespace(array), INVISIBLE)
    if missing is None:
        return array
    trimmed = pc.utf8_trim_whitespace(array)
    return pc.if_else(pc.is_in(trimmed, pa.array(["", *missing], trimmed.type)), None, trimmed)


def _usual(array: "pa.Array[Any]") -> "pa.Array[Any]":
    """Bytes that are text as text, UUIDs as theirs, and times as numbers; all else as it is."""
    import uuid

    import pyarrow as pa
    import pyarrow.compute as pc

    own = array.type
    if isinstance(own, pa.BaseExtensionType):
        array, own = array.storage, array.storage.type
    if pa.types.is_fixed_size_binary(own) and own.byte_width == 16:
        return pa.array([None if value is None else str(uuid.UUID(bytes=value)) for value in array.to_pylist()])
    if pa.types.is_binary(own) or pa.types.is_large_binary(own) or pa.types.is_fixed_size_binary(own):
        try:
            return array.cast(pa.large_binary()).cast(pa.large_string())
        except pa.ArrowInvalid:
            return array
    if pa.types.is_time(own) or pa.types.is_duration(own):
        ticks = pc.cast(pc.cast(array, pa.int32() if own.bit_width == 32 else pa.int64()), pa.float64())
        per_second = {"s": 1, "ms": 1e3, "us": 1e6, "ns": 1e9}[own.unit]
        return pc.divide(ticks, per_second * 3600)
    return array


def as_text(values: "pd.Series[Any]", missing: Sequence[str] = MISSING) -> NDArray[np.str_]:
    """The values (rows,) of any type as text, of several ways to write the same one, empty where one is missing."""
    found = labels(typed(values, missing))
    return np.asarray([*found.categories, ""], np.str_)[np.asarray(found.codes)]


def labels(array: "pa.Array[Any]") -> "pd.Categorical":
    """The values (rows,) as text; where one is written in several ways, as 1 and 1.0, the plainest stands for them."""
    import pandas as pd
    import pyarrow.compute as pc

    encoded = texts(array).dictionary_encode()
    spellings, codes = encoded.dictionary.to_pylist(), pc.fill_null(encoded.indices, -1).to_numpy()
    plain_forms = [plain(spelling) for spelling in spellings]
    places = {form: number for number, form in enumerate(dict.fromkeys(plain_forms))}
    if len(places) == len(spellings):
        return pd.Categorical.from_codes(codes, pd.Index(spellings))
    merged = np.array([*(places[form] for form in plain_forms), -1])
    return pd.Categorical.from_codes(merged[codes], pd.Index([*places], dtype=object))


def kind_of(values: "pd.Series[Any]", reading: Reading = FOUND_OUT) -> ColumnKind | None:
    """The kind of a column, found from its values; None where all are missing, or are lists, bytes or the like.

    In a Parquet file, values have a type that says it. Text is boolean if it is true/false, yes/no, t/f or y/n in any
    case, number if all are finite numbers, date if all are dates, else category. Numbers with leading zeros, such as
    00501, are a category: they would lose them; so are whole numbers so large that some would become the same. How
    numbers and dates are written is told by the column, or by what was said of the file.

    Raises:
        BakeoffError: when at least half are numbers, or dates, or look like them, but not all can be read, with the
            first that cannot.
    """
    array = typed(values, reading.marks)
    held = type_of(array)
    if held is None or held == "nothing" or not known(array).any():
        return None
    if hasattr(values, "cat"):
        return "category"
    if held == "number":
        return "number" if are_exact(array, numbers(array)) else "category"
    return _kind_of_text(str(values.name), array, reading) if held == "text" else held


def told_by(values: Values, name: str, kind: ColumnKind, reading: Reading = FOUND_OUT) -> Column:
    """The column of such values: how numbers and dates are written in it, as far as they, or what was said, tell."""
    array = typed(values, reading.marks)
    column = Column(name=name, kind=kind, missing=reading.missing)
    if kind in ("number", "date"):
        return column.model_copy(update=_told(without_nothing(array), kind, reading.decimal_sign))
    return column


def parse(values: Values, column: Column, local: bool = True) -> "pd.Series[Any]":
    """The values as their kind has them, NaN where one is missing: float64, booleans as 0 and 1, or dates; or labels.

    Labels are a `Categorical` of text. How numbers and dates are written is told by these values, or else by the
    column. Times are those of a clock on a wall where they were taken; if not `local`, in UTC.

    Raises:
        BakeoffError: when one cannot be read, or is infinite, with its row; the first after the header is row 1.
    """
    import pandas as pd

    array = typed(values, MISSING if column.missing is None else column.missing)
    index = values.index if isinstance(values, pd.Series) else None
    if type_of(array) is None:
        raise BakeoffError(f"column {column.name} holds {array.type}; {NEEDED[column.kind]} is needed; leave it out")
    if column.kind == "category":
        return pd.Series(labels(array), index=index, name=column.name)
    array = without_nothing(array)
    told = _told(array, column.kind, column.written, column.unit)
    if column.kind == "date" and column.written and told["written"] != column.written:
        first, now = ("day", "month") if column.written == DAY_FIRST else ("month", "day")
        raise BakeoffError(
            f"column {column.name}: the {first} came first in the dates learned from, and here the {now}"
        )
    found = _read(array, column.kind, told, local)
    missing = _are_marks(found, column.missing or ()) if column.kind == "number" else np.zeros(len(found), np.bool_)
    unreadable = known(array) & ~np.isfinite(found) & ~missing
    if unreadable.any():
        raise BakeoffError(_fault(column.name, array, int(unreadable.argmax()), column.kind, column.unit or ""))
    if column.kind == "number" and not are_exact(array, found):
        raise BakeoffError(
            f"column {column.name} holds whole numbers of which some would be the same in double precision, such as"
            f" {np.nanmax(np.abs(found)):.0f}; take it as category, or leave it out"
        )
    return pd.Series(np.where(missing, np.nan, found) if missing.any() else found, index=index, name=column.name)


def have_commas(values: "pd.Series[Any]") -> bool:
    """Whether there is a comma in a column of text."""
    return values.dtype == "str" and bool(values.str.contains(",", regex=False).any())


def are_exact(array: "pa.Array[Any]", found: NDArray[np.float64]) -> bool:
    """Whether values that differ are numbers that differ: beyond 2^53, whole numbers may be rounded to the same."""
    import pyarrow.compute as pc

    if not np.nanmax(np.abs(found), initial=0) >= EXACT:
        return True
    return bool(pc.count_distinct(array, mode="only_valid").as_py() <= len(np.unique(found[~np.isnan(found)])))


def _are_marks(found: NDArray[np.float64], missing: Sequence[str]) -> NDArray[np.bool_]:
    """Which numbers (rows,) are among the words for a missing value, however these are written: -999 or -999.0."""
    return np.isin(found, [float(mark) for mark in missing if re.match(rf"{NUMBER}|^[+-]?inf$", mark)])


def nothing_in(array: "pa.Array[Any]") -> tuple[str, int]:
    """A sign that stands for no value among numbers, such as a dash, and how many values are such signs."""
    import pyarrow.compute as pc

    if type_of(array) != "text" or matches(array, NUMBER)[known(array)].all():
        return "", 0
    gone = array.filter(pc.and_kleene(pc.is_null(without_nothing(array)), pc.is_valid(array)))
    return (gone[0].as_py(), len(gone)) if len(gone) else ("", 0)


def without_nothing(array: "pa.Array[Any]") -> "pa.Array[Any]":
    """Text that is null as well where it stands for no value among numbers; all else as it is."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if type_of(array) != "text":
        return array
    return pc.if_else(pc.is_in(array, pa.array(NOTHING, array.type)), None, array)


def _told(array: "pa.Array[Any]", kind: ColumnKind, said: str = "", unit: str | None = None) -> dict[str, str]:
    """How numbers or dates are `written`, and their `unit`: by the values where these tell, else as it was said.

    What was learned of a unit, or of times, holds: 50 kg is no number where it was learned that numbers have no unit.
    """
    if kind == "date":
        own = first_in_dates(array)
        return {"written": own or (said if said in (DAY_FIRST, MONTH_FIRST) else ""), "unit": ""}
    if kind != "number":
        return {"written": "", "unit": ""}
    if said == TIMES or (unit is None and are_times(array)):
        return {"written": TIMES, "unit": ""}
    said = said if said in (COMMA, POINT) else ""
    if type_of(array) != "text" or (not said and not unit and matches(array, NUMBER)[known(array)].all()):
        return {"written": said, "unit": unit or ""}
    unit = unit_of(array) if unit is None else unit
    signs = decimal_signs(array, unit)
    return {"written": signs.pop() if len(signs) == 1 else "" if signs else said, "unit": unit}


def _kind_of_text(name: str, array: "pa.Array[Any]", reading: Reading) -> ColumnKind:
    import pyarrow as pa

    spellings = array.unique().drop_null()
    if len(spellings) <= MOST_SPELLINGS:
        said = {text.lower() for text in spellings.to_pylist()}
        if any(said <= set(pair) for pair in PAIRS):
            return "boolean"
    array = without_nothing(array)
    if matches(without_unit(array, unit_of(array)), LEADING_ZEROS).any():
        return "category"
    there = known(array)
    if not there.any():
        return "category"
    for kind, pattern in LIKE.items():
        found = _read(array, kind, _told(array, kind, reading.decimal_sign))
        readable = np.isfinite(found)
        if readable[there].all():
            return kind if kind != "number" or are_exact(array, found) else "category"
        doubtful = matches(array, pattern)
        share = (readable | doubtful).sum() / there.sum()
        strange = array.filter(pa.array(there & ~readable & ~doubtful)).unique()
        if share >= MIXED and len(strange) <= MOST_FAULTS:
            most = f"{np.floor(share * 1000) / 10:g} % of column {name} are {kind}s, and not the others: "
            fault = _fault(name, array, int((there & ~readable).argmax()), kind)
            raise BakeoffError(fault if share == 1 else most + fault)
    return "category"


def _read(array: "pa.Array[Any]", kind: ColumnKind, told: dict[str, str], local: bool = True) -> NDArray[Any]:
    if kind == "boolean":
        return booleans(array)
    return dates(array, told["written"], local) if kind == "date" else numbers(array, told["written"], told["unit"])


def _fault(name: str, array: "pa.Array[Any]", row: int, kind: ColumnKind, unit: str = "") -> str:
    """What is wrong with a value, and how to mend it."""
    value = array[row].as_py()
    said = repr(value) if isinstance(value, str) else str(value)
    pattern, hint = HINTS.get(kind, ("", ""))
    if not hint or not isinstance(value, str) or not re.match(pattern, value):
        hint = "leave the field empty where the value is missing, or name what stands for that: --missing"
    shown = said if len(said) <= LONGEST else f"{said[: LONGEST - 2]}…{said[-1]}"
    in_unit = f" in {unit}" if unit else ""
    return f"column {name}, row {row + 1}: {NEEDED[kind]}{in_unit} is needed, and there is {shown}; {hint}"
