"""A net's curves as a picture."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tasks.artifacts.figures import BLUE, GREY, ORANGE, figure, save

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FEW = 3  # members up to which each has its own line


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
        _mark(axes, best_epochs, len(curves["loss"]))
        axes.set(xlabel="epoch", ylabel=title)
        axes.xaxis.get_major_locator().set_params(integer=True)
    _scale(panels[0], np.concatenate([curves["loss"], curves["val_loss"]]).astype(np.float64))
    panels[0].legend(frameon=False)
    picture.suptitle(f"{name}: loss and {metric} per epoch, {_spread(curves['loss'].shape[1])}")
    return save(picture, folder / "curves.png")


def _spread(members: int) -> str:
    if members > FEW:
        return f"median of {members} fits with their 10th to 90th percentile"
    return f"{members} fits and their mean" if members > 1 else "one fit"


def _draw(axes: "Axes", values: NDArray[np.float64], label: str, colour: str) -> None:
    if np.isnan(values).all():
        return
    epochs = np.arange(1, len(values) + 1)
    if values.shape[1] > FEW:
        low, middle, high = np.percentile(values, [10, 50, 90], axis=1)
        axes.fill_between(epochs, low, high, color=colour, alpha=0.2, linewidth=0)
    else:
        axes.plot(epochs, values, color=colour, linewidth=0.7, alpha=0.5)
        middle = values.mean(axis=1)
    marker = "o" if len(values) <= 30 else None
    axes.plot(epochs, middle, color=colour, marker=marker, markersize=3, label=label)


def _mark(axes: "Axes", best_epochs: Sequence[int], epochs: int) -> None:
    """The epoch that a refit takes; none where every member went on to the last."""
    if not best_epochs or min(best_epochs) == epochs:
        return
    best = int(np.median(best_epochs))
    axes.axvline(best, color=ORANGE, linewidth=1, linestyle="--", label=f"best epoch: {best}")


def _scale(axes: "Axes", losses: NDArray[np.float64]) -> None:
    """A logarithmic scale where the losses span more than a decade."""
    if np.nanmin(losses) > 0 and np.nanmax(losses) > 10 * np.nanmin(losses):
        from matplotlib.ticker import LogLocator

        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_formatter("")
