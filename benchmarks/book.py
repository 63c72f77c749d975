"""Times the book's larger examples, each side in a process of its own; writes its section of docs/benchmarks.md.

IMDB and Reuters from the files to the test score, ours against the book's way; MNIST's five epochs against `fit`.
"""

import importlib
import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from statistics import median

from benchmarks.book_implementations import FLOPS_PER_ROW, SIDES, Measured
from benchmarks.page import machine, write_section
from flows.terminal import messages

HEADING = "The book's larger examples"
RUNS = 3
TEMPLATE = """\
Measured on {date} by `make bench`, on {cores} cores ({processor}), with Python {python}, {libraries}; the median of
{runs} runs, each side of each run in a new process, alternately.

| from the file to the test score | ours | the book's way | ratio | target |
|---|---|---|---|---|
{texts}

| MNIST, 784-512-10, batch 128 | ours | Keras `fit` | ratio | target |
|---|---|---|---|---|
{mnist}

- **From the file to the test score**: load, vectorize, 20 epochs with validation rows, then a new net on all training
  rows for as many epochs as were best, and its score on the test rows. Ours is what a run does, files in mlruns/cache
  included. The book's way is a float64 multi-hot matrix, filled in a loop, and `fit`.
- **Seconds** leave out the imports, which are the same on both sides ({imports}). **Peak memory** is the process's
  largest resident set, of which TensorFlow's import is about 0.7 GB.
- **GFLOP/s** are those of the epochs after the first, with {flops} operations a row: two products forward and three
  back. NumPy's are those of the larger product, 128 x 784 by 784 x 512, and of its gradient, in the same process.
"""


@dataclass(frozen=True)
class Row:
    """What was measured of both sides of one problem."""

    ours: list[Measured]
    book: list[Measured]

    def middle(self, side: str, quantity: str) -> float:
        """The median of a quantity over the runs of a side."""
        return median(getattr(each, quantity) for each in getattr(self, side))


def main() -> None:
    """Measures everything and writes the section."""
    rows = {problem: Row([], []) for problem in ("imdb", "reuters", "mnist")}
    out = messages()
    for run in range(RUNS):
        for problem, row in rows.items():
            for side in ("ours", "book"):
                measured = in_new_process(problem, side)
                getattr(row, side).append(measured)
                out.print(f"run {run + 1} of {RUNS}, {problem}, {side}: {measured}")
    write_section(HEADING, fill(rows))


def in_new_process(problem: str, side: str) -> Measured:
    """One side of one problem in a Python of its own, which must be the only one: imports are timed by themselves."""
    command = [sys.executable, "-m", "benchmarks.book", problem, side]
    alone = os.environ | {"BAKEOFF_JOBS": "1"}
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=alone)
    return Measured(**json.loads(done.stdout.splitlines()[-1]))


def fill(rows: dict[str, Row]) -> str:
    """The section's text."""
    mnist = rows["mnist"]
    rate, product = mnist.middle("ours", "gflops"), mnist.middle("ours", "matmul_gflops")
    imports = [each.import_seconds for row in rows.values() for each in (*row.ours, *row.book)]
    share, missed = rate / product, "" if rate >= 0.80 * product else " (missed)"
    return TEMPLATE.format(
        **machine(),
        runs=RUNS,
        imports=f"{min(imports):.1f} to {max(imports):.1f} s",
        flops=f"{FLOPS_PER_ROW:,}",
        texts="\n".join([*text_rows("IMDB", rows["imdb"], 5, 1.5), *text_rows("Reuters", rows["reuters"], 3, 1.2)]),
        mnist="\n".join(
            [
                faster("5 epochs, compilation included", mnist, 1.2),
                f"| GFLOP/s; a NumPy product: {product:.0f} | {rate:.0f} | {mnist.middle('book', 'gflops'):.0f} |"
                f" {share:.0%} of the product | at least 80%{missed} |",
                f"| test accuracy | {mnist.middle('ours', 'score'):.4f} | {mnist.middle('book', 'score'):.4f} | | |",
            ]
        ),
    )


def text_rows(name: str, row: Row, target: float, memory: float) -> list[str]:
    """Seconds, memory and score of a problem of texts."""
    ours, book = row.middle("ours", "peak_gb"), row.middle("book", "peak_gb")
    missed = " (missed)" if ours > memory else ""
    return [
        faster(name, row, target),
        f"| {name}, peak memory | {ours:.2f} GB | {book:.2f} GB | {book / ours:.1f} | at most {memory} GB{missed} |",
        f"| {name}, test accuracy | {row.middle('ours', 'score'):.4f} | {row.middle('book', 'score'):.4f} | | |",
    ]


def faster(name: str, row: Row, target: float) -> str:
    """Seconds of both sides and their ratio."""
    ours, book = row.middle("ours", "seconds"), row.middle("book", "seconds")
    missed = " (missed)" if book / ours < target else ""
    return f"| {name} | {ours:.1f} s | {book:.1f} s | {book / ours:.1f} | at least {target}{missed} |"


def measure_here(problem: str, side: str) -> None:
    """What the new process does: measures, and prints the result as JSON."""
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    started = time.perf_counter()
    for module in (
        "tasks.evaluation.cross_validation",
        "tasks.models.nets.training",
        "sklearn.metrics",
        "sklearn.model_selection",
        "scipy.sparse",
    ):
        importlib.import_module(module)  # TensorFlow, Keras and what our way needs: the same for both sides

    print(json.dumps(SIDES[problem, side](time.perf_counter() - started).__dict__))


if __name__ == "__main__":
    measure_here(*sys.argv[1:]) if sys.argv[1:] else main()
