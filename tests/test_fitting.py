"""A fit's stopwatch, and its one thread."""

import joblib
import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingRegressor
from threadpoolctl import threadpool_info

from tasks import fitting
from tasks.fitting import Cost, Stopwatch, on_one_thread


def test_a_stopwatch_adds_up_the_processor_seconds_of_what_is_done_while_it_runs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 0.0
    monkeypatch.setattr(fitting.time, "process_time", lambda: now)
    watch = Stopwatch()
    for _ in range(2):
        with watch.running():
            now += 5
        now += 100
    assert watch.seconds == 10


def test_predicting_is_counted_for_a_thousand_rows() -> None:
    cost = Cost(cpu_seconds=1, predict_seconds=0.5, n_fits=4, predicted_rows=250)
    assert cost.predict_seconds_per_1000_rows == pytest.approx(2)


def _pools() -> set[int]:
    return {pool["num_threads"] for pool in threadpool_info()}


def test_openmp_blas_and_joblib_have_one_thread_inside_and_what_they_had_outside() -> None:
    HistGradientBoostingRegressor(max_iter=1).fit(np.zeros((9, 1)), np.arange(9.0))  # loads OpenMP
    before = _pools()
    kinds = {pool["user_api"] for pool in threadpool_info()}
    with joblib.parallel_config(n_jobs=2):
        with on_one_thread():
            assert _pools() == {1}
            assert joblib.effective_n_jobs(None) == 1
        assert joblib.effective_n_jobs(None) == 2
    assert kinds == {"openmp", "blas"}
    assert _pools() == before
