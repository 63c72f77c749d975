"""Times what stands around the fits: from Enter to the first one, and a run with next to none.

Writes its section of docs/benchmarks.md. Another version can be measured in turn with this one; its name and the path
of its program are the arguments: python -m benchmarks.start 0.6.0 OTHER/.venv/bin/bakeoff
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import mean
from typing import NamedTuple

from rich.console import Console
from rich.markdown import Markdown

from benchmarks.page import PAGE, machine, write_section

CONF = Path(__file__).parents[1] / "conf"
HEADING = "From Enter to the first fit"
RUNS = 1
LITTLE = """
dataset: {kind: wine}
validation: {n_splits: 5, n_repeats: 5}
metric: accuracy
equivalent_within: 0.02
contenders: {gaussian_nb: {kind: gaussian_nb}, dummy: {kind: dummy}}
"""
CASES = {
    "a run of `gaussian_nb` and `dummy` on wine in a new folder": ("new", ("little.yaml",)),
    "the same in a folder that has run before": ("old", ("little.yaml", "--fresh")),
    "`bakeoff run wine` in a new folder": ("new", ("wine",)),
    "the same in a folder that has run before, trained again": ("old", ("wine", "--fresh")),
    "the same once more, with nothing changed": ("old", ("wine",)),
}
TEMPLATE = """\
Measured on {date} by `python -m benchmarks.start`, on {cores} cores ({processor}), with Python {python};
{runs} run of each. {what}

| what | ready to fit after, s | in all, s | CPU, s |
|---|---|---|---|
{rows}

Where the seconds before the first fit go:

| part | CPU, s | when | in 0.6.0 |
|---|---|---|---|
{parts}
"""
PARTS = {  # a program for each, and when a run has it done, now and in 0.6.0
    "Prefect's tables": (
        "import tempfile, pathlib; from flows.runtime.ephemeral_server import make_tables;"
        " make_tables(pathlib.Path(tempfile.mkdtemp()) / 'prefect.db')",
        "once for a set of libraries, by `make setup`; a new folder gets a copy",
        "in each new folder, by the server",
    ),
    "MLflow's tables": (
        "import tempfile, pathlib; from tasks.tracking.connection import make_tables;"
        " make_tables(pathlib.Path(tempfile.mkdtemp()) / 'mlflow.db')",
        "the same",
        "in each new folder, before the server",
    ),
    "Prefect's server, until it answers": (
        "from flows.runtime.ephemeral_server import EphemeralServer as Own;"
        " own = Own(); own.wait_until_ready(); own.stop()",
        "from Enter on, beside what follows",
        "after all others but TensorFlow",
    ),
    "MLflow and its store": (
        "import mlflow.store.tracking.sqlalchemy_store",
        "at once: is there anything to do?",
        "first",
    ),
    "Prefect, scikit-learn, the flow": (
        "import flows.bakeoff, sklearn.ensemble",
        "then, if there is",
        "then, in any case",
    ),
    "TensorFlow and Keras": (
        "import tasks.models.nets.training",
        "in the process of nets, beside the first fits",
        "before the first fit, beside the server",
    ),
}


class Times(NamedTuple):
    """Seconds by the wall clock until the flow begins and until the prompt is back; those of all cores together."""

    first: float
    wall: float
    cpu: float


def main() -> None:
    """Measure, print and write the section."""
    os.environ.pop("TF_XLA_FLAGS")  # runs keep their programs, as a user's do
    name, *others = sys.argv[1:] or [""]
    programs = [str(Path(sys.executable).parent / "bakeoff"), *others]
    found: dict[str, list[list[Times]]] = {case: [[] for _ in programs] for case in CASES}
    for _ in range(RUNS):
        folders = [_folder() for _ in programs]
        for case, (where, arguments) in CASES.items():
            for number, program in enumerate(programs):
                if where == "new":
                    shutil.rmtree(folders[number] / "mlruns", ignore_errors=True)
                found[case][number].append(_times([program, "run", *arguments], folders[number]))
        for folder in folders:
            shutil.rmtree(folder)
    rows = [_row(case, times) for case, times in found.items()]
    other = f"In brackets: {name}, in turn with this version, and the ratio." if others else ""
    parts = [f"| {part} | {_cpu_seconds(code):.1f} | {now} | {before} |" for part, (code, now, before) in PARTS.items()]
    section = TEMPLATE.format(**machine(), runs=RUNS, what=other, rows="\n".join(rows), parts="\n".join(parts))
    write_section(HEADING, section)
    Console().print(Markdown(section))
    print(f"written to {PAGE}")


def _cpu_seconds(code: str) -> float:
    """What a program takes, with those that it starts, in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        return _times([sys.executable, "-P", "-c", code], Path(folder)).cpu


def _folder() -> Path:
    folder = Path(tempfile.mkdtemp())
    shutil.copytree(CONF, folder / "conf")
    (folder / "little.yaml").write_text(LITTLE)
    return folder


def _times(command: Sequence[str], folder: Path) -> Times:
    before, started = os.times(), time.perf_counter()
    first = 0.0
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith("starting libraries and server"):
                first = time.perf_counter() - started
    wall, after = time.perf_counter() - started, os.times()
    assert process.returncode == 0
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return Times(first, wall, cpu)


def _row(case: str, times: Sequence[Sequence[Times]]) -> str:
    """A row of the table: this version's means and, in brackets, the other's and the ratio."""
    ours, *others = ([mean(column) for column in zip(*runs, strict=True)] for runs in times)
    cells = [f"{seconds:.1f}" for seconds in ours]
    for other in others:
        cells = [
            f"{cell} ({theirs:.1f}; {mine / theirs:.2f})" if theirs else cell
            for cell, mine, theirs in zip(cells, ours, other, strict=True)
        ]
    return f"| {case} | {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
