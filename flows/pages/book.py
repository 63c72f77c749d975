"""What `bakeoff book` found, for the terminal and as a page of documentation."""

from typing import TYPE_CHECKING

from flows.book import Answer, BookReport
from flows.leaderboard import plain_table
from tasks.reports.report import best_of
from tasks.reports.wording import FAMILIES, TITLES
from tasks.specs import Family

if TYPE_CHECKING:
    from rich.table import Table

PAIR: tuple[Family, Family] = ("network", "boosting")
HEADINGS = ("problem", "measure", "book", "ours", "over", "band", "within")


def book_table(report: BookReport) -> "Table":
    """The table for a terminal of 80 columns or more."""
    table = plain_table("Deep Learning with Python, chapters 2 and 3: the book's nets")
    for heading in HEADINGS:
        table.add_column(heading, no_wrap=True)
    for answer in report.answers:
        table.add_row(*_cells(answer))
    return table


def book_sentences(report: BookReport) -> list[str]:
    """What there is to say of each problem: the verdict, or why it failed."""
    return [
        f"{answer.problem.experiment}: {answer.report.sentence if answer.report else answer.error}"
        for answer in report.answers
    ]


def book_page(report: BookReport) -> str:
    """The page docs/book.md."""
    lines = [
        "# The book's numbers",
        "",
        "Written by `bakeoff book --write docs/book.md`, which runs the four worked examples of Chollet's *Deep",
        "Learning with Python*, chapters 2 and 3, from the data to the verdict.",
        f"This run took {report.seconds / 60:.0f} minutes.",
        "",
        "## The book's nets",
        "",
        *markdown_rows(HEADINGS, [_cells(answer) for answer in report.answers]),
        "",
        "Ours is a mean over three seeds on the test set (MNIST, IMDB, Reuters) or over 10 x 4 folds of",
        "the training rows (Boston). The bands allow for other seeds, splits and versions of Keras.",
        "",
        "## The net against gradient boosting",
        "",
    ]
    headings = ("problem", "metric", *(f"the best {FAMILIES[family]}" for family in PAIR), "verdict")
    answered = [answer for answer in report.answers if answer.report]
    lines += markdown_rows(headings, [_contest(answer) for answer in answered])
    return "\n".join([*lines, ""])


def markdown_rows(headings: tuple[str, ...], rows: list[tuple[str, ...]]) -> list[str]:
    """A Markdown table, line by line."""
    return [f"| {' | '.join(cells)} |" for cells in (headings, ("---",) * len(headings), *rows)]


def _cells(answer: Answer) -> tuple[str, ...]:
    problem = answer.problem
    band = f"{problem.band[0]:g} to {problem.band[1]:g}"
    if answer.mean is None:
        return (problem.experiment, problem.measure, f"{problem.reported:g}", "failed", "", band, "no")
    over = f"{len(answer.scores)} {'seeds' if problem.measure == 'test accuracy' else 'folds'}"
    within = "yes" if answer.within else "no"
    return (problem.experiment, problem.measure, f"{problem.reported:g}", f"{answer.mean:.3f}", over, band, within)


def _contest(answer: Answer) -> tuple[str, ...]:
    """The best of each family on the test rows, with what it costs to fit, and the verdict."""
    report = answer.report
    assert report is not None  # noqa: S101  # the caller has chosen those that were answered
    cells = [f"{report.experiment}", f"test {TITLES[report.metric]}"]
    for family in PAIR:
        entry = best_of(report.contenders, family)
        cells.append(f"{entry.name} {entry.test_mean:.3f}, {entry.fit_seconds:.0f} s" if entry else "")
    return (*cells, report.sentence)
