"""Features are computed from parsed columns, and nothing about them is fitted."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.data.examples import Column, encode, feature_levels, feature_names
from tasks.data.files.values import parse

COLUMNS = (
    Column(name="n", kind="number"),
    Column(name="b", kind="boolean"),
    Column(name="c", kind="category", levels=("blue", "red")),
    Column(name="d", kind="date"),
)


def encoded(rows: dict[str, list[Any]], columns: tuple[Column, ...] = COLUMNS) -> pd.DataFrame:
    chosen = [column for column in columns if column.name in rows]
    frame = pd.DataFrame(rows)
    return encode(pd.DataFrame({column.name: parse(frame[column.name], column) for column in chosen}), chosen)


def test_a_date_becomes_four_features_and_every_other_column_one() -> None:
    assert feature_names(COLUMNS) == ("n", "b", "c", "d:year", "d:month", "d:weekday", "d:elapsed")
    assert feature_levels(COLUMNS) == (0, 0, 2, 0, 0, 0, 0)


def test_a_features_name_has_no_sign_that_xgboost_refuses() -> None:
    assert Column(name="size [m²], <old>", kind="number").features == ("size (m²), ‹old>",)


def test_a_category_whose_levels_are_not_known_yet_still_counts_as_one() -> None:
    assert feature_levels([Column(name="c", kind="category")]) == (1,)


def test_every_kind_has_its_features() -> None:
    rows = {"n": ["2.5", "?"], "b": ["yes", ""], "c": ["red", "green"], "d": ["2024-03-03 18:00", "1969-12-31"]}
    features = encoded(rows)
    assert features.columns.tolist() == [*feature_names(COLUMNS)]
    assert features.dtypes.unique().tolist() == [np.float64]
    np.testing.assert_array_equal(
        features, [[2.5, 1, 1, 2024, 3, 6, 19785.75], [np.nan, np.nan, np.nan, 1969, 12, 2, -1]]
    )


def test_what_is_missing_is_missing_in_all_its_features() -> None:
    features = encoded({"n": ["1", ""], "b": ["t", ""], "c": ["red", ""], "d": ["2024-03-03", ""]})
    assert features.notna().to_numpy().tolist() == [[True] * 7, [False] * 7]


@pytest.mark.parametrize(
    ("fitted", "written"),
    [("1.0", "1"), ("1", "1.00"), ("-2.0", "-2"), ("True", "true"), ("FALSE", "False"), ("true", "TRUE")],
)
def test_a_level_is_the_same_however_a_file_writes_a_whole_number_or_a_boolean(fitted: str, written: str) -> None:
    values = pd.DataFrame({"c": pd.Categorical([written, fitted, "1.05", "truer"])})
    column = Column(name="c", kind="category", levels=("10", fitted))
    np.testing.assert_array_equal(encode(values, [column])["c"], [1, 1, np.nan, np.nan])


def test_rows_keep_their_labels() -> None:
    values = pd.DataFrame({"n": [1.0, 2.0]}, index=[7, 9])
    assert encode(values, COLUMNS[:1]).index.tolist() == [7, 9]


@pytest.mark.parametrize("rows", [1, 3])
def test_rows_are_encoded_alike_alone_and_together(rows: int) -> None:
    values = {"c": ["red", "green", "blue"][:rows], "d": ["2024-03-03", "", "1.1.2000"][:rows]}
    alone = [encoded({name: [column[row]] for name, column in values.items()}) for row in range(rows)]
    np.testing.assert_array_equal(pd.concat(alone), encoded(values))


@given(
    st.lists(st.text(max_size=3), unique=True, min_size=1, max_size=6),
    st.lists(st.text(max_size=3) | st.none(), min_size=1, max_size=10),
)
def test_a_level_has_its_place_and_anything_else_is_missing(levels: list[str], labels: list[str | None]) -> None:
    column = Column(name="c", kind="category", levels=tuple(levels))
    values = pd.DataFrame({"c": pd.Categorical(labels)})
    expected = [levels.index(label) if label in levels else np.nan for label in labels]
    np.testing.assert_array_equal(encode(values, [column]).c, expected)
