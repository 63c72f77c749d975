"""Where MLflow is, and a client of it; without a server, a database under mlruns/.

That is made in one step: MLflow cannot go on with one that was left half-made.
"""

import logging
import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.blank_databases import copy_blank
from tasks.specs import BakeoffError
from tasks.store import MLRUNS, alone

if TYPE_CHECKING:
    from mlflow import MlflowClient

DATABASE = MLRUNS / "mlflow.db"
TRAINING_PAGES = "?workflowType=machine_learning"  # else MLflow's pages show what is of use to agents


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
