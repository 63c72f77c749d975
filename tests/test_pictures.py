"""Pictures, as they are shipped and as Keras publishes them."""

import gzip

import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra import numpy as arrays

from tasks.data.datasets import ingest
from tasks.data.pictures import DigitsSpec, Mnist5kSpec, MnistSpec, PictureSpec, read_idx


@pytest.mark.real_data
def test_every_digit_of_mnist_is_that_of_keras() -> None:
    import keras

    raw = MnistSpec().read()
    for held_out, (X, y) in zip((False, True), keras.datasets.mnist.load_data(), strict=True):
        np.testing.assert_array_equal(np.asarray(raw.X)[raw.held_out == held_out], X)
        np.testing.assert_array_equal(raw.y[raw.held_out == held_out], y)


@pytest.mark.parametrize("spec", [Mnist5kSpec(), DigitsSpec()], ids=lambda spec: spec.kind)
def test_of_shipped_pictures_a_fifth_of_every_class_is_held_out(spec: PictureSpec) -> None:
    raw = spec.read()
    assert raw.held_out.sum() == -(-spec.rows // 5)
    counts = np.bincount(raw.y)
    assert np.abs(np.bincount(raw.y[raw.held_out]) - counts / 5).max() <= 1


@pytest.mark.parametrize("spec", [Mnist5kSpec(), DigitsSpec()], ids=lambda spec: spec.kind)
def test_the_brightest_pixel_is_as_bright_as_is_said(spec: PictureSpec) -> None:
    assert np.asarray(spec.read().X).max() == spec.brightest == ingest(spec).brightest


@given(arrays.arrays(np.uint8, arrays.array_shapes(min_dims=1, max_dims=3, max_side=5)))
def test_an_idx_file_gives_its_array_back(array: np.ndarray) -> None:
    header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">i4").tobytes()
    np.testing.assert_array_equal(read_idx(gzip.compress(header + array.tobytes())), array)
