"""Times the training engine on the Boston data against what a person would run instead.

Writes its section of docs/benchmarks.md.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.markdown import Markdown

from benchmarks.implementations import Data, load, time_engine, time_keras, time_scikit_learn
from benchmarks.page import PAGE, machine, write_section
from flows.terminal import messages, turn_libraries_to_log

HEADING = "The Boston data"
TEMPLATE = """\
Measured on {date} by `make bench`, on {cores} cores ({processor}), with Python {python},
{libraries}. Every net is 64-64-1 with relu and learns
from the {rows} training rows of the Boston data; its loss is the mean squared error.

| what | ours, s | peer, s | ratio | target |
|---|---|---|---|---|
{comparisons}

The ratio is the peer's seconds to ours; in the last row, ours to the peer's. In detail:

| what | s: median (min to max) | of the engine, compiled before: s |
|---|---|---|
{details}

| Keras `fit`, 4 folds | measured | scaled |
|---|---|---|
{scaled}

### What is compared

- **The engine** trains all folds at once: {epochs} epochs of RMSprop at 0.001, with loss and mean absolute error of
  the held-out rows after every epoch, then the prediction of those rows. Each run, of {runs}, is a new stack, so
  tracing and compilation are included; *compiled before* is a second `fit` of the same stack.
- **Keras** is the loop of *Deep Learning with Python*: for each fold normalize, build and compile a fresh model, `fit`
  it with `validation_data`. It is **not run for {epochs} epochs**, which takes minutes, but once for each of two
  smaller numbers of them. Their difference gives the time of an epoch, the rest is building and tracing; the peer's
  seconds are the rest plus {epochs} times the epoch.
- **scikit-learn** is `MLPRegressor` behind a `StandardScaler` in `cross_val_score`, all {epochs} epochs. It has no
  RMSprop, so it uses Adam; it computes in float64 and looks at the held-out rows once, at the end.
- All take the same folds, in one process, one after the other. Before the first clock starts, each has fitted a tiny
  net of another shape, so that none pays for imports and for what TensorFlow sets up once.
- This holds for small nets on small tables, where a step's overhead decides. Where arithmetic decides, as with wide
  layers and large batches, expect less.
"""


@dataclass(frozen=True)
class Plan:
    """How much is measured."""

    epochs: int = 500
    repeats: int = 10
    runs: int = 3
    keras_epochs_at_16: tuple[int, int] = (10, 100)
    keras_epochs_at_1: tuple[int, int] = (2, 10)


@dataclass(frozen=True)
class Timing:
    """Seconds of equal runs, and of the engine's training where it had been compiled before."""

    runs: list[float]
    compiled: list[float]

    @property
    def seconds(self) -> float:
        """The seconds that count."""
        return median(self.runs)

    def row(self, what: str) -> str:
        """A row of the page."""
        compiled = f"{median(self.compiled):.2f}" if self.compiled else ""
        return f"| {what} | {self.seconds:.2f} ({min(self.runs):.2f} to {max(self.runs):.2f}) | {compiled} |"


@dataclass(frozen=True)
class Scaled:
    """Seconds of a short and of a longer run of Keras, from which those of a long one follow."""

    epochs: tuple[int, int]
    runs: tuple[float, float]

    @property
    def per_epoch(self) -> float:
        """What one more epoch on all folds takes."""
        return (self.runs[1] - self.runs[0]) / (self.epochs[1] - self.epochs[0])

    def to(self, epochs: int) -> float:
        """The seconds of so many epochs."""
        return self.runs[1] + (epochs - self.epochs[1]) * self.per_epoch

    def row(self, what: str) -> str:
        """A row of the page."""
        measured = ", ".join(f"{s:.1f} s for {n} epochs" for n, s in zip(self.epochs, self.runs, strict=True))
        return f"| {what} | {measured} | {self.to(0):.1f} s to build and trace, {self.per_epoch:.3f} s an epoch |"

    def __str__(self) -> str:
        return f"Keras `fit`, scaled from {self.epochs[0]} and {self.epochs[1]} epochs"


def main(plan: Plan = Plan(), page: Path = PAGE) -> None:
    """Measures everything, writes the page and prints its tables."""
    data = load(plan.repeats)
    sys.stderr = messages().file  # Python goes on writing to the terminal; what libraries write from C++ goes to a log
    turn_libraries_to_log()
    for warm_up in (time_keras, time_engine, time_scikit_learn):
        warm_up(data.first(1), batch_size=64, epochs=1, units=(8,))
    say("libraries are warm")
    text = measure(plan, data)
    write_section(HEADING, text, page)
    Console().print(Markdown(text.partition("\n### ")[0]))


def measure(plan: Plan, data: Data) -> str:
    """Times all sides and gives the page."""
    epochs, once = plan.epochs, data.first(4)
    ours_16 = repeat(plan.runs, "engine, batch 16", lambda: time_engine(once, 16, epochs))
    keras_16 = scale("Keras, batch 16", plan.keras_epochs_at_16, lambda few: time_keras(once, 16, few))
    ours_1 = repeat(plan.runs, "engine, batch 1", lambda: time_engine(once, 1, epochs))
    keras_1 = scale("Keras, batch 1", plan.keras_epochs_at_1, lambda few: time_keras(once, 1, few))
    mlp = repeat(plan.runs, "MLPRegressor, batch 16", lambda: time_scikit_learn(once, 16, epochs))
    ours_all = repeat(plan.runs, f"engine, batch 16, {plan.repeats} x 4 folds", lambda: time_engine(data, 16, epochs))
    four, all_folds = f"4 folds x {epochs} epochs", f"{plan.repeats} x 4 folds x {epochs} epochs"
    comparisons = [
        at_least(80, f"{four}, batch 16; {keras_16}", ours_16.seconds, keras_16.to(epochs)),
        at_least(300, f"{four}, batch 1; {keras_1}", ours_1.seconds, keras_1.to(epochs)),
        at_least(3, f"{four}, batch 16; `MLPRegressor` with Adam", ours_16.seconds, mlp.seconds),
        at_most(6, f"{all_folds}, batch 16; the engine with 1 x 4 folds", ours_all.seconds, ours_16.seconds),
    ]
    details = [
        ours_16.row(f"engine, {four}, batch 16"),
        ours_1.row(f"engine, {four}, batch 1"),
        ours_all.row(f"engine, {all_folds}, batch 16"),
        mlp.row(f"`MLPRegressor`, {four}, batch 16"),
    ]
    return TEMPLATE.format(
        **machine(),
        rows=len(data.y),
        epochs=epochs,
        runs=plan.runs,
        comparisons="\n".join(comparisons),
        details="\n".join(details),
        scaled="\n".join([keras_16.row("batch 16"), keras_1.row("batch 1")]),
    )


def repeat(times: int, what: str, run: Callable[[], list[float]]) -> Timing:
    """Times something so often."""
    runs = [run() for _ in range(times)]
    timing = Timing([seconds for seconds, *_ in runs], [seconds for _, *rest in runs for seconds in rest])
    say(timing.row(what).strip("| "))
    return timing


def scale(what: str, epochs: tuple[int, int], run: Callable[[int], list[float]]) -> Scaled:
    """Times something for a few epochs, then for more."""
    scaled = Scaled(epochs, (run(epochs[0])[0], run(epochs[1])[0]))
    say(scaled.row(what).strip("| "))
    return scaled


def at_least(target: int, what: str, ours: float, peer: float) -> str:
    """A row of the page: how many times our seconds the peer takes."""
    missed = " (missed)" if peer / ours < target else ""
    return f"| {what} | {ours:.2f} | {peer:.1f} | {peer / ours:.1f} | at least {target}{missed} |"


def at_most(target: int, what: str, ours: float, peer: float) -> str:
    """A row of the page: how many times the peer's seconds we take."""
    missed = " (missed)" if ours / peer > target else ""
    return f"| {what} | {ours:.2f} | {peer:.2f} | {ours / peer:.1f} | at most {target}{missed} |"


def say(message: str) -> None:
    """Tells whoever waits at the terminal."""
    print(message, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
