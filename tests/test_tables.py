"""Tables, as they are shipped and as Keras publishes them."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from sklearn import datasets as sklearn_datasets

from tasks.data.builtin.numbers import (
    BOSTON_FEATURES,
    CALIFORNIA_HOUSING,
    BostonHousingSpec,
    BostonSpec,
    BreastCancerSpec,
    CaliforniaHousingSpec,
    DiabetesSpec,
    WineSpec,
    hold_out_a_fifth,
)
from tasks.data.datasets import AnyDataset, ingest
from tasks.data.examples import StoredData, read_part

SHIPPED = [BreastCancerSpec(), WineSpec(), DiabetesSpec()]


def _part(examples: StoredData, held_out: bool) -> tuple[pd.DataFrame, NDArray[np.generic]]:
    X, y, _ = read_part(examples, held_out)
    assert isinstance(X, pd.DataFrame)
    return X, y


def test_boston_is_cut_as_keras_cuts_it() -> None:
    table = ingest(BostonSpec())
    assert (table.training_rows, table.test_rows, table.features) == (404, 102, BOSTON_FEATURES)
    X, y = _part(table, held_out=False)
    # The first training row of keras.datasets.boston_housing.load_data().
    first = [1.23247, 0.0, 8.14, 0.0, 0.538, 6.142, 91.7, 3.9769, 4.0, 307.0, 21.0, 396.9, 18.72]
    assert X.iloc[0].tolist() == first
    assert y[0] == 15.2


@pytest.mark.real_data
@pytest.mark.parametrize("spec", [BostonSpec(), BostonHousingSpec()], ids=lambda spec: spec.kind)
def test_boston_equals_keras_value_by_value(spec: AnyDataset) -> None:
    import keras

    table = ingest(spec)
    for held_out, (X, y) in zip((False, True), keras.datasets.boston_housing.load_data(), strict=True):
        mine, targets = _part(table, held_out)
        np.testing.assert_array_equal(mine.to_numpy(), X)
        np.testing.assert_array_equal(targets, y)


@pytest.mark.parametrize("spec", SHIPPED, ids=lambda spec: spec.kind)
def test_the_parts_of_a_shipped_table_are_all_of_its_rows(spec: AnyDataset) -> None:
    table = ingest(spec)
    parts = [np.column_stack(_part(table, held_out)) for held_out in (False, True)]
    whole = getattr(sklearn_datasets, f"load_{spec.kind}")()
    expected = np.column_stack([whole.data, whole.target])
    found = np.concatenate(parts)
    np.testing.assert_array_equal(found[np.lexsort(found.T)], expected[np.lexsort(expected.T)])


@pytest.mark.parametrize("spec", SHIPPED, ids=lambda spec: spec.kind)
def test_a_fifth_is_held_out_and_always_the_same(spec: AnyDataset) -> None:
    table = ingest(spec)
    rows = table.training_rows + table.test_rows
    assert table.test_rows == -(-rows // 5)
    assert ingest(spec) == table


@pytest.mark.parametrize("spec", [BreastCancerSpec(), WineSpec()], ids=lambda spec: spec.kind)
def test_classes_are_held_out_in_proportion(spec: AnyDataset) -> None:
    table = ingest(spec)
    training, test = (np.bincount(_part(table, held_out)[1].astype(int)) for held_out in (False, True))
    assert np.abs(test - (training + test) / 5).max() <= 1


@pytest.mark.parametrize("spec", [BreastCancerSpec(), WineSpec()], ids=lambda spec: spec.kind)
def test_classes_are_named_in_the_order_of_their_numbers(spec: AnyDataset) -> None:
    assert list(spec.classes) == getattr(sklearn_datasets, f"load_{spec.kind}")().target_names.tolist()


def test_california_is_cut_as_keras_cuts_it_and_its_columns_are_those_of_keras_docstring(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from keras.src.datasets import california_housing

    x = np.random.default_rng(0).normal(size=(20_640, 8))
    np.savez(tmp_path / "california_housing.npz", x=x, y=x[:, 0] * 1e5)
    published = (tmp_path / "california_housing.npz").read_bytes()
    monkeypatch.setattr("tasks.data.builtin.numbers.content", lambda file: {CALIFORNIA_HOUSING: published}[file])
    monkeypatch.setattr(california_housing, "get_file", lambda path, **_: tmp_path / path)
    table = ingest(CaliforniaHousingSpec())
    for held_out, (X, y) in zip((False, True), california_housing.load_data(), strict=True):
        mine, targets = _part(table, held_out)
        np.testing.assert_array_equal(mine.to_numpy(), X)
        np.testing.assert_array_equal(targets, y)
    described = re.findall(r"- (\w+): ", california_housing.load_data.__doc__)
    assert table.features == tuple(described)


@pytest.mark.real_data
def test_both_bostons_are_the_same_data() -> None:
    assert ingest(BostonSpec()).digest == ingest(BostonHousingSpec()).digest


def test_a_fifth_of_every_class_is_held_out_where_it_is_stratified() -> None:
    y = np.repeat([0, 1], [80, 20])
    held_out = hold_out_a_fifth(y, stratify=True)
    assert np.bincount(y[held_out]).tolist() == [16, 4]
