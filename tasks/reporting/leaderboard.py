"""A report as people read it: the leaderboard, and sentences on the champion."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from tasks.printable import printable
from tasks.reporting.report import LeaderboardEntry, Report
from tasks.reporting.wording import TITLES, short, titled, way, with_unit
from tasks.statistics import CONFIDENCE

if TYPE_CHECKING:
    from rich.table import Table

UNITS = ((1e9, "GB"), (1e6, "MB"), (1e3, "kB"))


def plain_table(title: str, headings: Sequence[str], columns: str, rows: Iterable[Sequence[str]]) -> "Table":
    """Return a table for a terminal, with a line under its headings.

    `columns` has a letter for each: l is flush left, r is flush right, w is left and may be wrapped.
    """
    from rich import box
    from rich.table import Table

    table = Table(
        title=printable(title),
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        padding=(0, 1, 0, 0),
    )
    for heading, letter in zip(headings, columns, strict=True):
        table.add_column(printable(heading), justify="right" if letter == "r" else "left", no_wrap=letter != "w")
    for row in rows:
        table.add_row(*map(printable, row))
    return table


def leaderboard_title(report: Report) -> str:
    """What the leaderboard is of: the experiment, the metric and its unit, and the folds."""
    return (
        f"{report.experiment}: {titled(report.metric, report.dataset.unit)} ({way(report.metric)} is better),"
        f" {report.validation.label} of {report.dataset.training_rows}"
    )


def leaderboard_rows(report: Report) -> list[dict[str, str]]:
    """A row for each contender, best first: its scores and what it cost, as they are read, by heading."""
    scores = ("valid.", "test") if report.held_out else (TITLES[report.metric],)
    headings = ("contender", *scores, f"{CONFIDENCE:.0%} interval", "cpu s", "s/1000", "model")
    rows = []
    for entry in report.contenders:
        means = (entry.mean, entry.test_mean) if report.held_out else (entry.mean,)
        cells = (entry.name, *map(short, means), " to ".join(map(short, entry.judged[1])), *costs(entry))
        rows.append(dict(zip(headings, cells, strict=True)))
    return rows


def leaderboard_table(report: Report) -> "Table":
    """The leaderboard for a terminal of 80 columns or more."""
    rows = leaderboard_rows(report)
    columns = "l" + "r" * (len(rows[0]) - 1)
    return plain_table(leaderboard_title(report), [*rows[0]], columns, [[*row.values()] for row in rows])


def moves_table(report: Report) -> "Table | None":
    """By how much a search for settings moved each contender's score, and what it cost; none without searches.

    Intervals are of each pair by itself; with a hold-out, of the scores on the test rows. "s" is of the search.
    """
    tuned = [entry for entry in report.contenders if entry.trials]
    if not tuned:
        return None
    headings = ("contender", "untuned", "tuned", f"change, {CONFIDENCE:.0%}", "p", "trials", "s")
    rows = [(*_moved(report, entry), f"{entry.trials}", f"{entry.tuning_seconds:.0f}") for entry in tuned]
    return plain_table(f"What tuning did to the {TITLES[report.metric]}", headings, "lrrrrrr", rows)


def _moved(report: Report, entry: LeaderboardEntry) -> tuple[str, ...]:
    """Name, scores, interval of the change, p; of a contender that was not entered untuned as well, name and score."""
    score = short(entry.judged[0])
    if not entry.tuned_from:
        return entry.name, "", score, "", ""
    plain, move = report.entry(entry.tuned_from), report.move(entry)
    low, high = move.interval
    return plain.name, short(plain.judged[0]), score, f"{low:+.3f} to {high:+.3f}", f"{move.p_value:.2g}"


def costs(entry: LeaderboardEntry) -> tuple[str, str, str]:
    """Seconds of all fits, seconds to predict 1,000 rows, and size on disk."""
    seconds = entry.predict_seconds_per_1000_rows
    fit = f"{entry.cpu_seconds:.0f}" if entry.cpu_seconds >= 100 else f"{entry.cpu_seconds:.2g}"
    return (fit, f"{seconds:.1g}" if seconds < 1 else f"{seconds:.3g}", size(entry.model_bytes))


def size(n_bytes: float) -> str:
    """A file's size in the largest unit that leaves a number of 1 or more."""
    for unit_bytes, name in UNITS:
        if n_bytes >= unit_bytes:
            return f"{n_bytes / unit_bytes:.3g} {name}"
    return f"{n_bytes:.0f} B"


def champion_lines(report: Report) -> list[str]:
    """The best contender, its score corrected for having been chosen, and its test score, as sentences."""
    champion, best = report.champion, report.contenders[0]
    unit = with_unit(report.metric, report.dataset.unit)
    seeds = ""
    if len(best.test_scores) > 1:
        seeds = (
            f" ({short(min(best.test_scores))} to {short(max(best.test_scores))} over {len(best.test_scores)} seeds)"
        )
    corrected = champion.corrected
    lines = [
        f"Best: {champion.name}, fitted on all {report.dataset.training_rows} training rows; test"
        f" {TITLES[report.metric]} {short(champion.test_score)}{unit}{seeds} on {report.dataset.test_rows} rows."
    ]
    if len(report.contenders) > 1:
        low, high = corrected.interval
        lines.append(
            f"Its {short(best.mean)} is the best of {len(report.contenders)} scores; corrected for that choice it is"
            f" {short(corrected.score)}{unit} ({CONFIDENCE:.0%} interval {short(low)} to {short(high)})."
        )
    if report.promotion:
        lines.append(report.promotion.sentence)
    return lines
