"""Times what Prefect and MLflow cost a run on the Boston data, with both servers up.

Writes its section of docs/benchmarks.md.
"""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.markdown import Markdown

from benchmarks.page import PAGE, machine, write_section
from flows.runtime import servers
from tasks.reporting.report import Report

CONF = Path(__file__).parents[1] / "conf"
HEADING = "Orchestration and tracking"
IMPORTS = (
    "import flows.bakeoff, mlflow, mlflow.keras, mlflow.lightgbm, mlflow.sklearn, mlflow.xgboost,"
    " tasks.models.nets.training"
)
TARGET_SECONDS, CACHED_TARGET_SECONDS = 10, 15
STAGES = {
    "ingest": "reading the data and logging it, folds",
    "contenders": "contenders, beyond fits: states, scores on the test rows, curves, plots and models to MLflow",
    "compare": "verdicts",
    "promote": "registering the best, challenging the champion",
}
TEMPLATE = """\
Measured on {date} by `make bench`, on {cores} cores ({processor}), with Python {python},
{libraries}: `bakeoff run boston --fresh --jobs 1` with the servers of `bakeoff up`, {contenders} contenders on 10 x 4
folds, one fit after the other, so that the parts add up.

| what | s |
|---|---|
{rows}
| **beyond imports and training** (target: at most {target}) | **{beyond:.1f}** |
| imports, timed by themselves | {imports:.1f} |
| training: fits and predictions on the folds, fits on all training rows | {training:.1f} |
| the command, from Enter to the prompt | {wall:.1f} |
| the same command again, nothing changed (target: at most {cached_target}) | {cached:.1f} |
"""


def main() -> None:
    """Measures once, in a folder of its own, and writes the section."""
    os.environ.pop("TF_XLA_FLAGS")  # runs keep their programs, as a user's do
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(CONF, Path(folder) / "conf")
        os.chdir(folder)
        imports = _seconds([sys.executable, "-c", IMPORTS])[0]
        servers.start(_free_port(), _free_port())
        try:
            wall, printed = _seconds(_command("--fresh"))
            cached, _ = _seconds(_command())
        finally:
            servers.stop()
    section = _section(Report.model_validate_json(printed), wall, imports, cached)
    write_section(HEADING, section)
    Console().print(Markdown(section))
    print(f"written to {PAGE}")


def _section(report: Report, wall: float, imports: float, cached: float) -> str:
    board = report.contenders
    on_folds = sum(entry.cpu_seconds + entry.predict_seconds for entry in board)
    on_all = sum(entry.refit_seconds for entry in board)
    stages = report.seconds | {"contenders": report.seconds["contenders"] - on_folds - on_all}
    beyond = wall - imports - on_folds - on_all
    around = beyond - sum(stages.values())
    rows = {"around the flow: connecting, states, the report": around} | {STAGES[key]: stages[key] for key in stages}
    return TEMPLATE.format(
        **machine(),
        contenders=len(board),
        rows="\n".join(f"| {what} | {seconds:.1f} |" for what, seconds in rows.items()),
        beyond=beyond,
        imports=imports,
        training=on_folds + on_all,
        wall=wall,
        cached=cached,
        target=TARGET_SECONDS,
        cached_target=CACHED_TARGET_SECONDS,
    )


def _command(*options: str) -> list[str]:
    return [sys.executable, "-m", "flows.cli.main", "run", "boston", "--json", "--jobs", "1", *options]


def _seconds(command: list[str]) -> tuple[float, str]:
    """How long a command takes by the wall clock, and what it prints."""
    started = time.perf_counter()
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, encoding="utf8")
    return time.perf_counter() - started, done.stdout


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    main()
