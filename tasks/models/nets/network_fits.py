"""A net as a contender: trained on all folds at once, on all training rows, in a search, and to tell what it costs."""

import math
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import joblib
import numpy as np

from tasks import progress
from tasks.data.examples import Problem
from tasks.data.folds.splitting import Folds
from tasks.data.vectorization import DesignMatrix, Features, Labels
from tasks.fitting import Stopwatch, member_seeds, seed_of
from tasks.metrics import METRICS, MetricName
from tasks.models.contender import ENOUGH, CostEstimate, FinalFit, FoldFits, Sample
from tasks.models.nets.network_spec import EarlyStoppingSpec, NetworkSpec, union_spec
from tasks.models.nets.stacking import ensemble
from tasks.models.nets.training import Floats, Member, Progress, Stack
from tasks.models.search import Budget, Search, Settings
from tasks.specs import BakeoffError
from tasks.store import store_arrays

STEPS, ROWS = 8, 1000  # of an epoch that is timed, at least
FULL = 64  # nets from which on more of them at once take as much longer
SMALL = 1_000_000  # numbers in X from which on the arithmetic of one stack keeps all cores busy


def fit_folds(
    contender: NetworkSpec, name: str, arrays: DesignMatrix, folds: Folds, chosen: Sequence[NetworkSpec]
) -> FoldFits:
    """Train the nets of all folds and seeds as one stack; of an ensemble the mean predicts."""
    X, y = arrays.training()
    fitting, predicting, n_members = Stopwatch(), Stopwatch(), contender.n_members
    members = members_of(contender, y, arrays, folds, chosen)
    held_out = [rows for _, rows in folds.pairs(folds.validation.n_seeds)]
    if chosen:
        contender = union_spec(chosen)
    with fitting.running():
        stack = Stack(contender, in_vocabularies(X, arrays, folds, n_members), y, arrays, members)
        history = stack.fit(contender.epochs, lambda done, total: progress.report(f"{name}, epoch", done, total))
    with predicting.running():
        predictions = stack.predict([rows for rows in held_out for _ in range(n_members)])
    curves = {curve: getattr(history, curve) for curve in ("loss", "metric", "val_loss", "val_metric")}
    means = {name: curve.reshape(len(curve), -1, n_members).mean(axis=2) for name, curve in curves.items()}
    firsts = range(0, len(members), n_members)
    return FoldFits(
        held_out=held_out,
        predictions=[np.mean(predictions[first : first + n_members], axis=0) for first in firsts],
        fitting=fitting,
        predicting=predicting,
        n_fits=len(members),
        history=store_arrays(**means),
        best_epochs=tuple(int(epoch) for epoch in history.best_epoch),
    )


def members_of(
    contender: NetworkSpec, y: Labels, arrays: DesignMatrix, folds: Folds, chosen: Sequence[NetworkSpec] = ()
) -> list[Member]:
    """The nets of each fold or seed; the rows that stop a net's training early come out of its training rows.

    With a hold-out, where nothing else stops it, a net is judged by the rows held out, as the book does: the best epoch
    is the one with the lowest validation loss.
    """
    members, nobody = [], np.empty(0, np.int64)
    stopping = None if chosen else contender.early_stopping
    labels, groups = y if arrays.classes else None, arrays.group_numbers("train")
    for number, (training, held_out) in enumerate(folds.pairs(folds.validation.n_seeds)):
        fold = number // folds.validation.n_seeds
        judging = nobody if chosen else folds.judging(fold, held_out)
        watched, spec = held_out if folds.watched else nobody, chosen[fold] if chosen else None
        for seed in member_seeds(seed_of(folds.validation.seed, number), contender.n_members):
            own, judges = training, judging
            if stopping:
                share = stopping.validation_fraction
                try:
                    own, judges = folds.validation.set_aside(training, share, seed, labels, groups)
                except ValueError as error:
                    raise BakeoffError(
                        f"early_stopping.validation_fraction {share:g} does not fit the rows: {error}"
                    ) from error
            members.append(Member(training=own, seed=seed, validation=watched, judging=judges, spec=spec))
    return members


def in_vocabularies(X: Features, arrays: DesignMatrix, folds: Folds, n_members: int) -> Features | list[Features]:
    """X; or, where each fold has a vocabulary of its own, a matrix for each net, and for those of a fold the same."""
    if not arrays.terms:
        return X
    known = [arrays.in_vocabulary_of(X, training) for training, _ in folds.pairs()]
    return [matrix for matrix in known for _ in range(folds.validation.n_seeds * n_members)]


def fit_all(contender: NetworkSpec, name: str, arrays: DesignMatrix, seeds: Sequence[int], epochs: int) -> FinalFit:
    """Train a net for each seed, of an ensemble the mean of its members, for so many epochs."""
    X, y = arrays.training()
    rows, n_members = np.arange(len(y)), contender.n_members
    every_epoch = contender.model_copy(update={"early_stopping": None})
    members = [Member(rows, own) for seed in seeds for own in member_seeds(seed, n_members)]
    stack = Stack(every_epoch, arrays.in_vocabulary_of(X, rows), y, arrays, members)
    what = f"{name}, all training rows, epoch"
    stack.fit(epochs, lambda done, total: progress.report(what, done, total))
    nets = [stack.unstack(number) for number in range(len(members))]
    return FinalFit([ensemble(nets[first : first + n_members]) for first in range(0, len(nets), n_members)], epochs)


class Stacks:
    """Members of one architecture, with settings of their own, which can begin again with others.

    They are trained as a stack on each core, side by side. One stack leaves cores idle: its threads share each product
    out and wait for each other. Measured on 2 cores with nets of 64-64 on the Boston data, 500 epochs at batch 16: 0.18
    to 0.22 s a net in one stack of 20 to 80 nets, 0.12 to 0.14 s in two stacks.

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


def run_searches(
    contender: NetworkSpec,
    name: str,
    arrays: DesignMatrix,
    searches: Sequence[Search],
    metric: MetricName,
    seed: int,
    budget: Budget,
) -> int:
    """Train the nets of all searches and inner folds at once, as long as the budget allows. Return their number.

    Their programs are compiled once and serve one round of settings after the other. How many epochs are best need not
    be tried: it is read off the curves.

    Raises:
        BudgetError: when the budget does not suffice for one set of settings in each search.
    """
    inner = sum(len(search.folds) for search in searches)
    X, y = arrays.training()
    wanted = max(1, FULL // inner) if X.size < SMALL else 1
    # As many at once as there is a gain in, and go into the trials evenly.
    at_once = max(number for number in range(1, wanted + 1) if not budget.trials or budget.trials % number == 0)
    stacks = _stacks(contender, X, y, arrays, searches, at_once, seed)
    by_metric = contender.inner_score(arrays.task, metric) == metric
    curve, sign = ("val_metric", METRICS[metric].sign) if by_metric else ("val_loss", -1)
    fits, cut_short = 0, not contender.annealed

    def report(done: int, total: int) -> None:
        progress.report(f"{name}, search, epoch", done, total)

    while budget.allows(0, len(searches[0].trials), cut_short):
        asked = [(search, search.ask()) for search in searches for _ in range(at_once)]
        ends_at = budget.ends_at if fits and cut_short else math.inf
        stacks.restart([contender.with_settings(settings) for search, settings in asked for _ in search.folds])
        _tell(asked, sign * stacks.fit(contender.epochs, curve, report, ends_at), sign, contender.annealed)
        fits += inner * at_once
        budget.count(0)
    return fits


def _stacks(
    contender: NetworkSpec,
    X: Features,
    y: Labels,
    arrays: DesignMatrix,
    searches: Sequence[Search],
    at_once: int,
    seed: int,
) -> Stacks:
    """A net for each search, each of its settings at once, and each of its inner folds.

    The program has the most of dropout and L2 that is tried, for it leaves out what is 0.
    """
    space, highest = contender.space(arrays.task), {}
    for name in ("dropout", "l2"):
        ends = space[name].ends if name in space else ()
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


def _tell(asked: Sequence[tuple[Search, Settings]], gains: Floats, sign: int, annealed: bool) -> None:
    """Tell each search how good its settings were at their best epoch, by gains (epochs, members), more is better.

    With schedules that span all epochs, a net of fewer would be another: these are judged by their last.
    """
    first = 0
    for search, settings in asked:
        own = gains[:, first : first + len(search.folds)].mean(axis=1, dtype=np.float64)
        first += len(search.folds)
        finite = np.where(np.isfinite(own), own, -np.inf)
        best = len(finite) - 1 if annealed else int(finite.argmax())
        epochs: Settings = {} if annealed else {"epochs": best + 1}
        search.tell(settings | epochs, sign * float(finite[best]))


def estimate_cost(contender: NetworkSpec, name: str, sample: Sample, share: float, n_seeds: int) -> CostEstimate:
    """Train all nets of all folds side by side, as they would be; the last nets, on all rows, are few."""
    started = time.perf_counter()
    rows = min(sample.training, max(sample.least, ROWS, STEPS * contender.batch_size))
    n_nets = sample.n_folds * n_seeds * contender.n_members
    stack, done = _stack(contender, sample, rows, n_nets), [(0, time.perf_counter())]

    def stop_when_enough(epochs: int, _of: int) -> None:
        done.append((epochs, time.perf_counter()))
        if len(done) > 2 and (done[-1][1] - done[1][1] > ENOUGH or done[-1][1] - started > share):
            raise _EnoughError

    with suppress(_EnoughError):
        stack.fit(contender.epochs, stop_when_enough)
    (first, begun), (last, ended) = done[1], done[-1]
    epochs, seconds = (last - first, ended - begun) if last > first else (first, begun - started)
    whole = seconds / epochs * contender.epochs * sample.training / rows
    return CostEstimate(
        name=name,
        seconds=2 * (begun - started) + whole * (1 + 1 / sample.n_folds),
        fits=n_nets + n_seeds * contender.n_members,
        basis=f"{n_nets} nets, {epochs} epochs of {rows:,} rows: {seconds:.2g} s",
    )


class _EnoughError(Exception):
    """Ends a training that was timed for long enough."""


def _stack(contender: NetworkSpec, sample: Sample, rows: int, n_nets: int) -> Stack:
    """Nets that learn from so many rows; what stops them early is watched, and does not stop them here."""
    training, held_out = sample.part(rows)
    judges = round(rows * contender.early_stopping.validation_fraction) if contender.early_stopping else 0
    own, judging, predicted = np.split(np.arange(rows + len(held_out)), [rows - judges, rows])
    tireless = contender.model_copy(update={"early_stopping": EarlyStoppingSpec(patience=10**6) if judges else None})
    X, y = (part[np.concatenate([training, held_out])] for part in (sample.X, sample.y))
    return Stack(tireless, X, y, sample.arrays, [Member(own, seed, predicted, judging) for seed in range(n_nets)])
