"""A net as a contender: trained on all folds at once, on all training rows, and on a few to tell what that costs."""

import time
from collections.abc import Sequence
from contextlib import suppress

import numpy as np

from tasks import progress
from tasks.data.splitting import Folds
from tasks.data.vectorization import Arrays, Features, Labels
from tasks.fitting import Stopwatch, member_seeds, seed_of
from tasks.models.contender import ENOUGH, CostEstimate, FinalFit, FoldFits, Sample
from tasks.models.networks import EarlyStoppingSpec, NetworkSpec, union_spec
from tasks.models.stacking import ensemble
from tasks.specs import BakeoffError
from tasks.store import store_arrays
from tasks.training import Member, Stack

STEPS, ROWS = 8, 1000  # of an epoch that is timed, at least


def fit_folds(
    contender: NetworkSpec, name: str, arrays: Arrays, folds: Folds, chosen: Sequence[NetworkSpec]
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
    contender: NetworkSpec, y: Labels, arrays: Arrays, folds: Folds, chosen: Sequence[NetworkSpec] = ()
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


def in_vocabularies(X: Features, arrays: Arrays, folds: Folds, n_members: int) -> Features | list[Features]:
    """X; or, where each fold has a vocabulary of its own, a matrix for each net, and for those of a fold the same."""
    if not arrays.terms:
        return X
    known = [arrays.in_vocabulary_of(X, training) for training, _ in folds.pairs()]
    return [matrix for matrix in known for _ in range(folds.validation.n_seeds * n_members)]


def fit_all(contender: NetworkSpec, name: str, arrays: Arrays, seeds: Sequence[int], epochs: int) -> FinalFit:
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
