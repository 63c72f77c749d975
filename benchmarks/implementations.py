"""What is timed, side by side: the engine, and what a person would run instead of it."""

import time
import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tasks.data.builtin.numbers import BostonSpec
from tasks.data.datasets import ingest
from tasks.data.examples import Problem
from tasks.data.folds.splitting import KFoldSpec, Rows, split
from tasks.data.vectorization import vectorize
from tasks.models.nets.networks import DenseSpec
from tasks.models.nets.optimizers import RMSpropSpec

UNITS = (64, 64)


@dataclass(frozen=True)
class Data:
    """The training rows, and training rows and held-out rows of each fold, repeat by repeat."""

    X: NDArray[np.float64]
    y: NDArray[np.float64]
    folds: list[tuple[Rows, Rows]]

    def first(self, folds: int) -> "Data":
        """The same with so many folds."""
        return Data(self.X, self.y, self.folds[:folds])


def load(repeats: int) -> Data:
    """The data and folds of conf/boston.yaml."""
    arrays = vectorize(ingest(BostonSpec()))
    X, y = arrays.training()
    return Data(X, y.astype(np.float64), list(split(arrays, KFoldSpec(n_splits=4, n_repeats=repeats)).pairs()))


def time_engine(data: Data, batch_size: int, epochs: int, units: tuple[int, ...] = UNITS) -> list[float]:
    """Seconds to build a stack of all folds, train it and predict, then to train it on, now that it is compiled."""
    from tasks.models.nets.training import Member, Stack

    members = [Member(training, seed, held_out) for seed, (training, held_out) in enumerate(data.folds)]
    spec = DenseSpec(units=units, optimizer=RMSpropSpec(learning_rate=0.001), loss="mse", batch_size=batch_size)
    started = time.perf_counter()
    problem = Problem(task="regression", form="table", shape=data.X.shape[1:])
    stack = Stack(spec, data.X, data.y, problem, members)
    stack.fit(epochs)
    stack.predict([held_out for _, held_out in data.folds])
    done = time.perf_counter()
    stack.fit(epochs)
    return [done - started, time.perf_counter() - done]


def time_keras(data: Data, batch_size: int, epochs: int, units: tuple[int, ...] = UNITS) -> list[float]:
    """Seconds of the book's loop: for each fold normalize, build and compile a model, fit it."""
    import keras

    started = time.perf_counter()
    for training, held_out in data.folds:
        X = (data.X - data.X[training].mean(axis=0)) / data.X[training].std(axis=0)
        hidden = [keras.layers.Dense(width, activation="relu") for width in units]
        model = keras.Sequential([*hidden, keras.layers.Dense(1)])
        model.compile(optimizer="rmsprop", loss="mse", metrics=["mae"])
        watched = (X[held_out], data.y[held_out])
        model.fit(
            X[training], data.y[training], validation_data=watched, epochs=epochs, batch_size=batch_size, verbose=0
        )
    return [time.perf_counter() - started]


def time_scikit_learn(data: Data, batch_size: int, epochs: int, units: tuple[int, ...] = UNITS) -> list[float]:
    """Seconds of one `MLPRegressor` after the other, each for all epochs."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.model_selection import cross_val_score
    from sklearn.neural_network import MLPRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    net = MLPRegressor(
        hidden_layer_sizes=units,
        solver="adam",
        batch_size=batch_size,
        max_iter=epochs,
        tol=0,
        n_iter_no_change=epochs,
        random_state=0,
    )
    started = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # it is told to train for all epochs
        cross_val_score(make_pipeline(StandardScaler(), net), data.X, data.y, cv=data.folds, error_score="raise")
    return [time.perf_counter() - started]
