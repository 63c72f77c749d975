"""MLflow's database under mlruns/, made in one step: MLflow cannot go on with one that was left half-made."""

import logging
import sqlite3
from contextlib import closing
from pathlib import Path

from tasks.blank_databases import copy_blank
from tasks.store import MLRUNS, alone

DATABASE = MLRUNS / "mlflow.db"


def database_uri(path: Path = DATABASE) -> str:
    """The address of a database file, for MLflow."""
    return f"sqlite:///{path.resolve()}"


def quiet() -> None:
    """Has MLflow not announce each step of making a database."""
    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.ERROR)


def make_database() -> None:
    """Makes the database, if there is none; of several processes that want one, the first makes it."""
    if DATABASE.exists():
        return
    with alone("mlflow.lock", "another process, which makes a database,"):
        if not DATABASE.exists():
            copy_blank("mlflow", make_tables, DATABASE)


def make_tables(path: Path) -> None:
    """Make a database with MLflow's tables, but without its default experiment, which names the folder it is in."""
    import mlflow

    quiet()
    mlflow.MlflowClient(database_uri(path)).search_experiments(max_results=1)  # makes the tables
    with closing(sqlite3.connect(path)) as made, made:
        made.execute("delete from experiments")
