"""What was seen of data, of their folds, and of what a run would take, as people read it at the terminal."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from flows.leaderboard import plain_table
from tasks.inspection.folds import FoldsSeen
from tasks.inspection.overview import ColumnSeen, Overview, TargetSeen, counted, printable

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.table import Table

    from tasks.inspection.probe import Expectation

SHOWN = 40  # columns up to which each has a line
CLASSES = 12  # up to which each is named
NAME = 28  # characters of a column's name
MANY = {"number": "numbers", "category": "categories", "boolean": "booleans", "date": "dates", "empty": "empty"}
START_SECONDS = 15  # of libraries and Prefect's server, and of what is logged at the end
SERVERS = 500e6  # bytes of Prefect's server and of MLflow, beside the run's own


def print_overview(overview: Overview, console: "Console") -> None:
    """Prints what was seen."""
    for part in _overview(overview):
        console.print(part, markup=False)


def print_folds(folds: FoldsSeen, console: "Console") -> None:
    """Prints how many rows the folds have, and of each class."""
    for part in _folds(folds):
        console.print(part, markup=False)


def print_expectation(expectation: "Expectation", console: "Console") -> None:
    """Prints what a run would take."""
    for part in _expectation(expectation):
        console.print(part, markup=False)


def _overview(overview: Overview) -> "Iterator[RenderableType]":
    yield _headline(overview)
    yield from overview.facts
    shown = overview.columns
    if len(shown) > SHOWN:
        shown = tuple(column for column in shown if column.missing or column.suspicion)[:SHOWN]
        yield f"columns that lack values or are suspicious, up to {SHOWN}: {len(shown)}"
    if shown:
        yield _columns_table(shown)
    yield _target_line(overview.target)
    if overview.suspects:
        yield "\nSuspicious:"
        yield from (_suspect_line(column) for column in overview.suspects[:SHOWN])
        if len(overview.suspects) > SHOWN:
            yield f"  and {len(overview.suspects) - SHOWN:,} more"
    if overview.duplicates:
        yield (
            f"\nThe same as an earlier row, the target included: {counted(overview.duplicates, 'row')}."
            " If these are copies, scores are too good."
        )


def _headline(overview: Overview) -> str:
    kinds = [column.kind if column.distinct else "empty" for column in overview.columns]
    counts = [f"{count:,} {kind if count == 1 else MANY[kind]}" for kind, count in Counter(kinds).items()]
    by_kind = f", {counted(len(kinds), 'column')} beside the target: {', '.join(counts)}" if kinds else ""
    return f"{overview.source}: {overview.rows:,} {overview.examples}{by_kind}"


def _columns_table(columns: Sequence[ColumnSeen]) -> "Table":
    from rich.text import Text

    table = plain_table("")
    for heading in ("column", "kind", "missing", "different", "values"):
        table.add_column(heading, justify="right" if heading in ("missing", "different") else "left", no_wrap=True)
    for column in columns:
        cells = (cut(column.name), column.kind, f"{column.missing:,}", f"{column.distinct:,}", printable(column.said))
        table.add_row(*map(Text, cells))
    return table


def _target_line(target: TargetSeen) -> str:
    lacking = f"; {counted(target.missing, 'row')} without it left out" if target.missing else ""
    if target.amounts:
        seen = target.amounts
        return (
            f"{cut(target.name)}, the target: a number, mean {seen.mean:.4g}, standard deviation {seen.std:.4g},"
            f" {seen.least:.4g} to {seen.greatest:.4g}, {seen.distinct:,} different{lacking}"
        )
    by_rows = sorted(target.classes, key=lambda seen: -seen.rows)
    named = [f"{cut(seen.label)} {seen.rows:,}" for seen in by_rows]
    if len(named) > CLASSES:
        named = [*named[: CLASSES - 4], "…", *named[-3:]]
    return f"{cut(target.name)}, the target: {len(by_rows):,} classes: {', '.join(named)}{lacking}"


def _suspect_line(column: ColumnSeen) -> str:
    if column.suspicion is None:
        return ""
    fate = "left out" if column.suspicion.left_out else "kept"
    return f"  {cut(column.name)}: {column.suspicion.what}, {fate}: {printable(column.suspicion.said)}"


def _folds(folds: FoldsSeen) -> "Iterator[RenderableType]":
    yield (
        f"\n{folds.test:,} rows for the test, {folds.training:,} to learn from: {folds.label}; each time"
        f" {span(folds.learned)} are learned from and {span(folds.held_out)} held out"
    )
    if not folds.classes:
        return
    table = plain_table("")
    for heading in ("class", "test", "learned from", "held out"):
        table.add_column(heading, justify="left" if heading == "class" else "right", no_wrap=True)
    rarest = sorted(folds.classes, key=lambda seen: seen.held_out)
    for seen in rarest[:CLASSES]:
        table.add_row(cut(seen.label), f"{seen.test:,}", span(seen.learned), span(seen.held_out))
    yield table
    if len(rarest) > CLASSES:
        yield f"the {CLASSES} rarest of {len(rarest):,} classes"


def _expectation(expectation: "Expectation") -> "Iterator[RenderableType]":
    table = plain_table("About how long a run takes: from fits on a few rows, in a straight line to all of them")
    for heading in ("contender", "fits", "about", "from"):
        right = heading in ("fits", "about")
        table.add_column(heading, justify="right" if right else "left", no_wrap=heading != "from")
    for each in expectation.contenders:
        table.add_row(each.name, f"{each.fits:,}", duration(each.seconds), each.basis)
    yield table
    copies = expectation.expected - expectation.measured
    yield (
        f"About {duration(expectation.seconds + START_SECONDS)} in all, {START_SECONDS} s of them to begin and to end;"
        " less where nets are stopped early.\n"
        f"About {size(expectation.expected + SERVERS)} of memory: {size(expectation.measured)} were used here,"
        f" {size(copies)} are for copies of the data, {size(SERVERS)} for the servers.\n"
        "Both are estimates: they assume that time grows with the rows, and that nothing else is at work here."
    )


def span(values: Sequence[int]) -> str:
    """The least and the greatest, if they differ."""
    least, greatest = min(values), max(values)
    return f"{least:,}" if least == greatest else f"{least:,} to {greatest:,}"


def duration(seconds: float) -> str:
    """Seconds, minutes or hours, as exactly as an estimate can be."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / 60)} min" if seconds < 90 * 60 else f"{seconds / 3600:.1f} h"


def size(count: float) -> str:
    """Bytes in the unit that suits."""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"


def cut(name: str) -> str:
    """A name as it is shown, not too long; one that begins or ends in a space, or is empty, in quotes."""
    shown = printable(name)
    shown = shown if len(shown) <= NAME else f"{shown[: NAME - 1]}…"
    return shown if shown and shown == shown.strip() else repr(shown)
