"""The two ways to solve the book's larger examples: ours, from conf/, and the book's own."""

import os
import resource
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).parents[1]
NUM_WORDS = 10_000
MNIST_ROWS, MNIST_EPOCHS = 60_000, 5
# Two products forward, two gradients of kernels, one of the hidden layer; a multiplication and an addition each.
FLOPS_PER_ROW = 4 * 784 * 512 + 6 * 512 * 10


@dataclass(frozen=True)
class Measured:
    """What one side of one problem took and reached."""

    import_seconds: float
    seconds: float
    peak_gb: float
    score: float
    gflops: float = 0.0
    matmul_gflops: float = 0.0


def ours_on_texts(problem: str, import_seconds: float) -> Measured:
    """What a run of the experiment does with its net, in an empty mlruns/."""
    from flows.experiment import load
    from tasks.data.datasets import ingest
    from tasks.data.folds.splitting import split
    from tasks.data.vectorization import vectorize
    from tasks.evaluation.cross_validation import evaluate, refit, score_on_test

    experiment = load(str(ROOT / "conf" / f"{problem}.yaml"), ["validation.n_seeds=1"])
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        started = time.perf_counter()
        arrays = vectorize(ingest(experiment.dataset))
        folds = split(arrays, experiment.validation)
        evaluation = evaluate("dense", experiment.contenders["dense"], arrays, folds, experiment.metric)
        test = score_on_test(refit(evaluation, arrays, experiment.validation), arrays, experiment.metric)
        seconds = time.perf_counter() - started
        os.chdir(ROOT)
    return Measured(import_seconds, seconds, _peak_gb(), test.score)


def book_on_texts(problem: str, import_seconds: float) -> Measured:
    """Chapter 3: a float64 multi-hot matrix, and `fit` with a validation part, then again on all rows."""
    import keras

    binary = problem == "imdb"
    held_out = 10_000 if binary else 1_000
    started = time.perf_counter()
    (train, y), (test, y_test) = getattr(keras.datasets, problem).load_data(num_words=NUM_WORDS)
    X, X_test = _multi_hot(train), _multi_hot(test)
    y, y_test = (np.asarray(labels, np.float32) if binary else keras.utils.to_categorical(labels, 46)
                 for labels in (y, y_test))  # fmt: skip
    watched = (X[:held_out], y[:held_out])
    curves = _net(binary).fit(X[held_out:], y[held_out:], 512, 20, validation_data=watched, verbose=0).history
    best = int(np.argmin(curves["val_loss"])) + 1
    net = _net(binary)
    net.fit(X, y, 512, best, verbose=0)
    score = net.evaluate(X_test, y_test, verbose=0)[1]
    return Measured(import_seconds, time.perf_counter() - started, _peak_gb(), float(score))


def _multi_hot(texts: Any) -> NDArray[np.float64]:
    matrix = np.zeros((len(texts), NUM_WORDS))
    for row, words in enumerate(texts):
        matrix[row, words] = 1.0
    return matrix


def _net(binary: bool) -> Any:
    import keras

    units, output = (16, (1, "sigmoid")) if binary else (64, (46, "softmax"))
    layers = keras.layers
    net = keras.Sequential(
        [layers.Dense(units, activation="relu"), layers.Dense(units, activation="relu"), layers.Dense(*output)]
    )
    loss = "binary_crossentropy" if binary else "categorical_crossentropy"
    net.compile(optimizer="rmsprop", loss=loss, metrics=["accuracy"])
    return net


def ours_on_mnist(import_seconds: float) -> Measured:
    """The engine on all training digits."""
    from tasks.data.builtin.numbers import DIGITS
    from tasks.data.examples import Problem
    from tasks.models.nets.networks import DenseSpec
    from tasks.models.nets.training import Member, Stack

    (X, y), (X_test, y_test) = _digits()
    spec = DenseSpec(units=(512,), batch_size=128, loss="categorical_crossentropy")
    started, epochs = time.perf_counter(), []
    problem = Problem(task="multiclass", form="pixels", shape=(28, 28), classes=DIGITS)
    stack = Stack(spec, X, y, problem, [Member(np.arange(MNIST_ROWS), seed=0)])
    stack.fit(MNIST_EPOCHS, lambda done, total: epochs.append(time.perf_counter()))
    seconds = time.perf_counter() - started
    score = float(np.mean(stack.unstack(0).predict(X_test, verbose=0).argmax(axis=1) == y_test))
    return Measured(import_seconds, seconds, _peak_gb(), score, _gflops(epochs), _matmul_gflops())


def book_on_mnist(import_seconds: float) -> Measured:
    """Chapter 2: `fit` on one-hot labels."""
    import keras

    (X, y), (X_test, y_test) = _digits()
    y, epochs = keras.utils.to_categorical(y), []
    started = time.perf_counter()
    net = keras.Sequential([keras.layers.Dense(512, activation="relu"), keras.layers.Dense(10, activation="softmax")])
    net.compile(optimizer="rmsprop", loss="categorical_crossentropy", metrics=["accuracy"])
    clock = keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: epochs.append(time.perf_counter()))
    net.fit(X, y, 128, MNIST_EPOCHS, callbacks=[clock], verbose=0)
    seconds = time.perf_counter() - started
    score = float(np.mean(net.predict(X_test, verbose=0).argmax(axis=1) == y_test))
    return Measured(import_seconds, seconds, _peak_gb(), score, _gflops(epochs), _matmul_gflops())


def _digits() -> Any:
    import keras

    return [
        (X.reshape(-1, 784).astype(np.float32) / 255, y.astype(np.int64)) for X, y in keras.datasets.mnist.load_data()
    ]


def _gflops(epochs: list[float]) -> float:
    """Of the epochs after the first, in which the program is compiled."""
    return FLOPS_PER_ROW * MNIST_ROWS * (len(epochs) - 1) / (epochs[-1] - epochs[0]) / 1e9


def _matmul_gflops(times: int = 500) -> float:
    """Of NumPy's products of the net's own shapes: forward, and the gradient of the kernel."""
    generator = np.random.default_rng(0)
    x, kernel = generator.random((128, 784), np.float32), generator.random((784, 512), np.float32)
    gradient = generator.random((128, 512), np.float32)
    for repeats in (50, times):  # the first is to warm up
        started = time.perf_counter()
        for _ in range(repeats):
            x @ kernel
            x.T @ gradient
    return times * 4 * 128 * 784 * 512 / (time.perf_counter() - started) / 1e9


def _peak_gb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


SIDES: dict[tuple[str, str], Callable[[float], Measured]] = {
    ("imdb", "ours"): lambda imports: ours_on_texts("imdb", imports),
    ("imdb", "book"): lambda imports: book_on_texts("imdb", imports),
    ("reuters", "ours"): lambda imports: ours_on_texts("reuters", imports),
    ("reuters", "book"): lambda imports: book_on_texts("reuters", imports),
    ("mnist", "ours"): ours_on_mnist,
    ("mnist", "book"): book_on_mnist,
}
