"""Where MLflow is, and a client of it; without a server, a database under mlruns/.

That is made in one step: MLflow cannot go on with one that was left half-made. A run says which process it is of, so
that those whose process is gone are found and ended.
"""

import logging
import os
import socket
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from tasks.blank_databases import copy_blank
from tasks.printable import in_markdown
from tasks.specs import BakeoffError, Spec
from tasks.store import MLRUNS, alone

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run


DATABASE = MLRUNS / "mlflow.db"
TRAINING_PAGES = "?workflowType=machine_learning"  # else MLflow's pages show what is of use to agents
FLOW_RUN = "bakeoff.flow_run_id"  # on the run of an experiment, unlike a contender's
OPEN = "bakeoff.flow_run_open"
CLOCK_SECONDS = 60  # a process's start is counted from the machine's, which moves when the clock is set


def database_uri(path: Path = DATABASE) -> str:
    """Return the address of a database file, for MLflow."""
    return f"sqlite:///{path.resolve()}"


def tracking_uri() -> str:
    """Return where MLflow keeps its runs: MLFLOW_TRACKING_URI where it is set, else the database under mlruns/."""
    return os.environ.get("MLFLOW_TRACKING_URI") or database_uri()


def run_address(experiment_id: str, run_id: str) -> str | None:
    """Return the page of a run, where MLflow is a server."""
    if not tracking_uri().startswith("http"):
        return None
    return f"{tracking_uri().rstrip('/')}/#/experiments/{experiment_id}/runs/{run_id}{TRAINING_PAGES}"


def note(text: str) -> dict[str, str]:
    """Return the tag that describes a run or a model on its page, which takes it for Markdown."""
    return {"mlflow.note.content": "\n".join(map(in_markdown, text.split("\n")))}


def connect(uri: str | None = None) -> "MlflowClient":
    """Return a client of a store, by default the one that `tracking_uri` names, without MLflow's announcements."""
    import mlflow

    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.ERROR)
    return mlflow.MlflowClient(tracking_uri=uri or tracking_uri())


def check_connection() -> None:
    """Ask MLflow for anything at all.

    Raises:
        BakeoffError: when it does not answer.
    """
    from mlflow.exceptions import MlflowException

    if not os.environ.get("MLFLOW_TRACKING_URI"):
        make_database()
    try:
        connect().search_experiments(max_results=1)
    except MlflowException as error:
        where = "the address in MLFLOW_TRACKING_URI" if os.environ.get("MLFLOW_TRACKING_URI") else tracking_uri()
        raise BakeoffError(f"MLflow does not answer at {where}: {str(error).splitlines()[0]}") from error


def make_database() -> None:
    """Make the database, if there is none; of several processes that want one, the first makes it."""
    if DATABASE.exists():
        return
    with alone("mlflow.lock", "another process, which makes a database,"):
        if not DATABASE.exists():
            copy_blank("mlflow", make_tables, DATABASE)


def make_tables(path: Path) -> None:
    """Make a database with MLflow's tables, but without its default experiment, which names the folder it is in."""
    connect(database_uri(path)).search_experiments(max_results=1)  # makes the tables
    with closing(sqlite3.connect(path)) as made, made:
        made.execute("delete from experiments")


def server_environment() -> dict[str, str]:
    """Return what tells MLflow's server to use the database and the files that runs use without it.

    Stores that the user's environment names are left as they are. Databases have passwords and everyone can read a
    command line, so nothing of this stands there.
    """
    environment = {
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # its further processes judge language models
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }
    if "MLFLOW_BACKEND_STORE_URI" not in os.environ:
        make_database()
        environment["MLFLOW_BACKEND_STORE_URI"] = database_uri()
    if "MLFLOW_ARTIFACTS_DESTINATION" not in os.environ:  # with it, files go through the server, to there
        files = {
            "MLFLOW_DEFAULT_ARTIFACT_ROOT": (MLRUNS / "artifacts").resolve().as_uri(),
            "MLFLOW_SERVE_ARTIFACTS": "false",
        }
        environment |= {name: os.environ.get(name, value) for name, value in files.items()}
    return environment


# Runs whose process is gone


class CutOff(Spec):
    """A run whose process is gone, and its Prefect flow run; a contender's run has none: an empty string."""

    run_id: str
    flow_run_id: str


def owner() -> dict[str, str]:
    """Return whose run it is: the user's, and of which process, so that a later one can tell whether it still lives."""
    process = psutil.Process()
    return {
        "mlflow.user": process.username(),
        "mlflow.source.name": "bakeoff",
        "mlflow.source.type": "LOCAL",
        "bakeoff.host": socket.gethostname(),
        "bakeoff.pid": str(process.pid),
        "bakeoff.process_started": f"{process.create_time():.2f}",
    }


def find_cut_off() -> tuple[CutOff, ...]:
    """Return the runs that are open although their process on this machine is gone."""
    return tuple(_cut_off(run) for run in _search("attributes.status = 'RUNNING'") if _is_dead(run))


def mark_killed(dead: Sequence[CutOff]) -> None:
    """End the runs in MLflow, and note that their flow runs are still to be ended."""
    client = connect()
    for run in dead:
        if run.flow_run_id:
            client.set_tag(run.run_id, OPEN, "true")
        client.set_terminated(run.run_id, "KILLED")


def find_open_flow_runs() -> tuple[CutOff, ...]:
    """Return the runs that were ended in MLflow, and whose flow runs are still to be ended in Prefect."""
    return tuple(_cut_off(run) for run in _search(f"tags.`{OPEN}` = 'true'"))


def note_flow_run_ended(run: CutOff) -> None:
    """Note that nothing is left to be done for it."""
    from mlflow.exceptions import MlflowException

    try:
        connect().delete_tag(run.run_id, OPEN)
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":  # else another command has just done so
            raise


def _search(terms: str) -> "list[Run]":
    client = connect()
    everything = [experiment.experiment_id for experiment in client.search_experiments()]
    return list(client.search_runs(everything, f"{terms} and tags.`bakeoff.kind` != ''"))


def _cut_off(run: "Run") -> CutOff:
    return CutOff(run_id=run.info.run_id, flow_run_id=run.data.tags.get(FLOW_RUN, ""))


def _is_dead(run: "Run") -> bool:
    tags = run.data.tags
    if tags.get("bakeoff.host") != socket.gethostname():
        return False
    try:
        process = psutil.Process(int(tags["bakeoff.pid"]))
        started = float(tags["bakeoff.process_started"])
        alive = abs(process.create_time() - started) < CLOCK_SECONDS
    except psutil.NoSuchProcess:
        return True
    return not alive or process.status() == psutil.STATUS_ZOMBIE
