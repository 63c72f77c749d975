"""Pictures, as they are shipped and as Keras publishes them."""

import gzip
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra import numpy as arrays

from tasks.data.builtin.numbers import FASHION, DigitsSpec, FashionMnistSpec, Mnist5kSpec, MnistSpec, read_idx
from tasks.data.datasets import ingest


def _idx(array: np.ndarray) -> bytes:
    header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">i4").tobytes()
    return gzip.compress(header + array.tobytes())


@pytest.mark.real_data
def test_every_digit_of_mnist_is_that_of_keras() -> None:
    import keras

    raw = MnistSpec().read()
    for held_out, (X, y) in zip((False, True), keras.datasets.mnist.load_data(), strict=True):
        np.testing.assert_array_equal(np.asarray(raw.X)[raw.held_out == held_out], X)
        np.testing.assert_array_equal(raw.y[raw.held_out == held_out], y)


def test_fashion_mnist_is_read_as_keras_reads_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from keras.src.datasets import fashion_mnist

    random = np.random.default_rng(0)
    for file in FASHION:
        shape = (10,) if "labels" in file.name else (10, 28, 28)
        (tmp_path / file.name).write_bytes(_idx(random.integers(0, 10, shape, np.uint8)))
    monkeypatch.setattr("tasks.data.builtin.numbers.fetch", lambda files: [])
    monkeypatch.setattr("tasks.data.builtin.numbers.content", lambda file: (tmp_path / file.name).read_bytes())
    monkeypatch.setattr(fashion_mnist, "get_file", lambda name, **_: tmp_path / name)
    raw = FashionMnistSpec().read()
    for held_out, (X, y) in zip((False, True), fashion_mnist.load_data(), strict=True):
        np.testing.assert_array_equal(np.asarray(raw.X)[raw.held_out == held_out], X)
        np.testing.assert_array_equal(raw.y[raw.held_out == held_out], y)


@pytest.mark.parametrize("spec", [Mnist5kSpec(), DigitsSpec()], ids=lambda spec: spec.kind)
def test_of_shipped_pictures_a_fifth_of_every_class_is_held_out_and_white_is_the_brightest(
    spec: Mnist5kSpec | DigitsSpec,
) -> None:
    raw = spec.read()
    assert raw.held_out.sum() == -(-spec.rows // 5)
    counts = np.bincount(raw.y)
    assert np.abs(np.bincount(raw.y[raw.held_out]) - counts / 5).max() <= 1
    assert np.asarray(raw.X).max() == spec.brightest


def test_what_is_kept_of_pictures_says_how_bright_white_is() -> None:
    assert ingest(DigitsSpec()).brightest == 16


@given(arrays.arrays(np.uint8, arrays.array_shapes(min_dims=1, max_dims=3, max_side=5)))
def test_an_idx_file_gives_its_array_back(array: np.ndarray) -> None:
    np.testing.assert_array_equal(read_idx(_idx(array)), array)
