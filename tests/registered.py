"""Models as if contenders had logged them."""

import tempfile
from pathlib import Path

import mlflow

from tasks.tracking import connection
from tasks.tracking.runs import ContenderRun


def client() -> mlflow.MlflowClient:
    """A client of the MLflow that is in use now."""
    return mlflow.MlflowClient(connection.tracking_uri())


def logged_run(experiment: str = "houses") -> ContenderRun:
    """A run of an experiment that has logged a model of one small file."""
    found = client().get_experiment_by_name(experiment)
    experiment_id = found.experiment_id if found else client().create_experiment(experiment)
    run_id = client().create_run(experiment_id).info.run_id
    logged = client().create_logged_model(experiment_id, name="me", source_run_id=run_id)
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "MLmodel").write_text("flavors: {}")
        client().log_model_artifacts(logged.model_id, folder)
    client().finalize_logged_model(logged.model_id, "READY")
    return ContenderRun(run_id=run_id, experiment_id=experiment_id, model_id=logged.model_id)
