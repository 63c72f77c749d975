"""What every fit needs: a seed, one thread, and a stopwatch.

In a fit, threads of OpenMP meet at a barrier many thousand times. Where another process holds a core, all spin there
until the one without a core gets one. Measured on 2 cores, with 2 threads: HistGradientBoosting's 50 trees on 300 x 13
values take 0.08 s or 46 s beside two busy processes, and 0.03 s alone. So a fit has one thread, and other fits have the
other cores (tasks/parallel.py).
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

import numpy as np

from tasks.specs import Spec

# What libraries read as they are loaded.
ONE_THREAD = {f"{library}_THREADS": "1" for library in ("OMP_NUM", "OPENBLAS_NUM", "MKL_NUM", "VECLIB_MAXIMUM")}
_limited: ContextVar[bool] = ContextVar("limited", default=False)


def seed_of(seed: int, number: int) -> int:
    """A seed for fold `number` of an experiment's `seed`: independent streams for every fold, the same every time."""
    return int(np.random.SeedSequence([seed, number]).generate_state(1)[0])


def member_seeds(seed: int, n_members: int) -> list[int]:
    """A seed for each member of an ensemble; the first is that of the net alone."""
    return [seed, *(seed_of(seed, number) for number in range(1, n_members))]


@contextmanager
def on_one_thread() -> Iterator[None]:
    """Inside, OpenMP and BLAS use one thread, and so does joblib in estimators that name no `n_jobs`.

    To look for the libraries and set them takes about 10 ms, so a limit that holds already is not set again.
    """
    if _limited.get():
        yield
        return
    import joblib
    from threadpoolctl import threadpool_limits

    token = _limited.set(True)
    try:
        with threadpool_limits(1), joblib.parallel_config(backend="threading", n_jobs=1):
            yield
    finally:
        _limited.reset(token)


def hold_to_one_thread() -> None:
    """Note that this process was started with ONE_THREAD in its environment, so that no fit has to be limited."""
    _limited.set(True)


class Cost(Spec):
    """What it took to fit a contender on all folds and to predict the rows held out, in seconds of a processor.

    `n_fits` counts models, each member of an ensemble.
    """

    cpu_seconds: float
    predict_seconds: float
    n_fits: int
    predicted_rows: int

    @property
    def predict_seconds_per_1000_rows(self) -> float:
        """Of a processor."""
        return 1000 * self.predict_seconds / self.predicted_rows


@dataclass
class Stopwatch:
    """Adds up the processor seconds of what is done while it runs, in whatever threads a library has for it."""

    seconds: float = 0.0

    @contextmanager
    def running(self) -> Iterator[None]:
        """Counts what is done in this context."""
        started = time.process_time()
        yield
        self.seconds += time.process_time() - started
