"""Whether scores differ, and by how much.

How they vary with the test rows is told by the paired bootstrap (Efron & Tibshirani 1993, chapters 10 and 13); whether
two contenders differ on folds, by tests; and what becomes of p-values when many pairs are tested, by Holm.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from tasks.metrics import Counts, MetricName, scorer
from tasks.specs import Spec

Floats = NDArray[np.float64]
CONFIDENCE = 0.95
RESAMPLES = 2000
SEED = 0  # the same resamples for every contender, whenever it is looked at
PART = 2_000_000  # counts held at a time, 16 MB
Numbers = NDArray[np.int64]


def resample(
    y: NDArray[np.generic],
    predictions: Sequence[Floats],
    metric: MetricName,
    count: int = RESAMPLES,
    groups: NDArray[np.generic] | None = None,
) -> Floats:
    """Each contender's score on the same resamples of the test rows, (contenders, count).

    Args:
        y: the targets (rows,).
        predictions: for each contender, (models, rows) or (models, rows, classes). A contender with several models, of
            different seeds, is scored by their mean; the models are resampled as the rows are, apart from them.
        metric: the score; `scorer` in tasks/metrics.py says what each costs.
        count: how many resamples; fewer are the first of more.
        groups: the number (rows,) of each row's group, where whole groups are to be drawn.
    """
    of_rows, of_models = _generators()
    by_model = _by_model(y, predictions, metric, draw(len(y), count, of_rows, groups))
    return np.stack([_over_models(own, of_models) for own in by_model])


def resample_with_subsets(
    y: NDArray[np.generic], predictions: Sequence[Floats], metric: MetricName, count: int = RESAMPLES
) -> Floats:
    """Each contender's score on the same resamples of the test rows, and of the subsets that were learned from.

    Args:
        y: the targets (rows,).
        predictions: for each contender, (subsets, rows) or (subsets, rows, classes); those of a place learned from the
            same subset.
        metric: the score.
        count: how many resamples.

    Returns:
        Scores (contenders, count); those of a contender vary around its mean over subsets.
    """
    of_rows, of_subsets = _generators()
    samples = chain(draw(len(y), count, of_rows), [np.ones((1, len(y)), np.int64)])  # the last are the rows as they are
    by_model = np.stack(_by_model(y, predictions, metric, samples))
    return np.asarray(by_model[:, :-1].mean(axis=2) + vary_with_subsets(by_model[:, -1], count, of_subsets))


def vary_with_subsets(scores: Floats, count: int, generator: np.random.Generator) -> Floats:
    """By how much means over subsets may be off, (contenders, count), from scores (contenders, subsets).

    To draw anew from three subsets would vary far too little. So what is drawn, for all contenders at once, is
    Student's t with as many degrees of freedom as subsets but one (Gelman et al., "Bayesian data analysis", 3rd ed.,
    section 3.2): a contender's mean, or the difference of two, is off by t times its own standard error. Of a single
    subset nothing is known, and it varies by nothing.
    """
    subsets = scores.shape[1]
    if subsets == 1:
        return np.zeros((len(scores), count))
    deviations = scores - scores.mean(axis=1, keepdims=True)
    normal = generator.standard_normal((count, subsets)) / np.sqrt(subsets * (subsets - 1))
    scale = np.sqrt((subsets - 1) / generator.chisquare(subsets - 1, count))
    return np.asarray(deviations @ normal.T * scale)


def draw(
    rows: int, count: int, generator: np.random.Generator, groups: NDArray[np.generic] | None = None
) -> Iterator[Counts]:
    """Samples of as many rows with replacement: how often each row is in them, (samples, rows), `count` in all.

    Where rows belong to groups (rows,), as many groups are drawn as there are, each with all of its rows (the cluster
    bootstrap: Davison & Hinkley 1997, section 3.8): rows of a group tell less than as many that stand alone. Of one
    group, rows are drawn: that it always comes out the same does not make its score certain.
    """
    own, row_groups = (None, None) if groups is None else np.unique(groups, return_inverse=True)
    if own is not None and len(own) > 1:
        for counts in draw(len(own), count, generator):
            yield counts[:, row_groups]
        return
    part = max(1, PART // rows)
    for start in range(0, count, part):
        samples = min(part, count - start)
        drawn = generator.integers(0, rows, (samples, rows)) + rows * np.arange(samples)[:, None]
        yield np.bincount(drawn.ravel(), minlength=samples * rows).reshape(samples, rows)


def interval_of(scores: Floats) -> tuple[float, float]:
    """Return the percentiles between which `CONFIDENCE` of the resampled scores lies."""
    tail = 100 * (1 - CONFIDENCE) / 2
    low, high = np.percentile(scores, [tail, 100 - tail])
    return float(low), float(high)


def _generators() -> tuple[np.random.Generator, np.random.Generator]:
    """For rows, and for the models or subsets."""
    of_rows, others = (np.random.default_rng(seed) for seed in np.random.SeedSequence(SEED).spawn(2))
    return of_rows, others


def _by_model(
    y: NDArray[np.generic], predictions: Sequence[Floats], metric: MetricName, samples: Iterable[Counts]
) -> list[Floats]:
    """For each contender, the scores (samples, models) of each of its models."""
    score = scorer(y, [model for each in predictions for model in each], metric)
    by_model = np.concatenate([score(counts) for counts in samples])
    return np.split(by_model, np.cumsum([len(each) for each in predictions])[:-1], axis=1)


def _over_models(scores: Floats, generator: np.random.Generator) -> Floats:
    """Of scores (samples, models), the mean (samples,) over as many models drawn with replacement."""
    models = scores.shape[1]
    if models == 1:
        return scores[:, 0]
    drawn = generator.integers(0, models, scores.shape)
    return np.asarray(np.take_along_axis(scores, drawn, axis=1).mean(axis=1))


# Whether two contenders differ on folds, and what becomes of p-values when many pairs are tested


@dataclass(frozen=True)
class FoldDesign:
    """How the folds that scores come from hang together.

    `test_ratio` is n2 / n1, the mean over folds. Of `units`, if there are fewer than folds, the spread of the scores is
    known no better than from so many independent values: without that, ten repeats of five folds of eight groups call a
    difference between equal contenders in 9 % of cases instead of 5 %. `repeatable` folds could be drawn anew.
    """

    n_splits: int
    test_ratio: float
    units: float = np.inf
    repeatable: bool = True

    def freedom(self, J: int | Numbers) -> Floats:
        """Degrees of freedom of the t distribution for J folds in all."""
        return np.asarray(np.minimum(J, self.units) - 1, np.float64)

    def standard_error(self, sd: float | Floats, J: int | Numbers) -> Floats:
        """The corrected standard error of a mean over J folds."""
        return np.asarray(sd * np.sqrt(1 / J + self.test_ratio))

    def reach(self, J: int) -> float:
        """How many standard errors the interval of a mean over J folds reaches to each side."""
        from scipy import stats

        return float(stats.t.ppf((1 + CONFIDENCE) / 2, self.freedom(J)))


class McNemar(Spec):
    """McNemar's exact test (McNemar 1947; its binomial form as in Dietterich 1998) on the same rows.

    `only_first` and `only_second` count the rows that only one of two models has right; were the models equally
    accurate, each such row would be as likely the one's as the other's.
    """

    only_first: int
    only_second: int
    p_value: float


def mcnemar(first_right: NDArray[np.bool_], second_right: NDArray[np.bool_]) -> McNemar:
    """Compares two models by the rows (rows,) that each has right; p is two-sided, and 1 where no row tells."""
    from scipy import stats

    one, two = int(np.sum(first_right & ~second_right)), int(np.sum(second_right & ~first_right))
    p_value = float(stats.binomtest(one, one + two).pvalue) if one + two else 1.0
    return McNemar(only_first=one, only_second=two, p_value=p_value)


def holm_factors(p_values: Sequence[float]) -> Floats:
    """By how much each of m p-values is multiplied where they are tested together (Holm 1979), 1 to m.

    In order of size, the smallest by m, the next by m - 1 and so on, but no product is less than one before it. The
    product may exceed 1; the adjusted p-value is then 1. All rejections taken together, the chance of a single false
    one is at most the level, however the tests depend on one another.
    """
    p = np.asarray(p_values, np.float64)
    order = np.argsort(p, kind="stable")
    multipliers = np.arange(len(p), 0, -1, dtype=np.float64)
    products = np.maximum.accumulate(multipliers * p[order])
    factors = np.empty(len(p))
    factors[order] = np.maximum(multipliers, products / np.maximum(p[order], np.finfo(np.float64).tiny))
    return factors


def is_constant(mean: float, sd: float) -> bool:
    """Whether all folds show the same difference, up to rounding.

    Coarse scores on few folds do so by chance (two folds of 20 rows, accuracy: 11 % of equal contenders). It says
    nothing of how the difference would vary, so it must not count as certainty that there is one.
    """
    return sd <= 1e-12 * max(1.0, abs(mean))


def corrected_p_values(mean: float, sd: float, J: Numbers, design: FoldDesign) -> Floats:
    """For each number of folds in J: two-sided p of the corrected resampled t-test."""
    from scipy import stats

    if is_constant(mean, sd):
        return np.ones(len(J))
    return np.asarray(2 * stats.t.sf(abs(mean) / design.standard_error(sd, J), design.freedom(J)))


def posterior(
    gain: float, sd: float, J: Numbers, design: FoldDesign, equivalent_within: float
) -> tuple[Floats, Floats, Floats]:
    """For each number of folds in J: the probabilities that first is better, that both are equal, that second is."""
    from scipy import stats

    if is_constant(gain, sd):
        within = np.full(len(J), float(abs(gain) <= equivalent_within))
        return (1 - within) / 2, within, (1 - within) / 2
    error, freedom = design.standard_error(sd, J), design.freedom(J)
    better = np.asarray(stats.t.sf((equivalent_within - gain) / error, freedom))
    worse = np.asarray(stats.t.cdf((-equivalent_within - gain) / error, freedom))
    return better, np.maximum(1 - better - worse, 0), worse
