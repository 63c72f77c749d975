"""A net as a contender: trained on all folds at once, on all training rows, in a search, and to tell what it costs."""

import math
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks import progress
from tasks.data.examples import Problem
from tasks.data.folds.splitting import Folds, Rows
from tasks.data.vectorization import DesignMatrix, Features, Labels
from tasks.fitting import Stopwatch, member_seeds, seed_of
from tasks.metrics import METRICS, MetricName
from tasks.models.contender import ENOUGH, CostEstimate, FinalFit, FoldFits, Sample
from tasks.models.nets.batching import DenseRows
from tasks.models.nets.devices import ON_GPU
from tasks.models.nets.network_spec import EarlyStoppingSpec, NetworkSpec, union_spec
from tasks.models.nets.stacking import ensemble
from tasks.models.nets.training import Floats, History, Member, Progress, Stack
from tasks.models.search import Search, Settings, Share
from tasks.parallel import in_threads
from tasks.specs import BakeoffError
from tasks.store import store_arrays

STEPS, ROWS = 8, 1000  # of an epoch that is timed, at least
ROUNDS = 10  # of settings that a search is expected to try
FULL = 64  # nets from which on more of them at once take as much longer
SMALL = 1_000_000  # numbers in X from which on the arithmetic of one stack keeps all cores busy
# Weights times rows: of a step with so many, XLA shares the products out among cores with some gain; and of a whole
# training, so many are worth the two seconds that it takes to compile a stack. On 2 cores, 40 epochs of 200 nets of
# 128-64 on the Boston data, in batches of 16, took 6.8 s in one stack, 5.3 in two, 3.7 in four and 3.7 in eight.
LARGE_STEP, WORTH_COMPILING, FEWEST_MEMBERS = 2_500_000, 90_000_000_000, 4


def fit_folds(
    contender: NetworkSpec, name: str, arrays: DesignMatrix, folds: Folds, chosen: Sequence[NetworkSpec]
) -> FoldFits:
    """Train the nets of all folds and seeds in stacks; of an ensemble the mean predicts."""
    X, y = arrays.training()
    fitting, predicting, n_members = Stopwatch(), Stopwatch(), contender.n_members
    members = members_of(contender, y, arrays, folds, chosen)
    held_out = [rows for _, rows in folds.pairs(folds.validation.n_seeds)]
    if chosen:
        contender = union_spec(chosen)
    with fitting.running():
        stacks = Stacks(contender, in_vocabularies(X, arrays, folds, n_members), y, arrays, members)
        history = stacks.fit(contender.epochs, lambda done, total: progress.report(f"{name}, epoch", done, total))
    with predicting.running():
        predictions = stacks.predict([rows for rows in held_out for _ in range(n_members)])
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
    """Members of one architecture, cut into stacks, as many of which are trained at once as there are cores.

    How they are cut depends on nothing but the members and their architecture, and so does every bit.

    Args:
        spec: the union of the specs of all members.
        X: as a Stack takes it; or a matrix for each member.
        y: (rows,), numbers or class numbers.
        problem: what the nets learn.
        members: what each net learns from.
        rounds: how often they are trained, each time from the beginning.
    """

    def __init__(
        self,
        spec: NetworkSpec,
        X: Features,
        y: Labels,
        problem: Problem,
        members: Sequence[Member],
        rounds: int = 1,
    ) -> None:
        own = isinstance(X, Sequence)
        source = DenseRows(X) if isinstance(X, np.ndarray) else None
        first = Stack(spec, X, y, problem, members[:1], source) if source else None
        count = _count(first, members, rounds) if first else 1
        ensembles = np.array_split(np.arange(len(members)).reshape(-1, spec.n_members), count)
        self._parts = [slice(int(part.min()), int(part.max()) + 1) for part in ensembles]
        self._stacks = [Stack(spec, X[part] if own else X, y, problem, members[part], source) for part in self._parts]

    def restart(self, specs: Sequence[NetworkSpec]) -> None:
        """Put all members back to where they began, with these specs of their own, for the same compiled programs."""
        for stack, part in zip(self._stacks, self._parts, strict=True):
            stack.restart(specs[part])

    def fit(self, epochs: int, progress: Progress, ends_at: float = math.inf, may_diverge: bool = False) -> History:
        """Train all members, as `Stack.fit` does; the curves of a stack that ends before others stay as they are."""
        done = [0] * len(self._stacks)

        def train(number: int) -> History:
            def report(epoch: int, total: int) -> None:
                done[number] = epoch
                progress(min(done), total)

            return self._stacks[number].fit(epochs, report, ends_at, may_diverge)

        histories = in_threads(train, range(len(self._stacks)))
        longest = max(len(history.loss) for history in histories)
        return History(
            *(
                np.concatenate([_held(getattr(history, each.name), longest) for history in histories], axis=-1)
                for each in fields(History)
            )
        )

    def predict(self, rows: Sequence[Rows]) -> list[NDArray[np.float64]]:
        """Return each member's prediction for its own rows, as `Stack.predict` does."""
        parts = in_threads(
            lambda number: self._stacks[number].predict(rows[self._parts[number]]), range(len(self._stacks))
        )
        return [prediction for part in parts for prediction in part]


def _count(first: Stack, members: Sequence[Member], rounds: int) -> int:
    """Into how many stacks members like the first are cut.

    On a GPU there is one. One whose steps are large is not cut: XLA shares the products of a step out among cores.
    Small steps are not worth that: cores share the stacks. But each is compiled, for about two seconds, and has to be
    worth that.
    """
    weights = sum(int(math.prod(kernel.shape)) for kernel in first.network.kernels)
    step = weights * first.spec.batch_size
    if ON_GPU or FEWEST_MEMBERS * step > LARGE_STEP:
        return 1
    work = rounds * first.spec.epochs * weights * sum(len(member.training) for member in members)
    most = len(members) // first.spec.n_members
    count = max(1, min(most, len(members) * step // LARGE_STEP, work // WORTH_COMPILING))
    return int(2 ** (count.bit_length() - 1))  # which cores share evenly, as there are 2, 4 or 8 of them


def _held(curve: NDArray[Any], length: int) -> NDArray[Any]:
    """A curve (epochs, members), whose last value is held; what is of members alone stays as it is."""
    return np.pad(curve, ((0, length - len(curve)), (0, 0)), mode="edge") if curve.ndim == 2 else curve


def run_searches(
    contender: NetworkSpec,
    name: str,
    arrays: DesignMatrix,
    searches: Sequence[Search],
    metric: MetricName,
    seed: int,
    share: Share,
) -> int:
    """Train the nets of all searches and inner folds at once, as long as their share allows. Return their number.

    Their programs are compiled once and serve one round of settings after the other. How many epochs are best need not
    be tried: it is read off the curves.

    Raises:
        BudgetError: when the share does not suffice for one set of settings in each search.
    """
    inner = sum(len(search.folds) for search in searches)
    X, y = arrays.training()
    wanted = max(1, FULL // inner) if X.size < SMALL else 1
    # As many at once as there is a gain in, and go into the trials evenly.
    at_once = max(number for number in range(1, wanted + 1) if not share.trials or share.trials % number == 0)
    stacks = _stacks(contender, X, y, arrays, searches, at_once, seed)
    by_metric = contender.inner_score(arrays.task, metric) == metric
    curve, sign = ("val_metric", METRICS[metric].sign) if by_metric else ("val_loss", -1)
    fits, cut_short = 0, not contender.annealed

    def report(done: int, total: int) -> None:
        progress.report(f"{name}, search, epoch", done, total)

    while share.allows(cut_short):
        started = time.process_time()
        asked = [(search, search.ask()) for search in searches for _ in range(at_once)]
        ends_at = started + share.left if fits and cut_short else math.inf
        stacks.restart([contender.with_settings(settings) for search, settings in asked for _ in search.folds])
        history = stacks.fit(contender.epochs, report, ends_at, may_diverge=True)
        _tell(asked, sign * getattr(history, curve), sign, contender.annealed)
        fits += inner * at_once
        share.count(time.process_time() - started, at_once)
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
    spec = contender.model_copy(update=highest | {"early_stopping": None, "n_members": 1})
    members, known = [], []
    for search in searches:
        own = [arrays.in_vocabulary_of(X, training) for training, _ in search.folds] if arrays.terms else []
        for _ in range(at_once):
            known += own
            members += [
                Member(training, seed_of(seed, number), held_out, spec=spec)
                for number, (training, held_out) in enumerate(search.folds)
            ]
    return Stacks(spec, known or X, y, arrays, members, ROUNDS)


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
