"""Folds that learn from some of their training rows alone: what a learning curve and a leak audit are made of."""

from collections.abc import Callable, Iterator, Sequence
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from tasks.data.folds.splitting import NO_ROWS, Folds, Numbers, Parts, Rows, absent_class
from tasks.data.vectorization import DesignMatrix, Labels
from tasks.fitting import seed_of
from tasks.specs import BakeoffError
from tasks.store import load_arrays, store_arrays

N_SIZES = 7
SPAN = 120  # the largest size by the smallest, if rows allow: from 60,000 down to 500
FEWEST = 30  # with fewer rows, scores are little but chance
FEWEST_OF_A_CLASS = 20  # of a class of usual size: a tenth of them, which may be set aside, still has some of each


class Subsets(Folds):
    """Folds of which each learns from a subset of its training rows; the rows held out are the same as they were.

    `file` has two arrays more, (folds, rows): which rows are `learned` from, and which are `judging` after which epoch
    a net was best. `size` is how many rows were asked for, and `mean_rows` how many are learned from, the mean over
    folds: some may have no more, and groups stay whole.
    """

    size: int
    mean_rows: float
    watched: ClassVar[bool] = False

    def pairs(self, n_seeds: int = 1) -> Iterator[Parts]:
        """The rows that are learned from, and those held out, of each fold; each `n_seeds` times."""
        learned = load_arrays(self.file, "learned")["learned"]
        for own, (_, held_out) in zip(learned, super().pairs(), strict=True):
            for _ in range(n_seeds):
                yield np.flatnonzero(own), held_out

    def judging(self, fold: int, held_out: Rows) -> Rows:
        """Those that were chosen for it."""
        return np.flatnonzero(load_arrays(self.file, "judging")["judging"][fold])


def keep_subsets(
    folds: Folds, held_out: Numbers, learned: Sequence[Rows], judging: Sequence[Rows], size: int
) -> Subsets:
    """Stores which rows each fold learns from and is judged by; `held_out` is as `draw` of a validation gives it."""
    masks = {"learned": _mask(learned, folds.rows), "judging": _mask(judging, folds.rows)}
    mean = float(np.mean([len(rows) for rows in learned]))
    file = store_arrays(held_out=held_out, **masks)
    return Subsets(validation=folds.validation, rows=folds.rows, file=file, size=size, mean_rows=mean)


def draw_subsets(
    arrays: DesignMatrix, folds: Folds, sizes: Sequence[int], repeats: Callable[[int], int]
) -> tuple[Subsets, ...]:
    """For each size, subsets of the training rows of each fold; those of one fold are nested.

    They are stratified for classes, and drawn from the seed of the folds, for each fold anew. Groups are taken whole;
    of rows that follow in time, those that come last, before the rows held out.

    Args:
        arrays: the rows.
        folds: what is held out.
        sizes: how many rows are learned from, ascending.
        repeats: how many of the folds' repeats are taken at a size. With a hold-out, each has the same rows held out.
    """
    labels, groups = arrays.y("train") if arrays.classes else None, arrays.group_numbers("train")
    by_time, seed = folds.validation.in_order, folds.validation.seed
    numbers = folds.held_out()
    most = max(map(repeats, sizes))
    if folds.validation.kind == "hold_out":
        numbers = np.repeat(numbers, most, axis=0)
    tiled = folds.model_copy(update={"file": store_arrays(held_out=numbers)})
    orders = [
        training[::-1] if by_time else shuffled(training, seed_of(seed, number), labels, groups)
        for number, (training, _) in enumerate(tiled.pairs())
    ]
    drawn = []
    for size in sizes:
        count = repeats(size)
        learned = [_first(order, size, groups) for order in orders[: count * folds.validation.n_splits]]
        drawn.append(keep_subsets(folds, numbers[:count], learned, [NO_ROWS] * len(learned), size))
    return tuple(drawn)


def shuffled(rows: Rows, seed: int, labels: Labels | None = None, groups: Labels | None = None) -> Rows:
    """The rows in an order of which every beginning is a fair subset.

    With `labels` (all rows,) it has the classes in about their own shares, and two rows of each before it has more.
    With `groups` (all rows,) the rows of a group follow one another.
    """
    generator = np.random.default_rng(seed)
    rows = generator.permutation(rows)
    if groups is not None:
        own = groups[rows]
        ranks = generator.permutation(len(np.unique(own)))
        return rows[np.argsort(ranks[np.unique(own, return_inverse=True)[1]], kind="stable")]
    if labels is None:
        return rows
    places = np.empty(len(rows))
    for label in np.unique(labels[rows]):
        of_class = np.flatnonzero(labels[rows] == label)
        places[of_class] = np.maximum(np.arange(len(of_class)) - 1, 0) / len(of_class)
    return rows[np.argsort(places, kind="stable")]


def check_sizes(sizes: Sequence[int], folds: Folds) -> None:
    """Check that so many rows can be learned from.

    Raises:
        BakeoffError: when they are too few, or more than any fold has.
    """
    most = most_rows(folds)
    if len(sizes) < 2:
        raise BakeoffError("--sizes needs two numbers of training rows or more, such as 500,2000")
    if sizes[0] < 2:
        raise BakeoffError(f"--sizes has {sizes[0]}; a contender needs 2 rows or more to learn from")
    if sizes[-1] > most:
        raise BakeoffError(
            f"--sizes has {sizes[-1]:,}, but there are {most:,} rows to learn from; choose {most} or fewer"
        )


def spread_sizes(folds: Folds, n_classes: int) -> tuple[int, ...]:
    """Sizes that lie evenly on a logarithmic scale, up to all rows; all but the last have two digits that count."""
    most = most_rows(folds)
    least = min(most / 2, max(most / SPAN, FEWEST, FEWEST_OF_A_CLASS * n_classes))
    digits = 10 ** np.floor(np.log10(np.geomspace(least, most, N_SIZES)) - 1)
    rounded = np.maximum(np.round(np.geomspace(least, most, N_SIZES) / digits) * digits, 2)
    return tuple(sorted({*(int(size) for size in rounded[:-1] if size < most), most}))


def missing_class(subsets: Subsets, arrays: DesignMatrix) -> str | None:
    """A class of which some fold learns from no row, if there is one: rows in order, or of a group, may be of one."""
    y = arrays.y("train")
    absent = (absent_class(arrays.classes, y[learned]) for learned, _ in subsets.pairs())
    return next(filter(None, absent), None)


def most_rows(folds: Folds) -> int:
    """How many rows the fold learns from that has the most of them."""
    return max(len(training) for training, _ in folds.pairs())


def _first(order: Rows, size: int, groups: Labels | None) -> Rows:
    """The first of the rows, of groups as many as fit in whole, but one at least."""
    if groups is None or size >= len(order):
        return order[:size]
    ends = np.flatnonzero(np.diff(groups[order])) + 1
    fitting = ends[ends <= size]
    return order[: fitting[-1] if len(fitting) else (ends[0] if len(ends) else len(order))]


def _mask(parts: Sequence[Rows], rows: int) -> NDArray[np.bool_]:
    mask = np.zeros((len(parts), rows), np.bool_)
    for own, part in zip(mask, parts, strict=True):
        own[part] = True
    return mask
