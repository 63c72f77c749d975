"""All contenders and all pairs at a glance."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tasks.artifacts.figures import FAMILY_COLOURS, GREY, figure, save
from tasks.data.splitting import HoldOutSpec
from tasks.reports.report import LeaderboardEntry, Report
from tasks.reports.wording import FAMILIES, TITLES, with_unit
from tasks.statistics.bootstrap import CONFIDENCE

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BETTER, EQUAL, UNDECIDED, WORSE = 3, 2, 1, 0
COLOURS = {BETTER: "#7fb2e5", EQUAL: "#c9c9c9", UNDECIDED: "#ffffff", WORSE: "#f3c9a5"}
MEANINGS = {BETTER: "row is better", EQUAL: "practically equal", UNDECIDED: "undecided", WORSE: "row is worse"}
NARROWEST = 8  # contenders from which on the legends have room side by side
SHOWN = 75  # percent of the contenders that the scale is made for: the last ones are often far away


def plot_ranks(report: Report, folder: Path) -> Path:
    """The contenders' scores, best first, beside the verdicts on all pairs (ranks.png)."""
    count = len(report.contenders)
    wide = max(count, NARROWEST)
    picture = figure(8.5 + 0.42 * wide, 2.2 + 0.36 * count)
    scores, pairs = picture.subplots(1, 2, sharey=True, width_ratios=[5, 1 + 0.55 * wide])
    _draw_scores(scores, report)
    _draw_pairs(pairs, report)
    way = "higher" if report.greater_is_better else "lower"
    picture.suptitle(f"{report.experiment}: {TITLES[report.metric]}, {way} is better; verdicts on {_pairs(report)}")
    return save(picture, folder / "ranks.png")


def mean_ranks(report: Report) -> NDArray[np.float64]:
    """Each contender's rank, from 1 for the best, as a mean over folds; ties share (Demšar 2006)."""
    from scipy.stats import rankdata

    scores = np.array([entry.scores for entry in report.contenders])
    ranks = rankdata(-scores if report.greater_is_better else scores, axis=0)
    return np.asarray(ranks.mean(axis=1), np.float64)


def _pairs(report: Report) -> str:
    count = len(report.verdicts)
    return f"{count} pairs, adjusted (Holm)" if count > 1 else "one pair"


def _draw_scores(axes: "Axes", report: Report) -> None:
    """Each score with its interval; one that lies off the scale is written at the edge."""
    values = [_shown(entry, report) for entry in report.contenders]
    low, high = _limits(values, report.greater_is_better)
    for row, (entry, (value, ends)) in enumerate(zip(report.contenders, values, strict=True)):
        colour = FAMILY_COLOURS[entry.family]
        if low <= value <= high:
            axes.plot(np.clip(ends, low, high), [row, row], color=colour, linewidth=2)
            axes.plot(value, row, "o", color=colour)
        else:
            edge, marker, side = (low, "<", "left") if value < low else (high, ">", "right")
            axes.plot(edge, row, marker, color=colour, clip_on=False)
            axes.annotate(
                f"{value:.3g}", (edge, row), (8 if side == "left" else -8, 0), textcoords="offset points", ha=side,
                va="center", fontsize=8, color=colour,
            )  # fmt: skip
    axes.set_xlim(low, high)
    axes.set_yticks(range(len(values)), _names(report))
    axes.grid(axis="x", color=GREY, alpha=0.25)
    axes.set_xlabel(
        f"{TITLES[report.metric]}{with_unit(report.metric, report.dataset.unit)}, {CONFIDENCE:.0%} interval"
    )
    for family in dict.fromkeys(entry.family for entry in report.contenders):
        axes.plot([], [], "o", color=FAMILY_COLOURS[family], label=FAMILIES[family])
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=4, fontsize=8, frameon=False)
    axes.tick_params(which="minor", length=0)


def _draw_pairs(axes: "Axes", report: Report) -> None:
    from matplotlib.colors import ListedColormap
    from matplotlib.patches import Patch

    numbers = {entry.name: number for number, entry in enumerate(report.contenders)}
    cells = np.full((len(numbers), len(numbers)), np.nan)
    for verdict in report.verdicts:
        first, second = numbers[verdict.first], numbers[verdict.second]
        known = {"first": (BETTER, WORSE), "second": (WORSE, BETTER), "equivalent": (EQUAL, EQUAL)}
        cells[first, second], cells[second, first] = known.get(verdict.decision, (UNDECIDED, UNDECIDED))
    axes.imshow(cells, cmap=ListedColormap([COLOURS[each] for each in sorted(COLOURS)]), vmin=0, vmax=3, aspect="auto")
    axes.set_xticks(range(len(numbers)), list(numbers), rotation=90, fontsize=8)
    axes.set_xticks(np.arange(len(numbers) + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(len(numbers) + 1) - 0.5, minor=True)
    axes.grid(which="minor", color="#e6e6e6", linewidth=0.8)
    axes.plot(range(len(numbers)), range(len(numbers)), "o", color="#d9d9d9", markersize=3)
    axes.tick_params(which="both", length=0)
    patches = [Patch(facecolor=COLOURS[each], edgecolor=GREY, label=MEANINGS[each]) for each in COLOURS]
    axes.legend(handles=patches, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=4, fontsize=8, frameon=False)


def _names(report: Report) -> list[str]:
    names = [entry.name for entry in report.contenders]
    if isinstance(report.validation, HoldOutSpec):
        return names
    return [f"{name}  (mean rank {rank:.1f})" for name, rank in zip(names, mean_ranks(report), strict=True)]


def _shown(entry: LeaderboardEntry, report: Report) -> tuple[float, tuple[float, float]]:
    """The score that the verdicts rest on: over folds, or on the test rows."""
    if not isinstance(report.validation, HoldOutSpec):
        return entry.mean, entry.interval or (entry.mean, entry.mean)
    return entry.test_mean, entry.test_interval


def _limits(values: list[tuple[float, tuple[float, float]]], greater_is_better: bool) -> tuple[float, float]:
    means = [value for value, _ in values]
    cut = np.percentile(means, 100 - SHOWN if greater_is_better else SHOWN)
    kept = [ends for value, ends in values if (value >= cut if greater_is_better else value <= cut)]
    low, high = min(ends[0] for ends in kept), max(ends[1] for ends in kept)
    margin = 0.05 * (high - low) or 0.01 * abs(high) or 1.0
    return low - margin, high + margin
