"""Learning curves in words, as tables and as a picture."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tasks.insight.learning_curve import LearningCurve, Rivalry
from tasks.metrics import METRICS
from tasks.printable import in_markdown
from tasks.reporting.wording import (
    FAMILY_COLOURS,
    GREY,
    TITLES,
    Presentation,
    Table,
    all_listed,
    figure,
    page_of,
    save,
    short,
    titled,
    way,
    with_unit,
)
from tasks.statistics import CONFIDENCE

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LINES = ("-", "--", ":", "-.")  # tell contenders of one family apart
MARKERS = ("o", "s", "^", "D")


def tell_curve(curve: LearningCurve) -> Presentation:
    """Return all that is told of the curves; in MLflow, the steps of a contender's mean scores are rows."""
    sentences = say_curve(curve)
    tables = [scores_table(curve), *(gains_table(rivalry, curve) for rivalry in curve.rivalries)]
    picture = f"{curve.experiment}-curve.png"
    return Presentation(
        tables=tables,
        sentences=sentences,
        page=page_of(
            f"Learning curves: {curve.experiment}",
            sentences,
            f"![{in_markdown(tables[0].title)}](images/{picture})",
            tables,
        ),
        page_picture=picture,
        draw=lambda path: plot_learning_curve(curve, path),
        picture="learning_curve.png",
        summary=" ".join(sentences),
        metrics=[(f"{point.name}_{curve.metric}", point.mean, point.size) for point in curve.points],
        rows=[
            {"contender": point.name, "rows": point.size, "mean": point.mean}
            | {"low": point.interval[0], "high": point.interval[1]}
            for point in curve.points
        ],
    )


def say_curve(curve: LearningCurve) -> list[str]:
    """Return, of each two contenders, where their curves cross, if that is shown, and whether more rows matter.

    Then which contenders are left out.
    """
    said = [sentence for rivalry in curve.rivalries for sentence in (_say(rivalry, curve), _say_trend(rivalry, curve))]
    return [*said, *curve.remarks]


def _say(rivalry: Rivalry, curve: LearningCurve) -> str:
    one, two = rivalry.first, rivalry.second
    if rivalry.crossings:
        where = "; and again ".join(
            f"at about {crossing.rows:,} rows: up to {crossing.after:,} {crossing.better_below} is better, from"
            f" {crossing.before:,} on {crossing.better_above}"
            for crossing in rivalry.crossings
        )
        return f"The curves of {one} and {two} cross {where}."
    within = f"from {rivalry.sizes[0]:,} to {rivalry.sizes[-1]:,} rows"
    for name, other, sign in ((one, two, 1), (two, one, -1)):
        ahead = [
            f"{size:,}"
            for size, verdict in zip(rivalry.sizes, rivalry.verdicts, strict=True)
            if verdict.p_adjusted <= 1 - CONFIDENCE and sign * METRICS[curve.metric].sign * verdict.difference > 0
        ]
        if ahead:
            return (
                f"No crossing of {one} and {two} is shown {within}: {name} is better at {all_listed(ahead)} rows,"
                f" and {other} at none."
            )
    return f"No crossing of {one} and {two} is shown {within}: at no size is one of them better beyond chance."


def _say_trend(rivalry: Rivalry, curve: LearningCurve) -> str:
    trend = rivalry.trend
    favoured = trend.first if METRICS[curve.metric].sign * trend.difference > 0 else trend.second
    low, high = sorted(abs(end) for end in trend.interval)
    much = f"{abs(trend.difference):.3g}{with_unit(curve.metric, curve.unit)} of {TITLES[curve.metric]}"
    if trend.p_value <= 1 - CONFIDENCE:
        return (
            f"More rows favour {favoured}: from the fewest to the most it gains {much} on the other"
            f" ({CONFIDENCE:.0%} interval {low:.3g} to {high:.3g}, p = {trend.p_value:.2g})."
        )
    return f"That more rows favour either is not shown: the gap changes by {much} (p = {trend.p_value:.2g})."


def scores_table(curve: LearningCurve) -> Table:
    """Return a row for each size, with each contender's score and its interval."""
    where = "the experiment's folds" if curve.scored_on == "folds" else f"the {curve.scored_on}"
    title = f"{curve.experiment}: {titled(curve.metric, curve.unit)} ({way(curve.metric)} is better)"
    names, rows = list(dict.fromkeys(point.name for point in curve.points)), []
    for size in curve.sizes:
        points = [point for point in curve.points if point.size == size]
        scores = [f"{short(point.mean)} ({short(point.interval[0])} to {short(point.interval[1])})" for point in points]
        rows.append([f"{points[0].rows:,.0f}", str(len(points[0].scores)), *scores])
    return Table(f"{title} by training rows, on {where}", ["rows", "fits", *names], rows, "r" * (2 + len(names)))


def gains_table(rivalry: Rivalry, curve: LearningCurve) -> Table:
    """Return what the first gains on the second at each size; positive where the first is better."""
    sign, rows = METRICS[curve.metric].sign, []
    for size, verdict in zip(rivalry.sizes, rivalry.verdicts, strict=True):
        low, high = sorted(sign * end for end in verdict.interval)
        gain, interval = f"{sign * verdict.difference:+.3g}", f"{low:.3g} to {high:.3g}"
        rows.append([f"{size:,}", gain, interval, f"{verdict.p_value:.2g}", f"{verdict.p_adjusted:.2g}"])
    title = f"What {rivalry.first} gains on {rivalry.second}"
    return Table(title, ["rows", "gain", "95% interval", "p", "p adjusted"], rows, "rrrrr")


def plot_learning_curve(curve: LearningCurve, path: Path) -> Path:
    """Draw each contender's score against its training rows, with its interval as a band, and where curves cross."""
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
    picture.suptitle(f"{curve.experiment}: {TITLES[curve.metric]} by training rows, {way(curve.metric)} is better")
    return save(picture, path)


def _label(axes: "Axes", curve: LearningCurve) -> None:
    from matplotlib.ticker import FixedLocator, NullFormatter, NullLocator

    axes.set_xscale("log")
    rows: Sequence[float] = list(dict.fromkeys(point.rows for point in curve.points))
    axes.xaxis.set_major_locator(FixedLocator(rows))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xticks(rows, [f"{each:,.0f}" for each in rows])
    axes.grid(color=GREY, alpha=0.25)
    scored = "rows held out of the folds" if curve.scored_on == "folds" else curve.scored_on
    title = f"{titled(curve.metric, curve.unit)} on the {scored}, {CONFIDENCE:.0%} interval"
    axes.set(xlabel="training rows", ylabel=title)
    ends = np.array([end for point in curve.points for end in point.interval])
    margin = 0.05 * float(np.ptp(ends)) or 0.01
    axes.set_ylim(float(ends.min()) - margin, float(ends.max()) + margin)
    axes.legend(frameon=False)
