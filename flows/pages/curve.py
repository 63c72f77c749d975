"""What `bakeoff curve` found, for the terminal and as a page of documentation."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from flows.leaderboard import plain_table, short
from flows.pages.book import markdown_rows
from tasks.artifacts.learning_curve import plot_learning_curve
from tasks.learning_curves.curve import LearningCurve, Point
from tasks.learning_curves.rivalry import Rivalry
from tasks.metrics import METRICS
from tasks.reports.learning_curve import say_curve
from tasks.reports.wording import TITLES, with_unit

if TYPE_CHECKING:
    from rich.table import Table


def print_curve(curve: LearningCurve) -> None:
    """Prints the tables and the sentences on standard output."""
    from rich.console import Console

    out = Console(highlight=False, soft_wrap=not sys.stdout.isatty())
    out.print(curve_table(curve))
    for rivalry in curve.rivalries:
        out.print(rivalry_table(rivalry, curve))
    for sentence in say_curve(curve):
        out.print(sentence, style="bold")


def curve_title(curve: LearningCurve) -> str:
    """What the curves are of."""
    way = "higher" if curve.greater_is_better else "lower"
    unit = with_unit(curve.metric, curve.unit)
    where = "the experiment's folds" if curve.scored_on == "folds" else f"the {curve.scored_on}"
    return f"{curve.experiment}: {TITLES[curve.metric]}{unit} ({way} is better) by training rows, on {where}"


def curve_table(curve: LearningCurve) -> "Table":
    """A row for each size, a column for each contender, for a terminal."""
    return _table(curve_title(curve), *curve_cells(curve))


def curve_cells(curve: LearningCurve) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Headings, and each contender's score with its interval at each size."""
    names = list(dict.fromkeys(point.name for point in curve.points))
    rows = []
    for size in curve.sizes:
        own = [point for point in curve.points if point.size == size]
        rows.append((f"{own[0].rows:,.0f}", str(len(own[0].scores)), *(_score(each) for each in own)))
    return ("rows", "fits", *names), rows


def rivalry_table(rivalry: Rivalry, curve: LearningCurve) -> "Table":
    """What the first gains on the second at each size."""
    return _table(f"What {rivalry.first} gains on {rivalry.second}", *rivalry_cells(rivalry, curve))


def rivalry_cells(rivalry: Rivalry, curve: LearningCurve) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Headings, and the gain with its interval at each size; positive where the first is better."""
    sign, rows = METRICS[curve.metric].sign, list[tuple[str, ...]]()
    for size, verdict in zip(rivalry.sizes, rivalry.verdicts, strict=True):
        low, high = sorted(sign * end for end in verdict.interval)
        rows.append(
            (
                f"{size:,}",
                f"{sign * verdict.difference:+.3g}",
                f"{low:.3g} to {high:.3g}",
                f"{verdict.p_value:.2g}",
                f"{verdict.p_adjusted:.2g}",
            )
        )
    return ("rows", "gain", "95% interval", "p", "p adjusted"), rows


def write_curve_page(curve: LearningCurve, page: Path) -> None:
    """Writes the page, and its picture into the folder images/ beside it."""
    images = page.parent / "images"
    images.mkdir(parents=True, exist_ok=True)
    picture = plot_learning_curve(curve, images / f"{curve.experiment}-curve.png")
    lines = [
        f"# Learning curves: {curve.experiment}",
        "",
        *(f"> {sentence}" for sentence in say_curve(curve)),
        "",
        f"![{curve_title(curve)}](images/{picture.name})",
        "",
        f"{curve_title(curve)}.",
        "",
        *markdown_rows(*curve_cells(curve)),
    ]
    for rivalry in curve.rivalries:
        lines += ["", f"What {rivalry.first} gains on {rivalry.second}:", ""]
        lines += markdown_rows(*rivalry_cells(rivalry, curve))
    page.write_text("\n".join([*lines, ""]), encoding="utf8")


def _table(title: str, headings: tuple[str, ...], rows: list[tuple[str, ...]]) -> "Table":
    table = plain_table(title)
    for heading in headings:
        table.add_column(heading, justify="right", no_wrap=True)
    for row in rows:
        table.add_row(*row)
    return table


def _score(point: Point) -> str:
    low, high = point.interval
    return f"{short(point.mean)} ({short(low)} to {short(high)})"
