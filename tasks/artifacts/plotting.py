"""The pictures of a run, each a PNG file in a folder."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tasks.artifacts.figures import BLUE, GREY, ORANGE, figure, save
from tasks.comparison import Verdict
from tasks.data.vectorization import Arrays
from tasks.evaluation import Evaluation
from tasks.reports.report import Report
from tasks.reports.wording import TITLES
from tasks.statistics.bootstrap import CONFIDENCE
from tasks.store import load_arrays

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_predictions(evaluation: Evaluation, arrays: Arrays, unit: str, folder: Path) -> Path:
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


def plot_differences(report: Report, folder: Path) -> Path:
    """The champion's difference to every other, with its interval, and the region of practical equivalence around zero.

    Pairs with a floor stand below, on a scale of their own: they differ by far more than the others (differences.png).
    """
    floors = {entry.name for entry in report.contenders if entry.family == "floor"}
    with_champion = [each for each in report.verdicts if report.champion.name in (each.first, each.second)]
    among = [verdict for verdict in with_champion if not {verdict.first, verdict.second} & floors]
    groups = [group for group in (among, [verdict for verdict in with_champion if verdict not in among]) if group]
    picture = figure(9, 1.2 + sum(0.7 + 0.42 * len(group) for group in groups))
    panels = picture.subplots(len(groups), squeeze=False, height_ratios=[1 + len(group) for group in groups])
    for axes, group in zip(panels[:, 0], groups, strict=True):
        _draw_differences(axes, group, report.equivalent_within)
    picture.suptitle(
        f"Difference of {TITLES[report.metric]} with {CONFIDENCE:.0%} interval, and verdict; grey: practically equal"
    )
    return save(picture, folder / "differences.png")


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
