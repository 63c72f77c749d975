"""The search for a net's settings: those of all searches and inner folds are trained at once.

Their programs are compiled once and serve one round of settings after the other. How many epochs are best need not be
tried: it is read off the curves.

They are trained as a stack on each core, side by side. One stack leaves cores idle: its threads share each product out
and wait for each other. Measured on 2 cores with nets of 64-64 on the Boston data, 500 epochs at batch 16: 0.18 to
0.22 s a net in one stack of 20 to 80 nets, 0.12 to 0.14 s in two stacks.
"""

import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import joblib
import numpy as np
from numpy.typing import NDArray

from tasks import progress
from tasks.data.problem import Problem
from tasks.data.vectorization import Arrays, Features, Labels
from tasks.fitting import seed_of
from tasks.metrics import MetricName
from tasks.models.networks import NetworkSpec, training_metric
from tasks.models.search import Budget, Choice, Search, Settings
from tasks.training import Floats, Member, Progress, Stack

FULL = 64  # nets from which on more of them at once take as much longer
SMALL = 1_000_000  # numbers in X from which on the arithmetic of one stack keeps all cores busy

Asked = Sequence[Sequence[Settings]]  # by search, and for each those that are tried at once


class Stacks:
    """Members of one architecture, with settings of their own, which can begin again with others.

    Args:
        spec: the union of the specs of all members.
        X: as a Stack takes it; or a matrix for each member.
        y: (rows,), numbers or class numbers.
        problem: what the nets learn.
        members: what each net learns from.
    """

    def __init__(self, spec: NetworkSpec, X: Features, y: Labels, problem: Problem, members: Sequence[Member]) -> None:
        own = isinstance(X, Sequence)
        count = min(joblib.cpu_count(), len(members)) if (X[0] if own else X).size < SMALL else 1
        self._parts = [slice(part[0], part[-1] + 1) for part in np.array_split(np.arange(len(members)), count)]
        self._stacks = [Stack(spec, X[part] if own else X, y, problem, members[part]) for part in self._parts]

    def restart(self, specs: Sequence[NetworkSpec]) -> None:
        """Puts all members back to where they began, with these specs of their own, for the same compiled programs."""
        for stack, part in zip(self._stacks, self._parts, strict=True):
            stack.restart(specs[part])

    def fit(self, epochs: int, curve: str, progress: Progress, ends_at: float = math.inf) -> Floats:
        """Trains all members, as `Stack.fit` does, and gives one of the curves of a History: (epochs, members).

        Epochs that a stack did not come to before `ends_at` are NaN.
        """
        first, *others = self._stacks
        with ThreadPoolExecutor() as threads:
            beside = [threads.submit(stack.fit, epochs, ends_at=ends_at, may_diverge=True) for stack in others]
            own = first.fit(epochs, progress, ends_at, may_diverge=True)  # here, where progress is listened to
            histories = [own, *(history.result() for history in beside)]
        curves = [getattr(history, curve) for history in histories]
        longest = max(map(len, curves))
        padded = [np.pad(each, ((0, longest - len(each)), (0, 0)), constant_values=np.nan) for each in curves]
        return np.concatenate(padded, axis=1)


def search_network(
    name: str,
    contender: NetworkSpec,
    arrays: Arrays,
    searches: Sequence[Search],
    metric: MetricName,
    seed: int,
    budget: Budget,
) -> int:
    """Searches on all folds' training rows at once, as long as the budget allows. Gives the number of nets trained.

    Raises:
        BudgetError: when the budget does not suffice for one set of settings in each search.
    """
    inner = sum(len(search.folds) for search in searches)
    X, y = arrays.training()
    wanted = max(1, FULL // inner) if X.size < SMALL else 1
    # As many at once as there is a gain in, and go into the trials evenly.
    at_once = max(number for number in range(1, wanted + 1) if not budget.trials or budget.trials % number == 0)
    stacks = _stacks(contender, X, y, arrays, searches, at_once, seed)
    curve, sign = (
        ("val_metric", 1 if arrays.classes else -1) if metric == training_metric(arrays.task) else ("val_loss", -1)
    )
    fits, cut_short = 0, not contender.annealed

    def report(done: int, total: int) -> None:
        progress.report(f"{name}, search, epoch", done, total)

    while budget.allows(0, len(searches[0].trials), cut_short):
        asked = [[search.ask() for _ in range(at_once)] for search in searches]
        ends_at = budget.ends_at if fits and cut_short else np.inf
        stacks.restart(_specs(contender, asked, searches))
        reached = stacks.fit(contender.epochs, curve, report, ends_at)
        _tell(searches, asked, sign * reached, sign, contender.annealed)
        fits += inner * at_once
        budget.count(0)
    return fits


def _stacks(
    contender: NetworkSpec,
    X: Features,
    y: Labels,
    arrays: Arrays,
    searches: Sequence[Search],
    at_once: int,
    seed: int,
) -> Stacks:
    """A net for each search, each of its settings at once, and each of its inner folds.

    The program has the most of dropout and L2 that is tried, for it leaves out what is 0.
    """
    space, highest = contender.space(arrays.task), {}
    for name in ("dropout", "l2"):
        tried = space.get(name)
        ends = tried.choices if isinstance(tried, Choice) else (tried.high,) if tried else ()
        highest[name] = max(getattr(contender, name), *(float(end or 0) for end in ends), 0.0)
    spec = contender.model_copy(update=highest | {"early_stopping": None})
    members, known = [], []
    for search in searches:
        own = [arrays.in_vocabulary_of(X, training) for training, _ in search.folds] if arrays.terms else []
        for _ in range(at_once):
            known += own
            members += [
                Member(training, seed_of(seed, number), held_out, spec=spec)
                for number, (training, held_out) in enumerate(search.folds)
            ]
    return Stacks(spec, known or X, y, arrays, members)


def _specs(contender: NetworkSpec, asked: Asked, searches: Sequence[Search]) -> list[NetworkSpec]:
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
