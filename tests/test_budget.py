"""A budget is kept: of trials exactly, of CPU seconds within 10 %."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.models.search import Budget, BudgetError, TuningSpec


def run(tuning: TuningSpec, searches: int, durations: list[float]) -> tuple[list[int], float]:
    """Trials of each search, and seconds in all, where trials take these times in turn."""
    budget, counts = Budget(tuning, [1.0] * searches), [0] * searches
    for search in range(searches):
        share = budget.of(search)
        while share.allows():
            share.count(durations[sum(counts) % len(durations)])
            counts[search] += 1
        budget.end(share)
    return counts, budget.seconds


@given(st.integers(1, 41), st.lists(st.floats(0.1, 1.0), min_size=1, max_size=9), st.floats(1.0, 20.0))
def test_seconds_are_kept_within_ten_percent(searches: int, durations: list[float], trials_each: float) -> None:
    seconds = 10 + searches * trials_each  # no trial is longer than a tenth of it
    counts, spent = run(TuningSpec(seconds=seconds), searches, durations)
    assert 0.9 * seconds <= spent <= 1.1 * seconds
    assert min(counts) >= 1


@given(st.integers(1, 9), st.integers(1, 30), st.lists(st.floats(0.01, 9.0), min_size=1, max_size=9))
def test_trials_are_kept_exactly(searches: int, trials: int, durations: list[float]) -> None:
    assert run(TuningSpec(trials=trials), searches, durations)[0] == [trials] * searches


def test_a_trial_that_can_be_cut_short_is_begun_while_there_is_time() -> None:
    share = Budget(TuningSpec(seconds=60), [1.0]).of(0)
    share.count(43)
    assert not share.allows()
    assert share.allows(cut_short=True)
    share.count(share.left)
    assert not share.allows(cut_short=True)


def test_searches_that_are_at_work_at_once_have_what_those_before_them_left() -> None:
    budget = Budget(TuningSpec(seconds=100), [1.0] * 4)
    first, second = budget.of(0), budget.of(1)
    assert (first.left, second.left) == (25, 25)
    first.count(20)
    second.count(28)
    budget.end(first)
    assert budget.of(2).left == 30
    budget.end(second)
    assert budget.of(3).left == 22


def test_searches_get_equal_shares_of_the_time() -> None:
    counts, _ = run(TuningSpec(seconds=100), 5, [1.0])
    assert counts == [20] * 5


def test_a_budget_too_small_for_a_trial_in_each_search_is_refused_after_the_first() -> None:
    with pytest.raises(BudgetError, match=r"10 CPU seconds of tuning are too few.*each search.*about 82"):
        run(TuningSpec(seconds=10), 41, [2.0])


def test_a_search_on_few_rows_says_how_long_those_on_more_will_take() -> None:
    share = Budget(TuningSpec(seconds=5), [1.0, 2.0, 3.0, 4.0, 5.0]).of(0)
    with pytest.raises(BudgetError, match="about 15"):
        share.count(1.0)


def test_one_long_trial_does_not_end_a_search_that_has_time() -> None:
    counts, spent = run(TuningSpec(seconds=100), 1, [10.0, *[1.0] * 1000])
    assert counts == [91]
    assert spent == 100
