"""MLflow's database under mlruns/, made in one step: MLflow cannot go on with one that was left half-made."""

import logging
import tempfile
from pathlib import Path

from tasks.store import CACHE, MLRUNS, alone

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
    CACHE.mkdir(parents=True, exist_ok=True)
    with alone("mlflow.lock", "another process, which makes a database,"):
        if DATABASE.exists():
            return
        import mlflow

        quiet()
        with tempfile.TemporaryDirectory(dir=CACHE) as folder:
            draft = Path(folder) / DATABASE.name
            mlflow.MlflowClient(database_uri(draft)).search_experiments(max_results=1)  # makes its tables
            draft.replace(DATABASE)
