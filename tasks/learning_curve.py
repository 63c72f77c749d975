"""The score against the number of training rows: which rows are learned from, and what the scores allow one to say.

At every size a contender is fitted on subsets of the training rows and scored on the rows that the experiment holds
out. With folds these are those of its own folds, so that the curves end at the experiment's own scores. With a hold-out
they are the test rows, on which its verdict rests too, and the subsets come from all other rows: those that it holds
out judge a net's epochs, so that a score on them would flatter nets. A curve chooses nothing by its scores, so they may
be scored on the test rows.

What a number of rows is worth shows only if nothing else changes. Boosting grows as many trees at every size; a net
takes as many steps at every size, as its schedule and its epochs are meant for so many. With a hold-out, where the rows
held out would say which epoch is the best, a net sets a tenth of its own rows aside for that.
"""

import math
from collections.abc import Mapping, Sequence
from functools import partial
from itertools import combinations, pairwise
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from tasks.comparison import (
    RESAMPLES_PER_PAIR,
    FoldPair,
    Pair,
    RowPair,
    Verdict,
    adjusted,
    design_of,
    estimate,
)
from tasks.data.splitting import Folds, HoldOutSpec, Validation
from tasks.data.subsets import Subsets, check_sizes, draw_subsets, spread_sizes
from tasks.data.vectorization import Arrays, Features
from tasks.evaluation import Evaluation
from tasks.metrics import METRICS, MetricName
from tasks.models.contenders import Contender
from tasks.models.networks import EarlyStoppingSpec, NetworkSpec
from tasks.specs import BakeoffError, Family, Spec
from tasks.statistics.bootstrap import CONFIDENCE, RESAMPLES, interval_of, resample
from tasks.store import load_arrays, store_arrays

Floats = NDArray[np.float64]
REPEATS = 5  # subsets of a size with a hold-out, and half as many where they have many rows and differ less
FEW_ROWS = 0.1  # share of the rows up to which they are few
SET_ASIDE = 0.1  # share of its own rows by which a net finds its best epoch


ScoredOn = Literal["folds", "test rows", "rows held out"]


class Ground(Spec):
    """What a curve is made on: the rows, what is learned from at each size, and how many rows a fold has at most."""

    arrays: Arrays
    subsets: tuple[Subsets, ...]
    all_rows: int
    scored_on: ScoredOn


class Point(Spec):
    """A contender's score at a size: the mean over folds or subsets, with its interval, and the seconds of a fit."""

    name: str
    family: Family
    size: int
    rows: float = Field(description="rows that are learned from, the mean over folds")
    scores: tuple[float, ...]
    mean: float
    interval: tuple[float, float]
    fit_seconds: float


class Crossing(Spec):
    """Where two curves cross: between two sizes at which first one contender is better, and then the other."""

    rows: int
    after: int
    before: int
    better_below: str
    better_above: str


class Rivalry(Spec):
    """Two contenders at all sizes: the verdicts, adjusted for all pairs and sizes, and the crossings that they show.

    `trend` is the verdict on whether their difference changes from the smallest size to the largest.
    """

    first: str
    second: str
    sizes: tuple[int, ...]
    verdicts: tuple[Verdict, ...]
    trend: Verdict
    crossings: tuple[Crossing, ...]


class LearningCurve(Spec):
    """All that a curve found; `scored_on` says which rows."""

    experiment: str
    metric: MetricName
    unit: str
    greater_is_better: bool
    equivalent_within: float
    validation: Validation
    scored_on: ScoredOn
    sizes: tuple[int, ...]
    points: tuple[Point, ...]
    rivalries: tuple[Rivalry, ...]
    seconds: float = 0.0
    mlflow_run_id: str = ""
    kept: bool = Field(False, description="whether it was answered from an earlier run")


def lay_out(arrays: Arrays, folds: Folds, sizes: Sequence[int], repeats: int | None) -> Ground:
    """Draws what is learned from at each size; without `sizes`, at sizes that are spread up to all rows.

    Raises:
        BakeoffError: when so many rows, or so many repeats, cannot be had.
    """
    held_out = folds.validation.kind == "hold_out"
    scored_on: ScoredOn = "rows held out" if held_out else "folds"
    if held_out:
        folds = folds.model_copy(update={"validation": folds.validation.model_copy(update={"n_seeds": 1})})
    if held_out and not arrays.terms:  # the user's texts for the test are kept in the vocabulary of all training rows
        (arrays, folds), scored_on = with_test_rows(arrays, folds), "test rows"
    chosen = tuple(sorted(set(sizes))) if sizes else spread_sizes(folds, len(arrays.classes))
    check_sizes(chosen, folds)
    available = len(folds.held_out())
    if not held_out and repeats and repeats > available:
        raise BakeoffError(f"there are {available} repeats of {folds.validation.label} to take {repeats} from")
    most = max(len(training) for training, _ in folds.pairs())
    count = (
        partial(_repeats_with_hold_out, most=most, asked=repeats or REPEATS)
        if held_out
        else lambda _: repeats or available
    )
    subsets = draw_subsets(arrays, folds, chosen, count)
    return Ground(arrays=arrays, subsets=subsets, all_rows=most, scored_on=scored_on)


def with_test_rows(arrays: Arrays, folds: Folds) -> tuple[Arrays, Folds]:
    """The rows for training and then those for the test as one part, of which the latter are held out."""
    (X, y), (X_test, y_test) = arrays.training(), arrays.test()
    numbers = np.full((1, len(y) + len(y_test)), -1, np.int32)
    numbers[0, len(y) :] = 0
    parts = {"y_train": np.concatenate([y, y_test]), **_stored(X, X_test)}
    validation = folds.validation.model_copy(update={"validation_rows": len(y_test)})
    pooled = arrays.model_copy(update={"file": store_arrays(**parts)})
    return pooled, Folds(validation=validation, rows=numbers.shape[1], file=store_arrays(held_out=numbers))


def _stored(X: Features, more: Features) -> dict[str, NDArray[np.generic]]:
    """The rows of both, as the file of arrays has them."""
    if isinstance(X, np.ndarray):
        return {"X_train": np.concatenate([X, more])}
    from scipy.sparse import vstack

    both = vstack([X, more], format="csr")
    return {"counts_train": both.data, "indices_train": both.indices, "indptr_train": both.indptr}


def _repeats_with_hold_out(size: int, most: int, asked: int) -> int:
    return asked if size <= FEW_ROWS * most else math.ceil(asked / 2)


def at_size(contender: Contender, subsets: Subsets, all_rows: int) -> Contender:
    """The contender as it is entered at a size: a net with as many steps as on all rows."""
    if not isinstance(contender, NetworkSpec):
        return contender
    of_all, own = (math.ceil(rows / contender.batch_size) for rows in (all_rows, subsets.mean_rows))
    epochs = max(1, round(contender.epochs * of_all / own))
    stopping = contender.early_stopping
    if stopping:
        stopping = stopping.model_copy(update={"patience": max(1, round(stopping.patience * of_all / own))})
    elif subsets.validation.kind == "hold_out" and contender.tuning is None:
        stopping = EarlyStoppingSpec(patience=epochs, validation_fraction=SET_ASIDE)
    return contender.model_copy(update={"epochs": epochs, "early_stopping": stopping})


def entered_at(evaluations: Sequence[Evaluation], ground: Ground) -> list[list[Evaluation]]:
    """The evaluations, size by size."""
    count = len(evaluations) // len(ground.subsets)
    return [list(evaluations[start : start + count]) for start in range(0, len(evaluations), count)]


def points_of(at_sizes: Sequence[Sequence[Evaluation]], ground: Ground, metric: MetricName) -> list[Point]:
    """Each contender's score at each size, with its interval, size by size."""
    points = []
    for subsets, evaluations in zip(ground.subsets, at_sizes, strict=True):
        resampled = _resampled(evaluations, ground, metric, RESAMPLES) if _held_out(ground) else None
        for number, each in enumerate(evaluations):
            known = estimate(each.scores, subsets.validation, ground.arrays.groups)
            interval = known.interval if resampled is None else interval_of(resampled[number])
            points.append(
                Point(
                    name=each.name,
                    family=each.contender.family,
                    size=subsets.size,
                    rows=subsets.mean_rows,
                    scores=each.scores,
                    mean=known.mean,
                    interval=interval or (known.mean, known.mean),
                    fit_seconds=each.cost.fit_seconds / each.cost.n_fits,
                )
            )
    return points


def compare_at_sizes(
    at_sizes: Sequence[Sequence[Evaluation]], ground: Ground, metric: MetricName, equivalent_within: float
) -> list[Rivalry]:
    """Nets against boosting at each size; where one of these is not entered, all pairs of contenders.

    All pairs at all sizes are looked at together, so p is adjusted for their number (Holm 1979). Folds are compared by
    the corrected test with the experiment's own ratio of rows held out to rows learned from: subsets overlap less than
    whole training parts do, so that scores hang together less, and the test errs on the careful side.
    """
    pairs = _rivals(at_sizes[0])
    at_size = [_pairs_at(pairs, each, ground, metric, equivalent_within) for each in at_sizes]
    verdicts = adjusted([pair for pairs_at in at_size for pair in pairs_at])
    sizes = tuple(subsets.size for subsets in ground.subsets)
    rivalries = []
    for number in range(len(pairs)):
        own = tuple(verdicts[number :: len(pairs)])
        trend = _change(at_size[0][number], at_size[-1][number]).verdict(1.0, 1)
        rivalries.append(
            Rivalry(
                first=own[0].first,
                second=own[0].second,
                sizes=sizes,
                verdicts=own,
                trend=trend,
                crossings=tuple(find_crossings(sizes, own, metric)),
            )
        )
    return rivalries


def find_crossings(sizes: Sequence[int], verdicts: Sequence[Verdict], metric: MetricName) -> list[Crossing]:
    """Where the sign of the difference changes between two sizes at each of which it is beyond chance.

    The number of rows is read off the straight line, on a logarithmic scale, between the two sizes about the change.
    """
    sign = METRICS[metric].sign
    known = [number for number, each in enumerate(verdicts) if each.p_adjusted <= 1 - CONFIDENCE]
    crossings = []
    for one, two in pairwise(known):
        before, after = verdicts[one], verdicts[two]
        if before.difference * after.difference >= 0:
            continue
        names = (before.first, before.second)
        below, above = names if sign * before.difference > 0 else names[::-1]
        crossings.append(
            Crossing(
                rows=_zero(sizes[one : two + 1], [each.difference for each in verdicts[one : two + 1]]),
                after=sizes[one],
                before=sizes[two],
                better_below=below,
                better_above=above,
            )
        )
    return crossings


def _zero(sizes: Sequence[int], differences: Sequence[float]) -> int:
    """Where the differences, which end with the other sign, first leave that with which they begin."""
    place = next(k for k in range(1, len(sizes)) if differences[k] * differences[0] <= 0)
    left, right = differences[place - 1], differences[place]
    share = left / (left - right)
    return round(math.exp((1 - share) * math.log(sizes[place - 1]) + share * math.log(sizes[place])))


def _rivals(evaluations: Sequence[Evaluation]) -> list[tuple[int, int]]:
    """The numbers of those that are compared."""
    families = [each.contender.family for each in evaluations]
    pairs = list(combinations(range(len(evaluations)), 2))
    between = [pair for pair in pairs if {families[number] for number in pair} == {"network", "boosting"}]
    return between or pairs


def _pairs_at(
    pairs: Sequence[tuple[int, int]],
    evaluations: Sequence[Evaluation],
    ground: Ground,
    metric: MetricName,
    equivalent_within: float,
) -> list[Pair]:
    validation = ground.subsets[0].validation
    if isinstance(validation, HoldOutSpec):
        count = max(RESAMPLES, RESAMPLES_PER_PAIR * len(pairs) * len(ground.subsets))
        resampled = _resampled(evaluations, ground, metric, count)
        means = [float(np.mean(each.scores)) for each in evaluations]
        return [
            RowPair(
                evaluations[one].name,
                evaluations[two].name,
                means[one] - means[two],
                resampled[one] - resampled[two],
                metric,
                equivalent_within,
            )
            for one, two in pairs
        ]
    design = design_of(validation, ground.arrays.groups)
    return [
        FoldPair(
            evaluations[one].name,
            evaluations[two].name,
            np.subtract(evaluations[one].scores, evaluations[two].scores),
            design,
            metric,
            equivalent_within,
        )
        for one, two in pairs
    ]


def _change(smallest: Pair, largest: Pair) -> Pair:
    """By how much the difference of two contenders changes, by the same folds or the same samples of rows."""
    if isinstance(smallest, FoldPair) and isinstance(largest, FoldPair):
        changes = largest.differences - smallest.differences
        return FoldPair(largest.first, largest.second, changes, largest.design, largest.metric, 0.0)
    assert isinstance(smallest, RowPair)  # noqa: S101  # both were made in the same way
    assert isinstance(largest, RowPair)  # noqa: S101
    change, resampled = largest.difference - smallest.difference, largest.resampled - smallest.resampled
    return RowPair(largest.first, largest.second, change, resampled, largest.metric, 0.0)


def _resampled(evaluations: Sequence[Evaluation], ground: Ground, metric: MetricName, count: int) -> Floats:
    """The contenders' scores (contenders, count) on resamples of the rows held out, and of their subsets."""
    kept: list[Mapping[str, NDArray[np.generic]]] = [load_arrays(each.predictions) for each in evaluations]
    y = ground.arrays.y("train")[kept[0]["rows"].astype(np.int64)]
    return resample(y, [each["out_of_fold"].astype(np.float64, copy=False) for each in kept], metric, count)


def _held_out(ground: Ground) -> bool:
    return ground.subsets[0].validation.kind == "hold_out"
