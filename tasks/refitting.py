"""Fit a contender on all training rows, keep the model, and score it once on the test rows."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tasks.data.vectorization import Arrays
from tasks.evaluation import Contender, Evaluation, seed_of
from tasks.metrics import METRICS, MetricName
from tasks.models.baselines import Baseline, predict_with
from tasks.models.networks import DenseSpec, output_layer
from tasks.specs import BakeoffError, Spec
from tasks.store import StoredFile, store

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator

# Tree nodes hold row numbers that scikit-learn does not check, so skops asks before it loads them. These files are our
# own: each is named by its digest, in a cache that this program writes.
TRUSTED_TYPES = ("sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor", "sklearn.tree._tree.Tree")


class Refit(Spec):
    """A contender fitted on all training rows, in a .keras file (a net) or a .skops file (an estimator)."""

    name: str
    contender: Contender
    model: StoredFile
    fit_seconds: float
    epochs: int | None = None


class FinalScore(Spec):
    """The champion's one score on the test rows."""

    name: str
    score: float


def refit(evaluation: Evaluation, arrays: Arrays, seed: int) -> Refit:
    """Fits the evaluated contender on all training rows.

    A net that was stopped early on the folds is trained for the median of the epochs that were best there, so that it
    can learn from all rows.
    """
    contender = evaluation.contender
    started = time.perf_counter()
    if isinstance(contender, DenseSpec):
        epochs = int(np.median(evaluation.best_epochs))
        model = _fit_network(contender, arrays, seed_of(seed, 0), epochs)
        seconds = time.perf_counter() - started
        return Refit(
            name=evaluation.name,
            contender=contender,
            model=store(".keras", lambda path: model.save(path)),
            fit_seconds=seconds,
            epochs=epochs,
        )
    estimator = _fit_baseline(contender, arrays, seed_of(seed, 0))
    seconds = time.perf_counter() - started
    return Refit(
        name=evaluation.name,
        contender=contender,
        model=store(".skops", lambda path: _dump(estimator, path)),
        fit_seconds=seconds,
    )


def score_on_test(refit: Refit, arrays: Arrays, metric: MetricName) -> FinalScore:
    """Loads the kept model and scores it on the test rows."""
    X, y = arrays.test()
    prediction = predict(refit, X, arrays)
    if not np.isfinite(prediction).all():
        raise BakeoffError(
            f"contender {refit.name} diverged when it was fitted on all rows: it predicts NaN or infinity"
        )
    return FinalScore(name=refit.name, score=METRICS[metric].score(y, prediction))


def predict(refit: Refit, X: NDArray[np.float64], arrays: Arrays) -> NDArray[np.float64]:
    """The kept model's prediction for raw features X (rows, features): (rows,), or probabilities (rows, classes)."""
    if isinstance(refit.contender, DenseSpec):
        from tasks.training import as_prediction

        outputs = load_model(refit).predict(X, batch_size=1024, verbose=0).astype(np.float64)
        return as_prediction(outputs, output_layer(arrays.task, arrays.n_outputs))
    return predict_with(load_model(refit), X, arrays.task, arrays.n_outputs)


def load_model(refit: Refit) -> Any:
    """The kept model, as Keras or scikit-learn object; nothing is unpickled."""
    if isinstance(refit.contender, DenseSpec):
        import keras

        return keras.models.load_model(refit.model.path)
    import skops.io

    return skops.io.load(refit.model.path, trusted=list(TRUSTED_TYPES))


def _fit_network(contender: DenseSpec, arrays: Arrays, seed: int, epochs: int) -> Any:
    from tasks.training import Member, Stack

    X, y = arrays.training()
    every_epoch = contender.model_copy(update={"early_stopping": None})
    stack = Stack(every_epoch, X, y, arrays.task, arrays.n_outputs, [Member(np.arange(len(y)), seed)])
    stack.fit(epochs)
    return stack.unstack(0)


def _fit_baseline(contender: Baseline, arrays: Arrays, seed: int) -> "BaseEstimator":
    X, y = arrays.training()
    return contender.estimator(arrays.task, seed % 2**31).fit(X, y)


def _dump(estimator: "BaseEstimator", path: Path) -> None:
    import skops.io

    try:
        skops.io.dump(estimator, path)
    except RecursionError as error:  # a scorer in an estimator refers back to it
        raise BakeoffError(f"skops cannot save {estimator}; leave `scoring` at its default") from error
