"""The pictures of a run, each a PNG file in a folder."""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tasks.comparison import CONFIDENCE, Verdict
from tasks.data.vectorization import Arrays
from tasks.evaluation import Evaluation
from tasks.metrics import MetricName
from tasks.reporting import TITLES
from tasks.store import load_arrays

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLUE, ORANGE, GREY = "#1f5fa8", "#d1660f", "#777777"


def plot_curves(evaluation: Evaluation, folder: Path) -> Path | None:
    """Training and validation loss per epoch: the median over folds, with a band from the 10th to the 90th percentile.

    None for a contender that does not learn in epochs.
    """
    if evaluation.history is None:
        return None
    curves = load_arrays(evaluation.history)
    figure = _figure(8, 4.5)
    axes = figure.subplots()
    for name, label, colour in (("loss", "training", GREY), ("val_loss", "validation", BLUE)):
        values = curves[name].astype(np.float64)
        epochs = np.arange(1, len(values) + 1)
        low, middle, high = np.percentile(values, [10, 50, 90], axis=1)
        axes.fill_between(epochs, low, high, color=colour, alpha=0.2, linewidth=0)
        axes.plot(epochs, middle, color=colour, label=f"{label}: median of {values.shape[1]} folds, 10th to 90th band")
    axes.set(xlabel="epoch", ylabel="loss", yscale="log", title=f"{evaluation.name}: loss per epoch")
    axes.legend(frameon=False)
    return _save(figure, folder / "curves.png")


def plot_predictions(evaluation: Evaluation, arrays: Arrays, unit: str, folder: Path) -> Path | None:
    """Predicted against actual for every training row, by models that had not seen it (the mean over repeats).

    None for classes.
    """
    if arrays.task != "regression":
        return None
    _, y = arrays.training()
    predicted = load_arrays(evaluation.predictions)["out_of_fold"].mean(axis=0)
    figure = _figure(5.5, 5.5)
    axes = figure.subplots()
    actual = y.astype(np.float64)
    ends = [min(actual.min(), predicted.min()), max(actual.max(), predicted.max())]
    axes.plot(ends, ends, color=GREY, linewidth=1)
    axes.scatter(actual, predicted, s=14, color=BLUE, alpha=0.6, linewidth=0)
    suffix = f" ({unit})" if unit else ""
    axes.set(xlabel=f"actual{suffix}", ylabel=f"predicted{suffix}", title=f"{evaluation.name}: out-of-fold predictions")
    axes.set_aspect("equal")
    return _save(figure, folder / "predictions.png")


def plot_differences(
    verdicts: Sequence[Verdict], floors: Collection[str], metric: MetricName, equivalent_within: float, folder: Path
) -> Path:
    """Every pair's difference with its interval, and the region of practical equivalence around zero.

    Pairs with a contender in `floors` stand below, on a scale of their own: they differ by far more than the others.
    """
    among = [verdict for verdict in verdicts if not {verdict.first, verdict.second} & set(floors)]
    groups = [group for group in (among, [verdict for verdict in verdicts if verdict not in among]) if group]
    figure = _figure(9, 1.2 + sum(0.7 + 0.42 * len(group) for group in groups))
    panels = figure.subplots(len(groups), squeeze=False, height_ratios=[1 + len(group) for group in groups])
    for axes, group in zip(panels[:, 0], groups, strict=True):
        _draw_differences(axes, group, equivalent_within)
    figure.suptitle(
        f"Difference of {TITLES[metric]} with {CONFIDENCE:.0%} interval, and verdict; grey: practically equal"
    )
    return _save(figure, folder / "differences.png")


def _draw_differences(axes: "Axes", verdicts: Sequence[Verdict], equivalent_within: float) -> None:
    axes.axvspan(-equivalent_within, equivalent_within, color=GREY, alpha=0.2, linewidth=0)
    axes.axvline(0, color=GREY, linewidth=1)
    for row, verdict in enumerate(verdicts):
        colour = BLUE if verdict.better else ORANGE if verdict.decision == "undecided" else GREY
        axes.plot(verdict.interval, [row, row], color=colour, linewidth=2)
        axes.plot(verdict.difference, row, "o", color=colour)
    labels = [
        f"{verdict.first} − {verdict.second}\n{verdict.better + ' is better' if verdict.better else verdict.decision}"
        for verdict in verdicts
    ]
    axes.set_yticks(range(len(verdicts)), labels, fontsize=9)
    axes.set_ylim(len(verdicts) - 0.5, -0.5)


def _figure(width: float, height: float) -> "Figure":
    """A figure of its own, in inches: pyplot would keep it in a global list, and pick a screen."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def _save(figure: "Figure", path: Path) -> Path:
    figure.savefig(path, dpi=120)
    return path
