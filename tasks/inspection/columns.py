"""The columns of a table, one by one: what they hold, how much is missing, and what is suspicious about them."""

import shlex
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tasks.data.columns import Column, ColumnKind
from tasks.data.own.kinds import kind_of, parse
from tasks.inspection.overview import ColumnSeen, Suspicion
from tasks.inspection.suspicions import Known, Values, suspicion
from tasks.specs import BakeoffError

if TYPE_CHECKING:
    import pandas as pd

LONGEST = 24  # characters of a value that is shown
CODES = 10  # different whole numbers up to which they may be codes
MULTIPLIER = np.uint64(6364136223846793005)  # Knuth's, of MMIX: any odd number mixes


def look_at_columns(
    rows: "pd.DataFrame", kinds: Mapping[str, ColumnKind], target: Known
) -> tuple[tuple[ColumnSeen, ...], int]:
    """What is seen of these columns, and how many rows are the same as an earlier one, the target included.

    Args:
        rows: as they were read.
        kinds: of the columns of which it was said; that of others is found from their values.
        target: of these rows; those without one are not looked at.

    Raises:
        BakeoffError: when a column holds several types of values, or values that its kind does not have.
    """
    seen, mixed = [], _bits(target.y.astype(np.float64))
    for name in rows:
        with np.errstate(all="ignore"):  # of numbers so large that their sums or squares are infinite
            values, column = _look_at(rows[name], kinds.get(str(name)), target)
        seen.append(column)
        if values is not None:
            mixed = mixed * MULTIPLIER + _bits(values.numbers)
            mixed ^= mixed >> np.uint64(29)
    return tuple(seen), len(mixed) - len(np.unique(mixed))


def _look_at(raw: "pd.Series[Any]", chosen: ColumnKind | None, target: Known) -> tuple[Values | None, ColumnSeen]:
    name, kind = str(raw.name), chosen or found_kind(raw)
    if kind is None:
        empty = Suspicion(what="empty", said="it has no values, or none that are numbers, text or dates", left_out=True)
        return None, ColumnSeen(name=name, kind="category", missing=len(raw), distinct=0, said="", suspicion=empty)
    values = _as_values(parse(raw, Column(name=name, kind=kind)), kind, target.rows)
    known = values.numbers[~np.isnan(values.numbers)]
    if chosen and not len(known):
        raise BakeoffError(f"column {name} has no values; leave it out")
    different, counts = np.unique(known, return_counts=True)
    wrong = suspicion(values, len(different), target)
    if wrong and chosen:
        wrong = wrong.model_copy(update={"left_out": False})
    return values, ColumnSeen(
        name=name,
        kind=kind,
        missing=len(values.numbers) - len(known),
        distinct=len(different),
        said=_in_short(values, different, counts) if len(known) else "",
        may_be_codes=kind == "number" and 2 < len(different) <= CODES and _are_whole(different),
        suspicion=wrong,
    )


def found_kind(raw: "pd.Series[Any]") -> ColumnKind | None:
    """The kind that the values have, if any.

    Raises:
        BakeoffError: when they are of several types.
    """
    try:
        return kind_of(raw)
    except BakeoffError as error:
        raise BakeoffError(f"{error}; if these are names: --column {shlex.quote(str(raw.name))}=category") from error


def _as_values(parsed: "pd.Series[Any]", kind: ColumnKind, rows: NDArray[np.bool_]) -> Values:
    """Those of some rows; a date as its days since 1970."""
    name, levels = str(parsed.name), tuple[str, ...]()
    if kind == "category":
        numbers, levels = np.array(parsed.cat.codes, np.float64), tuple(map(str, parsed.cat.categories))
        numbers[numbers < 0] = np.nan
    elif kind == "date":
        numbers = np.asarray((parsed - np.datetime64(0, "D")) / np.timedelta64(1, "D"), np.float64)
    else:
        numbers = parsed.to_numpy(np.float64)
    return Values(name, kind, numbers[rows], levels)


def _in_short(values: Values, different: NDArray[np.float64], counts: NDArray[np.intp]) -> str:
    """The range of numbers and dates, the most frequent value of others."""
    most = int(counts.argmax())
    if values.kind == "date":
        first, last = (str(np.datetime64(int(day), "D")) for day in different[[0, -1]])
        return f"{first} to {last}"
    if values.kind == "boolean":
        return f"true in {counts[different == 1].sum() / counts.sum():.0%}"
    if values.kind == "category":
        return f"{counts[most]:,} times {shorten(values.levels[int(different[most])])}"
    if len(different) <= CODES and _are_whole(different):
        return ", ".join(f"{value:g}" for value in different)
    return f"{different[0]:.4g} to {different[-1]:.4g}, mean {np.average(different, weights=counts):.4g}"


def _are_whole(numbers: NDArray[np.float64]) -> bool:
    return bool((numbers == np.floor(numbers)).all())


def shorten(text: str) -> str:
    """A value as it is shown, in quotes."""
    shown = repr(text)
    return shown if len(shown) <= LONGEST else f"{shown[: LONGEST - 2]}…{shown[0]}"


def _bits(numbers: NDArray[np.float64]) -> NDArray[np.uint64]:
    """Of the same numbers, the same bits: there is one 0 and one NaN."""
    tidy = np.where(np.isnan(numbers), np.nan, numbers) + 0.0
    return np.ascontiguousarray(tidy).view(np.uint64)
