"""A user's own series: long tables and arrays."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.data.datasets import ingest
from tasks.data.examples import RawData
from tasks.data.files import series
from tasks.data.files.own_spec import TestRowsSpec
from tasks.data.files.series import SeriesSpec, arrange
from tasks.data.folds.splitting import KFoldSpec
from tasks.data.vectorization import vectorize
from tasks.evaluation.cross_validation import Refit, load_model, predict, refit
from tasks.metrics import Task
from tasks.models.baselines.classic import LogisticRegressionSpec
from tasks.models.contenders import Contender
from tasks.models.nets.networks import RecurrentSpec
from tasks.prediction import Served, describe, predict_rows, unused
from tasks.specs import BakeoffError
from tests.builders import evaluation_of, series_arrays
from tests.served import LONG_TABLE, examples_of

COLUMNS = {"id": "pump", "time": "hour", "target": "state", "columns": ("heat", "noise")}


def long_table() -> pd.DataFrame:
    """Four series of 2, 3, 1 and 2 steps, of which the second is named first, and whose rows are mixed."""
    return pd.DataFrame(
        {
            "pump": ["b", "a", "b", "c", "a", "b", "d", "d"],
            "hour": [9, 2, 3, 1, 1, 10, 1, 2],
            "heat": [2.0, 20.0, 1.0, 5.0, 10.0, 3.0, np.nan, 7.0],
            "noise": [0.2, 0.0, 0.1, np.nan, 0.0, 0.3, np.nan, 0.4],
            "state": ["fails", "runs", "fails", "fails", "runs", "fails", "runs", "runs"],
        }
    )


def spec_of(rows: pd.DataFrame | None = None, path: str = "pumps.csv", **settings: Any) -> SeriesSpec:
    table = long_table() if rows is None else rows
    if path.endswith(".parquet"):
        table.to_parquet(path)
    else:
        table.to_csv(path, index=False, sep="\t" if path.endswith(".tsv") else ",")
    return SeriesSpec(**{"path": path, "task": "binary", "test": TestRowsSpec(fraction=0.5), **COLUMNS, **settings})


def message(spec: SeriesSpec) -> str:
    with pytest.raises(BakeoffError) as error:
        spec.read()
    return str(error.value)


@pytest.mark.parametrize("path", ["pumps.csv", "pumps.tsv", "pumps.parquet"])
def test_a_long_table_becomes_series_in_the_order_of_their_ids_each_in_the_order_of_time(path: str) -> None:
    raw = spec_of(path=path).read()
    nan = np.nan
    np.testing.assert_array_equal(
        raw.X,
        np.array(
            [
                [[1, 0.1], [2, 0.2], [3, 0.3]],
                [[10, 0], [20, 0], [nan, nan]],
                [[5, nan], [nan, nan], [nan, nan]],
                [[nan, nan], [7, 0.4], [nan, nan]],
            ],
            np.float32,
        ),
    )
    assert isinstance(raw.X, np.ndarray)
    assert raw.X.dtype == np.float32
    assert raw.problem is not None
    assert (raw.problem.form, raw.problem.shape, raw.problem.classes) == ("series", (3, 2), ("fails", "runs"))
    assert raw.y.tolist() == [0, 1, 0, 1]
    assert [column.name for column in raw.columns] == ["pump", "hour", "heat", "noise"]


def test_longer_series_keep_their_last_steps_and_shorter_ones_end_in_nan() -> None:
    raw = spec_of(length=2).read()
    np.testing.assert_array_equal(raw.X[:, :, 0], [[2, 3], [10, 20], [5, np.nan], [np.nan, 7]])
    assert spec_of(length=5).read().X.shape == (4, 5, 2)


@pytest.mark.parametrize(
    ("hours", "order"),
    [
        (["2024-03-10", "2024-03-02", "2024-02-28"], [3, 2, 1]),
        (["10", "9", "-1.5"], [3, 2, 1]),
        (["2024-01-01 00:30", "2024-01-01 00:05", "2024-01-02"], [2, 1, 3]),
    ],
)
def test_time_is_told_by_dates_or_numbers_and_not_by_text(hours: list[str], order: list[int]) -> None:
    rows = pd.DataFrame(
        {"pump": [*"abcd"] * 3, "hour": np.repeat(hours, 4), "heat": np.repeat([1.0, 2, 3], 4), "state": [*"xyxy"] * 3}
    )
    ordered = spec_of(rows, columns=("heat",)).read().X[0, :, 0]
    np.testing.assert_array_equal(ordered, np.argsort(order) + 1)


@given(st.lists(st.integers(1, 5), min_size=2, max_size=5), st.integers(1, 6), st.randoms(use_true_random=False))
def test_whatever_the_order_of_the_rows_a_series_holds_its_values_in_order(
    lengths: list[int], steps: int, random: Any
) -> None:
    rows = [
        (f"s{number}", step, 10.0 * number + step) for number, length in enumerate(lengths) for step in range(length)
    ]
    random.shuffle(rows)
    arranged = arrange(pd.DataFrame(rows, columns=["id", "day", "a"]), LONG_TABLE[:3], steps)
    assert arranged.ids == [*dict.fromkeys(row[0] for row in rows)]
    for name, values in zip(arranged.ids, arranged.X[:, :, 0], strict=True):
        number = int(name[1:])
        known = [10.0 * number + step for step in range(lengths[number])][-steps:]
        np.testing.assert_array_equal(values, known + [np.nan] * (steps - len(known)))


@pytest.mark.parametrize(
    ("task", "states", "y"),
    [("regression", [1.5, 2.5, 3.5, 4], [1.5, 2.5, 3.5, 4]), ("multiclass", [10, 9, 9, 1], [2, 1, 1, 0])],
)
def test_a_target_is_a_number_or_one_of_several_classes(task: Task, states: list[float], y: list[float]) -> None:
    rows = long_table()
    rows["state"] = rows["pump"].map(dict(zip("bacd", states, strict=True)))
    if task == "multiclass":
        rows = pd.concat([rows, rows.assign(pump=rows["pump"] + "2")])
        y = y * 2
    assert spec_of(rows, task=task).read().y.tolist() == y


def test_a_series_without_a_target_is_left_out_and_one_row_that_tells_it_is_enough() -> None:
    rows = long_table()
    rows.loc[rows["pump"] == "a", "state"] = None
    rows.loc[[0, 2, 7], "state"] = None
    rows["pump2"] = rows["pump"]
    raw = spec_of(rows, test=TestRowsSpec(column="pump2", value="c")).read()
    assert raw.y.tolist() == [0, 0, 1]
    np.testing.assert_array_equal(raw.X[:, 0, 0], [1, 5, np.nan])
    assert raw.held_out.tolist() == [False, True, False]


def test_a_column_marks_the_series_for_the_test() -> None:
    rows = long_table().assign(part=["test", "x", "test", "x", "x", "test", "y", "y"])
    assert spec_of(rows, test=TestRowsSpec(column="part")).read().held_out.tolist() == [True, False, False, False]
    rows.loc[0, "part"] = "x"
    assert "column part changes within series b, from x to test (row 3)" in message(
        spec_of(rows, test=TestRowsSpec(column="part"))
    )


@pytest.mark.parametrize(
    ("change", "settings", "said"),
    [
        ({}, {"columns": ("heat", "nois")}, "pumps.csv has no column nois; did you mean noise?"),
        ({"state": ["runs", *["fails"] * 7]}, {}, "column state changes within series b, from runs to fails (row 3)"),
        ({"hour": 1}, {}, "series b has more than one row of hour 1; a series has one row for each time"),
        ({"heat": [*"1234", "hot", *"678"]}, {}, "column heat, row 5: a finite number is needed, and there is 'hot'"),
        ({"heat": [1.0, np.inf, *range(6)]}, {}, "column heat, row 2: a finite number is needed, and there is inf"),
        ({"heat": [1e39, *range(7)]}, {}, "column heat, row 1: 1e+39 is too large for single precision"),
        ({"heat": np.nan}, {}, "column heat has no values in the series to learn from; take it out of columns"),
        ({"hour": [None, *range(7)]}, {}, "column hour, row 1: there is no value, and each row of a series must have"),
        ({"pump": [*"baba", None, *"abb"]}, {}, "column pump, row 5: there is no value"),
        ({"hour": [*"mornings"]}, {}, "column hour orders the rows of a series; numbers or dates are needed in it"),
        ({"state": "runs"}, {}, "column state, the target, is 'runs' in every row"),
        ({"pump": "a", "hour": range(8)}, {}, "all rows belong to one series, a; at least two are needed"),
        ({"pump": range(8)}, {}, "each series has one step; column pump must say which rows belong together"),
        ({}, {"task": "multiclass"}, "column state has 2 classes; set task: binary"),
        ({}, {"task": "regression"}, "column state, row 1: a finite number is needed"),
        ({}, {"test": TestRowsSpec(fraction=0.01)}, "is 1 for the test, and one of the two parts is too small"),
    ],
)
def test_what_cannot_be_used_is_refused_with_where_it_stands(
    change: dict[str, Any], settings: dict[str, Any], said: str
) -> None:
    assert said in message(spec_of(long_table().assign(**change), **settings))


def test_one_long_series_that_would_fill_memory_up_is_refused_with_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(series, "LARGEST", 23)
    assert message(spec_of()).endswith("GB; set `length` to fewer steps, of which the last count")
    assert spec_of(length=2).read().X.shape == (4, 2, 2)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"path": "a.csv", "id": "a"}, "time, target, columns must be given, as it is the name of a column"),
        ({"path": "a.csv", **COLUMNS, "time": "pump"}, "pump has more than one use; a column has one"),
        (
            {"path": "a.npz", "id": "a", "length": 3},
            "a .npz file has arrays X and y, and no columns; leave id, length out",
        ),
    ],
)
def test_settings_that_do_not_fit_the_file_are_refused(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        SeriesSpec(**{"task": "binary", **settings})


# Arrays


def archive_of(**arrays: Any) -> SeriesSpec:
    np.savez("waves.npz", **arrays)
    return SeriesSpec(path=Path("waves.npz"), task="binary")


LABELS = np.array(["up", "down"] * 10)


@pytest.mark.parametrize("shape", [(20, 5), (20, 5, 3)])
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int16, np.bool_])
def test_arrays_are_series_of_one_or_several_features(shape: tuple[int, ...], dtype: type) -> None:
    X = np.random.default_rng(0).normal(size=shape).astype(dtype)
    raw: RawData = archive_of(X=X, y=LABELS).read()
    np.testing.assert_array_equal(raw.X, X.astype(np.float32).reshape(20, 5, -1))
    assert raw.problem is not None
    assert raw.problem.classes == ("down", "up")
    assert [column.name for column in raw.columns] == ["id", "time", "x1", "x2", "x3"][: 2 + raw.X.shape[2]]
    assert raw.held_out.sum() == 4


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"X": np.zeros((20, 5))}, "waves.npz has no array named y; there are: X"),
        (
            {"X": np.zeros(20), "y": LABELS},
            "X has shape (20,) and holds float64; numbers of shape (series, time, features)",
        ),
        ({"X": np.full((20, 5), "a"), "y": LABELS}, "X has shape (20, 5) and holds <U1; numbers of shape"),
        ({"X": np.zeros((20, 0)), "y": LABELS}, "X has shape (20, 0)"),
        ({"X": np.zeros((19, 5)), "y": LABELS}, "y must have one target for each row of X"),
        ({"X": np.full((20, 5), np.inf), "y": LABELS}, "X[0, 0, 0] is infinite, or too large for single precision"),
        ({"X": np.zeros((20, 5)), "y": np.array([{}] * 20)}, "X or y cannot be read (Object arrays"),
        ({"X": np.zeros((20, 5)), "y": np.zeros(20)}, "column y, the target, is '0' in every row"),
        ({"X": np.full((20, 5), np.nan), "y": LABELS}, "column x1 has no values in the series to learn from"),
    ],
)
def test_arrays_that_cannot_be_used_are_refused(arrays: dict[str, Any], said: str) -> None:
    assert said in message(archive_of(**arrays))


# From there to a prediction


def fitted(contender: Contender) -> tuple[Served, Refit]:
    """A contender that was fitted to made series, and what would travel with it."""
    arrays = series_arrays()
    kept = refit(evaluation_of("me", [1, 1], contender, best_epochs=(2, 2)), arrays, KFoldSpec())
    return describe(contender, examples_of(arrays), arrays), kept


def refused(served: Served, rows: pd.DataFrame) -> str:
    """Why rows are refused, before the model has been loaded."""
    with pytest.raises(BakeoffError) as error:
        predict_rows(served, lambda: pytest.fail("the model was loaded"), rows)
    return str(error.value)


def test_what_is_kept_and_vectorized_are_rows_of_steps_with_their_gaps() -> None:
    arrays = vectorize(ingest(spec_of()))
    X = np.concatenate([arrays.training()[0], arrays.test()[0]])
    assert (X.dtype, X.shape, arrays.shape) == (np.float32, (4, 6), (3, 2))
    expected = spec_of().read().X.reshape(4, -1)
    np.testing.assert_array_equal(np.sort(X, axis=0), np.sort(expected, axis=0))


@pytest.mark.parametrize("contender", [RecurrentSpec(recurrent_units=(3,), epochs=2), LogisticRegressionSpec()])
def test_a_long_table_without_targets_gets_a_row_for_each_series(contender: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(RecurrentSpec, "compiled", False)
    arrays = series_arrays()
    served, kept = fitted(contender)
    X = arrays.test()[0].reshape(12, 6, 2)
    rows = [
        (f"s{row}", step, *X[row, step]) for row in range(12) for step in range(6) if not np.isnan(X[row, step]).all()
    ]
    table = pd.DataFrame(rows, columns=["id", "day", "a", "b"]).assign(site="north")
    shuffled = table.sample(frac=1, random_state=0)
    assert unused(served, shuffled) == ["site"]
    answer = predict_rows(served, lambda: load_model(kept), shuffled)
    assert answer.columns.tolist() == ["id", "prediction", "p_flat", "p_rising"]
    assert answer.id.tolist() == shuffled.id.unique().tolist()
    answer = answer.set_index("id").loc[[f"s{row}" for row in range(12)]]
    np.testing.assert_allclose(answer[["p_flat", "p_rising"]], predict(kept, arrays.test()[0], arrays), atol=1e-6)
    assert served.numbers == ("day", "a", "b")


def test_rows_that_are_no_series_are_refused_before_the_model_is_loaded() -> None:
    served, _ = fitted(LogisticRegressionSpec())
    rows = pd.DataFrame({"id": ["u", "u"], "day": [1, 2], "a": [0.5, 1], "b": 1.0})
    assert refused(served, rows.drop(columns="b")) == "no column named b"
    assert refused(served, rows.assign(day=1)).startswith("series u has more than one row of day 1")
    assert refused(served, rows.assign(a=["x", "1"])).startswith("column a, row 1: a finite number is needed")
