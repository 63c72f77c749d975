"""What every data set has in common: it is read, checked and kept, and is what is said of it."""

from typing import Any, Literal

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from pydantic import TypeAdapter

from tasks.data.builtin.builtin_spec import PublishedSpec
from tasks.data.datasets import DATASETS, AnyDataset, Dataset, dataset_named, ingest
from tasks.data.examples import Form, RawData, StoredData, WordLists
from tasks.specs import BakeoffError

FRAME = pd.DataFrame({"a": [1.0, 2.0, 3.0], "b": [4, 5, 6]}, index=[7, 8, 9])
Y = np.array([0.5, 1.5, 2.5])
HELD_OUT = np.array([False, True, False])
PICTURES = np.arange(12, dtype=np.uint8).reshape(3, 2, 2)


def _ingest(X: pd.DataFrame | NDArray[np.uint8], y: Any = Y, held_out: Any = HELD_OUT) -> StoredData:
    kind: Form = "pixels" if isinstance(X, np.ndarray) else "table"

    class MadeSpec(PublishedSpec):
        kind: Literal["made"] = "made"
        task = "regression"
        shape = (2,)
        unit = "m"

        def read(self) -> RawData:
            return RawData(X, np.asarray(y), np.asarray(held_out))

    MadeSpec.form = kind
    made: Any = MadeSpec()
    return ingest(made)


def test_what_is_kept_says_what_is_known_of_the_data() -> None:
    examples = _ingest(FRAME)
    assert (examples.name, examples.task, examples.unit, examples.classes) == ("made", "regression", "m", ())
    assert (examples.features, examples.shape, examples.width) == (("a", "b"), (2,), 2)
    assert (examples.training_rows, examples.test_rows) == (2, 1)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_value_that_is_no_finite_number_is_refused_by_its_column(value: float) -> None:
    with pytest.raises(BakeoffError, match=r"made: missing or infinite values in a;"):
        _ingest(FRAME.assign(a=[1.0, value, 3.0]))
    with pytest.raises(BakeoffError, match=r"made: missing or infinite values in the target;"):
        _ingest(PICTURES, y=[1.0, value, 3.0])


def test_all_unusable_columns_are_named() -> None:
    with pytest.raises(BakeoffError, match=r"in a, b;"):
        _ingest(FRAME.assign(a=np.nan, b=np.inf))


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
        assert raw.X.shape[1:] == dataset.problem.shape
    else:
        assert isinstance(raw.X, pd.DataFrame)
        assert raw.X.shape[1:] == dataset.problem.shape
    if dataset.classes:
        assert sorted(set(raw.y.tolist())) == list(range(len(dataset.classes)))
