"""A refitted contender as a model in MLflow."""

import tempfile
from collections.abc import Mapping
from importlib.metadata import packages_distributions, version
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tasks.data.vectorization import Arrays, Features
from tasks.metrics import Task
from tasks.models.baselines.boosting import LightGBMSpec, XGBoostSpec
from tasks.models.baselines.pipelines import TRUSTED_TYPES
from tasks.models.contenders import Contender
from tasks.models.networks import NetworkSpec
from tasks.refitting import Refit, load_model, network_input

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.models import ModelSignature

EXAMPLE_ROWS = 5


def log_model(client: "MlflowClient", run_id: str, experiment_id: str, refit: Refit, arrays: Arrays) -> None:
    """Logs the refitted contender as a model of the run, with signature and input example, in a format without pickle.

    The signature is that of what the model gives when MLflow serves it. The requirements are given, since MLflow would
    load the model in another process to find them.
    """
    from mlflow.entities import LoggedModelOutput
    from mlflow.models import Model

    model, example = load_model(refit), arrays.training()[0][:EXAMPLE_ROWS]
    if isinstance(refit.contender, NetworkSpec):
        taken = network_input(example)
        given = model.predict(taken, verbose=0)
    else:
        taken, given = example, refit.contender.served(model, example, arrays.task)
    logged = client.create_logged_model(experiment_id, name=refit.name, source_run_id=run_id)
    shared = {
        "mlflow_model": Model(run_id=run_id, model_id=logged.model_id),
        "signature": _signature(taken, given, any_length=taken is not example),
        "input_example": taken,
    }
    with tempfile.TemporaryDirectory() as folder:
        _save_model(model, refit.contender, arrays.task, folder, shared)
        client.log_model_artifacts(logged.model_id, folder)
    client.finalize_logged_model(logged.model_id, "READY")
    client.log_outputs(run_id, [LoggedModelOutput(logged.model_id, step=0)])


def _signature(taken: Features, given: NDArray[np.generic], any_length: bool) -> "ModelSignature":
    """What a model takes and gives; rows of word numbers may be of any length."""
    from mlflow.models import ModelSignature, infer_signature
    from mlflow.types.schema import Schema, TensorSpec

    signature = infer_signature(taken, given)
    if not any_length:
        return signature
    return ModelSignature(Schema([TensorSpec(taken.dtype, (-1, -1))]), signature.outputs)


def _save_model(model: Any, contender: Contender, task: Task, path: str, shared: Mapping[str, Any]) -> None:
    """In the flavour of the model's own library."""
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

        mlflow.sklearn.save_model(
            model,
            path,
            pip_requirements=_pinned("scikit-learn", "skops", "numpy", "mlxtend"),
            serialization_format="skops",
            skops_trusted_types=list(TRUSTED_TYPES),
            pyfunc_predict_fn=contender.served_method(task),
            **shared,
        )


def _distribution(module: str) -> str:
    """What a module was installed from; XGBoost comes from one of two."""
    return packages_distributions()[module][0]


def _pinned(*packages: str) -> list[str]:
    return [f"{package}=={version(package)}" for package in packages]
