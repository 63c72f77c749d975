"""What was seen of data, of their folds, and of what a run would take, as people read it at the terminal."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tasks.data.examples import RawData
from tasks.data.files.profile import ColumnProfile, DataProfile
from tasks.data.folds.splitting import Parts
from tasks.parallel import jobs
from tasks.printable import printable
from tasks.reporting.leaderboard import plain_table
from tasks.specs import counted

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.table import Table

    from tasks.evaluation.run_estimate import RunEstimate

SHOWN = 40  # columns up to which each has a line
CLASSES = 12  # up to which each is named
NAME = 28  # characters of a column's name
MANY = {"number": "numbers", "category": "categories", "boolean": "booleans", "date": "dates", "empty": "empty"}
START_SECONDS = 15  # of libraries and Prefect's server, and of what is logged at the end
SERVERS = 500e6  # bytes of Prefect's server and of MLflow, beside the run's own


def show(parts: "Iterable[RenderableType]", console: "Console") -> None:
    """Print what the functions below give."""
    for part in parts:
        console.print(part)


def of_folds(label: str, raw: RawData, classes: tuple[str, ...], pairs: Sequence[Parts]) -> "Iterator[RenderableType]":
    """Give how many rows the folds of that label have to learn from and held out, and of each class."""
    training, test = raw.y[~raw.held_out], raw.y[raw.held_out]
    learned, held_out = ([len(rows) for rows in part] for part in zip(*pairs, strict=True))
    yield (
        f"\n{len(test):,} rows for the test, {len(training):,} to learn from: {label}; each time {span(learned)} are"
        f" learned from and {span(held_out)} held out"
    )
    if not classes:
        return

    def count(y: NDArray[np.generic]) -> NDArray[np.intp]:
        return np.bincount(y.astype(np.int64), minlength=len(classes))

    by_fold = [np.array([count(training[rows]) for rows in part]).T.tolist() for part in zip(*pairs, strict=True)]
    by_class = list(zip(classes, count(test).tolist(), *by_fold, strict=True))
    rarest = sorted(by_class, key=lambda seen: (min(seen[3]), max(seen[3])))
    rows = [(cut(name), f"{tested:,}", span(learns), span(holds)) for name, tested, learns, holds in rarest[:CLASSES]]
    yield plain_table("", ("class", "test", "learned from", "held out"), "lrrr", rows)
    if len(classes) > CLASSES:
        yield f"the {CLASSES} rarest of {len(classes):,} classes"


def of_profile(profile: DataProfile) -> "Iterator[RenderableType]":
    """Give what is seen of data."""
    kinds = [column.kind if column.distinct else "empty" for column in profile.columns]
    counts = [f"{count:,} {kind if count == 1 else MANY[kind]}" for kind, count in Counter(kinds).items()]
    by_kind = f", {counted(len(kinds), 'column')} beside the target: {', '.join(counts)}" if kinds else ""
    yield f"{profile.source}: {profile.rows:,} {profile.examples}{by_kind}"
    yield from profile.facts
    shown = profile.columns
    if len(shown) > SHOWN:
        shown = tuple(column for column in shown if column.missing or column.warning)[:SHOWN]
        yield f"columns that lack values or are suspicious, up to {SHOWN}: {len(shown)}"
    if shown:
        yield _columns_table(shown)
    yield _target_line(profile)
    suspicious = [(column.name, column.warning) for column in profile.columns if column.warning]
    if suspicious:
        yield "\nSuspicious:"
        for name, warning in suspicious[:SHOWN]:
            fate = "left out" if warning.left_out else "kept"
            yield f"  {cut(name)}: {warning.what}, {fate}: {printable(warning.said)}"
        if len(suspicious) > SHOWN:
            yield f"  and {len(suspicious) - SHOWN:,} more"
    if profile.duplicates:
        yield (
            f"\nThe same as an earlier row, the target included: {counted(profile.duplicates, 'row')}."
            " If these are copies, scores are too good."
        )


def _columns_table(columns: Sequence[ColumnProfile]) -> "Table":
    rows = [
        (cut(column.name), column.kind, f"{column.missing:,}", f"{column.distinct:,}", column.said)
        for column in columns
    ]
    return plain_table("", ("column", "kind", "missing", "different", "values"), "llrrl", rows)


def _target_line(profile: DataProfile) -> str:
    target = profile.target
    lacking = f"; {profile.lacking}" if profile.lacking else ""
    if not target.classes:
        y = target.y.astype(np.float64)
        with np.errstate(all="ignore"):  # of numbers so large that their sum is infinite
            mean = y.mean()
        unit = f" in {target.unit}" if target.unit else ""
        return (
            f"{cut(target.name)}, the target: a number{unit}, mean {mean:.4g}, standard deviation {target.spread:.4g},"
            f" {y.min():.4g} to {y.max():.4g}, {target.distinct:,} different{lacking}"
        )
    by_rows = sorted(zip(target.classes, target.counts, strict=True), key=lambda seen: -seen[1])
    named = [f"{cut(label)} {rows:,}" for label, rows in by_rows]
    if len(named) > CLASSES:
        named = [*named[: CLASSES - 4], "…", *named[-3:]]
    return f"{cut(target.name)}, the target: {len(by_rows):,} classes: {', '.join(named)}{lacking}"


def of_expectation(expectation: "RunEstimate") -> "Iterator[RenderableType]":
    """Give what a run would take."""
    title = "About how long a run takes: from fits on a few rows, in a straight line to all of them"
    rows = [(each.name, f"{each.fits:,}", duration(each.seconds), each.basis) for each in expectation.contenders]
    yield plain_table(title, ("contender", "fits", "about", "from"), "lrrw", rows)
    copies = expectation.expected - expectation.measured
    yield (
        f"About {duration(expectation.seconds + START_SECONDS)} in all, {START_SECONDS} s of them to begin and to end;"
        " less where nets are stopped early.\n"
        f"About {size(expectation.expected + SERVERS)} of memory: {size(expectation.measured)} were used here,"
        f" {size(copies)} are for {jobs()} fits at once with their data, {size(SERVERS)} for the servers.\n"
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
