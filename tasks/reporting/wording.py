"""How results are told: words for scores and verdicts, tables and pages, and what all pictures share."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tasks.data.examples import Groups
from tasks.data.folds.splitting import HoldOutSpec, Validation
from tasks.metrics import METRICS, MetricName
from tasks.printable import in_markdown
from tasks.specs import Family
from tasks.statistics import CONFIDENCE
from tasks.verdict.comparison import REPEATS_LIMIT, Rules, Verdict

if TYPE_CHECKING:
    from matplotlib.figure import Figure


TITLES: Mapping[MetricName, str] = {name: metric.title for name, metric in METRICS.items()}
FEWER = 0.8  # share of the groups from which on their sizes are not worth mentioning
FAMILIES: Mapping[Family, str] = {
    "network": "deep net",
    "boosting": "gradient boosting",
    "classic": "older method",
    "floor": "floor",
}
BLUE, ORANGE, GREY = "#1f5fa8", "#d1660f", "#777777"
FAMILY_COLOURS: Mapping[Family, str] = {"network": BLUE, "boosting": ORANGE, "classic": "#3f8f4f", "floor": GREY}
DPI = 120
BLANK = 1 / 3  # share of pixels without any light, from which on they are the ground; of the published pictures, 0.49


def say(verdict: Verdict | None, rules: Rules) -> str:
    """A verdict as a sentence."""
    if verdict is None:
        return "No verdict in a sentence: all contenders are of one family; --json has every pair."
    leader, other = (verdict.first, verdict.second)
    if METRICS[rules.metric].sign * verdict.difference < 0:
        leader, other = other, leader
    evidence = _evidence(verdict, rules)
    if isinstance(rules.validation, HoldOutSpec):
        evidence += " on the test rows"
    if verdict.better:
        return f"{leader} is better than {other}: {evidence}."
    if verdict.decision == "equivalent":
        margin = f"{rules.equivalent_within:g}{with_unit(rules.metric, rules.unit)}"
        return (
            f"{leader} and {other} are practically equal: {evidence}; with probability {verdict.p_equivalent:.2f} they"
            f" differ by no more than {margin}."
        )
    outlook = _outlook(verdict, rules.validation)
    if verdict.p_adjusted <= 1 - CONFIDENCE:  # there is a difference, but its interval begins within the region
        return f"{leader} scores better than {other}, but perhaps by too little to matter: {evidence}. {outlook}"
    return f"Undecided between {leader} and {other}: {evidence}. {outlook}"


def say_limits(validation: Validation, groups: Groups | None) -> list[str]:
    """What the verdict cannot know of rows that depend on one another, and how far it can be trusted."""
    if validation.caveat:
        return [validation.caveat]
    if groups is None:
        return []
    as_many = f", unequal in size, which tell as much as {groups.effective:.1f} equal ones"
    return [
        f"Rows of a group stay together, so what counts is not how many rows there are, but how many groups:"
        f" {groups.count}{as_many if groups.effective < FEWER * groups.count else ''}."
    ]


def say_promotion(model: str, version: int, before: int | None, moved: bool, why: str) -> str:
    """What became of the alias `champion`, which was on version `before`, when a run's best was registered."""
    if not moved:
        became = f"stayed with version {before}"
    elif before is None:
        became = "went to it"
    else:
        became = f"moved to it from version {before}"
    return f"Registered as {model} version {version}; the alias champion {became}. {why}"


def way(metric: MetricName) -> str:
    """Return which scores are better: the higher ones or the lower ones."""
    return "higher" if METRICS[metric].greater_is_better else "lower"


def titled(metric: MetricName, unit: str) -> str:
    """Return the metric's title with its unit, if it has one."""
    return f"{TITLES[metric]}{with_unit(metric, unit)}"


def with_unit(metric: MetricName, unit: str) -> str:
    """The target's unit, to stand behind a score; empty where the metric has none."""
    return f" {unit}" if unit and METRICS[metric].in_target_unit else ""


def short(score: float) -> str:
    """Return a score with four digits that count, or three places."""
    return f"{score:.3f}" if abs(score) < 100 else f"{score:.5g}"


def all_listed(names: Sequence[str]) -> str:
    """Return all names, with commas and an "and" before the last."""
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else names[0]


def _evidence(verdict: Verdict, rules: Rules) -> str:
    low, high = verdict.interval
    if verdict.difference < 0:
        low, high = -high, -low
    adjusted = f", adjusted for {verdict.n_pairs} pairs: {verdict.p_adjusted:.2g}" if verdict.n_pairs > 1 else ""
    mcnemar = f"; McNemar's p = {verdict.mcnemar.p_value:.2g}" if verdict.mcnemar else ""
    return (
        f"{TITLES[rules.metric]} {way(rules.metric)} by"
        f" {abs(verdict.difference):.3g}{with_unit(rules.metric, rules.unit)}"
        f" ({CONFIDENCE:.0%} interval {low:.3g} to {high:.3g}, p = {verdict.p_value:.2g}{adjusted}{mcnemar})"
    )


def _outlook(verdict: Verdict, validation: Validation) -> str:
    if validation.outlook:
        return validation.outlook
    if verdict.interval[0] == verdict.interval[1]:
        return (
            "The difference is the same on every fold, so nothing is known of how it varies; more repeats would tell."
        )
    if verdict.repeats_needed:
        return f"About {verdict.repeats_needed} repeats in all would settle it."
    return (
        f"No number of repeats up to {REPEATS_LIMIT} would settle it on these rows; only more {validation.more} could."
    )


def figure(width: float, height: float) -> "Figure":
    """A figure of its own, in inches: pyplot would keep it in a global list, and pick a screen."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def save(picture: "Figure", path: Path) -> Path:
    """Saves a figure as PNG and gives the path back.

    Its texts are drawn as they are: `$` does not begin mathematics, and a sign that the font lacks is a box.
    """
    from matplotlib.text import Text

    for text in picture.findobj(Text):
        text.set_parse_math(False)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from")
        picture.savefig(path, dpi=DPI)
    return path


def is_ink(pictures: NDArray[np.generic]) -> bool:
    """Whether they are of strokes on a black ground, as digits are, which people know as black on white."""
    return pictures.ndim == 3 and float(np.mean(pictures == 0)) > BLANK


@dataclass(frozen=True)
class Table:
    """Cells under headings.

    `columns` has a letter for each: l is flush left, r is flush right, w is left and may be wrapped.
    """

    title: str
    headings: Sequence[str]
    rows: Sequence[Sequence[str]]
    columns: str

    def markdown(self) -> list[str]:
        """Return the table as lines of Markdown, without its title."""
        headings, *rows = (map(in_markdown, cells) for cells in (self.headings, *self.rows))
        return [f"| {' | '.join(cells)} |" for cells in (headings, ["---"] * len(self.headings), *rows)]


@dataclass(frozen=True)
class Presentation:
    """All that is told of a result.

    In the terminal: `tables`, `sentences` and, beside the result, a `note`. As a page: Markdown, which has its picture
    in images/`page_picture`. In MLflow: the `summary`, which is a verdict if it `decides` anything; the picture under
    the name `picture`; `metrics` as name, value and step; and `rows` of a CSV file.
    """

    tables: Sequence[Table]
    sentences: Sequence[str]
    style: str = "bold"
    apart: bool = False  # whether an empty line stands between tables and sentences
    note: str = ""
    page: str = ""
    page_picture: str = ""
    draw: Callable[[Path], Path] | None = None
    picture: str = ""
    summary: str = ""
    decides: bool = True
    metrics: Sequence[tuple[str, float, int]] = ()
    rows: Sequence[Mapping[str, object]] = ()


def page_of(heading: str, sentences: Sequence[str], picture: str, tables: Sequence[Table]) -> str:
    """Return a page: what there is to say, the picture (a line of Markdown), and the tables."""
    said = [f"> {in_markdown(sentence)}" for sentence in sentences]
    lines = [f"# {in_markdown(heading)}", "", *said, "", picture]
    for number, table in enumerate(tables):
        lines += ["", f"{in_markdown(table.title)}{':' if number else '.'}", "", *table.markdown()]
    return "\n".join([*lines, ""])
