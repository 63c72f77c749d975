"""What every fit needs: a seed, a number of threads, and a stopwatch.

In a fit, threads of OpenMP meet at a barrier many thousand times. Where another process holds a core, all spin there
until the one without a core gets one. Measured on 2 cores, with 2 threads: HistGradientBoosting's 50 trees on 300 x 13
values take 0.08 s or 46 s beside two busy processes, and 0.03 s alone. So small data get one thread, and a run sets
`OMP_WAIT_POLICY=PASSIVE`, under which threads sleep at a barrier: then the slower of two took 0.27 s.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

import numpy as np

from tasks.specs import Spec

ONE_THREAD_BELOW = 2_000_000
_limit: ContextVar[int | None] = ContextVar("limit", default=None)


def seed_of(seed: int, number: int) -> int:
    """A seed for fold `number` of an experiment's `seed`: independent streams for every fold, the same every time."""
    return int(np.random.SeedSequence([seed, number]).generate_state(1)[0])


def member_seeds(seed: int, n_members: int) -> list[int]:
    """A seed for each member of an ensemble; the first is that of the net alone."""
    return [seed, *(seed_of(seed, number) for number in range(1, n_members))]


def threads_for(n_values: int) -> int:
    """Threads for an X of so many stored values: one below a limit, else one for each core that this process may use.

    The limit lies where a second core begins to pay, by the time that trees take on made data. With sleeping threads,
    HistGradientBoosting, LightGBM, XGBoost and random forest take, with 2 threads and by the time with one, at 0.4
    million values 4.9, 1.7, 0.9 and 0.6; at 0.8 million 1.3, 1.1, 1.0 and 0.8; at 3 million 1.4, 0.7, 0.6 and 0.5; and
    at 18 million 0.7, 0.6 and 0.5 for the first three.
    """
    import joblib

    return 1 if n_values < ONE_THREAD_BELOW else int(joblib.cpu_count())


@contextmanager
def limited_to(n_threads: int) -> Iterator[None]:
    """Inside, OpenMP and BLAS use so many threads, and so does joblib in estimators that name no `n_jobs`.

    To look for the libraries and set them takes about 10 ms, so a limit that holds already is not set again.
    """
    if _limit.get() == n_threads:
        yield
        return
    import joblib
    from threadpoolctl import threadpool_limits

    token = _limit.set(n_threads)
    try:
        with threadpool_limits(n_threads), joblib.parallel_config(backend="threading", n_jobs=n_threads):
            yield
    finally:
        _limit.reset(token)


class Cost(Spec):
    """What it took to fit a contender on all folds and to predict the rows held out.

    `cpu_seconds` are those of fitting, of all threads together; `n_fits` counts models, each member of an ensemble.
    """

    fit_seconds: float
    cpu_seconds: float
    predict_seconds: float
    n_fits: int
    predicted_rows: int

    @property
    def predict_seconds_per_1000_rows(self) -> float:
        """By the clock."""
        return 1000 * self.predict_seconds / self.predicted_rows


@dataclass
class Stopwatch:
    """Adds up the seconds of what is done while it runs."""

    seconds: float = 0.0
    cpu_seconds: float = 0.0

    @contextmanager
    def running(self) -> Iterator[None]:
        """Counts what is done in this context."""
        started, cpu_started = time.perf_counter(), time.process_time()
        yield
        self.seconds += time.perf_counter() - started
        self.cpu_seconds += time.process_time() - cpu_started
