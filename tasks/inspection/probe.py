"""What a run would take, from fits on a few rows: an estimate, which grows with the rows in a straight line."""

import resource
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from tasks import progress
from tasks.data.splitting import Parts, Rows
from tasks.data.vectorization import Arrays, Features, Labels
from tasks.fitting import limited_to, threads_for
from tasks.models.contenders import Baseline, Contender
from tasks.models.networks import EarlyStoppingSpec, Network, NetworkSpec
from tasks.specs import BakeoffError

BUDGET = 20.0  # seconds, of which each contender has its share; what has begun is not cut off
ENOUGH = 0.3  # seconds from which what is timed is more than noise
FIRST_ROWS, FEWEST_ROWS = 200, 100  # of the first fit, if it has no more values than FIRST_VALUES, and if it has
FIRST_VALUES = 200_000
GROWTH = 4  # from one fit to the next
STEPS, NET_ROWS = 8, 1000  # of a net's epoch, at least
COPIES = 3  # of X that a fit keeps: the data, a fold's rows, and what a library makes of these


class Expected(NamedTuple):
    """What a contender would take on all folds and all training rows, in so many fits, and what was timed to say so."""

    name: str
    seconds: float
    fits: int
    basis: str


class Expectation(NamedTuple):
    """What each contender would take, and bytes of memory: `measured` at the most until then, `expected` of a run."""

    contenders: tuple[Expected, ...]
    measured: int
    expected: int

    @property
    def seconds(self) -> float:
        """Of all fits."""
        return sum(contender.seconds for contender in self.contenders)


@dataclass(frozen=True)
class _Ground:
    """What contenders are tried on: rows in random order, of which the first `least` are two of each class.

    A fold has so many rows to learn from (`training`) and to predict (`held_out`), and there are `n_folds`.
    """

    X: Features
    y: Labels
    arrays: Arrays
    order: Rows
    least: int
    training: int
    held_out: int
    n_folds: int

    def part(self, rows: int) -> tuple[Rows, Rows]:
        """So many rows to learn from, and as many to predict as go with them."""
        predicted = max(1, round(rows * self.held_out / self.training))
        return self.order[:rows], self.order[-predicted:]


def probe(contenders: Mapping[str, Contender], arrays: Arrays, pairs: Sequence[Parts], n_seeds: int) -> Expectation:
    """Fits every contender on a few rows, and on more as long as that is quick.

    Args:
        contenders: by name.
        arrays: the data.
        pairs: for each fold, the numbers of the training rows to learn from, and of those held out.
        n_seeds: how often a net learns from each fold.

    Raises:
        BakeoffError: when one of them cannot be fitted.
    """
    ground, expected, end = _ground(arrays, pairs), list[Expected](), time.perf_counter() + BUDGET
    what = "trying contenders on a few rows,"
    with limited_to(threads_for(ground.X.size)):
        for done, (name, contender) in enumerate(contenders.items()):
            progress.report(what, done, len(contenders))
            left = (end - time.perf_counter()) / (len(contenders) - done)
            share = max(left, ENOUGH)  # for what is quick even where the others were slow
            try:
                if isinstance(contender, NetworkSpec):
                    expected.append(_expect_network(name, contender, ground, share, n_seeds))
                else:
                    expected.append(_expect_baseline(name, contender, ground, share))
            except BakeoffError as error:
                raise BakeoffError(f"contender {name}, tried on a few rows: {error}") from error
        progress.report(what, len(contenders), len(contenders))
    unit = 1 if sys.platform == "darwin" else 1024
    measured = unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    parts = (ground.X,) if isinstance(ground.X, np.ndarray) else (ground.X.data, ground.X.indices, ground.X.indptr)
    return Expectation(tuple(expected), measured, measured + COPIES * sum(part.nbytes for part in parts))


def _ground(arrays: Arrays, pairs: Sequence[Parts]) -> _Ground:
    X, y = arrays.training()
    X = arrays.in_vocabulary_of(X, np.arange(len(y)))
    order = np.random.default_rng(0).permutation(len(y))
    labels = range(len(arrays.classes))
    first = np.concatenate([np.empty(0, np.intp), *(np.flatnonzero(y[order] == label)[:2] for label in labels)])
    return _Ground(
        X=X,
        y=y,
        arrays=arrays,
        order=np.concatenate([order[first], np.delete(order, first)]),
        least=len(first),
        training=round(np.mean([len(learned) for learned, _ in pairs])),
        held_out=round(np.mean([len(held_out) for _, held_out in pairs])),
        n_folds=len(pairs),
    )


def _expect_baseline(name: str, contender: Baseline, ground: _Ground, share: float) -> Expected:
    """The first fit is made twice, for a library may be loaded meanwhile."""
    started = time.perf_counter()
    values_of_a_row = max(1, ground.X.size // ground.X.shape[0])  # of a sparse one, those that are stored
    some = max(FEWEST_ROWS, min(FIRST_ROWS, FIRST_VALUES // values_of_a_row))
    rows = min(ground.training, max(ground.least, some))
    _fit(contender, ground, rows)
    timed = [(rows, _fit(contender, ground, rows))]
    while rows < ground.training and timed[-1][1] < ENOUGH:
        if time.perf_counter() - started + GROWTH * timed[-1][1] > share:
            break
        rows = min(GROWTH * rows, ground.training)
        timed.append((rows, _fit(contender, ground, rows)))
    seconds = ground.n_folds * extrapolate(timed, ground.training) + extrapolate(timed, len(ground.y))
    basis = " and ".join(f"{rows:,}" for rows, _ in timed[-2:])
    spent = " and ".join(f"{spent:.2g}" for _, spent in timed[-2:])
    return Expected(name, seconds, ground.n_folds + 1, f"{basis} rows: {spent} s")


def _fit(contender: Baseline, ground: _Ground, rows: int) -> float:
    """The seconds of a fit on so many rows, and of the prediction that goes with it."""
    training, held_out = ground.part(rows)
    started = time.perf_counter()
    fitted = contender.fit(ground.X[training], ground.y[training], ground.arrays, seed=0)
    contender.predict(fitted.model, ground.X[held_out], ground.arrays)
    return time.perf_counter() - started


def extrapolate(timed: Sequence[tuple[int, float]], rows: int) -> float:
    """The seconds for so many rows, on the straight line through the last two that were timed; not less than these."""
    last, seconds = timed[-1]
    if len(timed) == 1:
        return seconds * max(1.0, rows / last)
    before, earlier = timed[-2]
    return seconds + max(0.0, (seconds - earlier) / (last - before)) * max(0, rows - last)


def _expect_network(name: str, contender: Network, ground: _Ground, share: float, n_seeds: int) -> Expected:
    """All nets of all folds are trained side by side, as they would be; the last nets, on all rows, are few."""
    from tasks.training import Member, Stack

    started = time.perf_counter()
    rows = min(ground.training, max(ground.least, NET_ROWS, STEPS * contender.batch_size))
    n_nets = ground.n_folds * n_seeds * contender.n_members
    chosen = np.concatenate(ground.part(rows))
    # What stops them early is watched, and does not stop them here.
    judges = round(rows * contender.early_stopping.validation_fraction) if contender.early_stopping else 0
    own, judging, predicted = np.split(np.arange(len(chosen)), [rows - judges, rows])
    tireless = contender.model_copy(update={"early_stopping": EarlyStoppingSpec(patience=10**6) if judges else None})
    members = [Member(own, seed, predicted, judging) for seed in range(n_nets)]
    stack = Stack(tireless, ground.X[chosen], ground.y[chosen], ground.arrays, members)
    done = [(0, time.perf_counter())]

    def stop_when_enough(epochs: int, _of: int) -> None:
        done.append((epochs, time.perf_counter()))
        if len(done) > 2 and (done[-1][1] - done[1][1] > ENOUGH or done[-1][1] - started > share):
            raise _EnoughError

    with suppress(_EnoughError):
        stack.fit(contender.epochs, stop_when_enough)
    (first, begun), (last, ended) = done[1], done[-1]
    epochs, seconds = (last - first, ended - begun) if last > first else (first, begun - started)
    whole = seconds / epochs * contender.epochs * ground.training / rows
    return Expected(
        name=name,
        seconds=2 * (begun - started) + whole * (1 + 1 / ground.n_folds),
        fits=n_nets + n_seeds * contender.n_members,
        basis=f"{n_nets} nets, {epochs} epochs of {rows:,} rows: {seconds:.2g} s",
    )


class _EnoughError(Exception):
    """Ends a training that was timed for long enough."""
