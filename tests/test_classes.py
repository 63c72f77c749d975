from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from tasks.reporting import contender_files
from tasks.reporting.contender_files import per_class_frame, plot_calibration, plot_confusion, plot_misclassified

Y = np.array([0, 0, 0, 1, 1, 2])
PREDICTED = np.array([0, 0, 1, 1, 1, 0])
CLASSES = ("a", "b", "c", "d")
SURE = np.eye(4)[PREDICTED] * 0.6 + 0.1


def test_precision_recall_and_f1_are_those_worked_out_by_hand() -> None:
    frame = per_class_frame(Y, PREDICTED, CLASSES).set_index("class")
    assert frame["rows"].tolist() == [3, 2, 1, 0, 6, 6]
    of_classes = frame[["precision", "recall", "f1"]].to_numpy()[:4]
    assert of_classes == pytest.approx(np.array([[2 / 3, 2 / 3, 2 / 3], [2 / 3, 1, 4 / 5], [0, 0, 0], [0, 0, 0]]))
    assert frame.loc["macro average", "recall"] == pytest.approx((2 / 3 + 1) / 4)
    assert frame.loc["weighted average", "recall"] == pytest.approx(4 / 6)  # the accuracy


@pytest.mark.parametrize("names", [CLASSES, tuple(f"topic-{k}" for k in range(46))], ids=["few", "many"])
def test_a_confusion_matrix_is_drawn_for_few_classes_and_for_many(tmp_path: Path, names: tuple[str, ...]) -> None:
    path = plot_confusion("net", Y, PREDICTED, names, tmp_path)
    assert path == tmp_path / "confusion.png"
    height, width = imread(path).shape[:2]
    assert min(height, width) > 28 * len(names)  # room for a label of each class


@pytest.mark.parametrize("n_classes", [2, 10, 46])
def test_no_label_of_a_confusion_matrix_is_cut_off(tmp_path: Path, n_classes: int) -> None:
    names = [f"a long name {k}" for k in range(n_classes)]
    y = np.repeat(np.arange(n_classes), 12000 // n_classes)
    pixels = imread(plot_confusion("dense-net-with-a-name", y, y[::-1], names, tmp_path))
    border = [pixels[:2], pixels[-2:], pixels[:, :2], pixels[:, -2:]]
    assert all((side == 1).all() for side in border)  # white


def test_other_mistakes_give_another_confusion_matrix(tmp_path: Path) -> None:
    one, two = (imread(plot_confusion("net", Y, found, CLASSES, tmp_path)) for found in (PREDICTED, Y))
    assert (one != two).any()


@pytest.mark.parametrize("predicted", [PREDICTED, Y], ids=["mistakes", "none"])
def test_misclassified_pictures_are_drawn_even_if_there_are_none(tmp_path: Path, predicted: np.ndarray) -> None:
    pictures = np.random.default_rng(0).random((6, 8, 8))
    path = plot_misclassified("net", pictures, Y, predicted, SURE, CLASSES, tmp_path)
    assert path == tmp_path / "misclassified.png"
    assert imread(path).std() > 0


def test_misclassified_pictures_in_colour_keep_it(tmp_path: Path) -> None:
    pictures = np.zeros((6, 8, 8, 3))
    pictures[..., 0] = 0.5
    drawn = imread(plot_misclassified("net", pictures, Y, PREDICTED, SURE, CLASSES, tmp_path))
    assert (np.abs(drawn[..., :3] - [0.5, 0, 0]).max(axis=2) < 0.01).sum() > 1000


def test_strokes_on_black_are_drawn_black_on_white_and_a_dim_photograph_as_it_is(tmp_path: Path) -> None:
    for dark, middle in ((0.0, 1.0), (0.2, 0.2)):
        pictures = np.full((6, 8, 8), dark)
        pictures[:, 3] = 0.9
        drawn = imread(plot_misclassified("net", pictures, Y, PREDICTED, SURE, CLASSES, tmp_path))
        shades, counts = np.unique(np.round(drawn[..., 0], 2), return_counts=True)
        assert middle in shades[counts > 1000]
        assert (0.2 in shades[counts > 1000]) == (dark == 0.2)


@pytest.fixture
def small_grid(monkeypatch: pytest.MonkeyPatch) -> None:
    """A grid of two by two, drawn in a tenth of the time."""
    monkeypatch.setattr(contender_files, "COLUMNS", 2)
    monkeypatch.setattr(contender_files, "ROWS", 2)


@pytest.mark.usefixtures("small_grid")
def test_the_surest_mistakes_are_shown_and_no_others(tmp_path: Path) -> None:
    sure = np.array([0.6, 0.9, 0.7, 0.8, 1.0, 0.5])
    pictures = np.random.default_rng(0).random((6, 4, 4))

    def drawn(changed: int) -> np.ndarray:
        others = pictures.copy()
        others[changed] = np.eye(4)
        arguments = (np.zeros(6, int), np.ones(6, int), np.stack([1 - sure, sure], axis=1), ("a", "b"), tmp_path)
        return imread(plot_misclassified("net", others, *arguments))

    plain = drawn(0)
    assert [(drawn(row) != plain).any() for row in range(6)] == [False, True, True, True, True, False]
    half = len(plain) // 2
    assert (drawn(4)[:half] != plain[:half]).any()  # the surest, in the first row
    assert (drawn(2)[half:] != plain[half:]).any()


@pytest.mark.usefixtures("small_grid")
def test_the_grid_grows_with_the_mistakes_up_to_its_limit(tmp_path: Path) -> None:
    generator, heights = np.random.default_rng(0), []
    for count in (0, 2, 4, 9):
        predicted = (np.arange(10) < count).astype(int)
        arguments = (np.zeros(10, int), predicted, generator.random((10, 2)), ("a", "b"), tmp_path)
        heights.append(imread(plot_misclassified("net", generator.random((10, 4, 4)), *arguments)).shape[0])
    assert heights[0] < heights[1] < heights[2] == heights[3]


def test_a_calibration_curve_is_drawn(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    probability = generator.random(200)
    y = (generator.random(200) < probability).astype(int)
    path = plot_calibration("net", y, probability, "yes", tmp_path)
    assert path == tmp_path / "calibration.png"
    assert (imread(path) != imread(plot_calibration("net", 1 - y, probability, "yes", tmp_path))).any()
