"""What a contender costs, by the clock and by the processor."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tasks.specs import Spec


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
