"""Runs tables of 10,000 to 1,000,000 rows and a wide one, and writes how time and memory grow.

Writes its section of docs/benchmarks.md.
"""

import json
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import yaml
from rich.console import Console
from rich.markdown import Markdown

from benchmarks.page import PAGE, machine, write_section
from tasks.reporting.report import Report

HEADING = "How time and memory grow with a table"
SHAPES = ((10_000, 30), (100_000, 30), (1_000_000, 30), (2_000, 5_000))
TARGET_GB = 4
EPOCHS, BATCH_SIZE = 10, 1024
SAMPLED_SECONDS = 0.1
TEMPLATE = """\
Measured on {date} by `make bench`, on {cores} cores ({processor}), with Python {python},
{libraries}: `bakeoff run --fresh` of a Parquet file of made numbers, four fifths of its rows to learn from and a fifth
of these held out; `hist_gradient_boosting` as it is by default, and `dense` of 64-64 with {epochs} epochs of batches of
{batch_size}, one seed.

| rows x columns | file, MB | command, s | ingest | boosting, CPU s | dense, CPU s | peak memory, GB |
|---|---|---|---|---|---|---|
{rows}

The command is timed from Enter to the prompt. Memory is that of all its processes together, what they share counted
once, looked at ten times a second (target: at most {target} GB at 1,000,000 rows). Most of that of the smallest table
is there before the first row: Prefect's server, TensorFlow, MLflow and a process for each core.

From 100,000 to 1,000,000 rows, ten times as many, the command takes {growth:.1f} times as long.
"""


@dataclass(frozen=True)
class Measured:
    """One run: bytes on disk, seconds by the wall clock, bytes in memory at the most, and the report."""

    rows: int
    columns: int
    file_bytes: int
    seconds: float
    memory_bytes: int
    report: Report


def main() -> None:
    """Measures each shape once, in a folder of its own, and writes the section."""
    with tempfile.TemporaryDirectory() as folder:
        measured = [_measure(Path(folder) / f"{rows}x{columns}", rows, columns) for rows, columns in SHAPES]
    section = _section(measured)
    write_section(HEADING, section)
    Console().print(Markdown(section))
    print(f"written to {PAGE}")


def _measure(folder: Path, rows: int, columns: int) -> Measured:
    folder.mkdir()
    table = folder / "made.parquet"
    _write_table(table, rows, columns)
    experiment = folder / "made.yaml"
    experiment.write_text(yaml.safe_dump(_experiment(table, rows, columns), sort_keys=False), encoding="utf8")
    command = [sys.executable, "-m", "flows.cli.main", "run", str(experiment), "--json", "--fresh"]
    started, peak = time.perf_counter(), 0
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as running:
        while running.poll() is None:
            peak = max(peak, _memory(running.pid))
            time.sleep(SAMPLED_SECONDS)
        seconds = time.perf_counter() - started
        printed = running.stdout.read() if running.stdout else b""
    return Measured(rows, columns, table.stat().st_size, seconds, peak, Report.model_validate(json.loads(printed)))


def _write_table(path: Path, rows: int, columns: int) -> None:
    """Numbers, of which the first ten decide the target, together with noise."""
    generator = np.random.default_rng(0)
    X = generator.normal(size=(rows, columns))
    y = X[:, 0] * X[:, 1] + np.sin(2 * X[:, 2]) + np.abs(X[:, 3:10]).sum(axis=1) + generator.normal(size=rows)
    frame = pd.DataFrame(X, columns=[f"x{number}" for number in range(columns)])
    frame.assign(y=y).to_parquet(path, index=False)


def _experiment(table: Path, rows: int, columns: int) -> dict[str, object]:
    dense = {"kind": "dense", "optimizer": {"kind": "adam"}, "epochs": EPOCHS, "batch_size": BATCH_SIZE}
    return {
        "dataset": {
            "kind": "table",
            "path": str(table),
            "target": "y",
            "task": "regression",
            "columns": {f"x{number}": "number" for number in range(columns)},
        },
        "validation": {"kind": "hold_out", "validation_rows": int(0.8 * 0.2 * rows), "n_seeds": 1},
        "metric": "mae",
        "equivalent_within": 0.01,
        "contenders": {"dense": dense, "hist_gradient_boosting": {"kind": "hist_gradient_boosting"}},
    }


def _memory(pid: int) -> int:
    """Bytes that a process and its children hold, what they share counted once; one that has just ended holds none."""
    total = 0
    try:
        process = psutil.Process(pid)
        for each in [process, *process.children(recursive=True)]:
            total += each.memory_full_info().pss
    except psutil.NoSuchProcess:
        return total
    return total


def _section(measured: list[Measured]) -> str:
    seconds = {each.rows: each.seconds for each in measured}
    return TEMPLATE.format(
        **machine(),
        rows="\n".join(map(_row, measured)),
        epochs=EPOCHS,
        batch_size=BATCH_SIZE,
        target=TARGET_GB,
        growth=seconds[1_000_000] / seconds[100_000],
    )


def _row(each: Measured) -> str:
    fits = {entry.name: entry for entry in each.report.contenders}
    dense, boosting = fits["dense"], fits["hist_gradient_boosting"]
    ingest = each.report.seconds["ingest"]
    cells = [
        f"{each.rows:,} x {each.columns:,}",
        f"{each.file_bytes / 1e6:.0f}",
        f"{each.seconds:.0f}",
        f"{ingest:.1f}",
        f"{boosting.cpu_seconds:.1f}",
        f"{dense.cpu_seconds:.1f}",
        f"{each.memory_bytes / 1e9:.2f}",
    ]
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
