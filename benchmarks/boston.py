"""Measures the training engine on the Boston data against what a person would run instead; writes docs/benchmarks.md.

All sides train the same net on the same folds, in one process, one after the other.
"""

import os
import platform
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from importlib.metadata import version
from pathlib import Path
from statistics import median

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.markdown import Markdown

from flows.terminal import messages, turn_libraries_to_log
from tasks.datasets import BostonSpec, ingest
from tasks.networks import DenseSpec
from tasks.optimizers import RMSpropSpec
from tasks.splitting import KFoldSpec, Rows, split
from tasks.vectorization import vectorize

PAGE = Path(__file__).parents[1] / "docs" / "benchmarks.md"
UNITS = (64, 64)
TEMPLATE = """\
# How fast the training engine is

Measured on {date} by `make bench`, which rewrites this page, on {cores} cores ({processor}) with Python {python},
{libraries}. Every net is 64-64-1 with relu, trained on the {rows} training rows of the Boston data with mean squared error.

| what | ours, s | peer, s | ratio | target |
|---|---|---|---|---|
{comparisons}

The ratio is the peer's seconds to ours; in the last row, ours to the peer's. What the engine's seconds are made of:

| engine | with compilation, s: median (min to max) | compiled, s |
|---|---|---|
{engine}

And the peers': `MLPRegressor` {scikit_learn} s, median (min to max), and

| Keras, 4 folds | measured, s | build and trace, s | an epoch, s |
|---|---|---|---|
{keras}

## What is compared

- **The engine** trains all folds at once: {epochs} epochs of RMSprop at 0.001, with loss and mean absolute error of the
  held-out rows after every epoch, then their prediction. Each of the {runs} runs is a new stack, so tracing and
  compilation are included. *Compiled* is a second `fit` of the same stack.
- **Keras** is the loop of *Deep Learning with Python*: for each fold normalize, build and compile a fresh model, `fit` it
  with `validation_data`. It is **not run for {epochs} epochs**, which takes minutes, but for two small numbers of them: their
  difference gives the time of an epoch, the rest is building and tracing, and the table says the one plus {epochs} times
  the other.
- **scikit-learn** is `MLPRegressor` behind a `StandardScaler` in `cross_val_score`, all {epochs} epochs, the median of {runs}
  runs. It has no RMSprop, so it uses Adam; it computes in float64 and looks at the held-out rows once, at the end.
- All sides take the same folds, in one process, one after the other. Before the first clock starts, each has fitted a tiny
  net of another shape, so that none pays for imports and for what TensorFlow sets up once.
- Both trained nets have learned: at batch 16 the mean absolute error on held-out rows is {ours_mae:.2f} (engine) and
  {scikit_learn_mae:.2f} (scikit-learn), in $1000s.
- This holds for small nets on small tables, where a step's overhead decides. Where arithmetic decides, as with wide layers
  and large batches, expect less.
"""

Floats = NDArray[np.float64]
Pairs = list[tuple[Rows, Rows]]  # training rows and held-out rows of each fold


@dataclass(frozen=True)
class Plan:
    """How much is measured."""

    epochs: int = 500
    repeats: int = 10
    runs: int = 3
    keras_epochs_at_16: tuple[int, int] = (10, 50)
    keras_epochs_at_1: tuple[int, int] = (2, 8)


@dataclass(frozen=True)
class Data:
    """The training rows and the folds, all repeats; the first four are those of a single 4-fold run."""

    X: Floats
    y: Floats
    folds: Pairs


@dataclass(frozen=True)
class Run:
    """What one run took, and the mean absolute error of the rows held out."""

    seconds: float
    mae: float
    compiled: float = 0.0


@dataclass(frozen=True)
class Runs:
    """Equal runs, one after the other."""

    runs: list[Run]

    @property
    def seconds(self) -> float:
        """The seconds that count."""
        return median(run.seconds for run in self.runs)

    @property
    def compiled(self) -> float:
        """The seconds of training alone, where the program was compiled before."""
        return median(run.compiled for run in self.runs)

    def __str__(self) -> str:
        seconds = [run.seconds for run in self.runs]
        return f"{self.seconds:.2f} ({min(seconds):.2f} to {max(seconds):.2f})"


@dataclass(frozen=True)
class Scaled:
    """The seconds of a short and of a longer run (epochs, seconds), from which those of a long one follow."""

    short: tuple[int, float]
    longer: tuple[int, float]

    @property
    def per_epoch(self) -> float:
        """What one more epoch on all folds takes."""
        return (self.longer[1] - self.short[1]) / (self.longer[0] - self.short[0])

    @property
    def fixed(self) -> float:
        """What building and tracing the models of all folds takes."""
        return self.short[1] - self.short[0] * self.per_epoch

    def at(self, epochs: int) -> float:
        """The seconds of so many epochs."""
        return self.fixed + epochs * self.per_epoch

    def __str__(self) -> str:
        return f"Keras `fit`, scaled from {self.short[0]} and {self.longer[0]} epochs"


def main(plan: Plan = Plan(), page: Path = PAGE) -> None:  # noqa: B008  # frozen
    """Measures everything, writes the page and prints its numbers."""
    data = load(plan.repeats)
    sys.stderr = messages().file  # Python keeps writing to the terminal; what libraries write from C++ goes to the log
    turn_libraries_to_log()
    warm_up(data)
    page.write_text(measure(plan, data), encoding="utf8")
    numbers, _, _ = page.read_text(encoding="utf8").partition("\n## ")
    Console().print(Markdown(numbers))


def load(repeats: int) -> Data:
    """The data and the folds of conf/boston.yaml."""
    arrays = vectorize(ingest(BostonSpec()))
    X, y = arrays.training()
    return Data(X, y.astype(np.float64), list(split(arrays, KFoldSpec(n_splits=4, n_repeats=repeats)).pairs()))


def warm_up(data: Data) -> None:
    """Has the libraries do, with a net of another shape, what they do once in a process."""
    for fit in (fit_keras, fit_engine, fit_scikit_learn):
        fit(data, data.folds[:1], 64, 1, units=(8,))
    say("libraries are warm")


def measure(plan: Plan, data: Data) -> str:
    """Runs all sides and gives the page."""
    once, epochs = data.folds[:4], plan.epochs
    ours_16 = repeat(plan.runs, "engine, batch 16", lambda: fit_engine(data, once, 16, epochs))
    keras_16 = scale(plan.keras_epochs_at_16, "Keras, batch 16", lambda few: fit_keras(data, once, 16, few))
    ours_1 = repeat(plan.runs, "engine, batch 1", lambda: fit_engine(data, once, 1, epochs))
    keras_1 = scale(plan.keras_epochs_at_1, "Keras, batch 1", lambda few: fit_keras(data, once, 1, few))
    mlp = repeat(plan.runs, "scikit-learn, batch 16", lambda: fit_scikit_learn(data, once, 16, epochs))
    ours_all = repeat(plan.runs, "engine, all repeats", lambda: fit_engine(data, data.folds, 16, epochs))
    four, all_folds = f"4 folds x {epochs} epochs", f"{plan.repeats} x 4 folds x {epochs} epochs"
    comparisons = [
        at_least(80, f"{four}, batch 16; {keras_16}", ours_16.seconds, keras_16.at(epochs)),
        at_least(300, f"{four}, batch 1; {keras_1}", ours_1.seconds, keras_1.at(epochs)),
        at_least(3, f"{four}, batch 16; `MLPRegressor` with Adam", ours_16.seconds, mlp.seconds),
        at_most(6, f"{all_folds}, batch 16; the engine with 1 x 4 folds", ours_all.seconds, ours_16.seconds),
    ]
    engine = {f"{four}, batch 16": ours_16, f"{four}, batch 1": ours_1, f"{all_folds}, batch 16": ours_all}
    return TEMPLATE.format(
        **machine(),
        rows=len(data.y),
        epochs=epochs,
        runs=plan.runs,
        comparisons="\n".join(comparisons),
        engine="\n".join(f"| {what} | {runs} | {runs.compiled:.2f} |" for what, runs in engine.items()),
        keras="\n".join(scaled_row(what, each) for what, each in (("batch 16", keras_16), ("batch 1", keras_1))),
        scikit_learn=mlp,
        ours_mae=ours_16.runs[-1].mae,
        scikit_learn_mae=mlp.runs[-1].mae,
    )


def fit_engine(data: Data, folds: Pairs, batch_size: int, epochs: int, units: tuple[int, ...] = UNITS) -> Run:
    """Builds a stack of all folds, trains it and predicts; then trains it on, now that it is compiled."""
    from tasks.training import Member, Stack

    members = [Member(training, seed, held_out) for seed, (training, held_out) in enumerate(folds)]
    spec = DenseSpec(units=units, optimizer=RMSpropSpec(learning_rate=0.001), loss="mse", batch_size=batch_size)
    started = time.perf_counter()
    stack = Stack(spec, data.X, data.y, "regression", 1, members)
    stack.fit(epochs)
    predictions = stack.predict([held_out for _, held_out in folds])
    done = time.perf_counter()
    stack.fit(epochs)
    errors = [np.abs(data.y[rows] - mine) for (_, rows), mine in zip(folds, predictions, strict=True)]
    return Run(done - started, float(np.concatenate(errors).mean()), time.perf_counter() - done)


def fit_keras(data: Data, folds: Pairs, batch_size: int, epochs: int, units: tuple[int, ...] = UNITS) -> Run:
    """The book's loop: for each fold normalize, build and compile a model, and fit it."""
    import keras

    errors = []
    started = time.perf_counter()
    for training, held_out in folds:
        mean, std = data.X[training].mean(axis=0), data.X[training].std(axis=0)
        X = (data.X - mean) / std
        hidden = [keras.layers.Dense(width, activation="relu") for width in units]
        model = keras.Sequential([*hidden, keras.layers.Dense(1)])
        model.compile(optimizer="rmsprop", loss="mse", metrics=["mae"])
        history = model.fit(
            X[training],
            data.y[training],
            validation_data=(X[held_out], data.y[held_out]),
            epochs=epochs,
            batch_size=batch_size,
            verbose=0,
        )
        errors.append(history.history["val_mae"][-1])
    return Run(time.perf_counter() - started, float(np.mean(errors)))


def fit_scikit_learn(data: Data, folds: Pairs, batch_size: int, epochs: int, units: tuple[int, ...] = UNITS) -> Run:
    """One `MLPRegressor` for each fold, for all epochs."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.model_selection import cross_val_score
    from sklearn.neural_network import MLPRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    net = MLPRegressor(
        units, solver="adam", batch_size=batch_size, max_iter=epochs, tol=0, n_iter_no_change=epochs, random_state=0
    )
    started = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # all epochs are meant
        scores = cross_val_score(
            make_pipeline(StandardScaler(), net), data.X, data.y, cv=folds, scoring="neg_mean_absolute_error"
        )
    return Run(time.perf_counter() - started, float(-scores.mean()))


def repeat(times: int, what: str, run: Callable[[], Run]) -> Runs:
    """Runs something so many times."""
    runs = Runs([run() for _ in range(times)])
    say(f"{what}: {runs} s")
    return runs


def scale(epochs: tuple[int, int], what: str, run: Callable[[int], Run]) -> Scaled:
    """Runs something for few epochs, then for more."""
    scaled = Scaled(*((few, run(few).seconds) for few in epochs))
    say(f"{what}: {scaled.fixed:.2f} s and {scaled.per_epoch:.3f} s an epoch")
    return scaled


def at_least(target: float, what: str, ours: float, peer: float) -> str:
    """A row of the page: how many times as long the peer takes."""
    met = "" if peer / ours >= target else " (missed)"
    return f"| {what} | {ours:.2f} | {peer:.1f} | {peer / ours:.1f} | at least {target}{met} |"


def at_most(target: float, what: str, ours: float, peer: float) -> str:
    """A row of the page: how many times as long as the peer we take."""
    met = "" if ours / peer <= target else " (missed)"
    return f"| {what} | {ours:.2f} | {peer:.2f} | {ours / peer:.1f} | at most {target}{met} |"


def scaled_row(what: str, scaled: Scaled) -> str:
    """A row of the page: what a scaled time is made of."""
    measured = ", ".join(f"{seconds:.1f} for {count} epochs" for count, seconds in (scaled.short, scaled.longer))
    return f"| {what} | {measured} | {scaled.fixed:.1f} | {scaled.per_epoch:.3f} |"


def machine() -> dict[str, str]:
    """When, on what and with what was measured."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return {
        "date": date.today().isoformat(),
        "cores": str(os.cpu_count()),
        "processor": names[0] if names else platform.machine(),
        "python": platform.python_version(),
        "libraries": ", ".join(f"{name} {version(name)}" for name in ("tensorflow", "keras", "scikit-learn", "numpy")),
    }


def say(message: str) -> None:
    """Tells whoever waits."""
    print(message, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
