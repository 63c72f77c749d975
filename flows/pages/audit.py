"""What `bakeoff audit` found, for the terminal and as a page of documentation."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from flows.leaderboard import plain_table, short
from flows.pages.book import markdown_rows
from tasks.artifacts.leak_audit import plot_audit
from tasks.leak_audit import LEAKS, Audit, Finding
from tasks.reports.leak_audit import flattery, say_audit
from tasks.reports.wording import TITLES, with_unit

if TYPE_CHECKING:
    from rich.table import Table

HEADINGS = ("leak", "contender", "honest", "leaky", "looks better by", "95% interval", "p", "p adjusted")
SHORT = ("leak", "contender", "honest", "flatters", "95% interval", "p adj.")  # what a terminal has room for
TEXT_COLUMNS = 2  # the others are numbers


def print_audit(audit: Audit) -> None:
    """Prints the table and the sentences on standard output."""
    from rich.console import Console

    out = Console(highlight=False, soft_wrap=not sys.stdout.isatty())
    out.print(audit_table(audit))
    for sentence in say_audit(audit):
        out.print(sentence, style="bold")


def audit_title(audit: Audit) -> str:
    """What the scores are."""
    way = "higher" if audit.greater_is_better else "lower"
    unit = with_unit(audit.metric, audit.unit)
    return f"{audit.experiment}: {TITLES[audit.metric]}{unit} ({way} is better), {audit.validation.label}"


def audit_table(audit: Audit) -> "Table":
    """A row for each leak and contender, for a terminal."""
    table = plain_table(audit_title(audit))
    for number, heading in enumerate(SHORT):
        table.add_column(heading, justify="left" if number < TEXT_COLUMNS else "right", no_wrap=True)
    for each in audit.findings:
        _, name, honest, _, gain, interval, _, p_adjusted = audit_cells(each, audit)
        table.add_row(each.leak.replace("_", " "), name, honest, gain, interval, p_adjusted)
    return table


def audit_cells(finding: Finding, audit: Audit) -> tuple[str, ...]:
    """One leak of one contender."""
    gain, (low, high) = flattery(finding, audit)
    return (
        LEAKS[finding.leak],
        finding.name,
        short(finding.honest),
        short(finding.leaky),
        f"{gain + 0.0:+.2g}",  # no minus before a zero
        f"{low + 0.0:.2g} to {high + 0.0:.2g}",
        f"{finding.verdict.p_value:.2g}",
        f"{finding.verdict.p_adjusted:.2g}",
    )


def write_audit_page(audit: Audit, page: Path) -> None:
    """Writes the page, and its picture into the folder images/ beside it."""
    images = page.parent / "images"
    images.mkdir(parents=True, exist_ok=True)
    picture = plot_audit(audit, images / f"{audit.experiment}-audit.png")
    lines = [
        f"# Leak audit: {audit.experiment}",
        "",
        *(f"> {sentence}" for sentence in say_audit(audit)),
        "",
        f"![How much better each leak makes a score look](images/{picture.name})",
        "",
        f"{audit_title(audit)}.",
        "",
        *markdown_rows(HEADINGS, [audit_cells(each, audit) for each in audit.findings]),
    ]
    page.write_text("\n".join([*lines, ""]), encoding="utf8")
