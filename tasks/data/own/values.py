"""The values of one column, however they are written, as numbers, booleans, dates or labels.

What cannot be read comes out as missing; `tasks.data.own.kinds` looks for it.
"""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

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
    if as_it_is or not is_text(array):
        return array
    trimmed = pc.utf8_trim_whitespace(array.cast(pa.large_string()))
    return pc.if_else(pc.is_in(trimmed, pa.array(MISSING, trimmed.type)), None, trimmed)


def is_text(array: "pa.Array[Any]") -> bool:
    """Whether it holds text."""
    import pyarrow as pa

    types = pa.types
    return bool(types.is_string(array.type) or types.is_large_string(array.type) or types.is_string_view(array.type))


def is_number(array: "pa.Array[Any]") -> bool:
    """Whether it holds numbers, and no text that says them."""
    import pyarrow as pa

    types = pa.types
    return bool(types.is_integer(array.type) or types.is_floating(array.type) or types.is_decimal(array.type))


def is_date(array: "pa.Array[Any]") -> bool:
    """Whether it holds dates, and no text that says them."""
    import pyarrow as pa

    return bool(pa.types.is_date(array.type) or pa.types.is_timestamp(array.type))


def is_boolean(array: "pa.Array[Any]") -> bool:
    """Whether it holds booleans, and no text that says them."""
    import pyarrow as pa

    return bool(pa.types.is_boolean(array.type))


def is_usable(array: "pa.Array[Any]") -> bool:
    """Whether it holds any of these, or nothing: no lists, bytes or spans of time."""
    import pyarrow as pa

    return is_text(array) or is_number(array) or is_date(array) or is_boolean(array) or pa.types.is_null(array.type)


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

    if is_date(array):
        return np.full(len(array), np.nan)
    if is_text(array):
        plain = matches(array, NUMBER)
        if written == DECIMAL_COMMA and not plain[known(array)].all():
            plain = matches(array, COMMA_NUMBER)
            array = pc.replace_substring(array, ",", ".")
        array = pc.if_else(pa.array(plain), array, None)
    elif is_boolean(array):
        array = pc.cast(array, pa.int8())
    return np.asarray(pc.cast(array, pa.float64(), safe=False).to_numpy(zero_copy_only=False))


def booleans(array: "pa.Array[Any]") -> NDArray[np.float64]:
    """The values (rows,) as 0 and 1."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if is_boolean(array):
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

    if is_date(array):
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

    if is_text(array):
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
    if not is_text(array) or not (commas := matches(array, ",")).any():
        return ""
    decimals = commas & ~matches(array, COMMA_THOUSAND)
    return DECIMAL_COMMA if decimals.any() and matches(array, COMMA_NUMBER)[known(array)].all() else ""


def first_in_dates(array: "pa.Array[Any]") -> str:
    """Whether days or months come first in dates such as 31/03/2024, if one of them tells; else nothing."""
    import pyarrow.compute as pc

    if not is_text(array) or not matches(array, SLASHES).any():
        return ""
    parts = pc.extract_regex(array, SLASHES)
    days = [pc.any(pc.greater(pc.cast(parts.field(number).filter(parts.is_valid()), "int64"), 12)) for number in (0, 1)]
    return {(True, False): DAY_FIRST, (False, True): MONTH_FIRST}.get((days[0].as_py(), days[1].as_py()), "")
