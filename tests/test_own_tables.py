"""The user's own table: from a file to features, targets and parts, or to a line that says what is wrong."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from tasks.data.datasets import ingest
from tasks.data.examples import ColumnKind, RawData, read_part
from tasks.data.files import own_spec
from tasks.data.files.tables import TableFileSpec
from tasks.data.vectorization import vectorize
from tasks.specs import BakeoffError

KINDS: dict[str, ColumnKind] = {"size": "number", "new": "boolean", "town": "category", "sold": "date"}
ROWS = 40


def cars() -> pd.DataFrame:
    """Rows of every kind of column, two of them without a target."""
    row = np.arange(ROWS)
    return pd.DataFrame(
        {
            "size": [f"{number % 7}.5" if number % 5 else "?" for number in row],
            "new": np.where(row % 3, "yes", "no"),
            "town": np.array(["Köln", "Bonn", "Ulm", ""])[row % 4],
            "sold": [f"{number % 28 + 1}.3.{2024 - number // 10}" for number in row],
            "label": [("good" if number % 2 else "bad") if number not in (3, 8) else "" for number in row],
            "price": row * 1.5,
            "owner": [f"00{number % 6}" for number in row],
            "split": np.where(row % 4 == 1, "test", "train"),
        }
    )


@pytest.fixture
def file() -> Path:
    path = Path("cars.csv")
    cars().to_csv(path, index=False)
    return path


def spec_of(path: Path = Path("cars.csv"), **settings: Any) -> TableFileSpec:
    return TableFileSpec.model_validate(
        {"path": path, "target": "label", "task": "binary", "columns": KINDS} | settings
    )


def read(**settings: Any) -> RawData:
    return spec_of(**settings).read()


def refused(**settings: Any) -> str:
    with pytest.raises(BakeoffError) as error:
        read(**settings)
    assert "\n" not in str(error.value)
    return str(error.value)


def frame_of(raw: RawData) -> pd.DataFrame:
    assert isinstance(raw.X, pd.DataFrame)
    return raw.X


def test_rows_with_a_target_are_read_in_the_order_of_the_file(file: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, own_spec.__name__):
        raw = read()
    assert caplog.messages == ["cars.csv: 2 of 40 rows have no target, and are left out"]
    left = [row for row in range(ROWS) if row not in (3, 8)]
    assert raw.y.tolist() == [row % 2 for row in left]
    np.testing.assert_array_equal(frame_of(raw)["size"], [row % 7 + 0.5 if row % 5 else np.nan for row in left])
    assert raw.held_out.sum() == 8


def test_the_problem_says_what_the_features_are(file: Path) -> None:
    raw = read()
    assert raw.problem is not None
    assert raw.problem.classes == ("bad", "good")
    assert raw.problem.levels == (0, 0, 3, 0, 0, 0, 0)
    assert [*frame_of(raw)] == ["size", "new", "town", "sold:year", "sold:month", "sold:weekday", "sold:elapsed"]
    before = spec_of().problem
    assert (before.shape, before.categories, before.classes) == (raw.problem.shape, raw.problem.categories, ())


def test_a_table_of_numbers_alone_says_that_values_may_be_missing(file: Path) -> None:
    raw = read(target="price", task="regression", columns={"size": "number"})
    assert raw.problem is not None
    assert (raw.problem.levels, raw.problem.categories) == ((0,), ())


def test_levels_are_those_of_the_training_rows_and_others_are_missing() -> None:
    rows = cars()
    rows.loc[rows.split == "test", "town"] = "Paris"
    rows.to_csv("cars.csv", index=False)
    raw = read(test={"column": "split"})
    town = next(column for column in raw.columns if column.name == "town")
    assert town.levels == ("Köln", "Ulm")
    assert frame_of(raw).town[raw.held_out].isna().all()
    assert frame_of(raw).town[~raw.held_out].max() == 1


def test_the_same_table_gives_the_same_examples_whichever_file_it_is_in(file: Path) -> None:
    rows = cars()
    rows["size"] = pd.to_numeric(rows["size"], errors="coerce")
    rows["new"] = rows["new"] == "yes"
    rows["town"] = rows["town"].replace("", None).astype("category")
    rows["sold"] = pd.to_datetime(rows["sold"], format="%d.%m.%Y")
    rows["label"] = rows["label"].replace("", None)
    rows.to_parquet("cars.parquet")
    cars().to_csv("cars2.csv", index=False, sep=";", encoding="cp1252", decimal=",")
    digests = {ingest(spec_of(Path(name))).digest for name in ("cars.csv", "cars.parquet", "cars2.csv")}  # type: ignore[arg-type]
    assert len(digests) == 1


def test_examples_come_back_from_disk_with_what_is_missing(file: Path) -> None:
    examples = ingest(spec_of(group_column="owner"))
    raw = read(group_column="owner")
    assert [column.name for column in examples.columns] == [*KINDS]
    assert examples.levels == (0, 0, 3, 0, 0, 0, 0)
    for held_out in (False, True):
        part = read_part(examples, held_out)
        np.testing.assert_array_equal(part.X, frame_of(raw)[raw.held_out == held_out])
        assert raw.groups is not None
        np.testing.assert_array_equal(part.groups, raw.groups[raw.held_out == held_out])
    arrays = vectorize(examples)
    assert np.isnan(arrays.training()[0]).any()
    assert arrays.levels == examples.levels


def test_groups_are_numbered_and_held_out_whole(file: Path) -> None:
    raw = read(group_column="owner")
    assert raw.groups is not None
    assert len(set(raw.groups)) == 6
    assert not set(raw.groups[raw.held_out]) & set(raw.groups[~raw.held_out])


@pytest.mark.parametrize("columns", [{"size": "number"}, {"size": "number", "town": "category"}])
def test_rows_are_in_the_order_of_time_and_the_last_are_held_out(file: Path, columns: dict[str, str]) -> None:
    raw = read(target="price", task="regression", columns=columns, time_column="sold")
    moments = pd.to_datetime(cars().sold, format="%d.%m.%Y").to_numpy()
    order = np.argsort(moments, kind="stable")
    np.testing.assert_array_equal(raw.y, order * 1.5)
    assert np.flatnonzero(raw.held_out).tolist() == [*range(32, 40)]


def test_time_may_be_a_number(file: Path) -> None:
    assert read(time_column="price").y.tolist() == read().y.tolist()


def test_a_column_that_is_not_named_is_not_looked_at() -> None:
    cars().assign(price="dear").to_csv("cars.csv", index=False)
    assert len(read().y) == ROWS - 2


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"target": "lable"}, "cars.csv has no column lable; did you mean label?"),
        ({"columns": {"seize": "number"}}, "cars.csv has no column seize; did you mean size?"),
        ({"group_column": "house"}, "cars.csv has no column house; there are size, new, town, "),
        ({"path": Path("car.csv")}, "there is no file car.csv; did you mean cars.csv?"),
        ({"columns": {"town": "number"}}, "column town, row 1: a finite number is needed, and there is 'Köln'"),
        (
            {"columns": {"owner": "date"}},
            "column owner, row 1: a date such as 2024-03-31 is needed, and there is '000'",
        ),
        ({"columns": {"split": "boolean"}}, "column split, row 1: true or false"),
        ({"task": "multiclass"}, "column label has 2 classes; set task: binary"),
        ({"task": "regression"}, "column label, row 1: a finite number is needed, and there is 'bad'"),
        (
            {"group_column": "town", "columns": {"size": "number"}},
            "column town, row 8: there is no value, and the group_",
        ),
        (
            {"time_column": "size", "columns": {"new": "boolean"}},
            "column size, row 1: there is no value, and the time_",
        ),
        ({"time_column": "split"}, "column split is the time_column; dates or numbers are needed in it"),
        ({"test": {"column": "split", "value": "trial"}}, "test.value is 'trial', and no row has that in column split"),
        ({"test": {"fraction": 0.99}}, "a share of 0.99 of 38 row(s) with a target leaves none to learn from"),
    ],
)
def test_a_mistake_is_said_in_a_line(file: Path, settings: dict[str, Any], said: str) -> None:
    assert refused(**settings).startswith(said)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"columns": {}}, "at least 1 item"),
        ({"columns": {"size": "numbr"}}, "should be 'number', 'boolean', 'category' or 'date'"),
        ({"columns": {"label": "category"}}, "label has more than one use; a column has one"),
        ({"group_column": "size"}, "size has more than one use"),
        ({"time_column": "sold"}, "sold has more than one use"),
        ({"test": {"column": "new"}}, "new has more than one use"),
        ({"group_column": "label"}, "label has more than one use"),
        ({"group_column": "split", "test": {"column": "split"}}, "split has more than one use"),
        ({"group_column": "owner", "time_column": "price"}, "they do not go together; choose one"),
        ({"columns": {"d": "date", "d:year": "number"}}, "two features would be called d:year; rename a column"),
        ({"columns": {"a[b]": "number", "a(b)": "number"}}, r"two features would be called a\(b\); rename a column"),
    ],
)
def test_a_column_has_one_use(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        spec_of(**settings)


@pytest.mark.parametrize("name", ["__target__", "__held_out__", "__group__", "prediction"])
def test_no_feature_has_the_name_under_which_targets_or_predictions_are_kept(name: str) -> None:
    with pytest.raises(ValidationError, match=f"no feature can be called {name}; rename the column"):
        spec_of(columns={"size": "number", name: "number"})


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (
            {"group_column": "owner"},
            "row 2 is marked for the test, and other rows whose owner is 001 as well are to be learned from;",
        ),
        (
            {"time_column": "price"},
            "row 2 is marked for the test, and row 40, which is to be learned from, came later, by price;",
        ),
    ],
)
def test_a_marked_test_shares_no_group_with_what_is_learned_from_and_comes_after_it(
    file: Path, settings: dict[str, str], said: str
) -> None:
    given: dict[str, Any] = {"columns": {"size": "number"}, "test": {"column": "split"}} | settings
    assert refused(**given).startswith(said)
    for part in ("first", "last"):
        rows = cars().assign(split=np.where((np.arange(ROWS) < 20) == (part == "first"), "test", "train"))
        rows["owner"] = rows["owner"] + rows["split"]
        rows.to_csv("cars.csv", index=False)
        if "time_column" in settings and part == "first":
            assert refused(**given).startswith("row 1 is marked for the test, and row 40")
        else:
            assert read(**given).held_out.sum() == 20 - 2 * (part == "first")


def test_a_feature_without_a_value_to_learn_from_is_refused() -> None:
    rows = cars()
    rows.loc[rows.split == "train", "size"] = ""
    rows.to_csv("cars.csv", index=False)
    assert len(read().y)
    said = "column size has no values in the rows to learn from; take it out of columns"
    assert refused(test={"column": "split"}) == said


def test_a_class_without_a_row_to_learn_from_is_refused() -> None:
    cars().assign(label=cars().split).to_csv("cars.csv", index=False)
    said = refused(columns={"size": "number"}, test={"column": "split"})
    assert said.startswith("class test has rows for the test, and none to learn from")


CELLS = st.sampled_from(
    ["", "1", "2.5", "-3", "1,5", "1,234", "x", "y", "yes", "no", "inf", "2024-03-01", "3/4/2024", "?"]
)


@given(
    st.lists(st.tuples(CELLS, CELLS, CELLS), min_size=1, max_size=12),
    st.sampled_from(["number", "boolean", "category", "date"]),
    st.sampled_from(["regression", "binary", "multiclass"]),
    st.sampled_from([{}, {"group_column": "c"}, {"time_column": "c"}, {"test": {"column": "c", "value": "x"}}]),
)
def test_any_table_is_read_or_refused(
    rows: list[tuple[str, ...]], kind: str, task: str, settings: dict[str, Any]
) -> None:
    pd.DataFrame(rows, columns=["a", "b", "c"]).to_csv("any.csv", index=False)
    own_spec = spec_of(Path("any.csv"), target="b", task=task, columns={"a": kind}, **settings)
    try:
        raw = own_spec.read()
    except BakeoffError as error:
        assert "\n" not in str(error)  # noqa: PT017  # it may also not be raised
        return
    assert 0 < raw.held_out.sum() < len(raw.y) == len(frame_of(raw))
    assert not np.isinf(frame_of(raw)).any(axis=None)
    if raw.problem and raw.problem.classes:
        assert set(raw.y[~raw.held_out]) == set(range(len(raw.problem.classes)))
