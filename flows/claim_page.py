"""What `bakeoff claim` found, for the terminal and as a page of documentation."""

from pathlib import Path
from typing import TYPE_CHECKING

from flows.book_page import markdown_rows
from flows.leaderboard import plain_table, short
from tasks.artifacts.claim import plot_claim, result_in_words
from tasks.claims import Claim, Contest, Entrant
from tasks.wording import TITLES

if TYPE_CHECKING:
    from rich.table import Table


def claim_table(claim: Claim) -> "Table":
    """The table for a terminal of 80 columns or more: two lines for each problem, the net's and boosting's."""
    table = plain_table("Gradient boosting for tables, deep learning for perception?")
    table.add_column("problem", no_wrap=True)
    table.add_column("best net, best boosting", no_wrap=True)
    for heading in ("score", "fit s"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("net's gain", no_wrap=True)
    for each in claim.contests:
        gain, interval = _gain(each)
        table.add_row(each.problem, *_cells(each.net), f"{gain} {_short_result(each)}")
        table.add_row(f"  {TITLES[each.metric]}", *_cells(each.boosting), interval)
    return table


def claim_lines(claim: Claim) -> list[str]:
    """The sentence, and what is missing."""
    failed = [f"{name} failed: {why}" for name, why in claim.failed.items()]
    return [claim.sentence, *failed, *(f"Without {name}: {why}" for name, why in claim.left_out.items())]


def write_claim_page(claim: Claim, page: Path) -> None:
    """Writes the page, and its picture into the folder images/ beside it."""
    images = page.parent / "images"
    images.mkdir(parents=True, exist_ok=True)
    plot_claim(claim, images)
    page.write_text(claim_page(claim), encoding="utf8")


def claim_page(claim: Claim) -> str:
    """The page docs/claim.md."""
    headings = ("problem", "metric", "best net", "best gradient boosting", "net's gain", "p, adjusted", "verdict")
    costs = ("problem", "contender", "fits", "seconds of all fits", "seconds to predict 1,000 rows")
    lines = [
        "# Chapter 1's claim",
        "",
        "Chapter 1 of Chollet's *Deep Learning with Python* says: gradient boosting for structured data, deep learning",
        "for perception. `bakeoff claim --write docs/claim.md` puts that to the test and has written this page.",
        "",
        f"> {claim.sentence}",
        "",
        "![The net's gain over boosting on each problem](images/claim.png)",
        "",
        *markdown_rows(headings, [_row(each) for each in claim.contests]),
        "",
        "Scores are means over folds (tables) or on the test rows (perception). The best of each family is the one",
        "with the best score on the rows held out. The interval is that of the difference; p is adjusted (Holm) for",
        "all pairs of a net and a boosting that the two were chosen from ([the verdict](verdict.md)).",
        "",
        "## What it cost",
        "",
        *markdown_rows(costs, [row for each in claim.contests for row in _cost_rows(each)]),
        "",
        f"The whole took {claim.seconds / 60:.0f} minutes, older methods and refits included. A net's fits are trained",
        "together, as one stack ([the engine](engine.md)).",
        "",
        *claim_lines(claim)[1:],
    ]
    return "\n".join([*lines, ""])


def _cells(entrant: Entrant) -> tuple[str, str, str]:
    return entrant.name, short(entrant.score), f"{entrant.fit_seconds:.3g}"


def _gain(each: Contest) -> tuple[str, str]:
    low, high = each.interval
    return f"{each.gain:+.3g}", f"{low:.3g} to {high:.3g}"


def _short_result(each: Contest) -> str:
    return {"network": "better", "boosting": "worse", "equivalent": "equal", "undecided": "undecided"}[each.result]


def _row(each: Contest) -> tuple[str, ...]:
    gain, interval = _gain(each)
    return (
        each.problem,
        f"{TITLES[each.metric]}{f', {each.unit}' if each.unit else ''}",
        f"{each.net.name} {short(each.net.score)}",
        f"{each.boosting.name} {short(each.boosting.score)}",
        f"{gain} ({interval})",
        f"{each.p_value:.2g}, {each.p_adjusted:.2g} for {each.n_pairs} pair{'s' * (each.n_pairs > 1)}",
        result_in_words(each.result),
    )


def _cost_rows(each: Contest) -> list[tuple[str, ...]]:
    return [
        (
            each.problem,
            entrant.name,
            str(entrant.n_fits),
            f"{entrant.fit_seconds:.3g}",
            f"{entrant.predict_seconds_per_1000_rows:.2g}",
        )
        for entrant in (each.net, each.boosting)
    ]
