"""A refitted contender as a model in MLflow."""

import tempfile
from collections.abc import Mapping
from importlib.metadata import packages_distributions, version
from typing import TYPE_CHECKING, Any

from tasks.data.vectorization import Arrays
from tasks.metrics import Task
from tasks.models.baselines.boosting import LightGBMSpec, XGBoostSpec
from tasks.models.baselines.pipelines import TRUSTED_TYPES
from tasks.models.networks import NetworkSpec
from tasks.refitting import Refit, load_model, network_input, predict

if TYPE_CHECKING:
    from mlflow import MlflowClient

EXAMPLE_ROWS = 5


def log_model(client: "MlflowClient", run_id: str, experiment_id: str, refit: Refit, arrays: Arrays) -> None:
    """Logs the refitted contender as a model of the run, with signature and input example, in a format without pickle.

    The requirements are given, since MLflow would load the model in another process to find them.
    """
    from mlflow.entities import LoggedModelOutput
    from mlflow.models import Model, infer_signature

    example = arrays.training()[0][:EXAMPLE_ROWS]
    taken = network_input(example) if isinstance(refit.contender, NetworkSpec) else example
    logged = client.create_logged_model(experiment_id, name=refit.name, source_run_id=run_id)
    shared = {
        "mlflow_model": Model(run_id=run_id, model_id=logged.model_id),
        "signature": infer_signature(taken, predict(refit, example, arrays)),
        "input_example": taken,
    }
    with tempfile.TemporaryDirectory() as folder:
        _save_model(refit, arrays.task, folder, shared)
        client.log_model_artifacts(logged.model_id, folder)
    client.finalize_logged_model(logged.model_id, "READY")
    client.log_outputs(run_id, [LoggedModelOutput(logged.model_id, step=0)])


def _save_model(refit: Refit, task: Task, path: str, shared: Mapping[str, Any]) -> None:
    """In the flavour of the model's own library; what is served gives what `predict` gives, but for SVMs: labels."""
    model, contender = load_model(refit), refit.contender
    if isinstance(contender, NetworkSpec):
        import mlflow.keras

        mlflow.keras.save_model(model, path, pip_requirements=_pinned("keras", "tensorflow", "numpy"), **shared)
    elif isinstance(contender, XGBoostSpec):
        import mlflow.xgboost

        mlflow.xgboost.save_model(model, path, pip_requirements=_pinned(_distribution("xgboost"), "numpy"), **shared)
    elif isinstance(contender, LightGBMSpec):
        import mlflow.lightgbm

        mlflow.lightgbm.save_model(model, path, pip_requirements=_pinned("lightgbm", "numpy"), **shared)
    else:
        import mlflow.sklearn

        gives_probabilities = task != "regression" and hasattr(model, "predict_proba")
        mlflow.sklearn.save_model(
            model,
            path,
            pip_requirements=_pinned("scikit-learn", "skops", "numpy", "mlxtend"),
            serialization_format="skops",
            skops_trusted_types=list(TRUSTED_TYPES),
            pyfunc_predict_fn="predict_proba" if gives_probabilities else "predict",
            **shared,
        )


def _distribution(module: str) -> str:
    """What a module was installed from; XGBoost comes from one of two."""
    return packages_distributions()[module][0]


def _pinned(*packages: str) -> list[str]:
    return [f"{package}=={version(package)}" for package in packages]
