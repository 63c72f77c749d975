"""The verdicts: what the scores of several contenders allow one to say of each pair.

With a hold-out, the contenders, fitted on all training rows, are compared on the test rows by the paired bootstrap
(tasks/statistics.py). With folds, of whichever kind, their fold scores are compared by corrected tests.

Of many pairs, some differ by chance. There are two families of hypotheses, and within each the chance of a single false
"better" is held at 5 % (Holm 1979). The primary one is the experiment's own question: the best net against the best
gradient boosting, among the pairs that these could have been. The secondary, exploratory one is that of all pairs.
`challenge` says which family a run's best contender and the champion that stands are of.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from tasks.data.examples import Groups
from tasks.data.folds.splitting import FoldsSpec, HoldOutSpec, Validation
from tasks.data.vectorization import DesignMatrix
from tasks.evaluation.cross_validation import Evaluation, FinalScore, Result
from tasks.metrics import METRICS, MetricName
from tasks.specs import Family, Spec
from tasks.statistics import (
    CONFIDENCE,
    RESAMPLES,
    FoldDesign,
    McNemar,
    corrected_p_values,
    holm_factors,
    interval_of,
    is_constant,
    mcnemar,
    posterior,
    resample,
)
from tasks.store import load_arrays

Floats = NDArray[np.float64]
Decision = Literal["first", "equivalent", "second", "undecided"]
REPEATS_LIMIT = 1000  # beyond so many repeats, the part of the variance that repeats cannot lower is all that is left
RESAMPLES_PER_PAIR = 80  # the smallest p that R resamples give is 2 / (R + 1); adjusted for all pairs, it is 0.025
RIVALS: tuple[Family, ...] = ("network", "boosting", "classic")  # the first two that are entered make the headline


class Rules(Spec):
    """How rows are held out, by which metric contenders are scored, and which differences matter.

    `unit` is that of the target, empty where it has none. Differences up to `equivalent_within`, in the metric's own
    unit, do not matter in practice.
    """

    validation: Validation
    metric: MetricName
    unit: str = ""
    equivalent_within: float


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
    interval: tuple[float, float] = Field(description="of this pair by itself, at the level of confidence")
    p_value: float = Field(description="of this pair by itself")
    p_adjusted: float = Field(description="as one of `n_pairs` (Holm 1979)")
    n_pairs: int
    p_first_better: float
    p_equivalent: float
    p_second_better: float
    decision: Decision
    repeats_needed: int | None = Field(None, description="about how many repeats in all would settle it, if any would")
    mcnemar: McNemar | None = Field(None, description="for accuracy on test rows, of the models that are kept to use")

    @property
    def better(self) -> str | None:
        """The name of the better one, where there is one."""
        return {"first": self.first, "second": self.second}.get(self.decision)


class Comparison(Spec):
    """The verdicts on all pairs, in the order entered, and the one that the experiment is about.

    `headline` is the best net against the best gradient boosting; the next of RIVALS stands in for a family that is not
    entered, and with fewer than two there is none.
    """

    verdicts: tuple[Verdict, ...]
    headline: Verdict | None


@dataclass(frozen=True)
class FoldPair:
    """Two contenders by the differences (J,) of their scores on the same folds, first minus second, repeat by repeat.

    A repeat has `design.n_splits` folds, so J is a multiple of it. Differences up to `equivalent_within`, in the
    metric's unit, do not matter in practice.
    """

    first: str
    second: str
    differences: Floats
    design: FoldDesign
    metric: MetricName
    equivalent_within: float

    @cached_property
    def p_value(self) -> float:
        """Two-sided p of the corrected resampled t-test."""
        return float(corrected_p_values(self._mean, self._sd, np.array([len(self.differences)]), self.design)[0])

    def verdict(self, factor: float, n_pairs: int) -> Verdict:
        """The verdict, where p is multiplied by `factor` since it is one of `n_pairs`."""
        J, mean = len(self.differences), self._mean
        half = self.design.reach(J) * float(self.design.standard_error(self._sd, J))
        better, equivalent, worse = (float(p[0]) for p in self._posterior(np.array([J])))
        decision = _decide(better, equivalent, worse, factor * self.p_value)
        return Verdict(
            first=self.first,
            second=self.second,
            difference=mean,
            interval=(mean - half, mean + half),
            p_value=self.p_value,
            p_adjusted=min(1.0, factor * self.p_value),
            n_pairs=n_pairs,
            p_first_better=better,
            p_equivalent=equivalent,
            p_second_better=worse,
            decision=decision,
            repeats_needed=self._repeats_needed(factor) if decision == "undecided" and self.design.repeatable else None,
        )

    @property
    def _mean(self) -> float:
        return float(self.differences.mean())

    @property
    def _sd(self) -> float:
        sd = float(self.differences.std(ddof=1))
        return 0.0 if is_constant(self._mean, sd) else sd

    def _posterior(self, J: NDArray[np.int64]) -> tuple[Floats, Floats, Floats]:
        gain = METRICS[self.metric].sign * self._mean
        return posterior(gain, self._sd, J, self.design, self.equivalent_within)

    def _repeats_needed(self, factor: float) -> int | None:
        """The fewest repeats that would settle it if mean, spread and factor stayed as they are; None if none would."""
        repeats = np.arange(len(self.differences) // self.design.n_splits + 1, REPEATS_LIMIT + 1)
        J = repeats * self.design.n_splits
        p_adjusted = factor * corrected_p_values(self._mean, self._sd, J, self.design)
        better, equivalent, worse = self._posterior(J)
        settled = _is_beyond(better, worse, p_adjusted) | (equivalent > CONFIDENCE)
        return int(repeats[settled.argmax()]) if settled.any() else None


@dataclass(frozen=True)
class RowPair:
    """Two contenders by the differences (resamples,) of their scores on the same resamples of the test rows."""

    first: str
    second: str
    difference: float
    resampled: Floats
    metric: MetricName
    equivalent_within: float
    mcnemar: McNemar | None = None

    @cached_property
    def p_value(self) -> float:
        """Twice the share of resamples beyond zero, with one more on either side (Davison & Hinkley 1997, 4.2.1)."""
        beyond = min(np.sum(self.resampled <= 0), np.sum(self.resampled >= 0))
        return min(1.0, float(2 * (1 + beyond) / (1 + len(self.resampled))))

    def verdict(self, factor: float, n_pairs: int) -> Verdict:
        """The verdict, where p is multiplied by `factor` since it is one of `n_pairs`."""
        gains = METRICS[self.metric].sign * self.resampled
        better, worse = (float(np.mean(each > self.equivalent_within)) for each in (gains, -gains))
        return Verdict(
            first=self.first,
            second=self.second,
            difference=self.difference,
            interval=interval_of(self.resampled),
            p_value=self.p_value,
            p_adjusted=min(1.0, factor * self.p_value),
            n_pairs=n_pairs,
            p_first_better=better,
            p_equivalent=1 - better - worse,
            p_second_better=worse,
            decision=_decide(better, 1 - better - worse, worse, factor * self.p_value),
            mcnemar=self.mcnemar,
        )


Pair = FoldPair | RowPair


def design_of(validation: FoldsSpec, groups: Groups | None) -> FoldDesign:
    """How folds of rows hang together, or of these groups; as many groups as folds leave no other folds to draw."""
    n_splits, ratio = validation.n_splits, validation.test_ratio
    if groups is None:
        return FoldDesign(n_splits, ratio, repeatable=not validation.in_order)
    return FoldDesign(n_splits, ratio, groups.effective, repeatable=groups.count > n_splits)


def estimate(scores: Sequence[float], validation: Validation, groups: Groups | None = None) -> Estimate:
    """Mean of one contender's scores, standard deviation, and, over folds, the corrected interval."""
    values = np.asarray(scores, np.float64)
    mean, std = float(values.mean()), float(values.std(ddof=1)) if len(values) > 1 else None
    if std is None or isinstance(validation, HoldOutSpec):
        return Estimate(mean=mean, std=std, interval=None)
    design = design_of(validation, groups)
    half = design.reach(len(values)) * float(design.standard_error(std, len(values)))
    return Estimate(mean=mean, std=std, interval=(mean - half, mean + half))


def compare(results: Sequence[Result], arrays: DesignMatrix, rules: Rules) -> Comparison:
    """Compares all pairs, by fold scores or with a hold-out by test rows, and answers the experiment's own question.

    The best of a family has the best mean score on the rows held out. With folds the same rows judge it, so p is
    adjusted for all pairs that the headline was chosen from; with a hold-out the test rows do, which chose nothing.
    """
    evaluations = [result.evaluation for result in results]
    if isinstance(rules.validation, HoldOutSpec):
        pairs: list[Pair] = row_pairs([result.test for result in results], arrays, rules)
    else:
        design = design_of(rules.validation, arrays.groups)
        pairs = [fold_pair(one, two, design, rules) for one, two in combinations(evaluations, 2)]
    return Comparison(verdicts=tuple(adjusted(pairs)), headline=_headline(evaluations, pairs, rules.metric))


def challenge(
    challenger: str,
    results: Sequence[Result],
    champion: Evaluation,
    champion_tests: Sequence[FinalScore],
    arrays: DesignMatrix,
    rules: Rules,
) -> Verdict:
    """The verdict on the challenger, first, against the champion that stands, second.

    With folds the challenger was chosen as the best of all contenders on the very folds that judge it. So the family of
    hypotheses is that of all pairs of the champion with a contender, and within it the chance of a single false
    "better" is held at 5 % (Holm 1979): whichever of them turns out best, one run replaces a champion that none of them
    beats no more often than that. With a hold-out the test rows judge, which had no part in the choice, so there is one
    pair.

    Args:
        challenger: the name of the run's best contender, whose method must not be the champion's.
        results: the contenders'; the champion may be among them.
        champion: its scores on the same folds.
        champion_tests: its scores on the test rows, as the only item; with folds there need be none.
        arrays: the rows.
        rules: how contenders are compared.
    """
    if isinstance(rules.validation, HoldOutSpec):
        judged = [*(result.test for result in results if result.name == challenger), *champion_tests]
        pairs: list[Pair] = row_pairs(judged, arrays, rules)
    else:
        rivals = [result.evaluation for result in results if result.evaluation.contender != champion.contender]
        design = design_of(rules.validation, arrays.groups)
        pairs = [fold_pair(rival, champion, design, rules) for rival in rivals]
    return next(verdict for verdict in adjusted(pairs) if verdict.first == challenger)


def adjusted(pairs: Sequence[Pair]) -> list[Verdict]:
    """The verdicts on pairs that are looked at together: the chance of any false "better" is at most 5 %."""
    factors = holm_factors([pair.p_value for pair in pairs])
    return [pair.verdict(float(factor), len(pairs)) for pair, factor in zip(pairs, factors, strict=True)]


def fold_pair(one: Evaluation, two: Evaluation, design: FoldDesign, rules: Rules) -> Pair:
    """Two contenders by their scores on the same folds."""
    differences = np.subtract(one.scores, two.scores)
    return FoldPair(one.name, two.name, differences, design, rules.metric, rules.equivalent_within)


def row_pairs(tests: Sequence[FinalScore], arrays: DesignMatrix, rules: Rules) -> list[Pair]:
    """All pairs of contenders by their scores on the same resamples of the test rows."""
    y = arrays.y("test")
    predictions = [load_arrays(test.predictions)["test"].astype(np.float64, copy=False) for test in tests]
    count = max(RESAMPLES, RESAMPLES_PER_PAIR * len(tests) * (len(tests) - 1) // 2)
    resamples = resample(y, predictions, rules.metric, count)
    right = [each[0].argmax(axis=1) == y for each in predictions] if rules.metric == "accuracy" else None
    return [
        RowPair(
            tests[one].name,
            tests[two].name,
            tests[one].score - tests[two].score,
            resamples[one] - resamples[two],
            rules.metric,
            rules.equivalent_within,
            mcnemar(right[one], right[two]) if right else None,
        )
        for one, two in combinations(range(len(tests)), 2)
    ]


def _headline(evaluations: Sequence[Evaluation], pairs: Sequence[Pair], metric: MetricName) -> Verdict | None:
    families = [[each for each in evaluations if each.contender.family == family] for family in RIVALS]
    rivals = [members for members in families if members][:2]
    if len(rivals) < 2:
        return None
    numbers = {each.name: number for number, members in enumerate(rivals) for each in members}
    between = [pair for pair in pairs if {numbers.get(pair.first), numbers.get(pair.second)} == {0, 1}]
    best = {max(members, key=lambda each: METRICS[metric].sign * np.mean(each.scores)).name for members in rivals}
    chosen = [pair for pair in between if {pair.first, pair.second} == best]
    looked_at = between if isinstance(chosen[0], FoldPair) else chosen
    return next(verdict for verdict in adjusted(looked_at) if {verdict.first, verdict.second} == best)


def _decide(better: float, equivalent: float, worse: float, p_adjusted: float) -> Decision:
    if _is_beyond(better, worse, p_adjusted):
        return "first" if better > worse else "second"
    return "equivalent" if equivalent > CONFIDENCE else "undecided"


def _is_beyond(better: float | Floats, worse: float | Floats, p_adjusted: float | Floats) -> NDArray[np.bool_]:
    """Whether one is better: its whole interval lies beyond the region, and p, as one of all pairs, is small."""
    tail = (1 - CONFIDENCE) / 2  # each end of the interval has half of the error rate
    return np.asarray((np.maximum(better, worse) > 1 - tail) & (np.asarray(p_adjusted) <= 1 - CONFIDENCE))
