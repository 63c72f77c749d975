"""The values of a column, however they are written, as numbers, booleans, dates or labels, and what it holds.

What cannot be read comes out as missing; `parse` refuses it.
"""

import re
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from tasks.data.examples import Column, ColumnKind
from tasks.specs import BakeoffError

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

# Text that stands for a missing value: what pandas takes for one (`pandas.read_csv`, na_values), and "?".
MISSING = (
    "", "?", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A", "NA",
    "NULL", "NaN", "None", "n/a", "nan", "null",
)  # fmt: skip
PAIRS = (("false", "true"), ("no", "yes"), ("f", "t"), ("n", "y"))  # how booleans are written, in any case
SWITCHES = (*PAIRS, ("0", "1"))  # and how they are as well, where a column is known to hold booleans

DECIMAL_COMMA, DAY_FIRST, MONTH_FIRST = ",", "%d/%m/%Y", "%m/%d/%Y"
NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"
COMMA_NUMBER = r"^[+-]?(\d+,?\d*|,\d+)([eE][+-]?\d+)?$"
COMMA_THOUSAND = r"^[+-]?[1-9]\d{0,2},\d{3}$"  # or three decimals
SLASHES = r"^(?P<first>\d{1,2})[-/](?P<second>\d{1,2})[-/](?P<year>\d{4})"
ISO = r"^\d{4}(-\d{2}-\d{2}([ T].*)?|\d{4})$"
NAMED_MONTH = r"^(\d{1,2}[ -][A-Za-z]+[ -]|[A-Za-z]+ \d{1,2}, )\d{4}$"
NAMED_MONTHS = ("%d %b %Y", "%d-%b-%Y", "%b %d, %Y", "%d %B %Y", "%B %d, %Y")
# How dates come into ISO's form, whose parts have two digits or four.
REWRITTEN = (
    (r"^(\d{4})[-/](\d{1,2})[-/](\d{1,2})", r"\1-\2-\3"),
    (r"^(\d{1,2})\.(\d{1,2})\.(\d{4})", r"\3-\2-\1"),
    (r"^(\d{4})-(\d)-", r"\1-0\2-"),
    (r"^(\d{4}-\d{2})-(\d)($|[ T])", r"\1-0\2\3"),
    (r"(\.\d{6})\d+", r"\1"),  # finer, and the earliest date would be that of the year 1677
    (r" UTC$", "Z"),
)

MIXED = 0.5  # a column of which this share or more are numbers, but not all, is one of numbers with faults in it
LEADING_ZEROS = r"^0\d+$"
MOST_SPELLINGS = 10  # of the two words of a boolean column, in small and large letters: true, True, TRUE, ...
# Numbers and dates that do not tell what they are.
LIKE: dict[ColumnKind, str] = {
    "number": r"^[+-]?(inf|\d+(,\d{3})+(\.\d+)?|\d{1,3}(\.\d{3})+,\d+|\d+,\d+)$",
    "date": SLASHES,
}
HINTS: dict[ColumnKind, tuple[str, str]] = {
    "number": (r"^[+-]?[\d.]*,[\d.,]*$", "write it with a point for decimals, and nothing between thousands"),
    "date": (SLASHES, "the day or the month may come first; write it as 2024-03-31"),
}
LONGEST = 60  # letters of a value that a message shows
NEEDED: dict[ColumnKind, str] = {
    "number": "a finite number",
    "boolean": "true or false (or yes or no, 1 or 0)",
    "category": "text, a number or a date",
    "date": "a date such as 2024-03-31",
}


def typed(values: "pd.Series[Any]", as_it_is: bool = False) -> "pa.Array[Any]":
    """The values in a type of Arrow's; text without blanks around it, and null where it stands for a missing value.

    Text that is left `as_it_is` has its blanks, and stands for nothing else.
    """
    import pandas as pd
    import pyarrow as pa
    import pyarrow.compute as pc

    if isinstance(values.dtype, pd.DatetimeTZDtype):
        values = values.dt.tz_convert(None)
    try:
        array = pa.array(values, from_pandas=True)
    except (pa.ArrowException, ValueError, TypeError, OverflowError):  # of several types, as no file has them
        missing = values.isna()
        array = pa.array([None if gone else str(value) for value, gone in zip(values, missing, strict=True)])
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if pa.types.is_floating(array.type):
        return pc.if_else(pc.is_nan(array), None, array)
    if as_it_is or type_of(array) != "text":
        return array
    trimmed = pc.utf8_trim_whitespace(array.cast(pa.large_string()))
    return pc.if_else(pc.is_in(trimmed, pa.array(MISSING, trimmed.type)), None, trimmed)


def type_of(array: "pa.Array[Any]") -> Literal["text", "number", "boolean", "date", "nothing"] | None:
    """What type it has, whatever its text says: None for lists, bytes or spans of time."""
    import pyarrow as pa

    types, own = pa.types, array.type
    if types.is_string(own) or types.is_large_string(own) or types.is_string_view(own):
        return "text"
    if types.is_integer(own) or types.is_floating(own) or types.is_decimal(own):
        return "number"
    if types.is_boolean(own):
        return "boolean"
    if types.is_date(own) or types.is_timestamp(own):
        return "date"
    return "nothing" if types.is_null(own) else None


def known(array: "pa.Array[Any]") -> NDArray[np.bool_]:
    """Which values (rows,) are not missing."""
    return np.asarray(array.is_valid(), np.bool_)


def matches(array: "pa.Array[Any]", pattern: str) -> NDArray[np.bool_]:
    """Which values (rows,) of text follow a pattern; those that are missing do not."""
    import pyarrow.compute as pc

    return np.asarray(pc.fill_null(pc.match_substring_regex(array, pattern), False), np.bool_)


def numbers(array: "pa.Array[Any]", written: str = "") -> NDArray[np.float64]:
    """The values (rows,) as numbers, each to its last bit; with a decimal comma if that is how they are written."""
    import pyarrow as pa
    import pyarrow.compute as pc

    held = type_of(array)
    if held == "date":
        return np.full(len(array), np.nan)
    if held == "text":
        plain = matches(array, NUMBER)
        if written == DECIMAL_COMMA and not plain[known(array)].all():
            plain = matches(array, COMMA_NUMBER)
            array = pc.replace_substring(array, ",", ".")
        array = pc.if_else(pa.array(plain), array, None)
    elif held == "boolean":
        array = pc.cast(array, pa.int8())
    return np.asarray(pc.cast(array, pa.float64(), safe=False).to_numpy(zero_copy_only=False))


def booleans(array: "pa.Array[Any]") -> NDArray[np.float64]:
    """The values (rows,) as 0 and 1."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if type_of(array) == "boolean":
        return numbers(array)
    text = pc.utf8_lower(texts(array))
    said = np.full(len(array), np.nan)
    for truth, words in enumerate(zip(*SWITCHES, strict=True)):
        said[np.asarray(pc.is_in(text, pa.array(words, text.type)), np.bool_)] = truth
    return said


def dates(array: "pa.Array[Any]", written: str = "") -> NDArray[np.datetime64]:
    """The values (rows,) as dates and times, to the microsecond; those with a time zone in UTC."""
    import pandas as pd
    import pyarrow as pa
    import pyarrow.compute as pc

    if type_of(array) == "date":
        return np.asarray(pc.cast(array, pa.timestamp("us"), safe=False).to_numpy(zero_copy_only=False))
    text = texts(array)
    if written:
        text = pc.replace_substring_regex(text, SLASHES, r"\3-\2-\1" if written == DAY_FIRST else r"\3-\1-\2")
    for pattern, form in REWRITTEN:
        text = pc.replace_substring_regex(text, pattern, form)
    iso = pc.if_else(pa.array(matches(text, ISO)), text, None).to_pandas()
    found = pd.to_datetime(iso, format="ISO8601", errors="coerce", utc=True)
    left = np.flatnonzero(matches(text, NAMED_MONTH))
    moments = found.dt.tz_localize(None).to_numpy("datetime64[us]", copy=True)
    for form in NAMED_MONTHS if len(left) else ():
        named = pd.to_datetime(text.take(left).to_pandas(), format=form, errors="coerce").to_numpy("datetime64[us]")
        moments[left] = np.where(np.isnat(named), moments[left], named)
    return np.asarray(moments)


def texts(array: "pa.Array[Any]") -> "pa.Array[Any]":
    """The values (rows,) as text."""
    import pyarrow as pa

    if type_of(array) == "text":
        return array
    encoded = array.dictionary_encode()
    return pa.array([label_of(value) for value in encoded.dictionary.to_pylist()], pa.large_string()).take(
        encoded.indices
    )


def as_text(values: "pd.Series[Any]") -> NDArray[np.str_]:
    """The values (rows,) of any type as text, empty where one is missing."""
    import pyarrow.compute as pc

    return np.asarray(pc.fill_null(texts(typed(values)), "").to_pylist(), np.str_)


def labels(array: "pa.Array[Any]") -> "pd.Categorical":
    """The values (rows,) as text, each that occurs kept once."""
    import pandas as pd
    import pyarrow.compute as pc

    encoded = texts(array).dictionary_encode()
    return pd.Categorical.from_codes(pc.fill_null(encoded.indices, -1).to_numpy(), encoded.dictionary.to_pylist())


def label_of(value: object) -> str:
    """A value as text; a whole number has no decimals, whatever type it was read as."""
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    return str(value)


def decimal_sign(array: "pa.Array[Any]") -> str:
    """A comma if that must be the decimal sign of numbers that are text; else nothing.

    1,234 may be a thousand and more, or have three decimals; it is the others that tell.
    """
    if type_of(array) != "text" or not (commas := matches(array, ",")).any():
        return ""
    decimals = commas & ~matches(array, COMMA_THOUSAND)
    return DECIMAL_COMMA if decimals.any() and matches(array, COMMA_NUMBER)[known(array)].all() else ""


def first_in_dates(array: "pa.Array[Any]") -> str:
    """Whether days or months come first in dates such as 31/03/2024, if one of them tells; else nothing."""
    import pyarrow.compute as pc

    if type_of(array) != "text" or not matches(array, SLASHES).any():
        return ""
    parts = pc.extract_regex(array, SLASHES)
    days = [pc.any(pc.greater(pc.cast(parts.field(number).filter(parts.is_valid()), "int64"), 12)) for number in (0, 1)]
    return {(True, False): DAY_FIRST, (False, True): MONTH_FIRST}.get((days[0].as_py(), days[1].as_py()), "")


def kind_of(values: "pd.Series[Any]") -> ColumnKind | None:
    """The kind of a column, found from its values; None where all are missing, or are lists, bytes or the like.

    In a Parquet file, values have a type that says it. Text is boolean if it is true/false, yes/no, t/f or y/n in any
    case, number if all are finite numbers, date if all are dates, else category. Numbers with leading zeros, such as
    00501, are a category: they would lose them. A number may have a decimal comma, and a date be of any form that
    `dates` reads, if the column tells which.

    Raises:
        BakeoffError: when at least half are numbers, or dates, or look like them, but not all can be read, with the
            first that cannot.
    """
    array = typed(values)
    held = type_of(array)
    if held is None or held == "nothing" or not known(array).any():
        return None
    if hasattr(values, "cat"):
        return "category"
    return _kind_of_text(str(values.name), array) if held == "text" else held


def parse(values: "pd.Series[Any]", column: Column) -> "pd.Series[Any]":
    """The values as their kind has them, NaN where one is missing: float64, booleans as 0 and 1, or dates; or labels.

    Labels are a `Categorical` of text. How numbers and dates are written is told by the column, if it says so, or else
    by these values.

    Raises:
        BakeoffError: when one cannot be read, or is infinite, with its row; the first after the header is row 1.
    """
    import pandas as pd

    array = typed(values)
    if type_of(array) is None:
        raise BakeoffError(f"column {column.name} holds {array.type}; {NEEDED[column.kind]} is needed; leave it out")
    if column.kind == "category":
        return pd.Series(labels(array), index=values.index, name=column.name)
    found = _read(array, column.kind, column.written or _written(array, column.kind))
    unreadable = known(array) & ~np.isfinite(found)
    if unreadable.any():
        raise BakeoffError(_fault(column.name, array, int(unreadable.argmax()), column.kind))
    return pd.Series(found, index=values.index, name=column.name)


def how_written(values: "pd.Series[Any]", kind: ColumnKind) -> str:
    """What `Column.written` is to say of such values, as far as they tell; nothing if they are no text."""
    return _written(typed(values), kind) if values.dtype == "str" or values.dtype == object else ""


def _written(array: "pa.Array[Any]", kind: ColumnKind) -> str:
    if kind == "number":
        return decimal_sign(array)
    return first_in_dates(array) if kind == "date" else ""


def _kind_of_text(name: str, array: "pa.Array[Any]") -> ColumnKind:
    spellings = array.unique().drop_null()
    if len(spellings) <= MOST_SPELLINGS:
        said = {text.lower() for text in spellings.to_pylist()}
        if any(said <= set(pair) for pair in PAIRS):
            return "boolean"
    if matches(array, LEADING_ZEROS).any():
        return "category"
    there = known(array)
    for kind, pattern in LIKE.items():
        readable = np.isfinite(_read(array, kind, _written(array, kind)))
        if readable[there].all():
            return kind
        share = (readable | matches(array, pattern)).sum() / there.sum()
        if share >= MIXED:
            most = f"{np.floor(share * 1000) / 10:g} % of column {name} are {kind}s, and not the others: "
            fault = _fault(name, array, int((there & ~readable).argmax()), kind)
            raise BakeoffError(fault if share == 1 else most + fault)
    return "category"


def _read(array: "pa.Array[Any]", kind: ColumnKind, written: str) -> NDArray[Any]:
    if kind == "boolean":
        return booleans(array)
    return dates(array, written) if kind == "date" else numbers(array, written)


def _fault(name: str, array: "pa.Array[Any]", row: int, kind: ColumnKind) -> str:
    """What is wrong with a value, and how to mend it."""
    value = array[row].as_py()
    said = repr(value) if isinstance(value, str) else str(value)
    pattern, hint = HINTS.get(kind, ("", ""))
    if not hint or not isinstance(value, str) or not re.match(pattern, value):
        hint = "leave the field empty where the value is missing"
    shown = said if len(said) <= LONGEST else f"{said[: LONGEST - 2]}…{said[-1]}"
    return f"column {name}, row {row + 1}: {NEEDED[kind]} is needed, and there is {shown}; {hint}"
