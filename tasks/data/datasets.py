"""Data sets: what is known of each, and how its rows are read and kept."""

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from tasks.metrics import Task
from tasks.specs import BakeoffError, Spec
from tasks.store import StoredFile, store

if TYPE_CHECKING:
    import pandas as pd

TARGET = "__target__"
HELD_OUT = "__held_out__"

# The columns of StatLib's file (Harrison & Rubinfeld 1978), in its order.
BOSTON_FEATURES = (
    "crim", "zn", "indus", "chas", "nox", "rm", "age", "dis", "rad", "tax", "ptratio", "b", "lstat",
)  # fmt: skip


class Table(Spec):
    """A data set on disk: a Parquet file with a row per example, its target and whether it is held out for the test.

    `digest` depends on the values and column names alone, not on how the file was written.
    """

    name: str
    task: Task
    unit: str
    features: tuple[str, ...]
    classes: tuple[str, ...]
    digest: str
    training_rows: int
    test_rows: int
    file: StoredFile


class BostonSpec(Spec):
    """Boston house prices: 506 tracts of 1970, 13 features, the median value of a home in $1000s.

    The table is the one that mlxtend ships, equal value by value to `keras.datasets.boston_housing`. Column `b`
    encodes a racist premise (Carlisle 2019, "Racist data destruction?"); see docs/data.md.
    """

    kind: Literal["boston"] = "boston"
    task: ClassVar[Task] = "regression"
    unit: ClassVar[str] = "$1000s"
    classes: ClassVar[tuple[str, ...]] = ()

    def read(self) -> "pd.DataFrame":
        """The 506 rows; the held-out 102 are those of Keras's `load_data(test_split=0.2, seed=113)`."""
        import pandas as pd
        from mlxtend.data import boston_housing_data

        X, y = boston_housing_data()
        order = np.arange(len(y))
        np.random.RandomState(113).shuffle(order)
        frame = pd.DataFrame(X[order], columns=list(BOSTON_FEATURES)).assign(**{TARGET: y[order]})
        return frame.assign(**{HELD_OUT: np.arange(len(y)) >= int(len(y) * (1 - 0.2))})


class _ScikitLearnSpec(Spec):
    """A table that scikit-learn ships; a fifth of the rows, drawn with seed 0, is held out for the test."""

    kind: str
    task: ClassVar[Task]
    unit: ClassVar[str] = ""
    classes: ClassVar[tuple[str, ...]] = ()

    def read(self) -> "pd.DataFrame":
        """The rows in scikit-learn's order."""
        from sklearn import datasets
        from sklearn.model_selection import train_test_split

        bunch = getattr(datasets, f"load_{self.kind}")(as_frame=True)
        stratify = bunch.target if self.classes else None
        held_out = train_test_split(bunch.data.index, test_size=0.2, random_state=0, stratify=stratify)[1]
        frame: pd.DataFrame = bunch.data.assign(**{TARGET: bunch.target, HELD_OUT: bunch.data.index.isin(held_out)})
        return frame


class BreastCancerSpec(_ScikitLearnSpec):
    """Breast cancer Wisconsin (diagnostic): 569 tumours, 30 features, malignant or benign."""

    kind: Literal["breast_cancer"] = "breast_cancer"
    task: ClassVar[Task] = "binary"
    classes: ClassVar[tuple[str, ...]] = ("malignant", "benign")


class WineSpec(_ScikitLearnSpec):
    """Wine recognition: 178 wines, 13 features, three cultivars."""

    kind: Literal["wine"] = "wine"
    task: ClassVar[Task] = "multiclass"
    classes: ClassVar[tuple[str, ...]] = ("class_0", "class_1", "class_2")


class DiabetesSpec(_ScikitLearnSpec):
    """Diabetes progression: 442 patients, 10 features, a measure of progression after one year."""

    kind: Literal["diabetes"] = "diabetes"
    task: ClassVar[Task] = "regression"
    unit: ClassVar[str] = "points"


Dataset = Annotated[BostonSpec | BreastCancerSpec | WineSpec | DiabetesSpec, Field(discriminator="kind")]


def ingest(dataset: Dataset) -> Table:
    """Reads a data set, checks its values and keeps it as one Parquet file.

    Raises:
        BakeoffError: when a value is missing or infinite.
    """
    frame = dataset.read()
    features = tuple(name for name in frame.columns if name not in (TARGET, HELD_OUT))
    unusable = [name for name in (*features, TARGET) if not np.isfinite(frame[name].to_numpy(np.float64)).all()]
    if unusable:
        raise BakeoffError(
            f"{dataset.kind}: missing or infinite values in {', '.join(unusable)}; finite numbers needed"
        )
    held_out = frame[HELD_OUT].to_numpy(np.bool_)
    return Table(
        name=dataset.kind,
        task=dataset.task,
        unit=dataset.unit,
        features=features,
        classes=dataset.classes,
        digest=_digest(frame),
        training_rows=int((~held_out).sum()),
        test_rows=int(held_out.sum()),
        file=store(".parquet", lambda path: frame.to_parquet(path, index=False)),
    )


def read_part(table: Table, held_out: bool) -> tuple["pd.DataFrame", NDArray[np.float64]]:
    """The features (rows, columns) and the target (rows,) of the training part or of the held-out part."""
    import pandas as pd

    frame = pd.read_parquet(table.file.path)
    part = frame[frame[HELD_OUT] == held_out]
    return part[list(table.features)], part[TARGET].to_numpy(np.float64)


def _digest(frame: "pd.DataFrame") -> str:
    import hashlib

    from pandas.util import hash_pandas_object

    content = hashlib.sha256("\n".join(frame.columns).encode())
    content.update(hash_pandas_object(frame, index=False).to_numpy().tobytes())
    return content.hexdigest()[:16]
