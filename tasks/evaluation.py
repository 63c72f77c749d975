"""Fit and score one contender on all folds."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from tasks import progress
from tasks.data.splitting import Folds, Rows
from tasks.data.vectorization import Arrays, Features
from tasks.metrics import METRICS, MetricName
from tasks.models.baselines import Baseline, predict_with
from tasks.models.networks import DenseSpec, Network
from tasks.specs import BakeoffError, Spec
from tasks.store import StoredFile, store_arrays

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator

    from tasks.training import Member

Contender = Annotated[Network | Baseline, Field(discriminator="kind")]
Floats = NDArray[np.float64]


class Evaluation(Spec):
    """One contender's result on all folds, repeat by repeat.

    `predictions` is a file with `rows` (n,), the numbers of the training rows that were held out, and `out_of_fold`,
    (n_repeats, n) or (n_repeats, n, classes): what each of them was predicted to be by a model that had not seen it.
    With a hold-out, repeats are seeds. `history`, of a net, is a file with curves of shape (epochs, folds): `loss`,
    `metric`, `val_loss`, `val_metric`.
    """

    name: str
    contender: Contender
    scores: tuple[float, ...]
    fit_seconds: float
    predict_seconds: float
    predictions: StoredFile
    history: StoredFile | None = None
    best_epochs: tuple[int, ...] = ()


@dataclass(frozen=True)
class _Outcome:
    """What fitting on all folds gave, before it is scored: each fold's held-out rows, and their predictions."""

    held_out: Sequence[Rows]
    predictions: Sequence[Floats]
    fit_seconds: float
    predict_seconds: float
    history: StoredFile | None = None
    best_epochs: tuple[int, ...] = ()


def evaluate(name: str, contender: Contender, arrays: Arrays, folds: Folds, metric: MetricName) -> Evaluation:
    """Fits the contender on each fold's training rows and scores it on the rows held out.

    Raises:
        BakeoffError: when a setting does not fit the data, training diverges, or a score is not a finite number.
    """
    try:
        if isinstance(contender, DenseSpec):
            outcome = _evaluate_network(name, contender, arrays, folds)
        else:
            outcome = _evaluate_baseline(name, contender, arrays, folds)
    except BakeoffError as error:
        raise BakeoffError(f"contender {name}: {error}") from error
    y = arrays.y("train")
    scores = tuple(
        METRICS[metric].score(y[rows], mine) for rows, mine in zip(outcome.held_out, outcome.predictions, strict=True)
    )
    if not np.isfinite(scores).all():
        first = int(np.argmin(np.isfinite(scores)))
        raise BakeoffError(f"contender {name}: {metric} is {scores[first]} on fold {first}, and not a finite number")
    return Evaluation(
        name=name,
        contender=contender,
        scores=scores,
        fit_seconds=outcome.fit_seconds,
        predict_seconds=outcome.predict_seconds,
        predictions=_store_out_of_fold(outcome, folds.validation.n_splits),
        history=outcome.history,
        best_epochs=outcome.best_epochs,
    )


def seed_of(seed: int, number: int) -> int:
    """A seed for fold `number` of an experiment's `seed`: independent streams for every fold, the same every time."""
    return int(np.random.SeedSequence([seed, number]).generate_state(1)[0])


def _evaluate_baseline(name: str, contender: Baseline, arrays: Arrays, folds: Folds) -> _Outcome:
    X, y = arrays.training()
    pairs = list(folds.pairs())
    predictions, fit_seconds, predict_seconds = [], 0.0, 0.0
    for number, (training, held_out) in enumerate(pairs):
        estimator = contender.estimator(arrays.task, seed_of(folds.validation.seed, number) % 2**31)
        started = time.perf_counter()
        _fit(estimator, X[training], y[training])
        fitted = time.perf_counter()
        predictions.append(predict_with(estimator, X[held_out], arrays.task, arrays.n_outputs))
        fit_seconds += fitted - started
        predict_seconds += time.perf_counter() - fitted
        progress.report(f"{name}, fold", number + 1, len(pairs))
    return _Outcome([held_out for _, held_out in pairs], predictions, fit_seconds, predict_seconds)


def _fit(estimator: "BaseEstimator", X: Features, y: NDArray[np.generic]) -> None:
    """Fits; what scikit-learn says of a setting's value is for the user to mend."""
    try:
        estimator.fit(X, y)
    except ValueError as error:
        raise BakeoffError(str(error)) from error


def _evaluate_network(name: str, contender: DenseSpec, arrays: Arrays, folds: Folds) -> _Outcome:
    from tasks.training import Stack

    X, y = arrays.training()
    started = time.perf_counter()
    members = _members(contender, y, arrays, folds)
    stack = Stack(contender, X, y, arrays.task, arrays.n_outputs, members, normalize=arrays.form == "table")
    history = stack.fit(contender.epochs, lambda done, total: progress.report(f"{name}, epoch", done, total))
    fitted = time.perf_counter()
    held_out = [member.validation for member in members]
    predictions = stack.predict(held_out)
    return _Outcome(
        held_out,
        predictions,
        fit_seconds=fitted - started,
        predict_seconds=time.perf_counter() - fitted,
        history=store_arrays(
            loss=history.loss, metric=history.metric, val_loss=history.val_loss, val_metric=history.val_metric
        ),
        best_epochs=tuple(int(epoch) for epoch in history.best_epoch),
    )


def _members(contender: DenseSpec, y: NDArray[np.generic], arrays: Arrays, folds: Folds) -> "list[Member]":
    """A net for each fold or seed; the rows that stop its training early come out of its training rows.

    With a hold-out, where nothing else stops it, a net is judged by the rows held out, as the book does: the best epoch
    is the one with the lowest validation loss.
    """
    from tasks.training import Member

    members = []
    for number, (training, held_out) in enumerate(folds.pairs(folds.validation.n_seeds)):
        seed = seed_of(folds.validation.seed, number)
        judging = held_out if folds.validation.kind == "hold_out" else np.empty(0, np.int64)
        if contender.early_stopping:
            classes = y[training] if arrays.classes else None
            training, judging = _set_aside(training, contender.early_stopping.validation_fraction, seed, classes)
        members.append(Member(training=training, seed=seed, validation=held_out, judging=judging))
    return members


def _set_aside(rows: Rows, share: float, seed: int, classes: NDArray[np.generic] | None) -> tuple[Rows, Rows]:
    """Splits a share of the rows off, stratified by class."""
    from sklearn.model_selection import train_test_split

    try:
        kept, aside = train_test_split(rows, test_size=share, random_state=seed % 2**31, stratify=classes)
    except ValueError as error:
        raise BakeoffError(f"early_stopping.validation_fraction {share:g} does not fit the rows: {error}") from error
    return kept, aside


def _store_out_of_fold(outcome: _Outcome, n_splits: int) -> StoredFile:
    rows = np.unique(np.concatenate(outcome.held_out))
    n_repeats = len(outcome.held_out) // n_splits
    out_of_fold = np.empty((n_repeats, len(rows), *outcome.predictions[0].shape[1:]))
    for number, (held_out, mine) in enumerate(zip(outcome.held_out, outcome.predictions, strict=True)):
        out_of_fold[number // n_splits, np.searchsorted(rows, held_out)] = mine
    return store_arrays(rows=rows, out_of_fold=out_of_fold)
