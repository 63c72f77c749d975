"""What every data set has in common: it is read, checked, kept and given back in two parts."""

from typing import Any, ClassVar, Literal

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from pydantic import TypeAdapter

from tasks.data.datasets import DATASETS, AnyDataset, Dataset, dataset_named, ingest
from tasks.data.examples import Examples, Form, Raw, WordLists, read_part
from tasks.metrics import Task
from tasks.specs import BakeoffError, Spec

FRAME = pd.DataFrame({"a": [1.0, 2.0, 3.0], "b": [4, 5, 6]}, index=[7, 8, 9])
Y = np.array([0.5, 1.5, 2.5])
HELD_OUT = np.array([False, True, False])
PICTURES = np.arange(12, dtype=np.uint8).reshape(3, 2, 2)
TEXTS = WordLists(np.array([1, 5, 1, 1, 7, 7], np.int32), np.array([0, 2, 3, 6]))


def _ingest(X: pd.DataFrame | NDArray[np.uint8] | WordLists, y: Any = Y, held_out: Any = HELD_OUT) -> Examples:
    kind: Form = "words" if isinstance(X, WordLists) else "pixels" if isinstance(X, np.ndarray) else "table"

    class MadeSpec(Spec):
        kind: Literal["made"] = "made"
        task: ClassVar[Task] = "regression"
        form: ClassVar[Form]
        shape: ClassVar[tuple[int, ...]] = (2,)
        unit: ClassVar[str] = "m"
        classes: ClassVar[tuple[str, ...]] = ()

        def read(self) -> Raw:
            return Raw(X, np.asarray(y), np.asarray(held_out))

    MadeSpec.form = kind
    made: Any = MadeSpec()
    return ingest(made)


def test_what_is_kept_says_what_is_known_of_the_data() -> None:
    examples = _ingest(FRAME)
    assert (examples.name, examples.task, examples.unit, examples.classes) == ("made", "regression", "m", ())
    assert (examples.features, examples.shape, examples.width) == (("a", "b"), (2,), 2)
    assert (examples.training_rows, examples.test_rows) == (2, 1)


def test_a_tables_parts_are_the_rows_held_out_and_the_rest_in_order() -> None:
    (X, y), (X_test, y_test) = (read_part(_ingest(FRAME), held_out) for held_out in (False, True))
    assert isinstance(X, pd.DataFrame)
    assert isinstance(X_test, pd.DataFrame)
    assert X.to_dict("list") == {"a": [1, 3], "b": [4, 6]}
    assert y.tolist() == [0.5, 2.5]
    assert X_test.to_dict("list") == {"a": [2], "b": [5]}
    assert y_test.tolist() == [1.5]


def test_the_parts_of_pictures_are_the_rows_held_out_and_the_rest_in_order() -> None:
    (X, y), (X_test, _) = (read_part(_ingest(PICTURES), held_out) for held_out in (False, True))
    np.testing.assert_array_equal(X, PICTURES[[0, 2]])
    np.testing.assert_array_equal(X_test, PICTURES[[1]])
    assert y.tolist() == [0.5, 2.5]


def test_the_parts_of_texts_keep_every_word_in_order() -> None:
    (X, _), (X_test, _) = (read_part(_ingest(TEXTS), held_out) for held_out in (False, True))
    assert isinstance(X, WordLists)
    assert isinstance(X_test, WordLists)
    assert [X[row].tolist() for row in range(len(X))] == [[1, 5], [1, 7, 7]]
    assert [X_test[row].tolist() for row in range(len(X_test))] == [[1]]


def test_the_digest_depends_on_the_values_and_not_on_how_rows_are_labelled() -> None:
    assert _ingest(FRAME.reset_index(drop=True)).digest == _ingest(FRAME).digest


@pytest.mark.parametrize(
    "other",
    [
        (FRAME.assign(a=[1.0, 2.0, 3.0000001]), Y, HELD_OUT),
        (FRAME, np.array([0.5, 1.5, 2.0]), HELD_OUT),
        (FRAME, Y, np.array([True, True, False])),
        (FRAME.rename(columns={"a": "c"}), Y, HELD_OUT),
        (FRAME.iloc[::-1], Y, HELD_OUT),
    ],
    ids=["value", "target", "part", "name", "order"],
)
def test_any_change_of_the_data_changes_the_digest(other: tuple[pd.DataFrame, Any, Any]) -> None:
    assert _ingest(*other).digest != _ingest(FRAME).digest


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_value_that_is_no_finite_number_is_refused_by_its_column(value: float) -> None:
    with pytest.raises(BakeoffError, match=r"made: missing or infinite values in a;"):
        _ingest(FRAME.assign(a=[1.0, value, 3.0]))
    with pytest.raises(BakeoffError, match=r"made: missing or infinite values in the target;"):
        _ingest(PICTURES, y=[1.0, value, 3.0])


def test_all_unusable_columns_are_named() -> None:
    with pytest.raises(BakeoffError, match=r"in a, b;"):
        _ingest(FRAME.assign(a=np.nan, b=np.inf))


def test_texts_are_taken_in_any_order() -> None:
    taken = TEXTS.take(np.array([2, 0, 0]))
    assert [taken[row].tolist() for row in range(len(taken))] == [[1, 7, 7], [1, 5], [1, 5]]


@pytest.mark.parametrize("kind", DATASETS)
def test_a_dataset_is_chosen_by_its_kind(kind: str) -> None:
    dataset: AnyDataset = TypeAdapter(Dataset).validate_python({"kind": kind})
    assert dataset.kind == kind
    assert dataset_named(kind) is type(dataset)


def test_an_unknown_dataset_is_refused_with_the_nearest() -> None:
    with pytest.raises(BakeoffError, match=r"there is no data set 'imbd'; did you mean imdb\?"):
        dataset_named("imbd")


EMBEDDED = [name for name, spec in DATASETS.items() if not spec.files]
CACHED = ["boston_housing", "mnist", "imdb", "reuters"]


@pytest.mark.parametrize("name", [*EMBEDDED, *(pytest.param(name, marks=pytest.mark.real_data) for name in CACHED)])
def test_what_is_said_of_a_dataset_is_what_is_read(name: str) -> None:
    dataset = DATASETS[name]()
    raw = dataset.read()
    assert len(raw.X) == len(raw.y) == len(raw.held_out) == dataset.rows
    if dataset.form == "words":
        assert isinstance(raw.X, WordLists)
        assert raw.X.words.min() > 0  # 0 fills rows up
    elif dataset.form == "pixels":
        assert isinstance(raw.X, np.ndarray)
        assert raw.X.shape[1:] == dataset.shape
    else:
        assert isinstance(raw.X, pd.DataFrame)
        assert raw.X.shape[1:] == dataset.shape
    if dataset.classes:
        assert sorted(set(raw.y.tolist())) == list(range(len(dataset.classes)))
