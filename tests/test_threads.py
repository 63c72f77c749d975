import joblib
import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingRegressor
from threadpoolctl import threadpool_info

from tasks.threads import ONE_THREAD_BELOW, limited_to, threads_for


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
