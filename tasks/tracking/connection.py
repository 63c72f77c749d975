"""Where MLflow is, and a client of it."""

import os
from typing import TYPE_CHECKING

from tasks.specs import BakeoffError
from tasks.tracking.database import database_uri, make_database, quiet

if TYPE_CHECKING:
    from mlflow import MlflowClient

TRAINING_PAGES = "?workflowType=machine_learning"  # else MLflow's pages show what is of use to agents


def tracking_uri() -> str:
    """Where MLflow keeps its runs: MLFLOW_TRACKING_URI where it is set, else a database under mlruns/."""
    return os.environ.get("MLFLOW_TRACKING_URI") or database_uri()


def run_address(experiment_id: str, run_id: str) -> str | None:
    """The page of a run, where MLflow is a server."""
    if not tracking_uri().startswith("http"):
        return None
    return f"{tracking_uri().rstrip('/')}/#/experiments/{experiment_id}/runs/{run_id}{TRAINING_PAGES}"


def connect() -> "MlflowClient":
    """A client of the store that `tracking_uri` names; MLflow's own announcements are kept quiet."""
    import mlflow

    quiet()
    return mlflow.MlflowClient(tracking_uri=tracking_uri())


def check_connection() -> None:
    """Asks MLflow for anything at all.

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
