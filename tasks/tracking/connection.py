"""Where MLflow is, and a client of it."""

import logging
import os
from typing import TYPE_CHECKING

from tasks.specs import BakeoffError
from tasks.store import MLRUNS

if TYPE_CHECKING:
    from mlflow import MlflowClient


def tracking_uri() -> str:
    """Where MLflow keeps its runs: MLFLOW_TRACKING_URI where it is set, else a database under mlruns/."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{MLRUNS.resolve() / 'mlflow.db'}"


def connect() -> "MlflowClient":
    """A client of the store that `tracking_uri` names; MLflow's own announcements are kept quiet."""
    import mlflow

    for name in ("mlflow", "alembic"):  # they announce each step of making a database
        logging.getLogger(name).setLevel(logging.ERROR)
    return mlflow.MlflowClient(tracking_uri=tracking_uri())


def check_connection() -> None:
    """Asks MLflow for anything at all.

    Raises:
        BakeoffError: when it does not answer.
    """
    from mlflow.exceptions import MlflowException

    try:
        connect().search_experiments(max_results=1)
    except MlflowException as error:
        where = "the address in MLFLOW_TRACKING_URI" if os.environ.get("MLFLOW_TRACKING_URI") else tracking_uri()
        raise BakeoffError(f"MLflow does not answer at {where}: {str(error).splitlines()[0]}") from error
