"""What `bakeoff init` is asked to look at, what is seen of the data, and what is suspicious about their columns."""

import re
from collections.abc import Collection, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from tasks.data.examples import Column, ColumnKind
from tasks.data.files import values as read
from tasks.data.files.data_file import DataFile
from tasks.data.files.encodings import MARKS
from tasks.data.files.notation import COMMA, TIMES, decimal_signs, known, matches, may_be_numbers, type_of, unit_of
from tasks.data.files.target_column import Target, found_kind
from tasks.data.files.values import FOUND_OUT, Reading, told_by
from tasks.specs import BakeoffError, Spec, did_you_mean, listed

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

IGNORE: Literal["ignore"] = "ignore"
LONGEST = 24  # characters of a value that is shown
CODES = 10  # different whole numbers up to which they may be codes
SAMPLE = 2_000  # rows that are enough to see a leak
ENOUGH = 20  # rows below which nothing is said of single values, or of what a column predicts
LEAK = 0.98
NAMED_LIKE_AN_ID = re.compile(r"(^|[^a-z])(id|ids|uuid|guid|key|index|idx|nr|no|number)$", re.IGNORECASE)

Floats = NDArray[np.float64]


class InitOptions(Spec):
    """A file or folder, and what was said of its columns: which is the target, the text, and so on, and their kinds."""

    path: Path
    target: str | None = None
    text: str | None = None
    id: str | None = None
    time: str | None = None
    group: str | None = None
    test: tuple[str, str] | None = None
    columns: dict[str, ColumnKind | Literal["ignore"]] = Field({})
    reading: Reading = FOUND_OUT

    @cached_property
    def file(self) -> DataFile:
        """The file, which is read once."""
        return DataFile(self.path, self.reading.encoding)

    @property
    def uses(self) -> dict[str, str]:
        """The columns that options name."""
        named = {"target": self.target, "text": self.text, "id": self.id, "time": self.time, "group": self.group}
        named |= {"test": self.test[0] if self.test else None}
        return {option: name for option, name in named.items() if name is not None}

    @property
    def kinds(self) -> dict[str, ColumnKind]:
        """Of the columns whose kind was said."""
        return {name: kind for name, kind in self.columns.items() if kind != IGNORE}

    @property
    def ignored(self) -> set[str]:
        """The columns that are not to be looked at."""
        return {name for name, kind in self.columns.items() if kind == IGNORE}

    def check_columns(self, there: Collection[str]) -> str:
        """Return the target, if all columns that were named are there.

        Raises:
            BakeoffError: when one is not, is to be ignored, or has two uses, or two uses do not go together.
        """
        if self.target is None:
            raise BakeoffError(f"{self.path}: which column is to be predicted? --target COLUMN, one of {listed(there)}")
        for option, name in [*self.uses.items(), *(("column", name) for name in self.columns)]:
            if name not in there:
                hint = did_you_mean(name, there) or f"; there are {listed(there)}"
                if any(re.fullmatch(r"[+-]?\d+\.\d+", column) for column in there):
                    hint += "; the first row must have the names of the columns"
                raise BakeoffError(f"{self.path} has no column {name!r}, which --{option} names{hint}")
        for name in self.uses.values():
            options = [f"--{option}" for option, other in self.uses.items() if other == name]
            if len(options) > 1:
                raise BakeoffError(f"column {name} cannot be {' and '.join(options)} at once")
            if name in self.ignored:
                raise BakeoffError(f"column {name} is {options[0]}, and cannot be ignored; leave out one of the two")
        if self.group and self.time:
            raise BakeoffError("--group and --time do not go together; choose one")
        return self.target

    def refuse_columns(self, why: str) -> None:
        """Check that no column was named, where there is none.

        Raises:
            BakeoffError: when one was.
        """
        options = [f"--{option}" for option in self.uses] + ["--column"] * bool(self.columns)
        if options:
            raise BakeoffError(f"{why}; leave {', '.join(options)} out")


class ColumnWarning(NamedTuple):
    """What is wrong with a column, `what` in a word or two; `left_out` says that it had better be no feature."""

    what: str
    said: str
    left_out: bool = True


class ColumnProfile(NamedTuple):
    """A column of a table: how many rows have no value, how many values differ, and what they are like.

    A few whole numbers `may_be_codes` of categories.
    """

    name: str
    kind: ColumnKind
    missing: int
    distinct: int
    said: str
    may_be_codes: bool = False
    warning: ColumnWarning | None = None

    @property
    def is_feature(self) -> bool:
        """Whether contenders should get it."""
        return self.warning is None or not self.warning.left_out


class DataProfile(NamedTuple):
    """What is seen of so many `rows`, which are called `examples`; `facts` is what else there is to tell.

    `lacking` says how many rows are left out for want of a target, and why.
    """

    source: str
    rows: int
    examples: str
    target: Target
    columns: tuple[ColumnProfile, ...] = ()
    facts: tuple[str, ...] = ()
    duplicates: int = 0
    lacking: str = ""


def find_out(options: InitOptions, rows: "pd.DataFrame") -> tuple[Reading, tuple[str, ...]]:
    """Return how a file is written, as was said or as it tells as a whole, and what is to be known of that.

    Columns whose numbers tell the decimal sign say it of those whose numbers do not, such as 1.041.
    """
    said, found, facts = options.reading, dict[str, Any](), list[str]()
    encoding = options.file.encoding
    if not said.encoding and encoding and encoding not in {"utf-8", *(mark for _, mark in MARKS)}:
        found["encoding"] = encoding
        facts.append(f"it is no UTF-8: read as {encoding}, as its letters tell; --encoding names another")
    if not said.decimal_sign and (telling := _decimal_sign(rows)):
        name, found["decimal"] = telling
        facts.append(f"the decimal sign is {found['decimal']!r}, as column {name} shows; --decimal says another")
    return said.model_copy(update=found), tuple(facts)


def _decimal_sign(rows: "pd.DataFrame") -> tuple[str, str] | None:
    """A column of numbers that tells the decimal sign, and that; nothing if no number has a comma, or they disagree."""
    if not any(read.have_commas(values) for _, values in rows.items()):
        return None
    arrays = {str(name): read.without_nothing(read.typed(values)) for name, values in rows.items()}
    texts = {name: array for name, array in arrays.items() if type_of(array) == "text" and known(array).any()}
    with_commas = (array for array in texts.values() if matches(array, ",").any())
    if not any(may_be_numbers(array, unit_of(array)) for array in with_commas):
        return None
    told = dict[str, str]()
    for name, array in texts.items():
        unit = unit_of(array)
        if may_be_numbers(array, unit) and len(signs := decimal_signs(array, unit)) == 1:
            told[name] = signs.pop()
    return next(iter(told.items())) if len(set(told.values())) == 1 else None


def profile_columns(
    rows: "pd.DataFrame", kinds: Mapping[str, ColumnKind], target: Target, reading: Reading = FOUND_OUT
) -> tuple[tuple[ColumnProfile, ...], int]:
    """Return what is seen of these columns, and how many rows are the same as an earlier one, the target included.

    Args:
        rows: as they were read.
        kinds: of the columns of which it was said; that of others is found from their values.
        target: of these rows; those without one are not looked at.
        reading: how the file is written.

    Raises:
        BakeoffError: when a column holds several types of values, or values that its kind does not have.
    """
    import pandas as pd

    profiles, parsed = [], [target.y]
    with np.errstate(all="ignore"):  # of numbers so large that their sums or squares are infinite
        for name, values in rows.items():
            chosen = kinds.get(str(name))
            kind = chosen or found_kind(values, reading)
            if kind is None:
                profiles.append(ColumnProfile(str(name), "category", len(values), 0, "", warning=_unread(values)))
                continue
            array = read.typed(values, reading.marks)
            column = told_by(array, str(name), kind, reading)
            numbers, levels = _as_numbers(read.parse(array, column), kind)
            numbers = numbers[target.known]
            parsed.append(numbers)
            seen = _profile(str(name), kind, numbers, levels, target, bool(chosen))
            profiles.append(seen._replace(said=seen.said + _about_values(array, column)))
    return tuple(profiles), int(pd.DataFrame(dict(enumerate(parsed))).duplicated().sum())


def _unread(values: "pd.Series[Any]") -> ColumnWarning:
    """Why a column has no kind."""
    array = read.typed(values)
    if type_of(array) is None:
        return ColumnWarning("not read", f"it holds {array.type}, and numbers, text or dates are needed")
    return ColumnWarning("empty", "it has no values")


def _about_values(array: "pa.Array[Any]", column: Column) -> str:
    """What else was assumed of numbers and dates: their unit, their order, and what stands for no value."""
    sign, times = read.nothing_in(array) if column.kind in ("number", "date", "boolean") else ("", 0)
    parts = [
        f" {column.unit}" if column.unit else "",
        "; decimal comma" if column.written == COMMA else "",
        "; times, in hours" if column.written == TIMES else "",
        f"; {'day' if column.written.startswith('%d') else 'month'} first" if column.written.startswith("%") else "",
        f"; {sign!r} stands for no value, {times:,} times" if times else "",
    ]
    return "".join(parts)


def shorten(text: str) -> str:
    """Return a value as it is shown, in quotes."""
    shown = repr(text)
    return shown if len(shown) <= LONGEST else f"{shown[: LONGEST - 2]}…{shown[0]}"


def _as_numbers(parsed: "pd.Series[Any]", kind: ColumnKind) -> tuple[Floats, tuple[str, ...]]:
    """The values as numbers, NaN where one is missing, and the levels of a category; a date as its days since 1970."""
    if kind == "category":
        numbers = np.array(parsed.cat.codes, np.float64)
        return np.where(numbers < 0, np.nan, numbers), tuple(map(str, parsed.cat.categories))
    if kind == "date":
        return np.asarray((parsed - np.datetime64(0, "D")) / np.timedelta64(1, "D"), np.float64), ()
    return parsed.to_numpy(np.float64), ()


def _profile(
    name: str, kind: ColumnKind, numbers: Floats, levels: tuple[str, ...], target: Target, chosen: bool
) -> ColumnProfile:
    known = numbers[~np.isnan(numbers)]
    if chosen and not len(known):
        raise BakeoffError(f"column {name} has no values; leave it out")
    different, counts = np.unique(known, return_counts=True)
    warning = (
        _of_no_use(numbers, len(different), target)
        or _identity(name, kind, known, levels, len(different))
        or _leak(numbers, target)
    )
    return ColumnProfile(
        name=name,
        kind=kind,
        missing=len(numbers) - len(known),
        distinct=len(different),
        said=_in_short(kind, levels, different, counts) if len(known) else "",
        may_be_codes=kind == "number" and 2 < len(different) <= CODES and _are_whole(different),
        warning=warning._replace(left_out=False) if warning and chosen else warning,
    )


def _in_short(kind: ColumnKind, levels: tuple[str, ...], different: Floats, counts: NDArray[np.intp]) -> str:
    """The range of numbers and dates, the most frequent value of others."""
    most = int(counts.argmax())
    if kind == "date":
        first, last = (str(np.datetime64(int(day), "D")) for day in different[[0, -1]])
        return f"{first} to {last}"
    if kind == "boolean":
        return f"true in {counts[different == 1].sum() / counts.sum():.0%}"
    if kind == "category":
        return f"{counts[most]:,} times {shorten(levels[int(different[most])])}"
    if len(different) <= CODES and _are_whole(different):
        return ", ".join(f"{value:g}" for value in different)
    return f"{different[0]:.4g} to {different[-1]:.4g}, mean {np.average(different, weights=counts):.4g}"


def _are_whole(numbers: Floats) -> bool:
    return bool((numbers == np.floor(numbers)).all())


def _of_no_use(numbers: Floats, distinct: int, target: Target) -> ColumnWarning | None:
    if distinct == 0:
        return ColumnWarning("empty", "it has no values")
    if distinct == 1 and not np.isnan(numbers).any():
        return ColumnWarning("constant", "every row has the same value")
    if _is_copy(numbers, distinct, target):
        return ColumnWarning("copy of the target", "it tells the target one to one")
    return None


def _is_copy(column: Floats, distinct: int, target: Target) -> bool:
    """Whether one can be computed from the other: the same pairs again and again, or on one straight line."""
    y, known = target.y.astype(np.float64), ~np.isnan(column)
    if distinct <= len(y) // 2:
        levels = distinct + (not known.all())
        return levels == target.distinct == len(np.unique(np.where(known, column, np.inf) + 1j * y))
    if target.classes or known.sum() < max(3, len(y) // 2) or np.ptp(y[known]) == 0:
        return False
    x, y = column[known] - column[known].mean(), y[known] - y[known].mean()
    return bool(np.array_equal(column[known], target.y[known]) or abs(x @ y) > (1 - 1e-9) * np.sqrt((x @ x) * (y @ y)))


def _identity(
    name: str, kind: ColumnKind, known: Floats, levels: tuple[str, ...], distinct: int
) -> ColumnWarning | None:
    """A name for each row, or words of its own. Whole numbers that all differ may be amounts where rows are few."""
    if len(known) < ENOUGH or kind in ("boolean", "date"):
        return None
    if kind == "category":
        if distinct <= len(known) / 2:
            return None
        said = f"{distinct:,} of {len(known):,} values differ"
        if np.mean([len(level.split()) for level in levels[:SAMPLE]]) >= 2:
            return ColumnWarning("free text", f"{said}, in several words; --text {name} learns from them")
        return ColumnWarning("an id", said)
    if distinct == len(known) and _are_whole(known):
        in_a_row = np.ptp(known) < 2 * len(known)
        if in_a_row or len(known) >= 5 * ENOUGH or NAMED_LIKE_AN_ID.search(name):
            return ColumnWarning("an id", f"a whole number of its own in each of {len(known):,} rows")
    return None


def _leak(column: Floats, target: Target) -> ColumnWarning | None:
    if len(column) < 2 * ENOUGH:
        return None
    rows = np.random.default_rng(0).permutation(len(column))[:SAMPLE]
    score = _held_out_score(column[rows], target.y[rows].astype(np.float64), bool(target.classes))
    if not score >= LEAK:
        return None
    name = "balanced accuracy" if target.classes else "R2"
    said = f"alone, it predicts rows not seen with {name} {score:.3f}; would you know it before the target?"
    return ColumnWarning("a leak?", said, left_out=False)


def _held_out_score(column: Floats, y: Floats, are_classes: bool) -> float:
    """How well the nearest value among every other row predicts the rest: R2, or the mean of each class's accuracy.

    1 is perfect, and a class that is rare counts as much as one that is frequent. A missing value is one of its own. Of
    rows with the same value, the mean of the targets counts, or the most frequent class; of two values as near, the
    first.
    """
    known = column[~np.isnan(column)]
    there = np.where(np.isnan(column), 2 * known.max(initial=0) - known.min(initial=0) + 1, column)
    values, places = np.unique(there[::2], return_inverse=True)
    after = np.searchsorted(values, there[1::2]).clip(max=len(values) - 1)
    before = (after - 1).clip(min=0)
    nearest = np.where(there[1::2] - values[before] <= values[after] - there[1::2], before, after)
    rest = y[1::2]
    if not are_classes:
        predicted = (np.bincount(places, y[::2]) / np.bincount(places))[nearest]
        spread = float(np.sum((rest - rest.mean()) ** 2))
        return 1 - float(np.sum((rest - predicted) ** 2)) / spread if spread else 0.0
    counts = np.zeros((len(values), int(y.max()) + 1))
    np.add.at(counts, (places, y[::2].astype(np.int64)), 1)
    labels, classes = np.unique(rest, return_inverse=True)
    hits = np.bincount(classes, counts.argmax(axis=1)[nearest] == rest) / np.bincount(classes)
    return float(hits.mean()) if len(labels) > 1 else 0.0
