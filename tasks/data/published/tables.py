"""Tables: data sets whose examples are rows of numbers."""

import io
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from tasks.data.examples import Raw
from tasks.data.published.keras_cache import KerasFile, content
from tasks.data.published.spec import PublishedSpec

if TYPE_CHECKING:
    import pandas as pd

# The columns of StatLib's file (Harrison & Rubinfeld 1978), in its order.
BOSTON_FEATURES = (
    "crim", "zn", "indus", "chas", "nox", "rm", "age", "dis", "rad", "tax", "ptratio", "b", "lstat",
)  # fmt: skip
# In the order of Keras's docstring.
CALIFORNIA_FEATURES = (
    "MedInc", "HouseAge", "AveRooms", "AveBedrms", "Population", "AveOccup", "Latitude", "Longitude",
)  # fmt: skip
BOSTON_HOUSING = KerasFile(
    name="boston_housing.npz",
    digest="f553886a1f8d56431e820c5b82552d9d95cfcb96d1e678153f8839538947dff5",
    size=57_026,
    loader="boston_housing:load_data",
)
CALIFORNIA_HOUSING = KerasFile(
    name="california_housing.npz",
    digest="1a2e3a52e0398de6463aebe6f4a8da34fb21fbb6b934cf88c3425e766f2a1a6f",
    size=743_530,
    loader="california_housing:load_data",
)


class TableSpec(PublishedSpec):
    """What every table has in common."""

    form = "table"


class BostonSpec(TableSpec):
    """Boston house prices: 506 tracts of 1970, 13 features, the median value of a home in $1000s.

    The table is the one that mlxtend ships, equal value by value to `keras.datasets.boston_housing`. Column `b`
    encodes a racist premise (Carlisle 2019, "Racist data destruction?"); see docs/data.md.
    """

    kind: Literal["boston"] = "boston"
    task = "regression"
    rows = 506
    shape = (13,)
    unit = "$1000s"
    origin = "mlxtend"

    def read(self) -> Raw:
        """The 506 rows; the held-out 102 are those of Keras's `load_data(test_split=0.2, seed=113)`."""
        import pandas as pd
        from mlxtend.data import boston_housing_data

        X, y = boston_housing_data()
        return _split_as_keras(pd.DataFrame(X, columns=list(BOSTON_FEATURES)), y)


class _KerasTableSpec(TableSpec):
    """A table of `keras.datasets`, a .npz file with `x` and `y`."""

    features: ClassVar[tuple[str, ...]]
    origin = "Keras"

    def read(self) -> Raw:
        """The rows of Keras's `load_data()` in its order, training rows first."""
        import pandas as pd

        with np.load(io.BytesIO(content(self.files[0])), allow_pickle=False) as archive:
            X, y = archive["x"].astype(np.float64), archive["y"].astype(np.float64)
        return _split_as_keras(pd.DataFrame(X, columns=list(self.features)), y)


class BostonHousingSpec(_KerasTableSpec):
    """The same Boston house prices as Keras publishes them."""

    kind: Literal["boston_housing"] = "boston_housing"
    task = "regression"
    rows = 506
    shape = (13,)
    unit = "$1000s"
    features = BOSTON_FEATURES
    files = (BOSTON_HOUSING,)


class CaliforniaHousingSpec(_KerasTableSpec):
    """California house prices: 20,640 block groups of 1990, 8 features, the median value (Pace & Barry 1997)."""

    kind: Literal["california_housing"] = "california_housing"
    task = "regression"
    rows = 20_640
    shape = (8,)
    unit = "$"
    features = CALIFORNIA_FEATURES
    files = (CALIFORNIA_HOUSING,)


class _ScikitLearnSpec(TableSpec):
    """A table that scikit-learn ships; a fifth of the rows, drawn with seed 0, is held out for the test."""

    origin = "scikit-learn"

    def read(self) -> Raw:
        """The rows in scikit-learn's order."""
        from sklearn import datasets

        bunch = getattr(datasets, f"load_{self.kind}")(as_frame=True)
        y = bunch.target.to_numpy()
        return Raw(X=bunch.data, y=y, held_out=hold_out_a_fifth(y, stratify=bool(self.classes)))


class BreastCancerSpec(_ScikitLearnSpec):
    """Breast cancer Wisconsin (diagnostic): 569 tumours, 30 features, malignant or benign."""

    kind: Literal["breast_cancer"] = "breast_cancer"
    task = "binary"
    rows = 569
    shape = (30,)
    classes = ("malignant", "benign")


class WineSpec(_ScikitLearnSpec):
    """Wine recognition: 178 wines, 13 features, three cultivars."""

    kind: Literal["wine"] = "wine"
    task = "multiclass"
    rows = 178
    shape = (13,)
    classes = ("class_0", "class_1", "class_2")


class DiabetesSpec(_ScikitLearnSpec):
    """Diabetes progression: 442 patients, 10 features, a measure of progression after one year."""

    kind: Literal["diabetes"] = "diabetes"
    task = "regression"
    rows = 442
    shape = (10,)
    unit = "points"


def hold_out_a_fifth(y: NDArray[Any], stratify: bool) -> NDArray[np.bool_]:
    """A fifth of the rows, drawn with seed 0, for data that comes without a test set of its own."""
    from sklearn.model_selection import train_test_split

    rows = np.arange(len(y))
    held_out = train_test_split(rows, test_size=0.2, random_state=0, stratify=y if stratify else None)[1]
    return np.isin(rows, held_out)


def _split_as_keras(frame: "pd.DataFrame", y: NDArray[np.float64]) -> Raw:
    """Shuffles and splits as Keras's `load_data(test_split=0.2, seed=113)` does."""
    order = np.arange(len(y))
    np.random.RandomState(113).shuffle(order)
    return Raw(frame.iloc[order].reset_index(drop=True), y[order], np.arange(len(y)) >= int(len(y) * (1 - 0.2)))
