"""Fit a contender on all training rows, keep the models, and score them once on the test rows."""

import logging
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks import progress
from tasks.data.problem import Problem
from tasks.data.splitting import Validation
from tasks.data.vectorization import Arrays, Features, word_rows
from tasks.evaluation import Evaluation
from tasks.fitting import member_seeds, seed_of
from tasks.metrics import METRICS, MetricName
from tasks.models.contenders import Contender
from tasks.models.networks import Network, NetworkSpec, as_prediction, output_layer
from tasks.specs import BakeoffError, Spec
from tasks.statistics.bootstrap import interval_of, resample
from tasks.store import StoredFile, store, store_arrays

logger = logging.getLogger(__name__)

PART = 1024  # rows that a saved net computes at a time


class Refit(Spec):
    """A contender fitted on all training rows, in .keras files (nets) or a file of its library's own format.

    With a hold-out there is a net for each seed; the first is the one to use. An ensemble is one file.
    """

    name: str
    contender: Contender
    models: tuple[StoredFile, ...]
    fit_seconds: float
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


def refit(evaluation: Evaluation, arrays: Arrays, validation: Validation) -> Refit:
    """Fits the evaluated contender on all training rows.

    A net is trained for the median of the epochs whose weights were kept on the folds, so that it can learn from all
    rows without any to judge it; where settings were searched for, their number is among those found on all rows. One
    whose schedules span all epochs is trained for all.
    """
    contender = evaluation.settled
    seeds = [seed_of(validation.seed, number) for number in range(validation.n_seeds)]
    started = time.perf_counter()
    if isinstance(contender, NetworkSpec):
        whole = contender.annealed or evaluation.tuning
        epochs = contender.epochs if whole else int(np.median(evaluation.best_epochs))
        nets = _fit_networks(evaluation.name, contender, arrays, seeds, epochs)
        seconds = time.perf_counter() - started
        models = tuple(store(".keras", net.save) for net in nets)
        return Refit(name=evaluation.name, contender=contender, models=models, fit_seconds=seconds, epochs=epochs)
    progress.report(f"{evaluation.name}, all training rows", 0, 1)
    X, y = arrays.training()
    fitted = contender.fit(arrays.in_vocabulary_of(X, np.arange(len(y))), y, arrays, seeds[0] % 2**31)
    seconds = time.perf_counter() - started
    progress.report(f"{evaluation.name}, all training rows", 1, 1)
    models = (store(contender.suffix, lambda path: contender.save(fitted.model, path)),)
    return Refit(
        name=evaluation.name, contender=contender, models=models, fit_seconds=seconds, warnings=fitted.warnings
    )


def score_on_test(refit: Refit, arrays: Arrays, metric: MetricName) -> FinalScore:
    """Loads the kept models and scores them on the test rows.

    Raises:
        BakeoffError: when a prediction or a score is not a finite number.
    """
    X, y = arrays.test()
    predictions = np.stack([predict(refit, X, arrays, number) for number in range(len(refit.models))])
    if not np.isfinite(predictions).all():
        raise BakeoffError(
            f"contender {refit.name} diverged when it was fitted on all rows: it predicts NaN or infinity"
        )
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


def predict(refit: Refit, X: Features, arrays: Arrays, number: int = 0) -> NDArray[np.float64]:
    """A kept model's prediction for X as `arrays` has it: (rows,), or probabilities (rows, classes)."""
    return predict_by(refit.contender, load_model(refit, number), X, arrays)


def predict_by(contender: Contender, model: Any, X: Features, problem: Problem) -> NDArray[np.float64]:
    """A fitted model's prediction: (rows,), or probabilities (rows, classes)."""
    if isinstance(contender, NetworkSpec):
        return as_prediction(_outputs(model, X).astype(np.float64), output_layer(problem.task, problem.n_outputs))
    return contender.predict(model, X, problem)


def _outputs(net: Any, X: Features) -> NDArray[np.float32]:
    """What a saved net puts out; texts are taken by their length, since each part is filled up to its longest.

    A net is called as it is: Keras's `predict` would first compile it, which takes longer than most test sets do.
    """
    if isinstance(X, np.ndarray):
        parts = [X[start : start + PART] for start in range(0, len(X), PART)]
        return np.concatenate([np.asarray(net(part, training=False)) for part in parts])
    order = np.argsort(np.diff(X.indptr), kind="stable")
    parts = [order[start : start + PART] for start in range(0, len(order), PART)]
    outputs = np.concatenate([net.predict_on_batch(word_rows(X[part])) for part in parts])
    return outputs[np.argsort(order, kind="stable")]


def network_input(X: Features) -> NDArray[np.generic]:
    """What a saved net takes: an array as it is, texts as rows of word numbers."""
    return X if isinstance(X, np.ndarray) else word_rows(X)


def load_model(refit: Refit, number: int = 0) -> Any:
    """A kept model, as its library's object; nothing is unpickled."""
    return read_model(refit.contender, refit.models[number].path)


def read_model(contender: Contender, path: Path) -> Any:
    """The model in a file of its library's own format; nothing is unpickled."""
    if isinstance(contender, NetworkSpec):
        import keras

        return keras.models.load_model(path)
    return contender.load(path)


def _fit_networks(name: str, contender: Network, arrays: Arrays, seeds: Sequence[int], epochs: int) -> list[Any]:
    """A net for each seed, of an ensemble the mean of its members."""
    progress.load("tasks.training", "TensorFlow")
    from tasks.models.stacking import ensemble
    from tasks.training import Member, Stack

    X, y = arrays.training()
    every_epoch = contender.model_copy(update={"early_stopping": None})
    members = [Member(np.arange(len(y)), own) for seed in seeds for own in member_seeds(seed, contender.n_members)]
    stack = Stack(every_epoch, arrays.in_vocabulary_of(X, np.arange(len(y))), y, arrays, members)
    what = f"{name}, all training rows, epoch"
    stack.fit(epochs, lambda done, total: progress.report(what, done, total))
    nets = [stack.unstack(number) for number in range(len(members))]
    return [ensemble(nets[start : start + contender.n_members]) for start in range(0, len(nets), contender.n_members)]
