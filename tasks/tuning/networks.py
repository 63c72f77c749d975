"""The search for a net's settings: those of all searches and inner folds are trained at once.

Their programs are compiled once and serve one round of settings after the other. How many epochs are best need not be
tried: it is read off the curves.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tasks import progress
from tasks.data.vectorization import Arrays, Features, Labels
from tasks.metrics import MetricName
from tasks.models.networks import Network, NetworkSpec
from tasks.models.search import Choice
from tasks.seeds import seed_of
from tasks.training import Member
from tasks.tuning.budget import Budget
from tasks.tuning.searches import Search, Settings
from tasks.tuning.side_by_side import SMALL, Stacks

FULL = 64  # nets from which on more of them at once take as much longer

Asked = Sequence[Sequence[Settings]]  # by search, and for each those that are tried at once


def search_network(
    name: str,
    contender: Network,
    arrays: Arrays,
    searches: Sequence[Search],
    metric: MetricName,
    seed: int,
    budget: Budget,
    trials: int | None,
) -> int:
    """Searches on all folds' training rows at once, as long as the budget allows. Gives the number of nets trained.

    Raises:
        BudgetError: when the budget does not suffice for one set of settings in each search.
    """
    inner = sum(len(search.folds) for search in searches)
    X, y = arrays.training()
    at_once = _at_once(X.size, inner, trials)
    stacks = _stacks(contender, X, y, arrays, searches, at_once, seed)
    curve, sign = ("val_metric", 1 if arrays.classes else -1) if by_metric(arrays, metric) else ("val_loss", -1)
    fits, cut_short = 0, not contender.annealed
    while budget.allows(0, len(searches[0].trials), cut_short):
        asked = [[search.ask() for _ in range(at_once)] for search in searches]
        ends_at = budget.ends_at if fits and cut_short else np.inf
        stacks.restart(_specs(contender, asked, searches))
        reached = stacks.fit(contender.epochs, curve, lambda done, total: _report(name, done, total), ends_at)
        _tell(searches, asked, sign * reached, sign, contender.annealed)
        fits += inner * at_once
        budget.count(0)
    return fits


def by_metric(arrays: Arrays, metric: MetricName) -> bool:
    """Whether the experiment's metric is the one in a net's curves; else nets are searched for by their loss."""
    return metric == ("accuracy" if arrays.classes else "mae")


def _report(name: str, done: int, total: int) -> None:
    progress.report(f"{name}, search, epoch", done, total)


def _at_once(size: int, inner: int, trials: int | None) -> int:
    """How many settings each search tries at once: as many as there is a gain in, and go into the trials evenly."""
    wanted = max(1, FULL // inner) if size < SMALL else 1
    return max(number for number in range(1, wanted + 1) if not trials or trials % number == 0)


def _stacks(
    contender: Network,
    X: Features,
    y: Labels,
    arrays: Arrays,
    searches: Sequence[Search],
    at_once: int,
    seed: int,
) -> Stacks:
    """A net for each search, each of its settings at once, and each of its inner folds."""
    covering = contender.model_copy(update=_highest(contender, arrays) | {"early_stopping": None})
    members, known = [], []
    for search in searches:
        own = [arrays.in_vocabulary_of(X, training) for training, _ in search.folds] if arrays.terms else []
        for _ in range(at_once):
            known += own
            members += [
                Member(training, seed_of(seed, number), held_out, spec=covering)
                for number, (training, held_out) in enumerate(search.folds)
            ]
    return Stacks(covering, known or X, y, arrays, members)


def _highest(contender: NetworkSpec, arrays: Arrays) -> dict[str, float]:
    """The most that a net of the search may have of what is left out of a program where it is 0."""
    space, highest = contender.space(arrays.task), {}
    for name in ("dropout", "l2"):
        tried = space.get(name)
        ends = tried.choices if isinstance(tried, Choice) else (tried.high,) if tried else ()
        highest[name] = max(getattr(contender, name), *(float(end or 0) for end in ends), 0.0)
    return highest


def _specs(contender: Network, asked: Asked, searches: Sequence[Search]) -> list[NetworkSpec]:
    """The spec of each member of the stack."""
    return [
        contender.with_settings(settings)
        for search, tried in zip(searches, asked, strict=True)
        for settings in tried
        for _ in search.folds
    ]


def _tell(searches: Sequence[Search], asked: Asked, gains: NDArray[np.float32], sign: int, annealed: bool) -> None:
    """Tells each search how good its settings were at their best epoch, by gains (epochs, members), more is better.

    With schedules that span all epochs, a net of fewer would be another: these are judged by their last.
    """
    first = 0
    for search, tried in zip(searches, asked, strict=True):
        for settings in tried:
            own = gains[:, first : first + len(search.folds)].mean(axis=1, dtype=np.float64)
            first += len(search.folds)
            finite = np.where(np.isfinite(own), own, -np.inf)
            best = len(finite) - 1 if annealed else int(finite.argmax())
            epochs: Settings = {} if annealed else {"epochs": best + 1}
            search.tell(settings | epochs, sign * float(finite[best]))
