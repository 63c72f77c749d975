from typing import Any, ClassVar, Literal

import numpy as np
import pandas as pd
import pytest
from pydantic import TypeAdapter
from sklearn import datasets as sklearn_datasets

from tasks.data.datasets import (
    BOSTON_FEATURES,
    HELD_OUT,
    TARGET,
    BostonSpec,
    BreastCancerSpec,
    Dataset,
    DiabetesSpec,
    Table,
    WineSpec,
    ingest,
    read_part,
)
from tasks.metrics import Task
from tasks.specs import BakeoffError, Spec

SHIPPED = [BreastCancerSpec(), WineSpec(), DiabetesSpec()]
FRAME = pd.DataFrame(
    {"a": [1.0, 2.0, 3.0], "b": [4, 5, 6], TARGET: [0.5, 1.5, 2.5], HELD_OUT: [False, True, False]}, index=[7, 8, 9]
)


def _ingest(frame: pd.DataFrame) -> Table:
    class MadeSpec(Spec):
        kind: Literal["made"] = "made"
        task: ClassVar[Task] = "regression"
        unit: ClassVar[str] = "m"
        classes: ClassVar[tuple[str, ...]] = ()

        def read(self) -> pd.DataFrame:
            return frame

    made: Any = MadeSpec()
    return ingest(made)


def test_a_table_says_what_is_known_of_its_data() -> None:
    table = _ingest(FRAME)
    assert (table.name, table.task, table.unit, table.classes) == ("made", "regression", "m", ())
    assert table.features == ("a", "b")
    assert (table.training_rows, table.test_rows) == (2, 1)


def test_the_two_parts_are_the_rows_held_out_and_the_rest_in_order() -> None:
    table = _ingest(FRAME)
    X, y = read_part(table, held_out=False)
    assert X.to_numpy().tolist() == [[1, 4], [3, 6]]
    assert y.tolist() == [0.5, 2.5]
    X, y = read_part(table, held_out=True)
    assert X.to_numpy().tolist() == [[2, 5]]
    assert y.tolist() == [1.5]


def test_the_features_hold_neither_target_nor_part() -> None:
    X, _ = read_part(_ingest(FRAME), held_out=False)
    assert list(X.columns) == ["a", "b"]


def test_the_digest_depends_on_the_values_and_not_on_how_rows_are_labelled() -> None:
    assert _ingest(FRAME.reset_index(drop=True)).digest == _ingest(FRAME).digest


@pytest.mark.parametrize(
    "other",
    [
        FRAME.assign(a=[1.0, 2.0, 3.0000001]),
        FRAME.assign(**{TARGET: [0.5, 1.5, 2.0]}),
        FRAME.assign(**{HELD_OUT: [True, True, False]}),
        FRAME.rename(columns={"a": "c"}),
        FRAME.iloc[::-1],
    ],
    ids=["feature", "target", "part", "name", "order"],
)
def test_the_digest_changes_with_any_of(other: pd.DataFrame) -> None:
    assert _ingest(other).digest != _ingest(FRAME).digest


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("column", ["a", TARGET])
def test_a_value_that_is_no_finite_number_is_refused_by_its_column(column: str, value: float) -> None:
    with pytest.raises(BakeoffError, match=rf"made: missing or infinite values in {column};"):
        _ingest(FRAME.assign(**{column: [1.0, value, 3.0]}))


def test_all_unusable_columns_are_named() -> None:
    with pytest.raises(BakeoffError, match=r"in a, b;"):
        _ingest(FRAME.assign(a=np.nan, b=np.inf))


def test_boston_is_cut_as_keras_cuts_it() -> None:
    table = ingest(BostonSpec())
    assert (table.training_rows, table.test_rows, table.features) == (404, 102, BOSTON_FEATURES)
    X, y = read_part(table, held_out=False)
    # The first training row of keras.datasets.boston_housing.load_data().
    first = [1.23247, 0.0, 8.14, 0.0, 0.538, 6.142, 91.7, 3.9769, 4.0, 307.0, 21.0, 396.9, 18.72]
    assert X.iloc[0].tolist() == first
    assert y[0] == 15.2


@pytest.mark.real_data
def test_boston_equals_keras_value_by_value() -> None:
    import keras

    table = ingest(BostonSpec())
    for held_out, (X, y) in zip((False, True), keras.datasets.boston_housing.load_data(), strict=True):
        mine, targets = read_part(table, held_out)
        np.testing.assert_array_equal(mine.to_numpy(), X)
        np.testing.assert_array_equal(targets, y)


@pytest.mark.parametrize("spec", SHIPPED, ids=lambda spec: spec.kind)
def test_the_parts_of_a_shipped_table_are_all_of_its_rows(spec: Dataset) -> None:
    table = ingest(spec)
    parts = [np.column_stack(read_part(table, held_out)) for held_out in (False, True)]
    whole = getattr(sklearn_datasets, f"load_{spec.kind}")()
    expected = np.column_stack([whole.data, whole.target])
    found = np.concatenate(parts)
    np.testing.assert_array_equal(found[np.lexsort(found.T)], expected[np.lexsort(expected.T)])


@pytest.mark.parametrize("spec", SHIPPED, ids=lambda spec: spec.kind)
def test_a_fifth_is_held_out_and_always_the_same(spec: Dataset) -> None:
    table = ingest(spec)
    rows = table.training_rows + table.test_rows
    assert table.test_rows == -(-rows // 5)
    assert ingest(spec) == table


@pytest.mark.parametrize("spec", [BreastCancerSpec(), WineSpec()], ids=lambda spec: spec.kind)
def test_classes_are_held_out_in_proportion(spec: Dataset) -> None:
    table = ingest(spec)
    training, test = (np.bincount(read_part(table, held_out)[1].astype(int)) for held_out in (False, True))
    assert np.abs(test - (training + test) / 5).max() <= 1


@pytest.mark.parametrize("spec", [BreastCancerSpec(), WineSpec()], ids=lambda spec: spec.kind)
def test_classes_are_named_in_the_order_of_their_numbers(spec: Dataset) -> None:
    assert list(spec.classes) == getattr(sklearn_datasets, f"load_{spec.kind}")().target_names.tolist()


@pytest.mark.parametrize("kind", ["boston", "breast_cancer", "wine", "diabetes"])
def test_a_dataset_is_chosen_by_its_kind(kind: str) -> None:
    spec = TypeAdapter(Dataset).validate_python({"kind": kind})
    assert spec.kind == kind
