"""The search for a contender's settings: what is tried, how far, on what budget, and by Optuna's proposals."""

import math
from collections.abc import Mapping, Sequence
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from tasks.data.folds.splitting import Parts
from tasks.specs import BakeoffError, Spec

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.trial import Trial as OptunaTrial

Value = bool | int | float | str | None
Settings = dict[str, Value]
TOLERANCE = 1.1  # a budget of seconds is kept within 10 %


class Range(Spec):
    """Numbers from `low` to `high`, both included; whole ones if both are whole; `log`: evenly by their logarithm."""

    low: int | float
    high: int | float
    log: bool = False

    @model_validator(mode="after")
    def _rises(self) -> "Range":
        if not self.low < self.high:
            raise ValueError(f"low is {self.low:g}, and must lie below high, {self.high:g}")
        if self.log and self.low <= 0:
            raise ValueError(f"low is {self.low:g}, which has no logarithm; choose one above 0, or log: false")
        return self

    @property
    def whole(self) -> bool:
        """Whether only whole numbers are tried."""
        return isinstance(self.low, int) and isinstance(self.high, int)

    @property
    def ends(self) -> tuple[Value, ...]:
        """The lowest and the highest value."""
        kind = int if self.whole else float
        return kind(self.low), kind(self.high)

    def distribution(self) -> "BaseDistribution":
        """The range as Optuna has it."""
        from optuna import distributions

        kind: Any = distributions.IntDistribution if self.whole else distributions.FloatDistribution
        made: BaseDistribution = kind(self.low, self.high, log=self.log)
        return made


class Choice(Spec):
    """One of these values."""

    choices: tuple[Value, ...] = Field(min_length=2)

    @property
    def ends(self) -> tuple[Value, ...]:
        """All of them."""
        return self.choices

    def distribution(self) -> "BaseDistribution":
        """The choice as Optuna has it."""
        from optuna import distributions

        return distributions.CategoricalDistribution(self.choices)


Space = Mapping[str, Range | Choice]  # settings by their path in a contender, such as `params.max_depth`


class TuningSpec(Spec):
    """The budget of a search, in seconds or in trials, and the folds that judge it inside the training rows.

    There is a search for each fold of the experiment, and one for the model that is kept. CPU seconds are those of
    all of them together, and shared out evenly; trials are those of each.
    """

    seconds: PositiveFloat | None = Field(None, description="CPU seconds of all searches together")
    trials: PositiveInt | None = Field(None, description="settings that are tried in each search, as entered first")
    n_splits: int = Field(3, ge=2, description="folds of the training rows that each setting is scored on")

    @model_validator(mode="after")
    def _one_budget(self) -> "TuningSpec":
        if (self.seconds is None) == (self.trials is None):
            raise ValueError("set one of seconds and trials")
        return self


class Trial(Spec):
    """One set of settings, and its mean score on the inner folds; none where it could not be fitted.

    `search` is the number of the fold whose training rows were searched on, or the number of folds for the search on
    all training rows. The first trial of each search has no settings: it is the contender as entered.
    """

    search: int
    number: int
    settings: Settings
    score: float | None


class Search:
    """The settings that are tried on some rows, one after the other or several at a time.

    The first are the contender's own, which may lie outside the space: so no search ends with settings that its folds
    found worse than those. The others are Optuna's proposals, by the tree-structured Parzen estimator (Bergstra et al.
    2011), at random at first.

    Args:
        number: of the fold whose training rows these are.
        folds: training rows and held-out rows within that fold's training rows; no other row is looked at.
        space: what is searched for.
        greater_is_better: the direction of the score.
        seed: for the proposals.
    """

    def __init__(self, number: int, folds: Sequence[Parts], space: Space, greater_is_better: bool, seed: int) -> None:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self.number, self.folds, self.trials = number, list(folds), list[Trial]()
        self._space = {path: dimension.distribution() for path, dimension in space.items()}
        self._sign = 1 if greater_is_better else -1
        self._study = optuna.create_study(
            direction="maximize" if greater_is_better else "minimize",
            sampler=optuna.samplers.TPESampler(seed=seed % 2**32),
        )
        self._asked: list[OptunaTrial | None] = []

    def ask(self) -> Settings:
        """The next settings to try; none, which means the contender as entered, at first."""
        self._asked.append(self._study.ask(self._space) if self._asked else None)
        asked = self._asked[-1]
        return dict(asked.params) if asked else {}

    def tell(self, settings: Settings, score: float) -> None:
        """The score of the settings that were asked for longest ago; one that is no finite number counts as failed."""
        from optuna.trial import TrialState

        number, failed = len(self.trials), not np.isfinite(score)
        asked = self._asked[number]
        if asked:
            self._study.tell(asked, *([None, TrialState.FAIL] if failed else [score]))
        self.trials.append(Trial(search=self.number, number=number, settings=settings, score=None if failed else score))

    @property
    def best(self) -> Settings:
        """The settings with the best score; the first of several.

        Raises:
            BakeoffError: when none could be fitted.
        """
        scored = [trial for trial in self.trials if trial.score is not None]
        if not scored:
            raise BakeoffError("none of the settings that were tried gave a finite score; look at `search`")
        return max(scored, key=lambda trial: self._sign * (trial.score or 0.0)).settings


class BudgetError(BakeoffError):
    """A budget that does not suffice for one set of settings in each search."""


class Budget:
    """Shares a budget of CPU seconds out over searches, or allows so many trials to each.

    A search gets a share by its work, and leaves what it does not need to one that begins later. Several may be at work
    at once, in threads.

    Args:
        tuning: the budget.
        work: how long a trial in each search takes, as a share of any whole: the rows that it learns from, say.
    """

    def __init__(self, tuning: TuningSpec, work: Sequence[float]) -> None:
        self.trials, self._limit, self._work = tuning.trials, tuning.seconds or math.inf, work
        self.seconds, self._left, self._lock = 0.0, 0.0, Lock()

    def of(self, search: int) -> "Share":
        """Begin the search of this number, from 0."""
        whole = self._work[search] / sum(self._work)
        with self._lock:
            seconds, self._left = self._limit * whole + self._left, 0.0
        return Share(self.trials, seconds, self._limit, whole if search == 0 else math.inf)

    def end(self, share: "Share") -> None:
        """Note what a search has taken, and take back what it has left."""
        with self._lock:
            self.seconds += share.spent
            self._left += 0.0 if self.trials else share.left


class Share:
    """What one search may take, and what it has taken, in CPU seconds.

    Another trial is begun if it will have ended, or nearly so, with the share: half of a trial too long and half too
    short balance out. One that has begun is finished, however long it takes, unless it can be cut short.

    Args:
        trials: how many may be made, if they are what is limited.
        seconds: what this one may take.
        limit: what all may take.
        whole: its share of the work of all, if it is the one by which the limit is judged.
    """

    def __init__(self, trials: int | None, seconds: float, limit: float, whole: float) -> None:
        self.trials, self._seconds, self._limit, self._whole = trials, seconds, limit, whole
        self._done, self._rounds, self.spent = 0, 0, 0.0

    @property
    def left(self) -> float:
        """What it may still take."""
        return self._seconds - self.spent

    def allows(self, cut_short: bool = False) -> bool:
        """Whether another trial may be begun; a first one always may.

        One that can be cut short when time ends is begun as long as there is any.
        """
        if self.trials:
            return self._done < self.trials
        another = 0.0 if cut_short or not self._rounds else self.spent / self._rounds
        return not self._rounds or another / 2 < self.left

    def count(self, seconds: float, trials: int = 1) -> None:
        """Note that a trial, or several that were made at once, has just ended, and what it took.

        Raises:
            BudgetError: when the first of the first search took so long that not every search can have one.
        """
        self._done, self._rounds, self.spent = self._done + trials, self._rounds + 1, self.spent + seconds
        if self._rounds == 1 and seconds > TOLERANCE * self._limit * self._whole:
            raise BudgetError(
                f"{self._limit:g} CPU seconds of tuning are too few: to try one set of settings in each search, one"
                f" or more a fold, takes about {seconds / self._whole:.0f}. Give more, or lower validation.n_repeats or"
                " tuning.n_splits"
            )
