"""Chapter 1's claim as a picture."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tasks.artifacts.figures import FAMILY_COLOURS, GREY, figure, save
from tasks.reports.claims import CLAIMED, RESULTS, WORDS, Claim, Contest, Kind, Result
from tasks.statistics.bootstrap import CONFIDENCE

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS: Mapping[Result, str] = {
    "network": FAMILY_COLOURS["network"],
    "boosting": FAMILY_COLOURS["boosting"],
    "equivalent": GREY,
    "undecided": "#b3b3b3",
}
WIDEST = 12.0  # multiples of what matters, at which the scale ends at the latest


def plot_claim(claim: Claim, folder: Path) -> Path:
    """What the net gains over boosting on each problem, in multiples of the difference that matters (claim.png)."""
    groups = {kind: [each for each in claim.contests if each.kind == kind] for kind in CLAIMED}
    shown = {kind: contests for kind, contests in groups.items() if contests}
    ends = [abs(end) / each.matters_from for each in claim.contests for end in each.interval]
    edge = min(WIDEST, 1.1 * max(2.0, *ends))
    picture = figure(10, 1.6 + sum(0.9 + 0.5 * len(contests) for contests in shown.values()))
    ratios = [1 + len(contests) for contests in shown.values()]
    panels = picture.subplots(len(shown), squeeze=False, height_ratios=ratios, sharex=True)
    for axes, (kind, contests) in zip(panels[:, 0], shown.items(), strict=True):
        _draw(axes, kind, contests, edge)
    panels[-1, 0].set_xlabel(
        f"gain of the best net over the best gradient boosting, {CONFIDENCE:.0%} interval, in multiples of the"
        " difference that matters\n← gradient boosting is better      the deep net is better →"
    )
    picture.suptitle("Gradient boosting for tables, deep learning for perception?")
    return save(picture, folder / "claim.png")


def _draw(axes: "Axes", kind: Kind, contests: list[Contest], edge: float) -> None:
    axes.axvspan(-1, 1, color=GREY, alpha=0.2, linewidth=0)
    axes.axvline(0, color=GREY, linewidth=1)
    for row, each in enumerate(contests):
        colour = COLOURS[each.result]
        in_margins = np.array([each.interval[0], each.gain, each.interval[1]]) / each.matters_from
        low, gain, high = np.clip(in_margins, -edge, edge)
        axes.plot([low, high], [row, row], color=colour, linewidth=2.5)
        axes.plot(gain, row, "o", color=colour, markersize=7)
    names = [f"{each.problem}\n{each.net.name} − {each.boosting.name}" for each in contests]
    axes.set_yticks(range(len(contests)), names, fontsize=8)
    results = axes.secondary_yaxis("right")
    results.set_yticks(range(len(contests)), [RESULTS[each.result] for each in contests], fontsize=9)
    results.tick_params(length=0)
    axes.set(xlim=(-edge * 1.02, edge * 1.02), ylim=(len(contests) - 0.5, -0.5))
    axes.set_title(f"{kind}: {WORDS[CLAIMED[kind]]} should be better", loc="left", fontsize=10)
