"""Learning curves as a picture."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tasks.artifacts.figures import FAMILY_COLOURS, GREY, figure, save
from tasks.learning_curves.curve import LearningCurve
from tasks.reports.wording import TITLES, with_unit
from tasks.statistics.bootstrap import CONFIDENCE

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LINES = ("-", "--", ":", "-.")  # tell contenders of one family apart
MARKERS = ("o", "s", "^", "D")


def plot_learning_curve(curve: LearningCurve, path: Path) -> Path:
    """Each contender's score against its training rows, with its interval as a band, and where curves cross."""
    picture = figure(8, 5)
    axes = picture.subplots()
    counts: dict[str, int] = {}
    for name in dict.fromkeys(point.name for point in curve.points):
        own = [point for point in curve.points if point.name == name]
        number = counts[own[0].family] = counts.get(own[0].family, -1) + 1
        rows, low, high = ([*each] for each in zip(*((p.rows, *p.interval) for p in own), strict=True))
        colour = FAMILY_COLOURS[own[0].family]
        axes.fill_between(rows, low, high, color=colour, alpha=0.18, linewidth=0)
        style, marker = LINES[number % len(LINES)], MARKERS[number % len(MARKERS)]
        axes.plot(rows, [p.mean for p in own], style, marker=marker, color=colour, markersize=5, label=name)
    for rivalry in curve.rivalries:
        for crossing in rivalry.crossings:
            axes.axvline(crossing.rows, color=GREY, linewidth=1, linestyle=":")
    _label(axes, curve)
    way = "higher" if curve.greater_is_better else "lower"
    picture.suptitle(f"{curve.experiment}: {TITLES[curve.metric]} by training rows, {way} is better")
    return save(picture, path)


def _label(axes: "Axes", curve: LearningCurve) -> None:
    from matplotlib.ticker import FixedLocator, NullFormatter, NullLocator

    axes.set_xscale("log")
    rows = list(dict.fromkeys(point.rows for point in curve.points))
    axes.xaxis.set_major_locator(FixedLocator(rows))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xticks(rows, [f"{each:,.0f}" for each in rows])
    axes.grid(color=GREY, alpha=0.25)
    scored = {"folds": "rows held out of the folds"}.get(curve.scored_on, curve.scored_on)
    title = f"{TITLES[curve.metric]}{with_unit(curve.metric, curve.unit)} on the {scored}, {CONFIDENCE:.0%} interval"
    axes.set(xlabel="training rows", ylabel=title)
    spread = [end for point in curve.points for end in point.interval]
    axes.set_ylim(*_limits(np.array(spread)))
    axes.legend(frameon=False)


def _limits(ends: "np.ndarray[tuple[int], np.dtype[np.float64]]") -> tuple[float, float]:
    """The scale of the scores, with a margin."""
    margin = 0.05 * float(np.ptp(ends)) or 0.01
    return float(ends.min()) - margin, float(ends.max()) + margin
