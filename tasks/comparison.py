"""The verdict: what the scores of two contenders allow one to say.

With a hold-out, the contenders, fitted on all training rows, are compared on the test rows by the paired bootstrap
(tasks/bootstrap.py). With K-fold validation, their fold scores are compared.

Fold scores are not independent, since training sets overlap, so a plain paired t-test finds differences that are not
there. Both tests here widen the variance of the mean difference from s^2 / J to (1 / J + n2 / n1) * s^2, for J folds
in all and n2 / n1 test rows per training row (Nadeau & Bengio 2003; Bouckaert & Frank 2004 for repeated K-fold). The
Bayesian correlated t-test (Benavoli et al., JMLR 2017) reads the same t distribution as a posterior and asks how much
of it lies beyond a region of practical equivalence; its correlation rho = 1 / n_splits makes the two variances equal.
"""

from collections.abc import Sequence
from itertools import combinations
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from tasks.bootstrap import CONFIDENCE, RESAMPLES, interval_of, resample
from tasks.data.splitting import KFoldSpec, Validation
from tasks.data.vectorization import Arrays
from tasks.evaluation import Evaluation
from tasks.metrics import METRICS, MetricName
from tasks.refitting import FinalScore
from tasks.specs import Spec
from tasks.store import load_arrays

Decision = Literal["first", "equivalent", "second", "undecided"]
REPEATS_LIMIT = 1000  # beyond so many repeats, the part of the variance that repeats cannot lower is all that is left


class Estimate(Spec):
    """A mean over folds with the interval that holds it at the level of confidence, or a mean over seeds without."""

    mean: float
    std: float | None = Field(description="standard deviation over folds or seeds; none with a single score")
    interval: tuple[float, float] | None


class Verdict(Spec):
    """What can be said of two contenders; differences are first minus second, in the metric's unit."""

    first: str
    second: str
    difference: float
    interval: tuple[float, float]
    p_value: float
    p_first_better: float
    p_equivalent: float
    p_second_better: float
    decision: Decision
    repeats_needed: int | None = Field(None, description="about how many repeats in all would settle it, if any would")

    @property
    def better(self) -> str | None:
        """The name of the better one, where there is one."""
        return {"first": self.first, "second": self.second}.get(self.decision)


def estimate(scores: Sequence[float], validation: Validation) -> Estimate:
    """Mean of one contender's scores, standard deviation, and for K-fold validation the corrected interval."""
    values = np.asarray(scores, np.float64)
    mean, std = float(values.mean()), float(values.std(ddof=1)) if len(values) > 1 else None
    if std is None or not isinstance(validation, KFoldSpec):
        return Estimate(mean=mean, std=std, interval=None)
    half = _quantile(len(values)) * float(_standard_error(std, len(values), validation.n_splits))
    return Estimate(mean=mean, std=std, interval=(mean - half, mean + half))


def compare(
    evaluations: Sequence[Evaluation],
    tests: Sequence[FinalScore],
    arrays: Arrays,
    validation: Validation,
    metric: MetricName,
    equivalent_within: float,
) -> list[Verdict]:
    """A verdict for every pair of contenders, in the order given: by fold scores, or with a hold-out by test rows."""
    if isinstance(validation, KFoldSpec):
        return [
            verdict(one.name, two.name, one.scores, two.scores, validation.n_splits, metric, equivalent_within)
            for one, two in combinations(evaluations, 2)
        ]
    predictions = [load_arrays(test.predictions)["test"].astype(np.float64, copy=False) for test in tests]
    resamples = dict(zip(tests, resample(arrays.y("test"), predictions, metric), strict=True))
    return [
        verdict_on_test(one, two, resamples[one] - resamples[two], metric, equivalent_within)
        for one, two in combinations(tests, 2)
    ]


def verdict_on_test(
    first: FinalScore,
    second: FinalScore,
    differences: NDArray[np.float64],
    metric: MetricName,
    equivalent_within: float,
) -> Verdict:
    """Compares two contenders by the differences (resamples,) of their scores, first minus second, on the same rows.

    The p-value is the share of resamples on the other side of zero, doubled, each side counted with one more resample
    (Davison & Hinkley 1997, section 4.2.1), so that it is never 0.
    """
    gains = METRICS[metric].sign * differences
    better, worse = float(np.mean(gains > equivalent_within)), float(np.mean(gains < -equivalent_within))
    beyond = min(np.sum(differences <= 0), np.sum(differences >= 0))
    return Verdict(
        first=first.name,
        second=second.name,
        difference=first.score - second.score,
        interval=interval_of(differences),
        p_value=min(1.0, float(2 * (1 + beyond) / (1 + RESAMPLES))),
        p_first_better=better,
        p_equivalent=1 - better - worse,
        p_second_better=worse,
        decision=_decide(better, 1 - better - worse, worse),
    )


def verdict(
    first: str,
    second: str,
    first_scores: Sequence[float],
    second_scores: Sequence[float],
    n_splits: int,
    metric: MetricName,
    equivalent_within: float,
) -> Verdict:
    """Compares two contenders on the same folds.

    Args:
        first: the name of one contender.
        second: the name of the other.
        first_scores: the one's scores (J,), repeat by repeat.
        second_scores: the other's, on the same folds.
        n_splits: folds in a repeat; J is a multiple of it.
        metric: what the scores are; its direction says which way is better.
        equivalent_within: differences up to this much, in the metric's unit, do not matter in practice.
    """
    differences = np.asarray(first_scores, np.float64) - np.asarray(second_scores, np.float64)
    J, mean, sd = len(differences), float(differences.mean()), float(differences.std(ddof=1))
    sd = 0.0 if _is_constant(mean, sd) else sd
    half = _quantile(J) * _standard_error(sd, J, n_splits)
    gain = METRICS[metric].sign * mean
    better, equivalent, worse = (float(p[0]) for p in _posterior(gain, sd, np.array([J]), n_splits, equivalent_within))
    decision = _decide(better, equivalent, worse)
    return Verdict(
        first=first,
        second=second,
        difference=mean,
        interval=(mean - half, mean + half),
        p_value=corrected_p_value(differences, n_splits),
        p_first_better=better,
        p_equivalent=equivalent,
        p_second_better=worse,
        decision=decision,
        repeats_needed=_repeats_needed(gain, sd, J, n_splits, equivalent_within) if decision == "undecided" else None,
    )


def corrected_p_value(differences: NDArray[np.float64], n_splits: int) -> float:
    """Two-sided p of the corrected resampled t-test, J - 1 degrees of freedom, that the mean difference is zero."""
    from scipy import stats

    J, mean = len(differences), float(differences.mean())
    sd = float(differences.std(ddof=1))
    if _is_constant(mean, sd):
        return 1.0
    return float(2 * stats.t.sf(abs(mean) / _standard_error(sd, J, n_splits), J - 1))


def _standard_error(sd: float | NDArray[np.float64], J: int | NDArray[np.int64], n_splits: int) -> NDArray[np.float64]:
    """The corrected standard error of a mean over J folds; in K-fold validation n2 / n1 is 1 / (n_splits - 1)."""
    return np.asarray(sd * np.sqrt(1 / J + 1 / (n_splits - 1)))


def _is_constant(mean: float, sd: float) -> bool:
    """Whether all folds show the same difference, up to rounding.

    Coarse scores on few folds do so by chance (two folds of 20 rows, accuracy: 11 % of equal contenders). It says
    nothing of how the difference would vary, so it must not count as certainty that there is one.
    """
    return sd <= 1e-12 * max(1.0, abs(mean))


def _quantile(J: int) -> float:
    from scipy import stats

    return float(stats.t.ppf((1 + CONFIDENCE) / 2, J - 1))


def _posterior(
    gain: float, sd: float, J: NDArray[np.int64], n_splits: int, equivalent_within: float
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """For each number of folds in J: the probabilities that first is better, that both are equal, that second is."""
    from scipy import stats

    if _is_constant(gain, sd):
        within = np.full(len(J), float(abs(gain) <= equivalent_within))
        return (1 - within) / 2, within, (1 - within) / 2
    error = _standard_error(sd, J, n_splits)
    better = np.asarray(stats.t.sf((equivalent_within - gain) / error, J - 1))
    worse = np.asarray(stats.t.cdf((-equivalent_within - gain) / error, J - 1))
    return better, np.maximum(1 - better - worse, 0), worse


def _decide(better: float, equivalent: float, worse: float) -> Decision:
    """Better where the whole interval lies beyond the region of equivalence; each tail holds half of the error rate."""
    tail = (1 - CONFIDENCE) / 2
    if better > 1 - tail:
        return "first"
    if worse > 1 - tail:
        return "second"
    return "equivalent" if equivalent > CONFIDENCE else "undecided"


def _repeats_needed(gain: float, sd: float, J: int, n_splits: int, equivalent_within: float) -> int | None:
    """The fewest repeats that would settle it if mean and spread stayed as they are; None if no number would."""
    repeats = np.arange(J // n_splits + 1, REPEATS_LIMIT + 1)
    better, equivalent, worse = _posterior(gain, sd, repeats * n_splits, n_splits, equivalent_within)
    tail = (1 - CONFIDENCE) / 2
    settled = (np.maximum(better, worse) > 1 - tail) | (equivalent > CONFIDENCE)
    return int(repeats[settled.argmax()]) if settled.any() else None
