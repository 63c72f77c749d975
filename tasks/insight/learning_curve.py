"""Learning curves: each contender's score against the number of training rows, and where two curves cross.

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
from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations, pairwise
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from tasks.data.folds.splitting import Folds, HoldOutSpec, Validation
from tasks.data.folds.subsets import Subsets, check_sizes, draw_subsets, missing_class, most_rows, spread_sizes
from tasks.data.vectorization import DesignMatrix
from tasks.evaluation.cross_validation import Evaluation
from tasks.metrics import METRICS, MetricName
from tasks.models.contenders import Contender
from tasks.specs import BakeoffError, Family, Spec
from tasks.statistics import CONFIDENCE, RESAMPLES, interval_of, resample_with_subsets
from tasks.store import load_arrays, store_arrays
from tasks.verdict.comparison import RESAMPLES_PER_PAIR, FoldPair, Pair, RowPair, Verdict, adjusted, design_of, estimate

Floats = NDArray[np.float64]
ScoredOn = Literal["folds", "test rows", "rows held out"]
REPEATS = 5  # subsets of a size with a hold-out, and half as many where they have many rows and differ less
FEW_ROWS = 0.1  # share of the rows up to which they are few
SET_ASIDE = 0.1  # share of its own rows by which a net finds its best epoch


class SubsetPlan(Spec):
    """What a curve is made on: the rows, what is learned from at each size, and how many rows a fold has at most."""

    arrays: DesignMatrix
    subsets: tuple[Subsets, ...]
    all_rows: int
    scored_on: ScoredOn

    @property
    def sizes(self) -> tuple[int, ...]:
        """The numbers of rows that are learned from, ascending."""
        return tuple(subsets.size for subsets in self.subsets)


class Point(Spec):
    """A contender's score at a size, the mean over folds or subsets, its interval, and the CPU seconds of a fit."""

    name: str
    family: Family
    size: int
    rows: float = Field(description="rows that are learned from, the mean over folds")
    scores: tuple[float, ...]
    mean: float
    interval: tuple[float, float]
    cpu_seconds: float


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
    remarks: tuple[str, ...] = Field((), description="which contenders are left out, and why")
    seconds: float = 0.0
    mlflow_run_id: str = ""
    kept: bool = Field(False, description="whether it was answered from an earlier run")


def plan_subsets(arrays: DesignMatrix, folds: Folds, sizes: Sequence[int], repeats: int | None) -> SubsetPlan:
    """Draw what is learned from at each size; without `sizes`, at sizes that are spread up to all rows.

    At each, every fold learns from rows of every class; of sizes that nobody asked for, those too small for that are
    left out.

    Raises:
        BakeoffError: when so many rows, or so many repeats, cannot be had.
    """
    held_out = folds.validation.kind == "hold_out"
    scored_on: ScoredOn = "rows held out" if held_out else "folds"
    if held_out:
        folds = folds.model_copy(update={"validation": folds.validation.model_copy(update={"n_seeds": 1})})
    if held_out and not arrays.terms:  # the user's texts for the test are kept in the vocabulary of all training rows
        (arrays, folds), scored_on = _with_test_rows(arrays, folds), "test rows"
    chosen = tuple(sorted(set(sizes))) if sizes else spread_sizes(folds, len(arrays.classes))
    check_sizes(chosen, folds)
    available = len(folds.held_out())
    if not held_out and repeats and repeats > available:
        raise BakeoffError(f"there are {available} repeats of {folds.validation.label} to take {repeats} from")
    most = most_rows(folds)

    def count(size: int) -> int:
        if not held_out:
            return repeats or available
        return repeats or REPEATS if size <= FEW_ROWS * most else math.ceil((repeats or REPEATS) / 2)

    subsets = _with_all_classes(draw_subsets(arrays, folds, chosen, count), arrays, asked=bool(sizes))
    return SubsetPlan(arrays=arrays, subsets=subsets, all_rows=most, scored_on=scored_on)


def _with_all_classes(drawn: Sequence[Subsets], arrays: DesignMatrix, asked: bool) -> tuple[Subsets, ...]:
    """The subsets of the sizes at which each fold learns from every class; of sizes that were asked for, all must."""
    missing = [missing_class(subsets, arrays) for subsets in drawn]
    for subsets, name in zip(drawn, missing, strict=True):
        if asked and name:
            raise BakeoffError(
                f"--sizes has {subsets.size:,}, but of so many rows a fold would learn from none of class {name};"
                " choose more, or leave --sizes out"
            )
    kept = tuple(subsets for subsets, name in zip(drawn, missing, strict=True) if not name)
    if len(kept) < 2:
        raise BakeoffError(
            f"only with all rows do all folds learn from rows of each class ({next(filter(None, missing))} is missing"
            " else), and a curve needs two sizes; choose fewer validation.n_splits, or add rows of that class"
        )
    return kept


def _with_test_rows(arrays: DesignMatrix, folds: Folds) -> tuple[DesignMatrix, Folds]:
    """The rows for training and then those for the test as one part, of which the latter are held out."""
    (X, y), (X_test, y_test) = arrays.training(), arrays.test()
    numbers = np.full((1, len(y) + len(y_test)), -1, np.int32)
    numbers[0, len(y) :] = 0
    if isinstance(X, np.ndarray):
        features = {"X_train": np.concatenate([X, X_test])}
    else:
        from scipy.sparse import vstack

        both = vstack([X, X_test], format="csr")
        features = {"counts_train": both.data, "indices_train": both.indices, "indptr_train": both.indptr}
    validation = folds.validation.model_copy(update={"validation_rows": len(y_test)})
    pooled = arrays.model_copy(update={"file": store_arrays(y_train=np.concatenate([y, y_test]), **features)})
    return pooled, Folds(validation=validation, rows=numbers.shape[1], file=store_arrays(held_out=numbers))


def at_size(contender: Contender, subsets: Subsets, all_rows: int) -> Contender:
    """Return the contender as it is entered at a size: a net with as many steps as on all rows."""
    set_aside = SET_ASIDE if subsets.validation.kind == "hold_out" else None
    return contender.on_rows(subsets.mean_rows, all_rows, set_aside)


def points_of(at_sizes: Sequence[Sequence[Evaluation]], plan: SubsetPlan, metric: MetricName) -> list[Point]:
    """Return each contender's score at each size, with its interval, size by size."""
    points = []
    for subsets, evaluations in zip(plan.subsets, at_sizes, strict=True):
        resampled = resampled_scores(evaluations, plan, metric, RESAMPLES) if plan.scored_on != "folds" else None
        for number, evaluation in enumerate(evaluations):
            known = estimate(evaluation.scores, subsets.validation, plan.arrays.groups)
            interval = known.interval if resampled is None else interval_of(resampled[number])
            points.append(
                Point(
                    name=evaluation.name,
                    family=evaluation.contender.family,
                    size=subsets.size,
                    rows=subsets.mean_rows,
                    scores=evaluation.scores,
                    mean=known.mean,
                    interval=interval or (known.mean, known.mean),
                    cpu_seconds=evaluation.cost.cpu_seconds / evaluation.cost.n_fits,
                )
            )
    return points


def compare_at_sizes(
    at_sizes: Sequence[Sequence[Evaluation]], plan: SubsetPlan, metric: MetricName, equivalent_within: float
) -> list[Rivalry]:
    """Compare nets with boosting at each size; where one of these is not entered, all pairs of contenders.

    All pairs at all sizes are looked at together, so p is adjusted for their number (Holm 1979). Folds are compared by
    the corrected test with the experiment's own ratio of rows held out to rows learned from: subsets overlap less than
    whole training parts do, so that scores hang together less, and the test errs on the careful side.
    """
    families = [evaluation.contender.family for evaluation in at_sizes[0]]
    pairs = list(combinations(range(len(families)), 2))
    between = [pair for pair in pairs if {families[number] for number in pair} == {"network", "boosting"}]
    pairs = between or pairs
    at_size = [_pairs_at(pairs, each, plan, metric, equivalent_within) for each in at_sizes]
    verdicts = adjusted([pair for pairs_at in at_size for pair in pairs_at])
    rivalries = []
    for number in range(len(pairs)):
        own = tuple(verdicts[number :: len(pairs)])
        trend = _change(at_size[0][number], at_size[-1][number]).verdict(1.0, 1)
        rivalries.append(
            Rivalry(
                first=own[0].first,
                second=own[0].second,
                sizes=plan.sizes,
                verdicts=own,
                trend=trend,
                crossings=tuple(find_crossings(plan.sizes, own, metric)),
            )
        )
    return rivalries


def find_crossings(sizes: Sequence[int], verdicts: Sequence[Verdict], metric: MetricName) -> list[Crossing]:
    """Find where the sign of the difference changes between two sizes at each of which it is beyond chance.

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


def _pairs_at(
    pairs: Sequence[tuple[int, int]],
    evaluations: Sequence[Evaluation],
    plan: SubsetPlan,
    metric: MetricName,
    equivalent_within: float,
) -> list[Pair]:
    names, validation = [evaluation.name for evaluation in evaluations], plan.subsets[0].validation
    scores = [np.array(evaluation.scores) for evaluation in evaluations]
    rules = (metric, equivalent_within)
    if isinstance(validation, HoldOutSpec):
        means = [float(np.mean(own)) for own in scores]
        count = max(RESAMPLES, RESAMPLES_PER_PAIR * len(pairs) * len(plan.subsets))
        resampled = resampled_scores(evaluations, plan, metric, count)
        return [
            RowPair(names[one], names[two], means[one] - means[two], resampled[one] - resampled[two], *rules)
            for one, two in pairs
        ]
    design = design_of(validation, plan.arrays.groups)
    return [FoldPair(names[one], names[two], scores[one] - scores[two], design, *rules) for one, two in pairs]


def _change(smallest: Pair, largest: Pair) -> Pair:
    """By how much the difference of two contenders changes, by the same folds or the same samples of rows."""
    if isinstance(smallest, FoldPair) and isinstance(largest, FoldPair):
        return replace(largest, differences=largest.differences - smallest.differences, equivalent_within=0.0)
    assert isinstance(smallest, RowPair)  # noqa: S101  # both were made in the same way
    assert isinstance(largest, RowPair)  # noqa: S101
    change, resampled = largest.difference - smallest.difference, largest.resampled - smallest.resampled
    return replace(largest, difference=change, resampled=resampled, equivalent_within=0.0)


def resampled_scores(evaluations: Sequence[Evaluation], plan: SubsetPlan, metric: MetricName, count: int) -> Floats:
    """Return the contenders' scores (contenders, count) on resamples of the rows held out, and of the subsets."""
    kept = [load_arrays(evaluation.predictions) for evaluation in evaluations]
    y = plan.arrays.y("train")[kept[0]["rows"].astype(np.int64)]
    return resample_with_subsets(y, [own["out_of_fold"].astype(np.float64, copy=False) for own in kept], metric, count)
