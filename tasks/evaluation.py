"""Fit and score one contender on all folds."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from tasks import progress
from tasks.data.splitting import Folds, Rows
from tasks.data.vectorization import Arrays, Features
from tasks.fitting import Cost, Stopwatch, limited_to, member_seeds, seed_of, threads_for
from tasks.metrics import METRICS, MetricName
from tasks.models.contenders import Baseline, Contender
from tasks.models.networks import Network, NetworkSpec, union_spec
from tasks.specs import BakeoffError, Spec
from tasks.store import StoredFile, store_arrays
from tasks.tuning.record import Tuning

if TYPE_CHECKING:
    from tasks.training import Member

Floats = NDArray[np.float64]
logger = logging.getLogger(__name__)


class Evaluation(Spec):
    """One contender's result on all folds, repeat by repeat.

    `predictions` is a file with `rows` (n,), the numbers of the training rows that were held out, and `out_of_fold`,
    (n_repeats, n) or (n_repeats, n, classes): what each of them was predicted to be by a model that had not seen it.
    With a hold-out, repeats are seeds. `history`, of a net, is a file with curves of shape (epochs, folds): `loss`,
    `metric`, `val_loss`, `val_metric`, of an ensemble the means over its members; `best_epochs` has each member's.
    `tuning` is what each fold was fitted with, where settings were searched for. `warnings` are what the user should
    know of how the fits went.
    """

    name: str
    contender: Contender
    scores: tuple[float, ...]
    cost: Cost
    predictions: StoredFile
    history: StoredFile | None = None
    best_epochs: tuple[int, ...] = ()
    tuning: Tuning | None = None
    warnings: tuple[str, ...] = ()

    @property
    def settled(self) -> Contender:
        """What is fitted on all training rows: the contender with the settings that were found for it, if any were."""
        if self.tuning is None:
            return self.contender
        if self.tuning.final is None:
            raise ValueError(f"{self.name} was tuned for its folds alone, and not for all training rows")
        return self.tuning.final


@dataclass(frozen=True)
class _Outcome:
    """What fitting on all folds gave, before it is scored: each fold's held-out rows, and their predictions."""

    held_out: Sequence[Rows]
    predictions: Sequence[Floats]
    fitting: Stopwatch
    predicting: Stopwatch
    n_fits: int
    history: StoredFile | None = None
    best_epochs: tuple[int, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def cost(self) -> Cost:
        return Cost(
            fit_seconds=self.fitting.seconds,
            cpu_seconds=self.fitting.cpu_seconds,
            predict_seconds=self.predicting.seconds,
            n_fits=self.n_fits,
            predicted_rows=sum(map(len, self.held_out)),
        )


def evaluate(
    name: str,
    contender: Contender,
    arrays: Arrays,
    folds: Folds,
    metric: MetricName,
    tuning: Tuning | None = None,
) -> Evaluation:
    """Fits the contender on each fold's training rows and scores it on the rows held out.

    With `tuning` each fold has the settings that were found on its own training rows.

    Raises:
        BakeoffError: when a setting does not fit the data, training diverges, or a score is not a finite number.
    """
    try:
        if isinstance(contender, NetworkSpec):
            outcome = _evaluate_network(name, contender, arrays, folds, tuning)
        else:
            outcome = _evaluate_baseline(name, contender, arrays, folds, tuning)
    except BakeoffError as error:
        raise BakeoffError(f"contender {name}: {error}") from error
    y = arrays.y("train")
    scores = tuple(
        METRICS[metric].score(y[rows], mine) for rows, mine in zip(outcome.held_out, outcome.predictions, strict=True)
    )
    if not np.isfinite(scores).all():
        first = int(np.argmin(np.isfinite(scores)))
        raise BakeoffError(f"contender {name}: {metric} is {scores[first]} on fold {first}, and not a finite number")
    seconds, mean = outcome.cost.fit_seconds, float(np.mean(scores))
    logger.info("%s: %s %.4g, the mean over %d; fitted in %.3g s", name, metric, mean, len(scores), seconds)
    return Evaluation(
        name=name,
        contender=contender,
        scores=scores,
        cost=outcome.cost,
        predictions=_store_out_of_fold(outcome, folds.validation.n_splits),
        history=outcome.history,
        best_epochs=outcome.best_epochs,
        tuning=tuning,
        warnings=outcome.warnings,
    )


def _evaluate_baseline(name: str, contender: Baseline, arrays: Arrays, folds: Folds, tuning: Tuning | None) -> _Outcome:
    X, y = arrays.training()
    pairs = list(folds.pairs())
    predictions, fitting, predicting, notes = [], Stopwatch(), Stopwatch(), dict[str, None]()
    with limited_to(threads_for(X.size)):
        for number, (training, held_out) in enumerate(pairs):
            seed = seed_of(folds.validation.seed, number) % 2**31
            with fitting.running():
                known = arrays.in_vocabulary_of(X, training)
                own = _own(contender, tuning, number)
                fitted = own.fit(known[training], y[training], arrays, seed)
            with predicting.running():
                predictions.append(own.predict(fitted.model, known[held_out], arrays))
            notes |= dict.fromkeys(fitted.warnings)
            progress.report(f"{name}, fold", number + 1, len(pairs))
    return _Outcome(
        held_out=[held_out for _, held_out in pairs],
        predictions=predictions,
        fitting=fitting,
        predicting=predicting,
        n_fits=len(pairs),
        warnings=tuple(notes),
    )


def _evaluate_network(name: str, contender: Network, arrays: Arrays, folds: Folds, tuning: Tuning | None) -> _Outcome:
    progress.load("tasks.training", "TensorFlow")
    from tasks.training import Stack

    X, y = arrays.training()
    fitting, predicting, n_members = Stopwatch(), Stopwatch(), contender.n_members
    members = _members(contender, y, arrays, folds, tuning)
    held_out = [rows for _, rows in folds.pairs(folds.validation.n_seeds)]
    if tuning:
        contender = union_spec([cast(Network, each) for each in tuning.chosen])
    with fitting.running():
        stack = Stack(contender, _in_vocabularies(X, arrays, folds, n_members), y, arrays, members)
        history = stack.fit(contender.epochs, lambda done, total: progress.report(f"{name}, epoch", done, total))
    with predicting.running():
        predictions = stack.predict([rows for rows in held_out for _ in range(n_members)])
    curves = {curve: getattr(history, curve) for curve in ("loss", "metric", "val_loss", "val_metric")}
    means = {curve: each.reshape(len(each), -1, n_members).mean(axis=2) for curve, each in curves.items()}
    return _Outcome(
        held_out=held_out,
        predictions=[
            np.mean(predictions[start : start + n_members], axis=0) for start in range(0, len(members), n_members)
        ],
        fitting=fitting,
        predicting=predicting,
        n_fits=len(members),
        history=store_arrays(**means),
        best_epochs=tuple(int(epoch) for epoch in history.best_epoch),
    )


def _own(contender: Baseline, tuning: Tuning | None, fold: int) -> Baseline:
    """The contender with the settings that were found for a fold, where any were searched for."""
    return cast(Baseline, tuning.chosen[fold]) if tuning else contender


def _in_vocabularies(X: Features, arrays: Arrays, folds: Folds, n_members: int) -> Features | list[Features]:
    """X; or, where each fold has a vocabulary of its own, a matrix for each net, and for those of a fold the same."""
    if not arrays.terms:
        return X
    known = [arrays.in_vocabulary_of(X, training) for training, _ in folds.pairs()]
    return [each for each in known for _ in range(folds.validation.n_seeds * n_members)]


def _members(
    contender: Network, y: NDArray[np.generic], arrays: Arrays, folds: Folds, tuning: Tuning | None = None
) -> "list[Member]":
    """The nets of each fold or seed; the rows that stop a net's training early come out of its training rows.

    With a hold-out, where nothing else stops it, a net is judged by the rows held out, as the book does: the best epoch
    is the one with the lowest validation loss.
    """
    from tasks.training import Member

    members = []
    labels, groups = y if arrays.classes else None, arrays.group_numbers("train")
    for number, (training, held_out) in enumerate(folds.pairs(folds.validation.n_seeds)):
        judging = folds.judging(number // folds.validation.n_seeds, held_out)
        watched = held_out if folds.watched else np.empty(0, np.int64)
        spec = None
        if tuning:
            spec, judging = cast(Network, tuning.chosen[number // folds.validation.n_seeds]), np.empty(0, np.int64)
        for seed in member_seeds(seed_of(folds.validation.seed, number), contender.n_members):
            own, judges = training, judging
            if contender.early_stopping and not tuning:
                share = contender.early_stopping.validation_fraction
                try:
                    own, judges = folds.validation.set_aside(training, share, seed, labels, groups)
                except ValueError as error:
                    raise BakeoffError(
                        f"early_stopping.validation_fraction {share:g} does not fit the rows: {error}"
                    ) from error
            members.append(Member(training=own, seed=seed, validation=watched, judging=judges, spec=spec))
    return members


def _store_out_of_fold(outcome: _Outcome, n_splits: int) -> StoredFile:
    rows = np.unique(np.concatenate(outcome.held_out))
    n_repeats = len(outcome.held_out) // n_splits
    out_of_fold = np.empty((n_repeats, len(rows), *outcome.predictions[0].shape[1:]))
    for number, (held_out, mine) in enumerate(zip(outcome.held_out, outcome.predictions, strict=True)):
        out_of_fold[number // n_splits, np.searchsorted(rows, held_out)] = mine
    return store_arrays(rows=rows, out_of_fold=out_of_fold)
