"""Budgets: how many settings a search may try, or for how long."""

import time
from collections.abc import Callable, Sequence
from itertools import accumulate

from tasks.models.search import TuningSpec
from tasks.specs import BakeoffError

TOLERANCE = 1.1  # a budget of seconds is kept within 10 %


class BudgetError(BakeoffError):
    """A budget that does not suffice for one set of settings in each search."""


class Budget:
    """Shares a budget of seconds out over searches, or allows so many trials to each.

    A search gets a share by its work, and leaves what it does not need to those after it. Another trial is begun if it
    will have ended, or nearly so, with the share: half of a trial too long and half too short balance out. One that has
    begun is finished, however long it takes, unless it can be cut short.

    Args:
        tuning: the budget.
        work: how long a trial in each search takes, as a share of any whole: the rows that it learns from, say.
        clock: gives seconds.
    """

    def __init__(
        self, tuning: TuningSpec, work: Sequence[float], clock: Callable[[], float] = time.perf_counter
    ) -> None:
        self._tuning, self._work, self._clock = tuning, work, clock
        self._shares = [share / sum(work) for share in accumulate(work)]
        self._done = 0.0
        self._started = clock()

    @property
    def seconds(self) -> float:
        """Since it began."""
        return self._clock() - self._started

    @property
    def ends_at(self) -> float:
        """When all is to be over, by the clock."""
        return self._started + self._tuning.seconds if self._tuning.seconds else float("inf")

    def allows(self, search: int, trials: int, cut_short: bool = False) -> bool:
        """Whether the search of this number, from 0, may go on after so many trials; a first one always may.

        One that can be cut short when time ends is begun as long as there is any.
        """
        if self._tuning.trials:
            return trials < self._tuning.trials
        if trials == 0:
            return True
        seconds = self.seconds
        another = 0.0 if cut_short else seconds / self._done * self._work[search]
        return seconds + another / 2 < (self._tuning.seconds or 0.0) * self._shares[search]

    def count(self, search: int) -> None:
        """Notes that a trial of a search has just ended.

        Raises:
            BudgetError: when the first one took so long that not every search could have one.
        """
        first, self._done = self._done == 0.0, self._done + self._work[search]
        needed = self.seconds / self._done * sum(self._work)
        if first and self._tuning.seconds and needed > TOLERANCE * self._tuning.seconds:
            raise BudgetError(
                f"{self._tuning.seconds:g} s of tuning are too few: to try one set of settings in each search, one"
                f" or more a fold, takes about {needed:.0f} s. Give more, or lower validation.n_repeats or"
                " tuning.n_splits"
            )
