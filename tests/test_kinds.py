"""What a column holds is told from its values, and they are read as what it holds."""

import datetime
import uuid
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.data.examples import Column, ColumnKind
from tasks.data.files import values as read
from tasks.data.files.notation import known
from tasks.data.files.values import Reading, kind_of, parse, told_by
from tasks.specs import BakeoffError


def text(*values: str) -> "pd.Series[Any]":
    return pd.Series(values, dtype="str", name="x")


def arrow(values: Any, kind: Any = None) -> "pd.Series[Any]":
    return pd.Series(pd.arrays.ArrowExtensionArray(pa.array(values, kind)), name="x")


def parsed(values: "pd.Series[Any]", kind: ColumnKind, written: str = "") -> list[Any]:
    return parse(values, Column(name="x", kind=kind, written=written)).tolist()


def refused(values: "pd.Series[Any]", kind: ColumnKind | None = None) -> str:
    with pytest.raises(BakeoffError) as error:
        parsed(values, kind) if kind else kind_of(values)
    return str(error.value)


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (text("1", " 2.5 ", "-1e3", ""), "number"),
        (text("0", "1"), "number"),
        (text("true", "FALSE", "NA"), "boolean"),
        (text("yes", "No"), "boolean"),
        (text("t", "t"), "boolean"),
        (text("y", "n", "?"), "boolean"),
        (text("yes", "false"), "category"),
        (text("yes", "maybe"), "category"),
        (text("007", "12"), "category"),
        (text("0", "0.5"), "number"),
        (text("a", "b", "1"), "category"),
        (text("0x10", "1_000"), "category"),
        (text("192.168.0.1", "10.0.0.1"), "category"),
        (text("20240301", "20240302"), "number"),
        (text("2024-03-01", "2024-03-02T10:20:30.5+02:00"), "date"),
        (text("1.3.2024", "31.12.2024 10:00"), "date"),
        (arrow([1, None]), "number"),
        (arrow([1.5, None], pa.float32()), "number"),
        (arrow([True, None]), "boolean"),
        (arrow([datetime.date(2024, 3, 1)]), "date"),
        (pd.Series(pd.to_datetime(["2024-03-01"])), "date"),
        (pd.Series([1, 2], dtype="category"), "category"),
        (text("", "?", "NaN"), None),
        (text(), None),
        (arrow([None]), None),
        (arrow([[1], [2]]), None),
        (arrow([b"a"]), "category"),
        (arrow([b"\xff"]), None),
        (arrow([uuid.UUID(int=5).bytes], pa.binary(16)), "category"),
        (arrow([datetime.time(8, 30)]), "number"),
        (pd.Series([pd.Timedelta(1, "D")]), "number"),
    ],
)
def test_the_kind_is_told_from_the_values(values: "pd.Series[Any]", kind: ColumnKind | None) -> None:
    assert kind_of(values) == kind


@pytest.mark.parametrize("marker", read.MISSING)
def test_every_marker_of_a_missing_value_is_missing_in_every_kind(marker: str) -> None:
    for kind, other in (("number", "1"), ("boolean", "true"), ("date", "2024-03-01"), ("category", "a")):
        values = text(other, f" {marker} ")
        assert kind_of(values) == kind
        assert parse(values, Column(name="x", kind=kind)).isna().tolist() == [False, True]


def test_a_column_of_numbers_with_a_fault_is_refused_with_its_share_row_and_value() -> None:
    said = (
        "66.6 % of column x are numbers, and not the others: column x, row 3: a finite number is needed, and there is"
    )
    assert refused(text("1", "2", "three")) == (
        f"{said} 'three'; leave the field empty where the value is missing, or name what stands for that: --missing"
    )
    assert kind_of(text("1", "two", "three")) == "category"


def test_a_column_of_dates_with_a_fault_is_refused_with_its_row_and_value() -> None:
    said = refused(text("2024-03-01", "2024-03-02", "soon"))
    assert said.startswith("66.6 % of column x are dates")
    assert "column x, row 3: a date such as 2024-03-31 is needed, and there is 'soon'" in said


def test_one_fault_in_many_rows_does_not_make_all_of_them_numbers() -> None:
    assert refused(text(*map(str, range(9999)), "x")).startswith("99.9 % of column x are numbers")


@pytest.mark.parametrize("fault", ["inf", "-inf"])
def test_a_fault_that_looks_like_a_number_is_not_said_to_be_none(fault: str) -> None:
    said = f"column x, row 3: a finite number is needed, and there is '{fault}'"
    assert refused(text("1", "2.5", fault)).startswith(said)


def test_a_long_value_is_cut_in_a_message() -> None:
    assert len(refused(text("1", "word " * 1000), "number")) < 250


@pytest.mark.parametrize(
    ("values", "numbers"),
    [
        (("1,5", "2", "-,5", "+3,25e2"), [1.5, 2, -0.5, 325]),
        (("1,234", "12,5"), [1.234, 12.5]),
        (("0,125", "0,250"), [0.125, 0.25]),
    ],
)
def test_a_decimal_comma_is_told_by_the_column(values: tuple[str, ...], numbers: list[float]) -> None:
    assert kind_of(text(*values)) == "number"
    assert parsed(text(*values), "number") == numbers
    assert told_by(text(*values), "x", "number").written == ","


@pytest.mark.parametrize("values", [("1,234", "2"), ("1,234", "234,567"), ("1,5", "2.5")])
def test_a_comma_that_may_stand_between_thousands_is_refused(values: tuple[str, ...]) -> None:
    for kind in (None, "number"):
        assert "; write it with a point for decimals, and nothing between thousands" in refused(text(*values), kind)


@pytest.mark.parametrize(
    ("values", "numbers", "unit"),
    [
        (("$2,214.83", "$993.08", "($5.00)", "-$1.50"), [2214.83, 993.08, -5, -1.5], "$"),
        (("€ 1.234,50", "3,00 €"), [1234.5, 3], "€"),
        (("USD 12", "USD 1,200,000"), [12, 1_200_000], "USD"),
        (("50.0%", "53 %", "7%"), [50, 53, 7], "%"),
        (("63.8 kg", "1,074.3 kg"), [63.8, 1074.3], "kg"),
        (("20 °C", "-3.5 °C"), [20, -3.5], "°C"),
        (("0.86", "(0.25)", "−1"), [0.86, -0.25, -1], ""),
        (("1'004", "1'000'000"), [1004, 1_000_000], ""),
        (("5 240", "982", "1\u202f000"), [5240, 982, 1000], ""),
        (("2,74,659", "1,234"), [274_659, 1234], ""),
        (("1.234.567", "2.345"), [1_234_567, 2345], ""),
    ],
)
def test_numbers_have_the_notations_of_people(values: tuple[str, ...], numbers: list[float], unit: str) -> None:
    assert kind_of(text(*values)) == "number"
    assert parsed(text(*values), "number") == numbers
    assert told_by(text(*values), "x", "number").unit == unit


@pytest.mark.parametrize(
    "values",
    [
        ("12A", "13B"),
        ("70 kg", "154 lb"),
        ("50k", "60k", "800"),
        ("SKU001", "SKU010"),
        ("T1", "T2"),
        ("0x10", "0x11"),
        ("1st", "2nd"),
    ],
)
def test_what_stands_beside_a_number_is_a_unit_if_it_is_the_same_everywhere(values: tuple[str, ...]) -> None:
    assert kind_of(text(*values)) == "category"


def test_another_unit_than_the_one_that_was_learned_is_refused() -> None:
    column = told_by(text("63.8 kg", "70 kg"), "x", "number")
    with pytest.raises(BakeoffError, match="a finite number in kg is needed, and there is '154 lb'"):
        parse(text("154 lb"), column)
    for learned, new in ((("1", "2"), "50%"), (("1", "2"), "8:30"), (("5%", "7%"), "0.5"), (("5k", "7k"), "900")):
        with pytest.raises(BakeoffError, match="a finite number"):
            parse(text(new), told_by(text(*learned), "x", "number"))


def test_dates_with_the_other_order_than_was_learned_are_refused() -> None:
    with pytest.raises(BakeoffError, match="the day came first in the dates learned from, and here the month"):
        parse(text("12/25/2024"), Column(name="x", kind="date", written="%d/%m/%Y"))


def test_a_decimal_sign_tells_nothing_of_dates() -> None:
    with pytest.raises(BakeoffError, match="the day or the month may come first"):
        kind_of(text("03/04/2024", "05/06/2024"), Reading(decimal=","))


def test_a_year_of_two_digits_may_come_first() -> None:
    assert "the day or the month may come first" in refused(text("24/03/31", "24/04/01"), "date")


@given(st.lists(st.integers(-(10**9), 10**9).map(lambda cents: cents / 100), min_size=2, max_size=9, unique=True))
def test_the_same_numbers_in_any_notation_are_the_same(numbers: list[float]) -> None:
    notations = {
        "plain": [f"{number:.2f}" for number in numbers],
        "thousands": [f"{number:,.2f}" for number in numbers],
        "continental": [f"{number:,.2f}".translate(str.maketrans(",.", ".,")) for number in numbers],
        "unit": [f"{number:,.2f} kg" for number in numbers],
        "brackets": [f"({-number:.2f})" if number < 0 else f"{number:.2f}" for number in numbers],
    }
    for written in notations.values():
        assert kind_of(text(*written)) == "number"
        assert parsed(text(*written), "number") == numbers


@pytest.mark.parametrize("sign", ["-", "–", "N.A.", "missing", "#DIV/0!"])
def test_a_sign_for_no_value_does_not_make_numbers_names(sign: str) -> None:
    assert kind_of(text(sign, "1.5", sign, "2")) == "number"
    assert str(parsed(text("1.5", sign), "number")) == "[1.5, nan]"
    assert kind_of(text(sign, "2024-03-01")) == "date"
    assert kind_of(text(sign, "low", "high")) == "category"
    assert parsed(text(sign, "low"), "category") == [sign, "low"]


def test_words_for_a_missing_value_can_be_said() -> None:
    reading = Reading(missing=("-999", "keine", "inf"))
    for values in (
        text("-999", "1", "keine"),
        text("-999.0", "1.0", ""),
        arrow([-999, 1, -999]),
        arrow([np.inf, 1, np.nan]),
        text("inf", "1", ""),
    ):
        column = told_by(values, "x", "number", reading)
        assert parse(values, column).tolist() == pytest.approx([np.nan, 1, np.nan], nan_ok=True)
    assert kind_of(text("None", "a"), reading) == "category"
    assert parse(text("None", ""), told_by(text("None"), "x", "category", reading)).tolist() == ["None", np.nan]


def test_what_is_known_of_a_column_reads_a_value_that_tells_nothing() -> None:
    assert parsed(text("1,234"), "number", ",") == [1.234]
    assert parsed(text("1.234", "5"), "number", ",") == [1234, 5]
    assert parsed(text("1.23", "5"), "number", ",") == [1.23, 5]
    assert parsed(text("1,234", "5"), "number", ".") == [1234, 5]
    assert parsed(text("3/4/2024"), "date", "%d/%m/%Y") == [pd.Timestamp(2024, 4, 3)]
    assert parsed(text("3/4/2024"), "date", "%m/%d/%Y") == [pd.Timestamp(2024, 3, 4)]


@pytest.mark.parametrize(
    "written",
    [
        "2024-03-04 05:06:07",
        "2024-03-04T05:06:07",
        "2024-03-04T05:06:07Z",
        "2024-03-04 05:06:07 UTC",
        "2024-03-04T05:06:07+02:00",
        "2024-3-4 05:06:07",
        "2024/03/04 05:06:07",
        "2024/3/4 05:06:07.000000000",
        "4.3.2024 05:06:07",
        "04.03.2024 05:06:07",
    ],
)
def test_dates_are_read_in_all_forms_that_tell_what_they_are(written: str) -> None:
    assert kind_of(text(written)) == "date"
    assert parsed(text(written), "date") == [pd.Timestamp(2024, 3, 4, 5, 6, 7)]


@pytest.mark.parametrize("written", ["4 Mar 2024", "04-Mar-2024", "Mar 4, 2024", "4 March 2024", "March 4, 2024"])
def test_a_month_may_have_its_name(written: str) -> None:
    assert parsed(text(written, "2024-03-05"), "date") == [pd.Timestamp(2024, 3, 4), pd.Timestamp(2024, 3, 5)]


def test_the_order_of_day_and_month_is_told_by_the_column() -> None:
    assert parsed(text("3/4/2024", "14/3/2024 10:00"), "date")[0] == pd.Timestamp(2024, 4, 3)
    assert parsed(text("3-4-2024", "3-14-2024"), "date")[0] == pd.Timestamp(2024, 3, 4)
    for values in (text("3/4/2024", "5/6/2024"), text("14/3/2024", "3/14/2024")):
        for kind in (None, "date"):
            assert "; the day or the month may come first; write it as 2024-03-31" in refused(values, kind)


def test_old_and_far_dates_stand_beside_fine_ones() -> None:
    values = text("0001-01-01", "9999-12-31", "2024-03-01 00:00:00.123456789")
    expected = ["0001-01-01", "9999-12-31", "2024-03-01T00:00:00.123456"]
    np.testing.assert_array_equal(parse(values, Column(name="x", kind="date")), np.array(expected, "datetime64[us]"))


def test_a_time_with_a_zone_is_what_a_clock_showed_there_and_its_order_is_that_of_utc() -> None:
    moments = pd.Series(pd.to_datetime(["2024-07-01 12:00"]).tz_localize("Europe/Berlin"))
    for values in (moments, text("2024-07-01 12:00+02:00"), text("2024-07-01T12:00:00+0200")):
        column = Column(name="x", kind="date")
        assert parse(values, column).tolist() == [pd.Timestamp(2024, 7, 1, 12)]
        assert parse(values, column, local=False).tolist() == [pd.Timestamp(2024, 7, 1, 10)]


@pytest.mark.parametrize(
    ("written", "hour"),
    [("3/4/2024 2:30 PM", 14), ("3/14/2024 12:30 AM", 0), ("2024-03-04 12:30:00 p.m.", 12), ("4 Mar 2024 2:30 am", 2)],
)
def test_hours_may_be_those_of_half_a_day(written: str, hour: int) -> None:
    moment = parsed(text(written), "date", "%m/%d/%Y")[0]
    assert (moment.hour, moment.minute) == (hour, 30)


def test_dates_of_mail_and_of_months_are_read() -> None:
    assert parsed(text("Mon, 04 Mar 2024 10:00:00 GMT"), "date") == [pd.Timestamp(2024, 3, 4, 10)]
    assert kind_of(text("2024-01", "2024-12")) == "date"
    assert parsed(text("2024-01", "12/2023"), "date") == [pd.Timestamp(2024, 1, 1), pd.Timestamp(2023, 12, 1)]


def test_times_of_a_day_are_hours() -> None:
    assert kind_of(text("8:30", "16:45", "-")) == "number"
    assert parsed(text("8:30", "16:45"), "number") == [8.5, 16.75]
    assert parsed(pd.Series([pd.Timedelta(30, "min")]), "number") == parsed(text("0:30:00"), "number") == [0.5]
    assert kind_of(text("59:30", "1:02:15")) == "category"  # of minutes or of hours
    learned = told_by(text("8:30"), "x", "number")
    assert parse(text("16:45", "8.5"), learned).tolist() == [16.75, 8.5]


def test_a_column_with_many_other_values_is_no_column_of_numbers_with_faults() -> None:
    ids = [*map(str, range(100)), *(f"P{number}" for number in range(11))]
    assert kind_of(text(*ids)) == "category"
    assert "are numbers, and not the others" in refused(text(*ids[:110]))


def test_signs_that_nobody_sees_are_taken_from_the_ends_of_a_text() -> None:
    assert parsed(text("Paris", "Paris\u200b", "\ufeffParis\u00a0"), "category") == ["Paris"] * 3


def test_a_year_may_have_two_digits() -> None:
    assert parsed(text("7/19/24", "12/31/68 10:00", "1/2/69"), "date") == [
        pd.Timestamp(2024, 7, 19),
        pd.Timestamp(2068, 12, 31, 10),
        pd.Timestamp(1969, 1, 2),
    ]


@pytest.mark.parametrize("day", ["2024-02-30", "30.2.2024", "2024-03-01 14:30 PM", "2024-13-01", "1711111111"])
def test_what_is_no_date_is_refused(day: str) -> None:
    assert f"column x, row 2: a date such as 2024-03-31 is needed, and there is '{day}'" in refused(
        text("", day), "date"
    )


def test_booleans_are_read_however_they_are_written() -> None:
    assert parsed(text("true", "NO", "t", "0", "1.0"), "boolean") == [1, 0, 1, 0, 1]
    assert parsed(arrow([1.0, 0.0]), "boolean") == [1, 0]
    assert "row 1: true or false (or yes or no, 1 or 0) is needed, and there is 2" in refused(arrow([2]), "boolean")


def test_labels_are_text_whatever_they_were() -> None:
    assert parsed(arrow([1.0, 2.5, 1.0]), "category") == ["1", "2.5", "1"]
    assert parsed(arrow([2**53 + 1, None]), "category") == [str(2**53 + 1), np.nan]
    assert parsed(text("007", " 7", "7"), "category") == ["007", "7", "7"]
    assert parsed(pd.Series(["a", 1, None, 2.0], dtype=object), "category") == ["a", "1", np.nan, "2.0"]


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        (("1", "1.0", "2"), ["1", "1", "2"]),
        (("TRUE", "True", "false"), ["true", "true", "false"]),
        (("Yes", "yes", "NO"), ["yes", "yes", "no"]),
        (("caf\u00e9", "cafe\u0301"), ["caf\u00e9"] * 2),
        (("TRUE", "FALSE"), ["TRUE", "FALSE"]),
    ],
)
def test_one_label_written_in_two_ways_is_one(values: tuple[str, ...], labels: list[str]) -> None:
    assert parsed(text(*values), "category") == labels
    assert read.as_text(text(*values)).tolist() == labels


@pytest.mark.parametrize("value", [np.inf, -np.inf])
def test_infinite_values_are_refused(value: float) -> None:
    assert f"column x, row 2: a finite number is needed, and there is {value}" in refused(arrow([1.0, value]), "number")
    assert f"row 2: a finite number is needed, and there is '{value}'" in refused(text("1", str(value)), "number")
    assert "row 2: a finite number is needed, and there is '1e999'" in refused(text("1", "1e999"), "number")


def test_whole_numbers_that_would_be_rounded_to_the_same_are_names_and_no_amounts() -> None:
    large = [2**53, 2**53 + 1]
    for values in (arrow(large), arrow([2**63, 2**63 + 1], pa.uint64()), text(*map(str, large))):
        assert kind_of(values) == "category"
        assert parsed(values, "category") == [str(value) for value in values.tolist()]
        assert "would be the same in double precision" in refused(values, "number")
    apart = [1_700_000_000_000_000_000 + 1000 * step for step in range(5)]  # nanoseconds
    assert kind_of(arrow(apart)) == "number"
    assert parsed(text(str(2**53 + 1), "1" + "0" * 30), "number") == [2.0**53, 1e30]


def test_times_and_bytes_that_are_text_are_read() -> None:
    assert str(parsed(arrow([datetime.time(8, 30), None]), "number")) == "[8.5, nan]"
    assert parsed(arrow(["é".encode()]), "category") == ["é"]


def test_lists_and_bytes_are_refused_by_their_type() -> None:
    for values, said in (
        (arrow([[1]]), "list<"),
        (arrow([b"\xff"]), "binary"),
    ):
        assert refused(values, "number").startswith(f"column x holds {said}")


def test_rows_keep_their_labels() -> None:
    values = text("1", "2").set_axis([7, 9])
    kinds: tuple[ColumnKind, ...] = ("number", "category")
    for kind in kinds:
        assert parse(values, Column(name="x", kind=kind)).index.tolist() == [7, 9]


WRITTEN = st.one_of(
    st.text(max_size=6),
    st.text("0123456789.,-+eE/: T", max_size=12),
    st.sampled_from([*read.MISSING, "true", "No", "inf", "1,5", "1,234", "3/4/2024", "14/3/2024", "31.12.2024", "007"]),
    st.floats().map(repr),
    st.integers().map(str),
    st.datetimes().map(str),
    st.dates().map(str),
)
MIXED = st.one_of(
    WRITTEN,
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.decimals(allow_nan=False),
    st.datetimes(),
    st.datetimes(timezones=st.timezones()),
    st.dates(),
    st.times(),
    st.timedeltas(),
    st.binary(max_size=3),
    st.lists(st.integers(), max_size=2),
    st.complex_numbers(),
)
COLUMNS = st.one_of(
    st.lists(WRITTEN, max_size=8).map(lambda values: pd.Series(values, dtype="str", name="x")),
    st.lists(MIXED, max_size=6).map(lambda values: pd.Series(values, dtype=object, name="x")),
    st.one_of(
        st.lists(each | st.none(), max_size=5)
        for each in (
            st.booleans(),
            st.integers(),
            st.floats(),
            st.datetimes(),
            st.dates(),
            st.decimals(allow_nan=False),
        )
    ).map(lambda values: pd.Series(values, name="x")),
)
KINDS: tuple[ColumnKind, ...] = ("number", "boolean", "category", "date")


@given(COLUMNS)
def test_any_column_has_a_kind_that_reads_it_or_is_refused(values: "pd.Series[Any]") -> None:
    try:
        kind = kind_of(values)
    except BakeoffError:
        return
    if kind is None:
        return
    try:
        found = parse(values, Column(name="x", kind=kind))
    except BakeoffError as error:
        assert kind == "number"
        assert " inf" in str(error) or "-inf" in str(error)  # noqa: PT017  # it may also not be raised
        return
    np.testing.assert_array_equal(found.notna(), known(read.typed(values)))


@given(COLUMNS, st.sampled_from(KINDS), st.sampled_from(["", ",", "%d/%m/%Y", "%m/%d/%Y"]))
def test_any_column_is_read_as_any_kind_or_refused(values: "pd.Series[Any]", kind: ColumnKind, written: str) -> None:
    try:
        found = parse(values, Column(name="x", kind=kind, written=written))
    except BakeoffError as error:
        assert "\n" not in str(error)  # noqa: PT017  # it may also not be raised
        return
    assert len(found) == len(values)
    if kind in ("number", "boolean"):
        assert found.dtype == np.float64
        assert not np.isinf(found).any()


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=20))
def test_numbers_come_back_from_text_to_their_last_bit(numbers: list[float]) -> None:
    assert parsed(text(*map(repr, numbers)), "number") == numbers
