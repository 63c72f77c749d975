import numpy as np
import pytest

from tasks.data.datasets import BostonSpec, Dataset, WineSpec, ingest, read_part
from tasks.data.vectorization import vectorize
from tests.builders import arrays_of


@pytest.mark.parametrize("spec", [BostonSpec(), WineSpec()], ids=lambda spec: spec.kind)
def test_arrays_hold_the_table_row_by_row(spec: Dataset) -> None:
    table = ingest(spec)
    arrays = vectorize(table)
    for held_out, (X, y) in ((False, arrays.training()), (True, arrays.test())):
        features, target = read_part(table, held_out)
        np.testing.assert_array_equal(X, features.to_numpy())
        np.testing.assert_array_equal(y, target)
        assert X.dtype == np.float64
    assert (arrays.task, arrays.classes, arrays.features) == (table.task, table.classes, table.features)


def test_targets_are_numbers_for_regression_and_class_numbers_otherwise() -> None:
    assert vectorize(ingest(BostonSpec())).training()[1].dtype == np.float64
    _, y = vectorize(ingest(WineSpec())).training()
    assert y.dtype == np.int64
    assert set(y) == {0, 1, 2}


def test_no_row_is_both_learned_from_and_tested_on() -> None:
    arrays = vectorize(ingest(BostonSpec()))
    training, test = ({tuple(row) for row in X} for X, _ in (arrays.training(), arrays.test()))
    assert not training & test


def test_vectorizing_twice_gives_the_same_file() -> None:
    table = ingest(WineSpec())
    assert vectorize(table) == vectorize(table)


def test_a_prediction_has_a_column_for_each_class_and_one_for_a_number() -> None:
    assert arrays_of("regression", [1, 2, 3]).n_outputs == 1
    assert arrays_of("binary", [0, 1, 0]).n_outputs == 2
    assert arrays_of("multiclass", [0, 1, 2]).n_outputs == 3
