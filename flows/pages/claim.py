"""What `bakeoff claim` found, for the terminal and as a page of documentation."""

from pathlib import Path
from typing import TYPE_CHECKING

from flows.leaderboard import plain_table, short
from flows.pages.book import markdown_rows
from tasks.artifacts.claim import plot_claim
from tasks.reports.claims import RESULTS, Claim, Contest, Entrant
from tasks.reports.wording import TITLES

if TYPE_CHECKING:
    from rich.table import Table


CONTESTS = ("problem", "metric", "net", "gradient boosting", "net's gain", "p", "of pairs", "of problems", "verdict")
COSTS = ("problem", "contender", "fits", "seconds of all fits", "seconds to predict 1,000 rows")
PAGE = """# Chapter 1's claim

Chapter 1 of Chollet's *Deep Learning with Python* says: gradient boosting for structured data, deep learning for
perception. `bakeoff claim --write docs/claim.md` puts that to the test and has written this page.

> {sentence}

{picture}

{contests}

For each problem the best net and the best gradient boosting, by the score on the rows held out. Scores are means over
folds or, with a hold-out, on the test rows; the gain has its 95 % interval. p is adjusted (Holm) for the pairs that the
two were chosen from (their number in brackets; [the verdict](verdict.md)), and then for the number of problems. What
does not stand up to that is undecided here, even where the experiment by itself says better.

Settings were chosen by hand on the training rows, for nets and boosting alike, but not on equal budgets: other settings
may tell otherwise.

## What it cost

{costs}

All experiments took {minutes} minutes together, older methods, refits, plots and logging included. A net's fits are
trained together, as one stack ([the engine](engine.md)).

{missing}
"""


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
    if claim.contests:
        images = page.parent / "images"
        images.mkdir(parents=True, exist_ok=True)
        plot_claim(claim, images)
    page.write_text(claim_page(claim), encoding="utf8")


def claim_page(claim: Claim) -> str:
    """The page docs/claim.md."""
    picture = "![The net's gain over boosting on each problem](images/claim.png)" if claim.contests else ""
    minutes = sum(each.seconds for each in claim.contests) / 60
    return PAGE.format(
        sentence=claim.sentence,
        picture=picture,
        contests="\n".join(markdown_rows(CONTESTS, [_row(each) for each in claim.contests])),
        costs="\n".join(markdown_rows(COSTS, [row for each in claim.contests for row in _cost_rows(each)])),
        minutes=f"{minutes:.0f}",
        missing="\n".join(claim_lines(claim)[1:]),
    )


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
        f"{each.p_value:.2g}",
        f"{each.p_adjusted:.2g} ({each.n_pairs})",
        f"{each.p_among_problems:.2g}",
        RESULTS[each.result],
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
