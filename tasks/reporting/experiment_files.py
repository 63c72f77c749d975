"""All the files that are written of one experiment beside its report: the ledger, and pictures of all contenders."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tasks.reporting.report import LeaderboardEntry, Report
from tasks.reporting.wording import BLUE, FAMILIES, FAMILY_COLOURS, GREY, ORANGE, TITLES, figure, save, titled, way
from tasks.statistics import CONFIDENCE
from tasks.verdict.comparison import Verdict

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

LEDGER = (
    "name", "family", "mean", "test_mean", "cpu_seconds", "n_fits", "refit_seconds",
    "predict_seconds_per_1000_rows", "model_bytes",
)  # fmt: skip
BETTER, EQUAL, UNDECIDED, WORSE = 3, 2, 1, 0
COLOURS = {BETTER: "#7fb2e5", EQUAL: "#c9c9c9", UNDECIDED: "#ffffff", WORSE: "#f3c9a5"}
MEANINGS = {BETTER: "row is better", EQUAL: "practically equal", UNDECIDED: "undecided", WORSE: "row is worse"}
CELLS = {
    "first": (BETTER, WORSE),
    "second": (WORSE, BETTER),
    "equivalent": (EQUAL, EQUAL),
    "undecided": (UNDECIDED, UNDECIDED),
}  # of a pair: the one in its first contender's row, and the one in its second's
ABOVE: Mapping[str, Any] = {
    "loc": "lower center",
    "bbox_to_anchor": (0.5, 1.0),
    "ncols": 4,
    "fontsize": 8,
    "frameon": False,
}
NARROWEST = 8  # contenders from which on the legends have room side by side
SHOWN = 75  # percent of the contenders that the scale is made for: the last ones are often far away


def write_experiment(report: Report, folder: Path) -> None:
    """Write the ledger and the pictures of all contenders together; with one contender, the ledger alone."""
    ledger_frame(report).to_csv(folder / "ledger.csv", index=False, float_format="%.6g")
    if report.verdicts:
        plot_ranks(report, folder)
        plot_differences(report, folder)
        plot_costs(report, folder)


def ledger_frame(report: Report) -> "pd.DataFrame":
    """A row for each contender, best first: its scores and what it cost."""
    import pandas as pd

    return pd.DataFrame([entry.model_dump(include=set(LEDGER)) for entry in report.contenders])[list(LEDGER)]


def _name_families(axes: "Axes", entries: Iterable[LeaderboardEntry]) -> None:
    """Put the families of these contenders, each with its colour, into the legend."""
    for family in dict.fromkeys(entry.family for entry in entries):
        axes.plot([], [], "o", color=FAMILY_COLOURS[family], label=FAMILIES[family])


def plot_costs(report: Report, folder: Path) -> Path:
    """Score against the seconds that one fold or seed took to fit, for every contender but the floor (costs.png)."""
    from matplotlib.ticker import LogFormatter

    picture = figure(9, 5.5)
    axes = picture.subplots()
    shown = [entry for entry in report.contenders if entry.family != "floor"]
    for entry in shown:
        seconds, (score, _) = entry.cpu_seconds / len(entry.scores), entry.judged
        axes.plot(seconds, score, "o", color=FAMILY_COLOURS[entry.family])
        axes.annotate(entry.name, (seconds, score), (5, 4), textcoords="offset points", fontsize=8)
    _name_families(axes, shown)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_formatter(LogFormatter())
    axes.grid(color=GREY, alpha=0.25)
    axes.margins(x=0.15)
    where = "on the test rows" if report.held_out else "over folds"
    axes.set(
        xlabel="seconds to fit once (of nets that are trained together, their share)",
        ylabel=f"{titled(report.metric, report.dataset.unit)} {where}, {way(report.metric)} is better",
        title=f"{report.experiment}: score against cost",
    )
    axes.legend(fontsize=8, frameon=False)
    return save(picture, folder / "costs.png")


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


def plot_ranks(report: Report, folder: Path) -> Path:
    """The contenders' scores, best first, beside the verdicts on all pairs (ranks.png)."""
    count = len(report.contenders)
    wide = max(count, NARROWEST)
    picture = figure(8.5 + 0.42 * wide, 2.2 + 0.36 * count)
    scores, pairs = picture.subplots(1, 2, sharey=True, width_ratios=[5, 1 + 0.55 * wide])
    _draw_scores(scores, report)
    _draw_pairs(pairs, report)
    pairs_said = f"{len(report.verdicts)} pairs, adjusted (Holm)" if len(report.verdicts) > 1 else "one pair"
    picture.suptitle(
        f"{report.experiment}: {TITLES[report.metric]}, {way(report.metric)} is better; verdicts on {pairs_said}"
    )
    return save(picture, folder / "ranks.png")


def mean_ranks(report: Report) -> NDArray[np.float64]:
    """Each contender's rank, from 1 for the best, as a mean over folds; ties share (Demšar 2006)."""
    from scipy.stats import rankdata

    scores = np.array([entry.scores for entry in report.contenders])
    ranks = rankdata(-scores if report.greater_is_better else scores, axis=0)
    return np.asarray(ranks.mean(axis=1), np.float64)


def _draw_scores(axes: "Axes", report: Report) -> None:
    """Each score with its interval; one that lies off the scale is written at the edge."""
    values = [entry.judged for entry in report.contenders]
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
    names = [entry.name for entry in report.contenders]
    if not report.held_out:
        names = [f"{name}  (mean rank {rank:.1f})" for name, rank in zip(names, mean_ranks(report), strict=True)]
    axes.set_yticks(range(len(values)), names)
    axes.grid(axis="x", color=GREY, alpha=0.25)
    axes.set_xlabel(f"{titled(report.metric, report.dataset.unit)}, {CONFIDENCE:.0%} interval")
    _name_families(axes, report.contenders)
    axes.legend(**ABOVE)
    axes.tick_params(which="minor", length=0)


def _draw_pairs(axes: "Axes", report: Report) -> None:
    from matplotlib.colors import ListedColormap
    from matplotlib.patches import Patch

    numbers = {entry.name: number for number, entry in enumerate(report.contenders)}
    cells = np.full((len(numbers), len(numbers)), np.nan)
    for verdict in report.verdicts:
        first, second = numbers[verdict.first], numbers[verdict.second]
        cells[first, second], cells[second, first] = CELLS[verdict.decision]
    axes.imshow(cells, cmap=ListedColormap([COLOURS[each] for each in sorted(COLOURS)]), vmin=0, vmax=3, aspect="auto")
    axes.set_xticks(range(len(numbers)), list(numbers), rotation=90, fontsize=8)
    axes.set_xticks(np.arange(len(numbers) + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(len(numbers) + 1) - 0.5, minor=True)
    axes.grid(which="minor", color="#e6e6e6", linewidth=0.8)
    axes.plot(range(len(numbers)), range(len(numbers)), "o", color="#d9d9d9", markersize=3)
    axes.tick_params(which="both", length=0)
    patches = [Patch(facecolor=COLOURS[each], edgecolor=GREY, label=MEANINGS[each]) for each in COLOURS]
    axes.legend(handles=patches, **ABOVE)


def _limits(values: list[tuple[float, tuple[float, float]]], greater_is_better: bool) -> tuple[float, float]:
    means = [value for value, _ in values]
    cut = np.percentile(means, 100 - SHOWN if greater_is_better else SHOWN)
    kept = [ends for value, ends in values if (value >= cut if greater_is_better else value <= cut)]
    low, high = min(ends[0] for ends in kept), max(ends[1] for ends in kept)
    margin = 0.05 * (high - low) or 0.01 * abs(high) or 1.0
    return low - margin, high + margin
