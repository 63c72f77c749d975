"""Fit a contender on all training rows, keep the models, and score them once on the test rows."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tasks import progress
from tasks.bootstrap import interval_of, resample
from tasks.data.splitting import Validation
from tasks.data.vectorization import Arrays, Features, word_rows
from tasks.evaluation import Contender, Evaluation, seed_of
from tasks.metrics import METRICS, MetricName
from tasks.models.baselines import predict_with
from tasks.models.networks import DenseSpec, output_layer
from tasks.specs import BakeoffError, Spec
from tasks.store import StoredFile, store, store_arrays

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator

# Tree nodes hold row numbers that scikit-learn does not check, so skops asks before it loads them. These files are our
# own: each is named by its digest, in a cache that this program writes.
TRUSTED_TYPES = (
    "mlxtend.preprocessing.dense_transformer.DenseTransformer",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.feature_selection._univariate_selection.chi2",
    "sklearn.feature_selection._univariate_selection.f_classif",
    "sklearn.feature_selection._univariate_selection.f_regression",
    "sklearn.tree._tree.Tree",
)
PART = 1024  # rows that a saved net computes at a time


class Refit(Spec):
    """A contender fitted on all training rows, in .keras files (nets) or a .skops file (an estimator).

    With a hold-out there is a net for each seed; the first is the one to use.
    """

    name: str
    contender: Contender
    models: tuple[StoredFile, ...]
    fit_seconds: float
    epochs: int | None = None


class FinalScore(Spec):
    """A contender's scores on the test rows, one for each model.

    `interval` is the 95 % bootstrap interval of their mean. `predictions` is a file with `test`, (models, rows) or
    (models, rows, classes).
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
    rows without any to judge it.
    """
    contender = evaluation.contender
    seeds = [seed_of(validation.seed, number) for number in range(validation.n_seeds)]
    started = time.perf_counter()
    if isinstance(contender, DenseSpec):
        epochs = int(np.median(evaluation.best_epochs))
        nets = _fit_networks(evaluation.name, contender, arrays, seeds, epochs)
        seconds = time.perf_counter() - started
        models = tuple(store(".keras", net.save) for net in nets)
        return Refit(name=evaluation.name, contender=contender, models=models, fit_seconds=seconds, epochs=epochs)
    progress.report(f"{evaluation.name}, all training rows", 0, 1)
    estimator = contender.estimator(arrays.task, seeds[0] % 2**31).fit(*arrays.training())
    seconds = time.perf_counter() - started
    progress.report(f"{evaluation.name}, all training rows", 1, 1)
    models = (store(".skops", lambda path: _dump(estimator, path)),)
    return Refit(name=evaluation.name, contender=contender, models=models, fit_seconds=seconds)


def score_on_test(refit: Refit, arrays: Arrays, metric: MetricName) -> FinalScore:
    """Loads the kept models and scores them on the test rows."""
    X, y = arrays.test()
    predictions = np.stack([predict(refit, X, arrays, number) for number in range(len(refit.models))])
    if not np.isfinite(predictions).all():
        raise BakeoffError(
            f"contender {refit.name} diverged when it was fitted on all rows: it predicts NaN or infinity"
        )
    return FinalScore(
        name=refit.name,
        scores=tuple(METRICS[metric].score(y, prediction) for prediction in predictions),
        interval=interval_of(resample(y, [predictions], metric)[0]),
        predictions=store_arrays(test=predictions),
    )


def predict(refit: Refit, X: Features, arrays: Arrays, number: int = 0) -> NDArray[np.float64]:
    """A kept model's prediction for X as `arrays` has it: (rows,), or probabilities (rows, classes)."""
    model = load_model(refit, number)
    if isinstance(refit.contender, DenseSpec):
        from tasks.training import as_prediction

        outputs = _outputs(model, X)
        return as_prediction(outputs.astype(np.float64), output_layer(arrays.task, arrays.n_outputs))
    return predict_with(model, X, arrays.task, arrays.n_outputs)


def _outputs(net: Any, X: Features) -> NDArray[np.float32]:
    """What a saved net puts out; texts are taken by their length, since each part is filled up to its longest."""
    if isinstance(X, np.ndarray):
        return np.asarray(net.predict(X, batch_size=PART, verbose=0))
    order = np.argsort(np.diff(X.indptr), kind="stable")
    parts = [order[start : start + PART] for start in range(0, len(order), PART)]
    outputs = np.concatenate([net.predict_on_batch(word_rows(X[part])) for part in parts])
    return outputs[np.argsort(order, kind="stable")]


def network_input(X: Features) -> NDArray[np.generic]:
    """What a saved net takes: an array as it is, texts as rows of word numbers."""
    return X if isinstance(X, np.ndarray) else word_rows(X)


def load_model(refit: Refit, number: int = 0) -> Any:
    """A kept model, as Keras or scikit-learn object; nothing is unpickled."""
    path = refit.models[number].path
    if isinstance(refit.contender, DenseSpec):
        import keras

        return keras.models.load_model(path)
    import skops.io

    return skops.io.load(path, trusted=list(TRUSTED_TYPES))


def _fit_networks(name: str, contender: DenseSpec, arrays: Arrays, seeds: Sequence[int], epochs: int) -> list[Any]:
    from tasks.training import Member, Stack

    X, y = arrays.training()
    every_epoch = contender.model_copy(update={"early_stopping": None})
    members = [Member(np.arange(len(y)), seed) for seed in seeds]
    stack = Stack(every_epoch, X, y, arrays.task, arrays.n_outputs, members, normalize=arrays.form == "table")
    what = f"{name}, all training rows, epoch"
    stack.fit(epochs, lambda done, total: progress.report(what, done, total))
    return [stack.unstack(number) for number in range(len(seeds))]


def _dump(estimator: "BaseEstimator", path: Path) -> None:
    import skops.io

    try:
        skops.io.dump(estimator, path)
    except RecursionError as error:  # a scorer in an estimator refers back to it
        raise BakeoffError(f"skops cannot save {estimator}; leave `scoring` at its default") from error
