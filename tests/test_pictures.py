"""Pictures, as they are shipped, as Keras publishes them, and in files of any kind."""

import gzip
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from tasks.data.builtin.numbers import FASHION, DigitsSpec, FashionMnistSpec, Mnist5kSpec, MnistSpec, read_idx
from tasks.data.datasets import ingest
from tasks.data.examples import Rendering
from tasks.data.files.pictures import look_at, read_pictures


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


SIDES = st.integers(1, 9)
SHADES = arrays.arrays(np.uint8, st.tuples(SIDES, SIDES))
COLOURS = arrays.arrays(np.uint8, st.tuples(SIDES, SIDES, st.just(3)))
LOSSLESS = [("png", {}), ("bmp", {}), ("tif", {}), ("tiff", {"compression": "tiff_lzw"}), ("webp", {"lossless": True})]


@given(SHADES | COLOURS, st.sampled_from([*LOSSLESS, ("gif", {})]))
def test_the_same_pixels_in_a_file_of_any_kind_are_the_same_array(
    pixels: np.ndarray, kind: tuple[str, dict[str, object]]
) -> None:
    """A GIF has a palette of 256 colours, enough for every shade of grey."""
    suffix, settings = kind
    if suffix == "gif":
        pixels = pixels.max(axis=2) if pixels.ndim == 3 else pixels
    Image.fromarray(pixels).save(f"one.{suffix}", **settings)
    np.testing.assert_array_equal(read_pictures([Path(f"one.{suffix}")], pixels.shape)[0], pixels)


@given(SHADES, st.sampled_from([*LOSSLESS, ("jpg", {"quality": 100})]), st.integers(1, 8))
def test_the_size_of_a_picture_is_that_of_the_picture_as_it_is_turned(
    upright: np.ndarray, kind: tuple[str, dict[str, object]], orientation: int
) -> None:
    """By the tables of EXIF: what row 0 and column 0 of the file are to the eye."""
    lying = {
        1: upright, 2: upright[:, ::-1], 3: upright[::-1, ::-1], 4: upright[::-1],
        5: upright.T, 6: np.rot90(upright), 7: upright.T[::-1, ::-1], 8: np.rot90(upright, -1),
    }[orientation]  # fmt: skip
    suffix, settings = kind
    noted = Image.Exif()
    noted[0x0112] = orientation
    file = Path(f"one.{suffix}")
    Image.fromarray(np.ascontiguousarray(lying)).save(file, exif=noted, **settings)
    look = look_at(file)
    if suffix == "bmp":  # which has no place for a note
        upright = lying
    assert (look.height, look.width) == upright.shape
    error = np.abs(read_pictures([file], upright.shape)[0].astype(int) - upright)
    assert error.max() <= (3 if suffix == "jpg" else 0)


@given(SHADES, st.integers(0, 2**16 - 256), st.integers(255, 2**16 - 1), st.sampled_from(["png", "tif"]))
def test_16_bits_in_any_range_that_is_stated_are_the_8_bits_that_they_were_scaled_from(
    pixels: np.ndarray, darkest: int, span: int, suffix: str
) -> None:
    brightest = min(darkest + span, 2**16 - 1)
    scaled = np.rint(darkest + pixels / 255 * (brightest - darkest)).astype(np.uint16)
    file = Path(f"one.{suffix}")
    Image.fromarray(scaled).save(file)
    assert look_at(file).values == (scaled.min(), scaled.max())
    rendering = Rendering(darkest=darkest, brightest=brightest)
    read = read_pictures([file], pixels.shape, rendering)[0]
    assert np.abs(read.astype(int) - pixels).max() <= 1


def test_what_lies_beyond_the_range_is_clipped_and_no_number_is_black() -> None:
    Image.fromarray(np.array([[-1, 0, 0.5, 1, 9, np.nan, np.inf]], np.float32)).save("one.tif")
    assert look_at(Path("one.tif")).values == (-1, 9)
    read = read_pictures([Path("one.tif")], (1, 7), Rendering(darkest=0, brightest=1))
    assert read[0, 0].tolist() == [0, 0, 128, 255, 255, 0, 255]


def test_a_range_is_from_less_to_more() -> None:
    with pytest.raises(ValueError, match="darkest is 9, and must be less than brightest, 9"):
        Rendering(darkest=9, brightest=9)


@pytest.mark.parametrize(("background", "seen"), [("white", 255), ("black", 0)])
def test_a_transparent_picture_is_put_on_the_background(background: str, seen: int) -> None:
    Image.new("RGBA", (2, 1), (9, 9, 9, 0)).save("clear.webp", lossless=True, exact=True)
    Image.new("RGBA", (2, 1), (9, 9, 9, 255)).save("opaque.png")
    files = [Path("clear.webp"), Path("opaque.png")]
    assert [look_at(file).is_transparent for file in files] == [True, False]
    rendering = Rendering.model_validate({"background": background})
    assert read_pictures(files, (1, 2), rendering)[:, 0, 0].tolist() == [seen, 9]


@pytest.mark.parametrize("suffix", ["gif", "tif", "webp", "png"])
def test_of_several_frames_or_pages_the_first_is_read(suffix: str) -> None:
    frames = [Image.fromarray(np.full((3, 4), shade, np.uint8)) for shade in (50, 200)]
    lossless = {"lossless": True} if suffix == "webp" else {}
    frames[0].save(f"two.{suffix}", save_all=True, append_images=frames[1:], **lossless)
    frames[0].save(f"one.{suffix}")
    assert [look_at(Path(f"{name}.{suffix}")).has_more for name in ("one", "two")] == [False, True]
    assert (read_pictures([Path(f"two.{suffix}")], (3, 4)) == 50).all()
