from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from tasks.artifacts.classes import per_class_frame, plot_calibration, plot_confusion, plot_misclassified

Y = np.array([0, 0, 0, 1, 1, 2])
PREDICTED = np.array([0, 0, 1, 1, 1, 0])
CLASSES = ("a", "b", "c", "d")
SURE = np.eye(4)[PREDICTED] * 0.6 + 0.1


def test_precision_recall_and_f1_are_those_worked_out_by_hand() -> None:
    frame = per_class_frame(Y, PREDICTED, CLASSES).set_index("class")
    assert frame["rows"].tolist() == [3, 2, 1, 0, 6, 6]
    assert frame.loc["a", ["precision", "recall", "f1"]].tolist() == pytest.approx([2 / 3, 2 / 3, 2 / 3])
    assert frame.loc["b", ["precision", "recall", "f1"]].tolist() == pytest.approx([2 / 3, 1, 4 / 5])
    assert frame.loc["c", ["precision", "recall", "f1"]].tolist() == [0, 0, 0]
    assert frame.loc["macro average", "recall"] == pytest.approx((2 / 3 + 1) / 4)
    assert frame.loc["weighted average", "recall"] == pytest.approx(4 / 6)  # the accuracy


@pytest.mark.parametrize("classes", [CLASSES, tuple(f"topic-{k}" for k in range(46))], ids=["few", "many"])
def test_a_confusion_matrix_is_drawn_for_few_classes_and_for_many(tmp_path: Path, classes: tuple[str, ...]) -> None:
    path = plot_confusion("net", Y, PREDICTED, classes, tmp_path)
    assert path == tmp_path / "confusion.png"
    height, width = imread(path).shape[:2]
    assert min(height, width) > 28 * len(classes)  # room for a label of each class


def test_other_mistakes_give_another_confusion_matrix(tmp_path: Path) -> None:
    one, two = (imread(plot_confusion("net", Y, found, CLASSES, tmp_path)) for found in (PREDICTED, Y))
    assert (one != two).any()


@pytest.mark.parametrize("predicted", [PREDICTED, Y], ids=["mistakes", "none"])
def test_misclassified_pictures_are_drawn_even_if_there_are_none(tmp_path: Path, predicted: np.ndarray) -> None:
    pictures = np.random.default_rng(0).random((6, 8, 8))
    path = plot_misclassified("net", pictures, Y, predicted, SURE, CLASSES, tmp_path)
    assert path == tmp_path / "misclassified.png"
    assert imread(path).std() > 0


def test_the_grid_shows_the_surest_mistakes_and_grows_with_them_up_to_its_limit(tmp_path: Path) -> None:
    generator, heights = np.random.default_rng(0), []
    for count in (8, 16, 48, 500):
        y, predicted = np.zeros(count, int), np.ones(count, int)
        arguments = (generator.random((count, 4, 4)), y, predicted, generator.random((count, 2)), ("a", "b"), tmp_path)
        heights.append(imread(plot_misclassified("net", *arguments)).shape[0])
    assert heights[0] < heights[1] < heights[2] == heights[3]


def test_a_calibration_curve_is_drawn(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    probability = generator.random(200)
    y = (generator.random(200) < probability).astype(int)
    path = plot_calibration("net", y, probability, "yes", tmp_path)
    assert path == tmp_path / "calibration.png"
    assert (imread(path) != imread(plot_calibration("net", 1 - y, probability, "yes", tmp_path))).any()
