"""Times a search over 5,000 nets on the Boston data against a loop over Keras's `fit`.

Writes its section of docs/benchmarks.md.
"""

import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.markdown import Markdown

from benchmarks.boston import Scaled, say, scale
from benchmarks.implementations import Data, load, time_engine, time_keras
from benchmarks.page import PAGE, machine, write_section
from flows.terminal import messages, turn_libraries_to_log
from tasks.data.examples import Problem
from tasks.models.nets.network_spec import union_spec
from tasks.models.nets.networks import DenseSpec
from tasks.models.nets.optimizers import RMSpropSpec

HEADING = "A search over 5,000 nets"
TEMPLATE = """\
Measured on {date} by `make bench`, on {cores} cores ({processor}), with Python {python},
{libraries}. {nets:,} nets, 64-64-1 with relu, each trained for {epochs} epochs of RMSprop with a batch
size of 16, on 303 of the 404 training rows of the Boston data: {settings:,} settings, drawn at random, on 4 folds each.
They differ in learning rate, L2 penalty and seed; the number of epochs is read off the curves on the rows held out.

| what | seconds | per net | ratio | target |
|---|---|---|---|---|
| the engine, {at_once} nets at once | {ours:.0f} ({minutes:.1f} min) | {each:.3f} | | at most 400 s{missed} |
| {keras} | {peer:.0f} ({hours:.0f} h) | {peer_each:.1f} | {ratio:.0f} | |

The engine ran {rounds} rounds of the same programs, a stack on each core, compiled in the first. A loop over `fit` was
**not run for that long**: its seconds are scaled from two short runs on 4 folds. The best settings have a mean absolute
error of {best:.3f} at epoch {epoch} on the rows held out, the middle ones {middle:.3f}; the book's, among the same
folds, {plain:.3f} at its best epoch. The best of so many on the same rows is flattered: `--tune` searches inside folds.
"""


@dataclass(frozen=True)
class Plan:
    """How much is measured."""

    settings: int = 1250
    at_once: int = 25
    epochs: int = 500
    keras_epochs: tuple[int, int] = (10, 100)


def main(plan: Plan = Plan(), page: Path = PAGE) -> None:
    """Measures both sides, writes the page and prints its table."""
    data = load(1).first(4)
    sys.stderr = messages().file  # Python goes on writing to the terminal; what libraries write from C++ goes to a log
    turn_libraries_to_log()
    for warm_up in (time_keras, time_engine):
        warm_up(data.first(1), batch_size=64, epochs=1, units=(8,))
    keras = scale("Keras, batch 16", plan.keras_epochs, lambda few: time_keras(data, 16, few))  # in a fresh process
    seconds, curves = search(plan, data)
    text = write(plan, seconds, curves, keras)
    write_section(HEADING, text, page)
    Console().print(Markdown(text))


def search(plan: Plan, data: Data) -> tuple[float, np.ndarray[tuple[int, ...], np.dtype[np.float64]]]:
    """Seconds, and for each of the settings the mean absolute error on the rows held out (settings, epochs)."""
    from tasks.models.nets.network_fits import Stacks
    from tasks.models.nets.training import Member

    plain = DenseSpec(optimizer=RMSpropSpec(learning_rate=0.001), epochs=plan.epochs, batch_size=16)
    specs = [plain, *drawn(plain, plan.settings - 1)]
    started, curves = time.perf_counter(), []
    members = [
        Member(training, seed, held_out, spec=plain)
        for seed in range(plan.at_once)
        for training, held_out in data.folds
    ]
    problem = Problem(task="regression", form="table", shape=data.X.shape[1:], classes=())
    stacks = Stacks(union_spec(specs), data.X, data.y, problem, members, plan.settings // plan.at_once)
    for first in range(0, plan.settings, plan.at_once):
        stacks.restart([spec for spec in specs[first : first + plan.at_once] for _ in data.folds])
        history = stacks.fit(plan.epochs, lambda done, total: None, may_diverge=True)
        curves.append(history.val_metric.reshape(plan.epochs, -1, len(data.folds)).mean(axis=2).T)
        say(f"{first + plan.at_once} settings, {time.perf_counter() - started:.0f} s")
    return time.perf_counter() - started, np.concatenate(curves).astype(np.float64)


def drawn(plain: DenseSpec, count: int) -> list[DenseSpec]:
    """Specs with settings drawn at random, evenly by their logarithm."""
    generator = np.random.default_rng(0)
    rates, penalties = 10 ** generator.uniform([-4, -6], [-2, -1], (count, 2)).T
    return [
        plain.with_settings({"optimizer.learning_rate": float(rate), "l2": float(l2)})
        for rate, l2 in zip(rates, penalties, strict=True)
    ]


def write(plan: Plan, seconds: float, curves: np.ndarray[tuple[int, ...], np.dtype[np.float64]], keras: Scaled) -> str:
    """The section."""
    nets = 4 * plan.settings
    peer = keras.to(plan.epochs) * nets / 4
    best = np.nanmin(curves, axis=1)
    return TEMPLATE.format(
        **machine(),
        nets=nets,
        settings=plan.settings,
        epochs=plan.epochs,
        rounds=plan.settings // plan.at_once,
        at_once=4 * plan.at_once,
        ours=seconds,
        minutes=seconds / 60,
        each=seconds / nets,
        missed="" if seconds <= 400 else " (missed)",
        keras=keras,
        peer=peer,
        hours=peer / 3600,
        peer_each=peer / nets,
        ratio=peer / seconds,
        best=best.min(),
        epoch=int(np.nanargmin(curves[best.argmin()])) + 1,
        middle=float(np.median(best)),
        plain=best[0],
    )


if __name__ == "__main__":
    main()
