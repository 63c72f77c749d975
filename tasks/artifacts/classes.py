"""How well a classifier tells the classes apart, as a table and in pictures."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tasks.artifacts.figures import BLUE, GREY, figure, is_ink, save

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

Numbers = NDArray[np.int64]
FEW = 12  # classes up to which every cell of a confusion matrix has its number
COLUMNS, ROWS = 8, 6  # of a grid of pictures


def per_class_frame(y: Numbers, predicted: Numbers, classes: Sequence[str]) -> "pd.DataFrame":
    """Precision, recall and F1 of each class, then their mean and their mean weighted by rows; 0 where undefined."""
    import pandas as pd
    from sklearn.metrics import precision_recall_fscore_support

    numbers = np.arange(len(classes))
    columns = ("precision", "recall", "f1")
    *scores, rows = precision_recall_fscore_support(y, predicted, labels=numbers, zero_division=0)
    frame = pd.DataFrame({"class": classes, "rows": rows, **dict(zip(columns, scores, strict=True))})
    for name, weights in (("macro average", np.ones(len(classes))), ("weighted average", rows)):
        means = [np.average(score, weights=weights) for score in scores]
        frame.loc[len(frame)] = [name, len(y), *means]
    return frame


def plot_confusion(name: str, y: Numbers, predicted: Numbers, classes: Sequence[str], folder: Path) -> Path:
    """What each class was taken for, as a share of its rows (confusion.png).

    With many classes the cells carry no numbers but those of the mistakes that take a twentieth of a class or more.
    """
    from sklearn.metrics import confusion_matrix

    counts = confusion_matrix(y, predicted, labels=np.arange(len(classes)))
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    size = max(4.5, 2.5 + len(classes) * (0.6 if len(classes) <= FEW else 0.27))
    picture = figure(size + 1.5, size)
    picture.set_layout_engine("compressed")  # the cells are squares: "constrained" would cut labels off
    axes = picture.subplots()
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    rotation, fontsize = (0, 10) if len(classes) <= FEW and max(map(len, classes)) < 5 else (90, 9)
    axes.set_xticks(np.arange(len(classes)), classes, rotation=rotation, fontsize=fontsize)
    labels = [f"{label} ({count})" for label, count in zip(classes, counts.sum(axis=1), strict=True)]
    axes.set_yticks(np.arange(len(classes)), labels, fontsize=fontsize)
    _write_counts(axes, counts, shares)
    axes.set(xlabel="predicted", ylabel="actual (test rows)")
    picture.suptitle(f"{name}: {np.mean(y == predicted):.1%} of {len(y)} test rows right")
    picture.colorbar(image, ax=axes, shrink=0.6, label="share of the actual class")
    return save(picture, folder / "confusion.png")


def _write_counts(axes: "Axes", counts: Numbers, shares: NDArray[np.float64]) -> None:
    for row, column in np.argwhere(counts > 0):
        if len(counts) > FEW and (row == column or shares[row, column] < 0.05):
            continue
        colour = "white" if shares[row, column] > 0.6 else "black"
        fontsize = 9 if len(counts) <= FEW else 7.5
        axes.text(column, row, str(counts[row, column]), ha="center", va="center", color=colour, fontsize=fontsize)


def plot_misclassified(
    name: str,
    pictures: NDArray[np.generic],
    y: Numbers,
    predicted: Numbers,
    probabilities: NDArray[np.float64],
    classes: Sequence[str],
    folder: Path,
) -> Path:
    """The pictures that were taken for another class, the surest first (misclassified.png).

    They are (rows, height, width), or (rows, height, width, 3) in colour, from 0 to 1.
    """
    wrong = np.flatnonzero(y != predicted)
    sureness = probabilities[wrong, predicted[wrong]]
    shown = wrong[np.argsort(-sureness, kind="stable")][: COLUMNS * ROWS]
    shades: dict[str, Any] = {"cmap": "gray_r"} if is_ink(pictures) else {"cmap": "gray", "vmin": 0, "vmax": 1}
    rows = -(-len(shown) // COLUMNS)
    picture = figure(COLUMNS * 1.25, 0.4 + rows * 1.5)
    order = ", the surest first" if len(shown) > 1 else ""
    picture.suptitle(f"{name}: {len(wrong) or 'none'} of {len(y)} test pictures taken for another class{order}")
    for position, row in enumerate(shown, start=1):
        axes = picture.add_subplot(rows, COLUMNS, position)
        axes.axis("off")
        axes.imshow(pictures[row], **shades)
        taken_for = f"{classes[predicted[row]]} ({probabilities[row, predicted[row]]:.2f})"
        axes.set_title(f"{classes[y[row]]}, taken\nfor {taken_for}", fontsize=8)
    return save(picture, folder / "misclassified.png")


def plot_calibration(name: str, y: Numbers, probability: NDArray[np.float64], positive: str, folder: Path) -> Path:
    """How many rows are of class 1, called `positive`, where the classifier says how likely that is (calibration.png).

    Below, how often it says so.
    """
    from sklearn.calibration import calibration_curve
    from sklearn.metrics import brier_score_loss

    actual, given = calibration_curve(y, probability, n_bins=10, strategy="quantile")
    picture = figure(5.5, 6.5)
    above, below = picture.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    above.plot([0, 1], [0, 1], color=GREY, linewidth=1, label="as often as it says")
    above.plot(given, actual, "o-", color=BLUE, label="tenths of the test rows")
    above.set(
        ylabel=f"share of rows that are {positive}", title=f"{name}: Brier score {brier_score_loss(y, probability):.3f}"
    )
    above.legend(frameon=False)
    below.hist(probability, bins=np.linspace(0, 1, 21), color=BLUE)
    below.set(xlabel=f"predicted probability of {positive}", ylabel="test rows")
    return save(picture, folder / "calibration.png")
