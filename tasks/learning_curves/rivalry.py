"""Two contenders at ever more training rows: who is better at which size, and where their curves cross."""

import math
from collections.abc import Mapping, Sequence
from itertools import combinations, pairwise

import numpy as np
from numpy.typing import NDArray

from tasks.comparison import RESAMPLES_PER_PAIR, FoldPair, Pair, RowPair, Verdict, adjusted, design_of
from tasks.data.splitting import HoldOutSpec
from tasks.evaluation import Evaluation
from tasks.learning_curves.ground import Ground
from tasks.metrics import METRICS, MetricName
from tasks.specs import Spec
from tasks.statistics.bootstrap import CONFIDENCE, RESAMPLES, resample_with_subsets
from tasks.store import load_arrays

Floats = NDArray[np.float64]


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
        resampled = resampled_scores(evaluations, ground, metric, count)
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


def resampled_scores(evaluations: Sequence[Evaluation], ground: Ground, metric: MetricName, count: int) -> Floats:
    """The contenders' scores (contenders, count) on resamples of the rows held out, and of the subsets."""
    kept: list[Mapping[str, NDArray[np.generic]]] = [load_arrays(each.predictions) for each in evaluations]
    y = ground.arrays.y("train")[kept[0]["rows"].astype(np.int64)]
    return resample_with_subsets(
        y, [each["out_of_fold"].astype(np.float64, copy=False) for each in kept], metric, count
    )
