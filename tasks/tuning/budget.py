"""Budgets: how many settings a search may try, or for how long."""

import time
from collections.abc import Callable

from tasks.models.search import TuningSpec
from tasks.specs import BakeoffError

TOLERANCE = 1.1  # a budget of seconds is kept within 10 %


class BudgetError(BakeoffError):
    """A budget that does not suffice for one set of settings in each search."""


class Budget:
    """Shares a budget of seconds out over searches, or allows so many trials to each.

    A search leaves what it does not need to those after it. Another trial is begun if it will have ended, or nearly so,
    with the share: half of a trial too long and half too short balance out.
    """

    def __init__(self, tuning: TuningSpec, searches: int, clock: Callable[[], float] = time.perf_counter) -> None:
        self._tuning, self._searches, self._clock = tuning, searches, clock
        self._started = self._last = clock()
        self._trial = 0.0

    @property
    def seconds(self) -> float:
        """Since it began."""
        return self._clock() - self._started

    @property
    def ends_at(self) -> float:
        """When all is to be over, by the clock."""
        return self._started + self._tuning.seconds if self._tuning.seconds else float("inf")

    def allows(self, search: int, trials: int) -> bool:
        """Whether the search of this number, from 0, may go on after so many trials; a first one always may."""
        if self._tuning.trials:
            return trials < self._tuning.trials
        share = (self._tuning.seconds or 0.0) * (search + 1) / self._searches
        return trials == 0 or self.seconds + self._trial / 2 <= share

    def count(self, searches: int = 1) -> None:
        """Notes that a trial has just ended, or one in each of so many searches.

        Raises:
            BudgetError: when the first one took so long that not every search could have one.
        """
        now = self._clock()
        first, self._trial, self._last = self._trial == 0.0, now - self._last, now
        needed = self._trial * self._searches / searches
        if first and self._tuning.seconds and needed > TOLERANCE * self._tuning.seconds:
            raise BudgetError(
                f"{self._tuning.seconds:g} s of tuning are too few: to try one set of settings in each of"
                f" {self._searches} searches, one a fold and one for all rows, takes about {needed:.0f} s. Give more,"
                " or lower validation.n_repeats or tuning.n_splits"
            )
