"""All the files that are written of one contender: tables in long form, pictures, and the trials of its searches."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tasks.data.vectorization import DesignMatrix
from tasks.evaluation.cross_validation import Evaluation, Result
from tasks.evaluation.tuning import Trials
from tasks.models.nets.network_spec import training_metric
from tasks.models.search import Space, Trial
from tasks.reporting.wording import BLUE, DPI, GREY, ORANGE, TITLES, figure, is_ink, save
from tasks.store import StoredFile, load_arrays

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from optuna import Study

Numbers = NDArray[np.int64]
Floats = NDArray[np.float64]
FEW_CLASSES = 12  # up to which every cell of a confusion matrix has its number
COLUMNS, ROWS = 8, 6  # of a grid of pictures
FEW_MEMBERS = 3  # up to which each has its own line
FEWEST_TRIALS = 3  # of which a picture says anything


def write_contender(result: Result, arrays: DesignMatrix, unit: str, folder: Path) -> None:
    """Write the tables and pictures that fit the contender and the task into a folder."""
    evaluation = result.evaluation
    out_of_fold_frame(evaluation, arrays).to_parquet(folder / "out_of_fold.parquet", index=False)
    if evaluation.history is not None:
        history_frame(evaluation.history).to_parquet(folder / "history.parquet", index=False)
        metric = TITLES[training_metric(arrays.task)]
        plot_curves(evaluation.name, load_arrays(evaluation.history), metric, evaluation.best_epochs, folder)
    if arrays.task == "regression":
        plot_predictions(evaluation, arrays, unit, folder)
    else:
        _write_classification(result, arrays, folder)


def _write_classification(result: Result, arrays: DesignMatrix, folder: Path) -> None:
    """Write what a classifier, the first of its seeds, makes of the test rows."""
    name, y = result.name, arrays.y("test").astype(np.int64)
    probabilities = load_arrays(result.test.predictions)["test"][0].astype(np.float64)
    predicted = probabilities.argmax(axis=1)
    frame = per_class_frame(y, predicted, arrays.classes)
    frame.to_csv(folder / "per_class.csv", index=False, float_format="%.4f")
    plot_confusion(name, y, predicted, arrays.classes, folder)
    if arrays.task == "binary" and result.evaluation.contender.gives_probabilities:
        plot_calibration(name, y, probabilities[:, 1], arrays.classes[1], folder)
    if arrays.form == "pixels":
        pictures = arrays.test()[0].reshape(len(y), *arrays.shape)
        plot_misclassified(name, pictures, y, predicted, probabilities, arrays.classes, folder)


def out_of_fold_frame(evaluation: Evaluation, arrays: DesignMatrix) -> "pd.DataFrame":
    """A row for each repeat (or seed) and row held out: what it was, and was predicted to be (p_CLASS for classes)."""
    import pandas as pd

    kept = load_arrays(evaluation.predictions)
    rows, predictions = kept["rows"].astype(np.int64, copy=False), kept["out_of_fold"]
    index = pd.MultiIndex.from_product([range(len(predictions)), rows], names=["repeat", "row"])
    columns = [f"p_{label}" for label in arrays.classes] or ["prediction"]
    frame = pd.DataFrame(predictions.reshape(len(index), -1), index, columns).reset_index()
    frame.insert(2, "actual", np.tile(arrays.y("train")[rows], len(predictions)))
    return frame


def history_frame(history: StoredFile) -> "pd.DataFrame":
    """A row for each epoch and fold, with the four curves' values."""
    import pandas as pd

    curves = load_arrays(history)
    epochs, folds = curves["loss"].shape
    index = pd.MultiIndex.from_product([range(1, epochs + 1), range(folds)], names=["epoch", "fold"])
    return pd.DataFrame({name: curve.ravel() for name, curve in curves.items()}, index).reset_index()


def plot_predictions(evaluation: Evaluation, arrays: DesignMatrix, unit: str, folder: Path) -> Path:
    """Predicted against actual, a number, for every row held out (the mean over repeats or seeds; predictions.png)."""
    kept = load_arrays(evaluation.predictions)
    y = arrays.y("train")[kept["rows"].astype(np.int64)]
    predicted = kept["out_of_fold"].mean(axis=0)
    picture = figure(5.5, 5.5)
    axes = picture.subplots()
    actual = y.astype(np.float64)
    ends = [min(actual.min(), predicted.min()), max(actual.max(), predicted.max())]
    axes.plot(ends, ends, color=GREY, linewidth=1)
    axes.scatter(actual, predicted, s=14, color=BLUE, alpha=0.6, linewidth=0)
    suffix = f" ({unit})" if unit else ""
    axes.set(xlabel=f"actual{suffix}", ylabel=f"predicted{suffix}", title=f"{evaluation.name}: out-of-fold predictions")
    axes.set_aspect("equal")
    return save(picture, folder / "predictions.png")


def plot_curves(
    name: str, curves: Mapping[str, NDArray[np.generic]], metric: str, best_epochs: Sequence[int], folder: Path
) -> Path:
    """Training and validation loss and metric per epoch, with the best epoch marked (curves.png).

    Args:
        name: the contender's.
        curves: `loss`, `metric`, `val_loss`, `val_metric`, each (epochs, members); those on validation rows may be NaN.
        metric: what the metric is.
        best_epochs: for each member the epoch, from 1, whose weights were kept.
        folder: where the picture goes.
    """
    picture = figure(11, 4.5)
    panels = picture.subplots(1, 2)
    for axes, own, title in zip(panels, ("loss", "metric"), ("loss", metric), strict=True):
        for key, label, colour in ((own, "training", GREY), (f"val_{own}", "validation", BLUE)):
            _draw(axes, curves[key].astype(np.float64), label, colour)
        if best_epochs and min(best_epochs) < len(curves["loss"]):  # else every member went on to the last
            best = int(np.median(best_epochs))
            axes.axvline(best, color=ORANGE, linewidth=1, linestyle="--", label=f"best epoch: {best}")
        axes.set(xlabel="epoch", ylabel=title)
        axes.xaxis.get_major_locator().set_params(integer=True)
    _scale(panels[0], np.concatenate([curves["loss"], curves["val_loss"]]).astype(np.float64))
    panels[0].legend(frameon=False)
    picture.suptitle(f"{name}: loss and {metric} per epoch, {_spread(curves['loss'].shape[1])}")
    return save(picture, folder / "curves.png")


def _spread(members: int) -> str:
    if members > FEW_MEMBERS:
        return f"median of {members} fits with their 10th to 90th percentile"
    return f"{members} fits and their mean" if members > 1 else "one fit"


def _draw(axes: "Axes", values: Floats, label: str, colour: str) -> None:
    if np.isnan(values).all():
        return
    epochs = np.arange(1, len(values) + 1)
    if values.shape[1] > FEW_MEMBERS:
        low, middle, high = np.percentile(values, [10, 50, 90], axis=1)
        axes.fill_between(epochs, low, high, color=colour, alpha=0.2, linewidth=0)
    else:
        axes.plot(epochs, values, color=colour, linewidth=0.7, alpha=0.5)
        middle = values.mean(axis=1)
    marker = "o" if len(values) <= 30 else None
    axes.plot(epochs, middle, color=colour, marker=marker, markersize=3, label=label)


def _scale(axes: "Axes", losses: Floats) -> None:
    """A logarithmic scale where the losses span more than a decade."""
    if np.nanmin(losses) > 0 and np.nanmax(losses) > 10 * np.nanmin(losses):
        from matplotlib.ticker import LogLocator

        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_formatter("")


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
    size = max(4.5, 2.5 + len(classes) * (0.6 if len(classes) <= FEW_CLASSES else 0.27))
    picture = figure(size + 1.5, size)
    picture.set_layout_engine("compressed")  # the cells are squares: "constrained" would cut labels off
    axes = picture.subplots()
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    rotation, fontsize = (0, 10) if len(classes) <= FEW_CLASSES and max(map(len, classes)) < 5 else (90, 9)
    axes.set_xticks(np.arange(len(classes)), classes, rotation=rotation, fontsize=fontsize)
    labels = [f"{label} ({count})" for label, count in zip(classes, counts.sum(axis=1), strict=True)]
    axes.set_yticks(np.arange(len(classes)), labels, fontsize=fontsize)
    _write_counts(axes, counts, shares)
    axes.set(xlabel="predicted", ylabel="actual (test rows)")
    picture.suptitle(f"{name}: {np.mean(y == predicted):.1%} of {len(y)} test rows right")
    picture.colorbar(image, ax=axes, shrink=0.6, label="share of the actual class")
    return save(picture, folder / "confusion.png")


def _write_counts(axes: "Axes", counts: Numbers, shares: Floats) -> None:
    for row, column in np.argwhere(counts > 0):
        if len(counts) > FEW_CLASSES and (row == column or shares[row, column] < 0.05):
            continue
        colour = "white" if shares[row, column] > 0.6 else "black"
        fontsize = 9 if len(counts) <= FEW_CLASSES else 7.5
        axes.text(column, row, str(counts[row, column]), ha="center", va="center", color=colour, fontsize=fontsize)


def plot_misclassified(
    name: str,
    pictures: NDArray[np.generic],
    y: Numbers,
    predicted: Numbers,
    probabilities: Floats,
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


def plot_calibration(name: str, y: Numbers, probability: Floats, positive: str, folder: Path) -> Path:
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


def write_search(trials: Trials, final: Sequence[Trial], space: Space, folder: Path) -> None:
    """Write trials.csv, all trials with their settings by path, and pictures of those of the final search.

    Where there are enough, these are search_history.png, search_parallel.png and, if the scores differ,
    search_importances.png: by how much each setting accounts for the scores (Hutter et al. 2014).
    """
    import matplotlib as mpl
    import pandas as pd
    from matplotlib import pyplot as plt
    from optuna.exceptions import ExperimentalWarning
    from optuna.visualization import matplotlib as pictures

    rows = [{"search": t.search, "trial": t.number, trials.score: t.score, **t.settings} for t in trials.trials]
    pd.DataFrame(rows).to_csv(folder / "trials.csv", index=False)
    study = _study(trials, final, space)
    if len(study.trials) < FEWEST_TRIALS:
        return
    draw: dict[str, Callable[[Study], Any]] = {
        "history": pictures.plot_optimization_history,
        "parallel": pictures.plot_parallel_coordinate,
    }
    if len({trial.value for trial in study.trials}) > 1:
        draw["importances"] = pictures.plot_param_importances
    with mpl.rc_context({"backend": "Agg", "figure.figsize": (9, 5), "figure.autolayout": True}):
        for name, plot in draw.items():
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ExperimentalWarning)
                picture = plot(study).figure
            picture.savefig(folder / f"search_{name}.png", dpi=DPI)  # Optuna's axes have powers, as mathematics
            plt.close(picture)


def _study(trials: Trials, final: Sequence[Trial], space: Space) -> "Study":
    """The final search as Optuna's pictures take it, less the contender as entered, which may lie outside the space."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="maximize" if trials.greater_is_better else "minimize")
    for trial in final:
        if trial.score is not None and space.keys() <= trial.settings.keys():
            tried = {path: trial.settings[path] for path in space}
            known = {path: each.distribution() for path, each in space.items()}
            study.add_trial(optuna.create_trial(params=tried, distributions=known, value=trial.score))
    return study
