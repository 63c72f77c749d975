"""A fit's stopwatch, and how many threads it may use."""

import joblib
import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingRegressor
from threadpoolctl import threadpool_info

from tasks import fitting
from tasks.fitting import ONE_THREAD_BELOW, Cost, Stopwatch, limited_to, threads_for


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now = self.cpu = 0.0

    def perf_counter(self) -> float:
        return self.now

    def process_time(self) -> float:
        return self.cpu


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(fitting, "time", made)
    return made


def test_a_stopwatch_adds_up_what_is_done_while_it_runs(clock: Clock) -> None:
    watch = Stopwatch()
    for _ in range(2):
        with watch.running():
            clock.now += 3
            clock.cpu += 5  # two threads
        clock.now += 100
        clock.cpu += 100
    assert (watch.seconds, watch.cpu_seconds) == (6, 10)


def test_predicting_is_counted_for_a_thousand_rows() -> None:
    cost = Cost(fit_seconds=1, cpu_seconds=1, predict_seconds=0.5, n_fits=4, predicted_rows=250)
    assert cost.predict_seconds_per_1000_rows == pytest.approx(2)


def _pools() -> set[int]:
    return {pool["num_threads"] for pool in threadpool_info()}


def test_small_data_get_one_thread_and_large_data_one_for_each_core(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(joblib, "cpu_count", lambda: 7)
    assert [threads_for(n) for n in (0, ONE_THREAD_BELOW - 1, ONE_THREAD_BELOW)] == [1, 1, 7]


@pytest.mark.parametrize("n_threads", [1, 2])
def test_openmp_blas_and_joblib_are_limited_inside_and_as_before_outside(n_threads: int) -> None:
    HistGradientBoostingRegressor(max_iter=1).fit(np.zeros((9, 1)), np.arange(9.0))  # loads OpenMP
    before, jobs = _pools(), joblib.effective_n_jobs(None)
    kinds = {pool["user_api"] for pool in threadpool_info()}
    with limited_to(n_threads):
        assert _pools() == {n_threads}
        assert joblib.effective_n_jobs(None) == n_threads
    assert kinds == {"openmp", "blas"}
    assert (_pools(), joblib.effective_n_jobs(None)) == (before, jobs)
