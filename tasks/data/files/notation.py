"""How numbers, booleans and dates are written, and how they are read from text; what cannot be read is missing.

A number may stand beside a unit or a currency, and have signs between its thousands. A decimal sign, a unit and the
order of day and month are told by the column as a whole, since one value alone may not tell.
"""

import re
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pyarrow as pa

PAIRS = (("false", "true"), ("no", "yes"), ("f", "t"), ("n", "y"))  # how booleans are written, in any case
SWITCHES = (*PAIRS, ("0", "1"))  # and how they are as well, where a column is known to hold booleans

POINT, COMMA, TIMES, DAY_FIRST, MONTH_FIRST = ".", ",", ":", "%d/%m/%Y", "%m/%d/%Y"
MULTIPLES = {"k", "K", "M", "B", "bn", "T", "Mio", "Mio.", "Mrd", "Mrd.", "%", "‰"}  # without which a number is another
NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"
COMMA_NUMBER = r"^[+-]?(\d+,?\d*|,\d+)([eE][+-]?\d+)?$"
BLANKS = " '’\u00a0\u2009\u202f"  # beside the sign that is not the decimal one, they stand between thousands
# With thousands apart: in threes, or, after a comma, in twos and a last three as in India.
APART = {
    POINT: rf"^[+-]?[1-9]\d{{0,2}}(([{BLANKS}]\d{{3}})+|(,\d{{2,3}})*,\d{{3}})(\.\d*)?$",
    COMMA: rf"^[+-]?[1-9]\d{{0,2}}([{BLANKS}.]\d{{3}})+(,\d*)?$",
}
# Numbers that may be thousands or have three decimals, and those that tell which sign is the decimal one.
MAY_BE_THOUSANDS = r"^[+-]?[1-9]\d{0,2}[.,]\d{3}$"
TELLING = {
    POINT: r"^[+-]?(\d*\.\d*|[1-9]\d{0,2}(,\d{2,3})*,\d{3}(\.\d*)?)([eE][+-]?\d+)?$",
    COMMA: r"^[+-]?(\d*,\d*|[1-9]\d{0,2}(\.\d{3})+(,\d*)?)([eE][+-]?\d+)?$",
}
CURRENCY = r"(?:[A-Z]{1,3})?\p{Sc}|[A-Z]{3}\s"
WITH_UNIT = (
    rf"^[(]?[+-]?(?P<before>{CURRENCY})?\s*[(]?[+-]?\d[\d.,{BLANKS}]*(?:[eE][+-]?\d+)?[)]?"
    rf"\s*(?P<behind>(?:[A-Z]{{1,3}})?\p{{Sc}}|[%‰°]\w?|[\p{{L}}Ωµ][\p{{L}}²³/·^°%*-]{{0,11}}\d?[.]?)?[)]?$"
)
SLASHES = r"^(?P<first>\d{1,2})[-/](?P<second>\d{1,2})[-/](?P<year>\d{4})"
ISO = r"^\d{4}(-\d{2}-\d{2}([ T].*)?|\d{4})$"
OFFSET = r"(:\d{2}(?:\.\d+)?) *(?:[+-]\d{2}:?(?:\d{2})?|Z)$"
NAMED_MONTH = r"^([A-Za-z]{3,9}, )?(\d{1,2}[ -][A-Za-z]+[ -]|[A-Za-z]+ \d{1,2}, )\d{4}"
MONTHS = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
    "december",
)  # fmt: skip
HALF_DAY = r"(?i) ?[ap]\.?m\.?$"
CLOCKS = (r"^\d{1,3}:[0-5]\d$", r"^\d{1,3}:[0-5]\d:[0-5]\d(\.\d*)?$")  # with seconds, or without
# A year of two digits is from 1969 to 2068, as POSIX has it; RE2's references have one digit.
SHORT_YEARS = (
    (r"^(\d{1,2}/\d{1,2}/)([0-5]\d|6[0-8])( .*)?$", r"\120\2\3"),
    (r"^(\d{1,2}/\d{1,2}/)(69|[7-9]\d)( .*)?$", r"\119\2\3"),
)
SHORT_YEAR = r"^\d{1,2}/\d{1,2}/\d{2}( .*)?$"
# How dates come into ISO's form, whose parts have two digits or four.
REWRITTEN = (
    (r"^(\d{4})[-/](\d{1,2})[-/](\d{1,2})", r"\1-\2-\3"),
    (r"^(\d{1,2})\.(\d{1,2})\.(\d{4})", r"\3-\2-\1"),
    (r"^(\d{4})-(\d)-", r"\1-0\2-"),
    (r"^(\d{4}-\d{2})-(\d)($|[ T])", r"\1-0\2\3"),
    (r"^(\d{4})-(0[1-9]|1[0-2])$", r"\1-\2-01"),
    (r"^(0?[1-9]|1[0-2])/(\d{4})$", r"\2-\1-01"),
    (r"^(\d{4})-(\d)-01$", r"\1-0\2-01"),
    (r"^(\d{4}-\d{2}-\d{2})[ T](\d):", r"\1 0\2:"),
    (r"(\.\d{6})\d+", r"\1"),  # finer, and the earliest date would be that of the year 1677
    (r" (UTC|GMT)$", "Z"),
)

Held = Literal["text", "number", "boolean", "date", "nothing"]


def type_of(array: "pa.Array[Any]") -> Held | None:
    """What type it has, whatever its text says: None for lists, bytes or the like."""
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


def texts(array: "pa.Array[Any]") -> "pa.Array[Any]":
    """The values (rows,) as text."""
    import pyarrow as pa

    if type_of(array) == "text":
        return array
    encoded = array.dictionary_encode()
    return pa.array([label_of(value) for value in encoded.dictionary.to_pylist()], pa.large_string()).take(
        encoded.indices
    )


def label_of(value: object) -> str:
    """A value as text; a whole number has no decimals, whatever type it was read as."""
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    return str(value)


def numbers(array: "pa.Array[Any]", decimal: str = "", unit: str = "") -> NDArray[np.float64]:
    """The values (rows,) as numbers, each to its last bit.

    Args:
        array: numbers, booleans or text.
        decimal: the decimal sign, if it is known; the other one stands between thousands. If it is not, a value with a
            comma is not read. If it is ":", values are times, or numbers of hours.
        unit: what may stand before or behind a number; and must, if it says how often it counts, as per cent do.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    held = type_of(array)
    if held == "date":
        return np.full(len(array), np.nan)
    if held == "text" and decimal == TIMES:
        return _hours(array)
    if held == "text" and (decimal == COMMA or unit in MULTIPLES or not matches(array, NUMBER)[known(array)].all()):
        array = _plain(array, decimal, unit)
        array = pc.if_else(pa.array(matches(array, NUMBER)), array, None)
    elif held == "boolean":
        array = pc.cast(array, pa.int8())
    return np.asarray(pc.cast(array, pa.float64(), safe=False).to_numpy(zero_copy_only=False))


def _plain(array: "pa.Array[Any]", decimal: str, unit: str) -> "pa.Array[Any]":
    """Numbers as a programmer would write them, where they are numbers."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if unit in MULTIPLES:
        array = pc.if_else(pa.array(matches(array, re.escape(unit))), array, None)
    bare = without_unit(array, unit)
    apart = pa.array(matches(bare, APART[decimal or POINT]) & (decimal != "" or ~matches(bare, ",")))
    joined = pc.replace_substring_regex(bare, rf"[{BLANKS}{POINT if decimal == COMMA else COMMA}]", "")
    if decimal == COMMA:
        bare = pc.if_else(pa.array(matches(bare, COMMA_NUMBER)), bare, None)
        joined = pc.if_else(apart, joined, bare)
        return pc.replace_substring(joined, COMMA, POINT)
    return pc.if_else(apart, joined, bare)


def are_times(array: "pa.Array[Any]") -> bool:
    """Whether all text is times of a day, or spans of time, such as 8:30."""
    there = known(array)
    if type_of(array) != "text" or not there.any():
        return False
    return any(matches(array, clock)[there].all() for clock in CLOCKS)


def _hours(array: "pa.Array[Any]") -> NDArray[np.float64]:
    import pandas as pd
    import pyarrow as pa
    import pyarrow.compute as pc

    times = pa.array(np.any([matches(array, clock) for clock in CLOCKS], axis=0))
    long = pc.replace_substring_regex(pc.if_else(times, array, None), r"^(\d+:\d+)$", r"\1:00")
    hours = np.asarray(pd.to_timedelta(long.to_pandas().astype(object)) / np.timedelta64(1, "h"), np.float64)
    return np.where(np.isnan(hours), numbers(pc.if_else(times, None, array)), hours)


def without_unit(array: "pa.Array[Any]", unit: str) -> "pa.Array[Any]":
    """Text without a unit; a minus that is not the keyboard's, or the brackets of bookkeepers, become a minus.

    Brackets may stand around the unit, ($5), or inside, $(5).
    """
    import pyarrow.compute as pc

    for pattern, form in (
        (r"^[−–]", "-"),
        (r"^\((.*)\)$", r"-\1"),
        *(((rf"^([+-]?) *{re.escape(unit)} *([+-]?)", r"\1\2"), (rf" *{re.escape(unit)}$", "")) if unit else ()),
        (r"^\((.*)\)$", r"-\1"),
    ):
        array = pc.replace_substring_regex(array, pattern, form)
    return array


def unit_of(array: "pa.Array[Any]") -> str:
    """The one unit or currency that stands beside each number of a column of text; else nothing."""
    import pyarrow.compute as pc

    there = known(array)
    if matches(array, NUMBER)[there].all() or not matches(array, WITH_UNIT)[there].all():
        return ""
    parts = pc.extract_regex(array, WITH_UNIT)
    beside = [np.asarray(pc.fill_null(parts.field(side), "").to_pylist(), np.str_) for side in (0, 1)]
    units = set(np.char.strip(np.char.add(*beside))[there].tolist())
    both = ((beside[0] != "") & (beside[1] != "")).any()
    return units.pop() if len(units) == 1 and not both else ""


def decimal_signs(array: "pa.Array[Any]", unit: str = "") -> set[str]:
    """Which decimal signs numbers that are text must have; 1,234 and 1.234 may be thousands, and tell none."""
    bare = without_unit(array, unit)
    telling = matches(bare, "[.,]") & ~matches(bare, MAY_BE_THOUSANDS)
    return {sign for sign, pattern in TELLING.items() if (telling & matches(bare, pattern)).any()}


def may_be_numbers(array: "pa.Array[Any]", unit: str) -> bool:
    """Whether all text could be numbers, whichever the decimal sign is."""
    bare = without_unit(array, unit)
    fits = [matches(bare, pattern) for pattern in (NUMBER, COMMA_NUMBER, *APART.values())]
    return bool(np.any(fits, axis=0)[known(bare)].all())


def booleans(array: "pa.Array[Any]") -> NDArray[np.float64]:
    """The values (rows,) as 0 and 1."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if type_of(array) == "boolean":
        return numbers(array)
    text = pc.replace_substring_regex(pc.utf8_lower(texts(array)), r"^([01])\.0+$", r"\1")
    said = np.full(len(array), np.nan)
    for truth, words in enumerate(zip(*SWITCHES, strict=True)):
        said[np.asarray(pc.is_in(text, pa.array(words, text.type)), np.bool_)] = truth
    return said


def dates(array: "pa.Array[Any]", written: str = "", local: bool = True) -> NDArray[np.datetime64]:
    """The values (rows,) as dates and times, to the microsecond.

    Of a time with a zone or an offset it is what a clock on a wall there shows; if not `local`, the time in UTC.
    """
    import pandas as pd
    import pyarrow as pa
    import pyarrow.compute as pc

    if type_of(array) == "date":
        if local and pa.types.is_timestamp(array.type) and array.type.tz:
            array = pc.local_timestamp(array)
        return np.asarray(pc.cast(array, pa.timestamp("us"), safe=False).to_numpy(zero_copy_only=False))
    text = with_numbered_months(with_long_years(texts(array)))
    if written in (DAY_FIRST, MONTH_FIRST):
        text = pc.replace_substring_regex(text, SLASHES, r"\3-\2-\1" if written == DAY_FIRST else r"\3-\1-\2")
    halves = matches(text, HALF_DAY), matches(text, r"(?i)p\.?m\.?$")
    text = pc.replace_substring_regex(text, HALF_DAY, "")
    for pattern, form in (*REWRITTEN, *([(OFFSET, r"\1")] if local else [])):
        text = pc.replace_substring_regex(text, pattern, form)
    iso = pc.if_else(pa.array(matches(text, ISO)), text, None).to_pandas()
    found = pd.to_datetime(iso, format="ISO8601", errors="coerce", utc=True).dt.tz_localize(None)
    moments = found.to_numpy("datetime64[us]", copy=True)
    return _of_twelve_hours(moments, *halves) if halves[0].any() else moments


def _of_twelve_hours(
    moments: NDArray[np.datetime64], have_half: NDArray[np.bool_], afternoon: NDArray[np.bool_]
) -> NDArray[np.datetime64]:
    """Times whose hours are from 1 to 12 as those of a whole day; no time where an hour is none of them."""
    hours = np.floor((moments - moments.astype("datetime64[D]")) / np.timedelta64(1, "h"))
    at = np.where(hours == 12, 0, hours) + 12 * afternoon
    turned = moments + np.nan_to_num(at - hours).astype(np.int64) * np.timedelta64(1, "h")
    fits = (hours >= 1) & (hours <= 12)
    return np.where(have_half, np.where(fits, turned, np.datetime64("NaT")), moments)


def with_numbered_months(text: "pa.Array[Any]") -> "pa.Array[Any]":
    """Dates such as 31 Mar 2024, Mar 31, 2024 or Sun, 31 Mar 2024 with the number of the month, in ISO's order."""
    import pyarrow.compute as pc

    if not matches(text, NAMED_MONTH).any():
        return text
    text = pc.replace_substring_regex(text, r"^[A-Za-z]{3,9}, (\d)", r"\1")
    for number, month in enumerate(MONTHS, start=1):
        name = f"(?i:{month[:3]}|{month})"
        text = pc.replace_substring_regex(text, rf"^(\d{{1,2}})[ -]{name}[ -](\d{{4}})", rf"\2-{number:02}-\1")
        text = pc.replace_substring_regex(text, rf"^{name} (\d{{1,2}}), (\d{{4}})", rf"\2-{number:02}-\1")
    return text


def with_long_years(text: "pa.Array[Any]") -> "pa.Array[Any]":
    """Dates such as 3/31/24 with all digits of the year."""
    import pyarrow.compute as pc

    for pattern, form in SHORT_YEARS:
        text = pc.replace_substring_regex(text, pattern, form)
    return text


def first_in_dates(array: "pa.Array[Any]") -> str:
    """Whether days or months come first in dates such as 31/03/2024, if one of them tells; else nothing.

    Of 24/03/31 and the like, in which no first part is a month, nothing is told: the year may come first.
    """
    import pyarrow.compute as pc

    if type_of(array) != "text" or not matches(array, r"^\d{1,2}[-/]").any():
        return ""
    if all(matches(array, pattern)[known(array)].all() for pattern in (SHORT_YEAR, r"^(1[3-9]|[2-9]\d)/")):
        return ""
    array = with_long_years(array)
    parts = pc.extract_regex(array, SLASHES)
    days = [pc.any(pc.greater(pc.cast(parts.field(number).filter(parts.is_valid()), "int64"), 12)) for number in (0, 1)]
    return {(True, False): DAY_FIRST, (False, True): MONTH_FIRST}.get((days[0].as_py(), days[1].as_py()), "")
