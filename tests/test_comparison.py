import math
import warnings
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats

from tasks.data.examples import Groups
from tasks.data.folds.splitting import GroupKFoldSpec, KFoldSpec, TimeSeriesSplitSpec
from tasks.metrics import METRICS, MetricName
from tasks.models.baselines.boosting import GradientBoostingSpec, HistGradientBoostingSpec
from tasks.models.baselines.classic import RidgeSpec
from tasks.models.contenders import Contender
from tasks.models.nets.networks import DenseSpec
from tasks.statistics import FoldDesign
from tasks.verdict.comparison import (
    REPEATS_LIMIT,
    Comparison,
    FoldPair,
    Rules,
    Verdict,
    adjusted,
    compare,
    design_of,
    estimate,
)
from tests.builders import arrays_of, evaluation_of, result_of

# Differences of the fold scores, in 4 folds: mean 2.5, variance 5 / 3, corrected variance of the mean 35 / 36.
WORKED = [1.0, 2.0, 3.0, 4.0]
WORKED_ERROR = math.sqrt((1 / 4 + 1 / 3) * 5 / 3)


@st.composite
def cases(draw: st.DrawFn) -> tuple[list[float], int, float]:
    """Differences that are not all equal, n_splits and a region of equivalence."""
    n_splits = draw(st.integers(2, 6))
    count = n_splits * draw(st.integers(1, 5))
    shift = draw(st.integers(-300, 300))
    differences = draw(st.lists(st.integers(-100, 100), min_size=count, max_size=count))
    assume(len(set(differences)) > 1)
    return [(shift + each) / 100 for each in differences], n_splits, draw(st.integers(0, 200)) / 100


def _verdict(
    differences: Sequence[float], n_splits: int, within: float, metric: MetricName = "r2", factor: float = 1
) -> Verdict:
    return FoldPair("a", "b", np.asarray(differences, float), k_fold(n_splits), metric, within).verdict(factor, 1)


def k_fold(n_splits: int) -> FoldDesign:
    return design_of(KFoldSpec(n_splits=n_splits), None)


def _posterior(differences: Sequence[float], n_splits: int) -> object:
    """The t distribution that both tests read, put together anew."""
    J = len(differences)
    rho = 1 / n_splits
    error = np.std(differences, ddof=1) * math.sqrt(1 / J + rho / (1 - rho))
    return stats.t(df=J - 1, loc=np.mean(differences), scale=error)


def _cdf_of_3_degrees_of_freedom(t: float) -> float:
    x = t / math.sqrt(3)
    return 1 / 2 + (x / (1 + x * x) + math.atan(x)) / math.pi


def test_p_is_the_one_worked_out_by_hand() -> None:
    expected = 2 * (1 - _cdf_of_3_degrees_of_freedom(2.5 / WORKED_ERROR))
    assert _verdict(WORKED, 4, 0).p_value == pytest.approx(expected)


def test_the_interval_is_the_one_worked_out_by_hand() -> None:
    low, high = _verdict(WORKED, 4, 0).interval
    assert (low + high) / 2 == pytest.approx(2.5)
    assert _cdf_of_3_degrees_of_freedom((high - 2.5) / WORKED_ERROR) == pytest.approx(0.975)


def test_the_probabilities_are_those_worked_out_by_hand() -> None:
    found = _verdict(WORKED, 4, 1.0)
    below, beyond = (_cdf_of_3_degrees_of_freedom((edge - 2.5) / WORKED_ERROR) for edge in (-1.0, 1.0))
    assert found.p_second_better == pytest.approx(below)
    assert found.p_equivalent == pytest.approx(beyond - below)
    assert found.p_first_better == pytest.approx(1 - beyond)


@given(cases())
def test_everything_agrees_with_an_independent_computation(case: tuple[list[float], int, float]) -> None:
    differences, n_splits, within = case
    found, t = _verdict(*case), _posterior(differences, n_splits)
    assert found.difference == pytest.approx(np.mean(differences), abs=1e-12)
    assert found.interval == pytest.approx(t.interval(0.95))
    assert found.p_value == pytest.approx(2 * min(t.cdf(0), t.sf(0)), abs=1e-9)
    assert found.p_first_better == pytest.approx(t.sf(within), abs=1e-9)
    assert found.p_second_better == pytest.approx(t.cdf(-within), abs=1e-9)


@given(cases(), st.sampled_from(list(METRICS)))
def test_swapping_the_contenders_mirrors_the_verdict(case: tuple[list[float], int, float], metric: MetricName) -> None:
    differences, n_splits, within = np.asarray(case[0]), *case[1:]
    one = FoldPair("a", "b", differences, k_fold(n_splits), metric, within).verdict(1, 1)
    two = FoldPair("b", "a", -differences, k_fold(n_splits), metric, within).verdict(1, 1)
    assert two.difference == pytest.approx(-one.difference)
    assert two.interval == pytest.approx((-one.interval[1], -one.interval[0]))
    assert two.p_value == pytest.approx(one.p_value)
    assert two.p_second_better == pytest.approx(one.p_first_better)
    assert two.p_equivalent == pytest.approx(one.p_equivalent, abs=1e-12)
    assert two.better == one.better
    assert two.repeats_needed == one.repeats_needed


@given(cases())
def test_the_other_direction_of_a_metric_turns_the_winner_and_nothing_else(
    case: tuple[list[float], int, float],
) -> None:
    greater, less = _verdict(*case, metric="r2"), _verdict(*case, metric="mae")
    assert (less.difference, less.interval, less.p_value) == (greater.difference, greater.interval, greater.p_value)
    assert less.p_first_better == pytest.approx(greater.p_second_better)
    assert {greater.better, less.better} in ({None}, {"a", "b"})


@pytest.mark.parametrize(("metric", "better"), [("r2", "a"), ("accuracy", "a"), ("mae", "b"), ("log_loss", "b")])
def test_the_greater_score_wins_where_greater_is_better(metric: MetricName, better: str) -> None:
    assert _verdict([0.80, 0.80, 0.79, 0.81], 4, 0.01, metric).better == better


@given(cases())
def test_the_probabilities_sum_to_1(case: tuple[list[float], int, float]) -> None:
    found = _verdict(*case)
    parts = (found.p_first_better, found.p_equivalent, found.p_second_better)
    assert sum(parts) == pytest.approx(1)
    assert min(parts) >= 0


@given(cases())
def test_one_is_better_exactly_where_the_whole_interval_lies_beyond_the_region(
    case: tuple[list[float], int, float],
) -> None:
    found, within = _verdict(*case), case[2]
    low, high = found.interval
    assume(min(abs(low - within), abs(high + within)) > 1e-9)
    assert (found.decision == "first") == (low > within)
    assert (found.decision == "second") == (high < -within)


@given(cases())
def test_both_are_equal_exactly_where_the_region_holds_95_percent(case: tuple[list[float], int, float]) -> None:
    found, t = _verdict(*case), _posterior(*case[:2])
    inside = t.cdf(case[2]) - t.cdf(-case[2])
    assume(abs(inside - 0.95) > 1e-9)
    assert (found.decision == "equivalent") == (inside > 0.95)


@given(cases(), st.integers(1, 100))
def test_a_wider_region_never_makes_a_difference_count_for_more(
    case: tuple[list[float], int, float], wider: int
) -> None:
    differences, n_splits, within = case
    narrow, wide = _verdict(*case), _verdict(differences, n_splits, within + wider / 100)
    assert wide.p_equivalent >= narrow.p_equivalent - 1e-12
    assert narrow.better or not wide.better


@given(cases())
def test_the_plain_paired_t_test_always_claims_more(case: tuple[list[float], int, float]) -> None:
    naive = stats.ttest_1samp(case[0], 0).pvalue
    corrected = _verdict(*case).p_value
    assert corrected >= naive - 1e-12
    if 1e-6 < naive < 0.999:
        assert corrected > naive


@given(cases(), st.sampled_from([1, 1, 3, 40]))
def test_repeats_needed_is_the_smallest_number_that_settles_it(
    case: tuple[list[float], int, float], factor: float
) -> None:
    differences, n_splits, within = case
    found = _verdict(*case, factor=factor)
    assume(found.decision == "undecided")
    repeats = np.arange(len(differences) // n_splits + 1, REPEATS_LIMIT + 1)
    J, rho = repeats * n_splits, 1 / n_splits
    error = np.std(differences, ddof=1) * np.sqrt(1 / J + rho / (1 - rho))
    mean, half = abs(np.mean(differences)), stats.t.ppf(0.975, J - 1) * error
    inside = stats.t.cdf((within - mean) / error, J - 1) - stats.t.cdf((-within - mean) / error, J - 1)
    sure = mean > stats.t.ppf(1 - 0.025 / factor, J - 1) * error
    settled = repeats[(mean - half > within) & sure | (inside > 0.95)]
    assert found.repeats_needed == (settled[0] if len(settled) else None)


@given(cases(), st.floats(1, 200))
def test_a_pair_among_many_is_called_only_if_it_would_be_alone_and_its_adjusted_p_is_small(
    case: tuple[list[float], int, float], factor: float
) -> None:
    alone, among = _verdict(*case), _verdict(*case, factor=factor)
    assume(abs(factor * alone.p_value - 0.05) > 1e-9)
    assert among.p_adjusted == min(1, factor * alone.p_value)
    assert (among.better is not None) == (alone.better is not None and among.p_adjusted <= 0.05)
    assert (among.decision == "equivalent") == (alone.decision == "equivalent")
    assert (among.interval, among.p_value, among.difference) == (alone.interval, alone.p_value, alone.difference)


@pytest.mark.parametrize(
    ("differences", "within", "needed"),
    [
        ([1.0, 1.2, 1.4, 1.5], 0.9, 2),  # towards a winner
        ([0.3, -0.4, 0.4, -0.4], 0.61, 4),  # towards equality
        ([1.0, 1.2, 1.4, 1.5], 1.1, None),  # the part of the spread that repeats cannot lower is too large
    ],
)
def test_repeats_are_counted_in_all_and_only_where_they_would_help(
    differences: list[float], within: float, needed: int | None
) -> None:
    found = _verdict(differences, 4, within)
    assert (found.decision, found.repeats_needed) == ("undecided", needed)


def test_a_settled_verdict_needs_no_more_repeats() -> None:
    assert _verdict([5.0, 5.1, 4.9, 5.0], 4, 0.1).repeats_needed is None


@pytest.mark.parametrize(
    ("difference", "within", "decision", "p_value"),
    [(0.0, 0.1, "equivalent", 1), (0.05, 0.1, "equivalent", 1), (0.5, 0.1, "undecided", 1), (20, 0.1, "undecided", 1)],
)
def test_differences_without_spread_are_no_certainty_and_do_not_divide_by_zero(
    difference: float, within: float, decision: str, p_value: float
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = _verdict([difference] * 4, 4, within)
    assert (found.decision, found.p_value, found.interval) == (decision, p_value, (difference, difference))


def test_scores_that_are_the_same_are_no_evidence_against_equality() -> None:
    found = _verdict([0.0] * 4, 4, 0.1)
    assert (found.decision, found.p_value, found.p_equivalent) == ("equivalent", 1, 1)


def test_a_mean_is_given_with_its_deviation_and_corrected_interval() -> None:
    found = estimate(WORKED, KFoldSpec(n_splits=4))
    assert found.mean == 2.5
    assert found.std == pytest.approx(math.sqrt(5 / 3))
    assert found.interval is not None
    low, high = found.interval
    assert _cdf_of_3_degrees_of_freedom((high - 2.5) / WORKED_ERROR) == pytest.approx(0.975)
    assert high - 2.5 == pytest.approx(2.5 - low)


def test_more_repeats_narrow_the_interval_but_never_below_what_the_rows_allow() -> None:
    intervals = [estimate([0.0, 1.0] * n, KFoldSpec(n_splits=2)).interval for n in (1, 2, 10, 1000)]
    widths = [high - low for low, high in filter(None, intervals)]
    assert widths == sorted(widths, reverse=True)
    assert widths[-1] > 2 * 1.96 * 0.5  # the standard deviation, whatever the number of repeats


def _compare(scores: dict[str, tuple[Contender | None, Sequence[float]]], metric: MetricName = "mae") -> Comparison:
    results = [result_of(evaluation_of(name, own, contender)) for name, (contender, own) in scores.items()]
    rules = Rules(validation=KFoldSpec(n_splits=2), metric=metric, equivalent_within=0.1)
    return compare(results, arrays_of("regression", [1, 2]), rules)


def test_every_pair_gets_a_verdict_in_the_order_given() -> None:
    found = _compare({"x": (None, [1.0, 2.0]), "y": (None, [2.0, 2.5]), "z": (None, [0.0, 9.0])}).verdicts
    assert [(each.first, each.second) for each in found] == [("x", "y"), ("x", "z"), ("y", "z")]
    assert [each.difference for each in found] == [-0.75, -3.0, -2.25]
    assert [each.n_pairs for each in found] == [3, 3, 3]
    assert found[0].p_value == _verdict([-1.0, -0.5], 2, 0.1).p_value
    assert all(each.mcnemar is None for each in found)


def test_p_values_are_adjusted_over_all_pairs() -> None:
    pairs = [FoldPair("a", str(n), np.array(WORKED) * 4 - n, k_fold(4), "r2", 0.1) for n in range(3)]
    found = adjusted(pairs)
    p = [each.p_value for each in found]
    assert p == sorted(p)
    assert [each.p_adjusted for each in found] == pytest.approx(list(np.maximum.accumulate(np.multiply(p, [3, 2, 1]))))


def test_one_contender_alone_gets_no_verdict() -> None:
    assert _compare({"x": (DenseSpec(), [1.0, 2.0])}) == Comparison(verdicts=(), headline=None)


NETS: dict[str, tuple[Contender | None, Sequence[float]]] = {
    "net": (DenseSpec(), [2.0, 2.2]),
    "deep": (DenseSpec(), [4.0, 4.3]),
}
BOOSTINGS: dict[str, tuple[Contender | None, Sequence[float]]] = {
    "hist": (HistGradientBoostingSpec(), [3.6, 3.5]),
    "trees": (GradientBoostingSpec(), [3.0, 3.3]),
}
CLASSICS: dict[str, tuple[Contender | None, Sequence[float]]] = {"ridge": (RidgeSpec(), [1.0, 1.5])}
FLOOR: dict[str, tuple[Contender | None, Sequence[float]]] = {"floor": (None, [0.5, 0.6])}


@pytest.mark.parametrize(
    ("entered", "metric", "headline", "n_pairs"),
    [
        (NETS | BOOSTINGS | CLASSICS | FLOOR, "mae", ("net", "trees"), 4),
        (FLOOR | CLASSICS | BOOSTINGS | NETS, "r2", ("hist", "deep"), 4),
        (CLASSICS | BOOSTINGS | FLOOR, "mae", ("ridge", "trees"), 2),
        (NETS | FLOOR | CLASSICS, "mae", ("net", "ridge"), 2),
        (NETS | FLOOR, "mae", None, 0),
        (CLASSICS | FLOOR, "mae", None, 0),
        (BOOSTINGS, "mae", None, 0),
    ],
)
def test_the_headline_is_the_best_net_against_the_best_boosting_among_all_such_pairs(
    entered: dict[str, tuple[Contender | None, Sequence[float]]],
    metric: MetricName,
    headline: tuple[str, str] | None,
    n_pairs: int,
) -> None:
    found = _compare(entered, metric)
    count = len(entered)
    assert len(found.verdicts) == count * (count - 1) // 2
    assert {each.n_pairs for each in found.verdicts} == {len(found.verdicts)}
    if headline is None or found.headline is None:
        assert found.headline is headline
        return
    assert (found.headline.first, found.headline.second, found.headline.n_pairs) == (*headline, n_pairs)
    same = next(each for each in found.verdicts if (each.first, each.second) == headline)
    assert found.headline.p_value == same.p_value <= found.headline.p_adjusted <= same.p_adjusted


def test_few_groups_leave_few_degrees_of_freedom_however_many_repeats_there_are() -> None:
    validation = GroupKFoldSpec(n_splits=4, n_repeats=3)
    differences = np.tile(WORKED, 3)
    few, many = (
        FoldPair("a", "b", differences, design_of(validation, Groups(count=count, effective=effective)), "r2", 1.0)
        for count, effective in ((6, 4.0), (90, 80.0))
    )
    error = np.std(differences, ddof=1) * math.sqrt(1 / 12 + 1 / 3)
    assert few.p_value == pytest.approx(2 * (1 - _cdf_of_3_degrees_of_freedom(2.5 / error)))
    assert many.p_value == pytest.approx(_verdict(differences.tolist(), 4, 1.0).p_value)
    found = few.verdict(1, 1)
    assert _cdf_of_3_degrees_of_freedom((found.interval[1] - 2.5) / error) == pytest.approx(0.975)
    assert found.p_first_better == pytest.approx(1 - _cdf_of_3_degrees_of_freedom((1.0 - 2.5) / error))
    summary = estimate(differences.tolist(), validation, Groups(count=6, effective=4.0))
    assert summary.interval == pytest.approx(found.interval)


def test_blocks_in_time_are_compared_by_the_mean_of_their_ratios_and_cannot_be_repeated() -> None:
    validation = TimeSeriesSplitSpec(n_splits=4)
    found = FoldPair("a", "b", np.array(WORKED), design_of(validation, None), "r2", 1.0).verdict(1, 1)
    error = math.sqrt((1 / 4 + (1 + 1 / 2 + 1 / 3 + 1 / 4) / 4) * 5 / 3)
    assert found.p_value == pytest.approx(2 * (1 - _cdf_of_3_degrees_of_freedom(2.5 / error)))
    assert (found.decision, found.repeats_needed) == ("undecided", None)
    assert _verdict(WORKED, 4, 1.0).repeats_needed is not None


def test_no_repeats_are_asked_for_where_as_many_groups_as_folds_leave_no_others() -> None:
    for count, asked in ((4, False), (5, True)):
        design = design_of(GroupKFoldSpec(n_splits=4), Groups(count=count, effective=float(count)))
        found = FoldPair("a", "b", np.array(WORKED), design, "r2", 0.0).verdict(1, 1)
        assert found.decision == "undecided"
        assert (found.repeats_needed is not None) == asked


def test_groups_and_blocks_are_judged_by_their_folds_too() -> None:
    results = [result_of(evaluation_of(name, own)) for name, own in {"x": WORKED, "y": [0.0, 0.5, 0.0, 0.5]}.items()]
    arrays = arrays_of("regression", [1, 2])
    for validation in (GroupKFoldSpec(n_splits=4), TimeSeriesSplitSpec(n_splits=4)):
        rules = Rules(validation=validation, metric="mae", equivalent_within=0.1)
        (found,) = compare(results, arrays, rules).verdicts
        assert found.difference == 2.25
        assert estimate(WORKED, validation).interval is not None
