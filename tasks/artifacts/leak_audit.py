"""A leak audit as a picture."""

from pathlib import Path

from tasks.artifacts.figures import BLUE, GREY, ORANGE, figure, save
from tasks.leak_audit import LEAKS, Audit
from tasks.reports.leak_audit import flattery, is_shown
from tasks.reports.wording import TITLES, with_unit
from tasks.statistics.bootstrap import CONFIDENCE


def plot_audit(audit: Audit, path: Path) -> Path:
    """How much better each leak makes a score look, with its interval; in colour where it is beyond chance."""
    picture = figure(9, 1.4 + 0.5 * len(audit.findings))
    axes = picture.subplots()
    axes.axvline(0, color=GREY, linewidth=1)
    for row, each in enumerate(audit.findings):
        gain, interval = flattery(each, audit)
        colour = GREY if not is_shown(each) else ORANGE if gain > 0 else BLUE
        axes.plot(interval, [row, row], color=colour, linewidth=2)
        axes.plot(gain, row, "o", color=colour)
    labels = [f"{each.name}\n{LEAKS[each.leak]}" for each in audit.findings]
    axes.set_yticks(range(len(labels)), labels, fontsize=8)
    axes.set_ylim(len(labels) - 0.5, -0.5)
    axes.grid(axis="x", color=GREY, alpha=0.25)
    unit = with_unit(audit.metric, audit.unit)
    axes.set_xlabel(f"better than it is by so much{unit} of {TITLES[audit.metric]}, {CONFIDENCE:.0%} interval")
    picture.suptitle(f"{audit.experiment}: what a leak does to the score; grey: not beyond chance")
    return save(picture, path)
