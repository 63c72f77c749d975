"""Tests of whether two contenders differ, and what becomes of their p-values when many pairs are tested.

Fold scores are not independent, since training sets overlap, so a plain paired t-test finds differences that are not
there. Both tests on folds here widen the variance of the mean difference from s^2 / J to (1 / J + n2 / n1) * s^2, for J
folds in all and n2 / n1 test rows per training row (Nadeau & Bengio 2003; Bouckaert & Frank 2004 for repeated K-fold).
The Bayesian correlated t-test (Benavoli et al., JMLR 2017) reads the same t distribution as a posterior and asks how
much of it lies beyond a region of practical equivalence; its correlation rho = n2 / (n1 + n2), which is 1 / n_splits in
K-fold validation, makes the two variances equal.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tasks.specs import Spec
from tasks.statistics.bootstrap import CONFIDENCE

Floats = NDArray[np.float64]
Numbers = NDArray[np.int64]


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
