"""A refitted contender as a model in MLflow, in the flavour of its own library and with what it needs to travel."""

import importlib
import tempfile
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tasks.data.examples import Examples
from tasks.data.vectorization import Arrays, Features
from tasks.evaluation import Refit, load_model
from tasks.models.baselines.summaries import SUMMARIES
from tasks.prediction import Served, describe

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.models import Model, ModelSignature

EXAMPLE_ROWS = 5
SERVED = "bakeoff.json"
DESCRIPTION = "mlflow.note.content"


def log_model(
    client: "MlflowClient", run_id: str, experiment_id: str, refit: Refit, examples: Examples, arrays: Arrays
) -> str:
    """Logs the refitted contender as a model of the run, with signature and input example, in a format without pickle.

    Gives the id of the model. `bakeoff.json` lies beside it: all that it takes to turn raw rows into predictions.

    Raises:
        BakeoffError: when a text data set's words cannot be had.
    """
    from mlflow.entities import LoggedModelOutput
    from mlflow.models import Model

    served, model = describe(refit.contender, examples, arrays), load_model(refit)
    taken, given = served.contender.exchange(model, arrays.test()[0][:EXAMPLE_ROWS], served, served.features)
    said = {DESCRIPTION: _say(served, np.asarray(given))}
    logged = client.create_logged_model(experiment_id, name=refit.name, source_run_id=run_id, tags=said)
    mlflow_model = Model(run_id=run_id, model_id=logged.model_id, signature=_signature(served, taken, given))
    with tempfile.TemporaryDirectory() as folder:
        _save(served, model, mlflow_model, taken, folder)
        (Path(folder) / SERVED).write_text(served.model_dump_json(), encoding="utf8")
        client.log_model_artifacts(logged.model_id, folder)
    client.finalize_logged_model(logged.model_id, "READY")
    client.log_outputs(run_id, [LoggedModelOutput(logged.model_id, step=0)])
    return str(logged.model_id)


def _say(served: Served, given: NDArray[np.generic]) -> str:
    """What a served model takes and gives, in words."""
    size = " x ".join(str(length) for length in served.shape)
    words = "numbers of words" if served.contender.takes_sequences else f"counts of {size} words"
    how = f"a category as the number of its level in {SERVED}, NaN where missing" if served.columns else "as they are"
    takes = {
        "table": f"the {size} {'features' if served.columns else 'columns'} of {served.dataset} by their names, {how}",
        "pixels": f"pictures of {size} pixels as rows of numbers from 0 (black) to 1 (white)",
        "words": f"texts as rows of {words}",
        "series": _series(served),
    }[served.form]
    labels = served.classes
    if not labels:
        gives = f"a number{f' in {served.unit}' if served.unit else ''}"
    elif given.dtype.kind == "i":
        gives = f"the number of the class: {', '.join(f'{number} {label}' for number, label in enumerate(labels))}"
    elif given.ndim == 1 or given.shape[1] == 1:
        gives = f"the probability of {labels[1]}"
    else:
        gives = f"the probabilities, in this order, of {', '.join(labels)}"
    return f"Takes {takes}; gives {gives}."


def _series(served: Served) -> str:
    """What a served model takes of series, in words."""
    columns = ", ".join(column.name for column in served.columns[2:])
    if served.contender.takes_sequences:
        steps = "NaN where a value is missing and after a series' end"
        return f"series as rows of {served.shape[0]} steps, each of them {columns}; {steps}"
    return f"series as rows of, for each of {columns} in turn, {', '.join(SUMMARIES)}; NaN where there is none"


def _signature(served: Served, taken: Features, given: Any) -> "ModelSignature":
    """What a model takes and gives; rows of word numbers may be of any length."""
    from mlflow.models import ModelSignature, infer_signature
    from mlflow.types.schema import Schema, TensorSpec

    signature = infer_signature(taken, given)
    if served.form == "words" and isinstance(taken, np.ndarray):
        return ModelSignature(Schema([TensorSpec(taken.dtype, (-1, -1))]), signature.outputs)
    return signature


def _save(served: Served, model: Any, mlflow_model: "Model", example: Features, folder: str) -> None:
    """Saves the model in its flavour.

    The requirements are given, since MLflow would load the model in another process to find them. A flavour that takes
    no signature leaves the one that is there.
    """
    flavor = served.contender.flavor(served.task)
    importlib.import_module(flavor.module).save_model(
        model,
        folder,
        mlflow_model=mlflow_model,
        signature=mlflow_model.signature if flavor.takes_signature else None,
        input_example=example,
        pip_requirements=[_pinned(package) for package in flavor.requires],
        **flavor.settings,
    )


def _pinned(package: str) -> str:
    """A requirement of the version that is installed; XGBoost comes from one of two packages."""
    try:
        return f"{package}=={version(package)}"
    except PackageNotFoundError:
        return f"{package}-cpu=={version(f'{package}-cpu')}"
