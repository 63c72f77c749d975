"""Fit and score one contender: on all folds, and once more on all training rows for the test rows."""

import logging
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from tasks import progress
from tasks.data.folds.splitting import Folds, Validation
from tasks.data.vectorization import DesignMatrix, Features
from tasks.evaluation.tuning import Tuning
from tasks.fitting import Cost, Stopwatch, seed_of
from tasks.metrics import METRICS, MetricName
from tasks.models.contender import Floats, FoldFits
from tasks.models.contenders import Contender
from tasks.parallel import apart
from tasks.specs import BakeoffError, Spec
from tasks.statistics import interval_of, resample
from tasks.store import StoredFile, store, store_arrays

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


class Refit(Spec):
    """A contender fitted on all training rows, in .keras files (nets) or a file of its library's own format.

    With a hold-out there is a net for each seed; the first is the one to use. An ensemble is one file.
    """

    name: str
    contender: Contender
    models: tuple[StoredFile, ...]
    cpu_seconds: float
    epochs: int | None = None
    warnings: tuple[str, ...] = ()

    @property
    def model_bytes(self) -> int:
        """The size on disk of one model, ready to predict."""
        return self.models[0].path.stat().st_size


class FinalScore(Spec):
    """A contender's scores on the test rows, one for each model.

    `interval` is the 95 % bootstrap interval of their mean, over rows or, where rows make groups, over these.
    `predictions` is a file with `test`, (models, rows) or (models, rows, classes).
    """

    name: str
    scores: tuple[float, ...]
    interval: tuple[float, float]
    predictions: StoredFile

    @property
    def score(self) -> float:
        """The mean over models."""
        return float(np.mean(self.scores))


class Result(Spec):
    """All that is found of a contender before it is compared: on folds, fitted on all rows, and on the test rows."""

    evaluation: Evaluation
    refit: Refit
    test: FinalScore

    @property
    def name(self) -> str:
        """The contender's name."""
        return self.evaluation.name


def evaluate(
    name: str,
    contender: Contender,
    arrays: DesignMatrix,
    folds: Folds,
    metric: MetricName,
    tuning: Tuning | None = None,
) -> Evaluation:
    """Fit the contender on each fold's training rows and score it on the rows held out.

    With `tuning` each fold has the settings that were found on its own training rows.

    Raises:
        BakeoffError: when a setting does not fit the data, training diverges, or a score is not a finite number.
    """
    try:
        fits = contender.fit_folds(name, arrays, folds, tuning.chosen if tuning else ())
    except BakeoffError as error:
        raise BakeoffError(f"contender {name}: {error}") from error
    y = arrays.y("train")
    scores = tuple(
        METRICS[metric].score(y[rows], predicted)
        for rows, predicted in zip(fits.held_out, fits.predictions, strict=True)
    )
    if not np.isfinite(scores).all():
        first = int(np.argmin(np.isfinite(scores)))
        raise BakeoffError(f"contender {name}: {metric} is {scores[first]} on fold {first}, and not a finite number")
    mean, seconds = float(np.mean(scores)), fits.fitting.seconds
    logger.info("%s: %s %.4g, the mean over %d; fitted in %.3g CPU seconds", name, metric, mean, len(scores), seconds)
    said = f"{METRICS[metric].title} {mean:.4g}, fitted in {seconds:.2g} CPU s"
    progress.scored(name, said, METRICS[metric].sign * mean)
    return Evaluation(
        name=name,
        contender=contender,
        scores=scores,
        cost=fits.cost,
        predictions=_store_out_of_fold(fits, folds.validation.n_splits),
        history=fits.history,
        best_epochs=fits.best_epochs,
        tuning=tuning,
        warnings=fits.warnings,
    )


def _store_out_of_fold(fits: FoldFits, n_splits: int) -> StoredFile:
    rows = np.unique(np.concatenate(fits.held_out))
    n_repeats = len(fits.held_out) // n_splits
    out_of_fold = np.empty((n_repeats, len(rows), *fits.predictions[0].shape[1:]))
    for number, (held_out, predicted) in enumerate(zip(fits.held_out, fits.predictions, strict=True)):
        out_of_fold[number // n_splits, np.searchsorted(rows, held_out)] = predicted
    return store_arrays(rows=rows, out_of_fold=out_of_fold)


def refit(evaluation: Evaluation, arrays: DesignMatrix, validation: Validation) -> Refit:
    """Fit the evaluated contender on all training rows, and keep its models.

    A net is trained for the median of the epochs whose weights were kept on the folds, so that it can learn from all
    rows without any to judge it; where settings were searched for, their number is among those found on all rows. One
    whose schedules span all epochs is trained for all.
    """
    seeds = tuple(seed_of(validation.seed, number) for number in range(validation.n_seeds))
    best_epochs = () if evaluation.tuning else evaluation.best_epochs
    entered = (evaluation.name, evaluation.settled, arrays, seeds, best_epochs)
    return apart(_fit_all, *entered, data_bytes=arrays.n_bytes, net=evaluation.contender.is_net)


def _fit_all(
    name: str, contender: Contender, arrays: DesignMatrix, seeds: Sequence[int], best_epochs: Sequence[int]
) -> Refit:
    """Fit on all training rows and keep the models, in whatever process."""
    fitting = Stopwatch()
    with fitting.running():
        fit = contender.fit_all(name, arrays, seeds, best_epochs)
    return Refit(
        name=name,
        contender=contender,
        models=tuple(store(contender.suffix, partial(contender.save, model)) for model in fit.models),
        cpu_seconds=fitting.seconds,
        epochs=fit.epochs,
        warnings=fit.warnings,
    )


def score_on_test(refit: Refit, arrays: DesignMatrix, metric: MetricName) -> FinalScore:
    """Load the kept models and score them on the test rows.

    Raises:
        BakeoffError: when a prediction or a score is not a finite number.
    """
    predictions = apart(_predict_test, refit, arrays, data_bytes=arrays.n_bytes, net=refit.contender.is_net)
    if not np.isfinite(predictions).all():
        raise BakeoffError(
            f"contender {refit.name} diverged when it was fitted on all rows: it predicts NaN or infinity"
        )
    y = arrays.y("test")
    scores = tuple(METRICS[metric].score(y, prediction) for prediction in predictions)
    if not np.isfinite(scores).all():
        raise BakeoffError(
            f"contender {refit.name}: {metric} is nan on the test rows, and not a finite number; choose another metric,"
            " or a larger test"
        )
    logger.info("%s: %s %.4g on %d test rows", refit.name, metric, float(np.mean(scores)), len(y))
    return FinalScore(
        name=refit.name,
        scores=scores,
        interval=interval_of(resample(y, [predictions], metric, groups=arrays.group_numbers("test"))[0]),
        predictions=store_arrays(test=predictions),
    )


def _predict_test(refit: Refit, arrays: DesignMatrix) -> Floats:
    """Predict the test rows by each of the kept models, in whatever process."""
    X, _ = arrays.test()
    return np.stack([predict(refit, X, arrays, number) for number in range(len(refit.models))])


def predict(refit: Refit, X: Features, arrays: DesignMatrix, number: int = 0) -> Floats:
    """Predict by a kept model for X as `arrays` has it: (rows,), or probabilities (rows, classes)."""
    return refit.contender.predict(load_model(refit, number), X, arrays)


def load_model(refit: Refit, number: int = 0) -> Any:
    """Load a kept model, as its library's object; nothing is unpickled."""
    return refit.contender.load(refit.models[number].path)
