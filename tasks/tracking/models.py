"""Refitted contenders as models in MLflow, in the flavour of their own library, and how they are loaded again."""

import importlib
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from tasks.data.examples import StoredData
from tasks.data.vectorization import DesignMatrix, Features
from tasks.evaluation.cross_validation import Refit, load_model
from tasks.models.baselines.estimators import SUMMARIES
from tasks.prediction import Served, describe
from tasks.specs import BakeoffError
from tasks.tracking.connection import connect, note, tracking_uri

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.models import ModelSignature

EXAMPLE_ROWS = 5
SERVED = "bakeoff.json"


def log_model(
    client: "MlflowClient", run_id: str, experiment_id: str, refit: Refit, examples: StoredData, arrays: DesignMatrix
) -> str:
    """Log the refitted contender as a model of the run, with signature and input example, in a format without pickle.

    Returns the id of the model. `bakeoff.json` lies beside it: all that it takes to turn raw rows into predictions.

    Raises:
        BakeoffError: when a text data set's words cannot be had.
    """
    from mlflow.entities import LoggedModelOutput
    from mlflow.models import Model

    served, model = describe(refit.contender, examples, arrays), load_model(refit)
    taken, given = served.contender.exchange(model, arrays.test()[0][:EXAMPLE_ROWS], served, served.features)
    said = note(_say(served, np.asarray(given)))
    logged = client.create_logged_model(experiment_id, name=refit.name, source_run_id=run_id, tags=said)
    mlflow_model = Model(run_id=run_id, model_id=logged.model_id, signature=_signature(served, taken, given))
    with tempfile.TemporaryDirectory() as folder:
        flavor = served.contender.flavor(served.task)
        importlib.import_module(flavor.module).save_model(
            model,
            folder,
            mlflow_model=mlflow_model,
            signature=mlflow_model.signature if flavor.takes_signature else None,  # else the one there is stays
            input_example=taken,
            # Else MLflow would load the model in another process to find them.
            pip_requirements=[_pinned(package) for package in flavor.requires],
            **flavor.settings,
        )
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
    """What a model takes and gives, by example but for two: rows of word numbers may be of any length.

    Of a table, each feature is required by its name, whatever its values: one with a gap in the few rows of the example
    would be optional, and a request without it would be answered by the columns that are left.
    """
    from mlflow.models import ModelSignature, infer_signature
    from mlflow.types.schema import ColSpec, DataType, Schema, TensorSpec

    signature = infer_signature(taken, given)
    if served.form == "table":
        return ModelSignature(Schema([ColSpec(DataType.double, name) for name in served.features]), signature.outputs)
    if served.form == "words" and isinstance(taken, np.ndarray):
        return ModelSignature(Schema([TensorSpec(taken.dtype, (-1, -1))]), signature.outputs)
    return signature


def _pinned(package: str) -> str:
    """A requirement of the version that is installed; XGBoost comes from one of two packages."""
    try:
        return f"{package}=={version(package)}"
    except PackageNotFoundError:
        return f"{package}-cpu=={version(f'{package}-cpu')}"


@contextmanager
def files_of(name: str, number: int) -> Iterator[Path]:
    """The folder of a registered model's version, for as long as this context lasts.

    Raises:
        BakeoffError: when its files are gone.
    """
    from mlflow.artifacts import download_artifacts
    from mlflow.exceptions import MlflowException

    with tempfile.TemporaryDirectory() as scratch:
        try:
            place = connect().get_model_version_download_uri(name, str(number))
            folder = download_artifacts(artifact_uri=place, dst_path=scratch, tracking_uri=tracking_uri())
        except (MlflowException, OSError) as error:
            said = str(error).partition("\n")[0]
            raise BakeoffError(f"the files of {name}, version {number}, cannot be had: {said}") from error
        yield Path(folder)


def read_served(folder: Path, name: str) -> Served:
    """What travels with a model.

    Raises:
        BakeoffError: when it was logged by a bakeoff that does not fit this one.
    """
    try:
        return Served.model_validate_json((folder / SERVED).read_text(encoding="utf8"))
    except (FileNotFoundError, ValidationError) as error:
        raise BakeoffError(
            f"this version of {name} was logged by another version of bakeoff, which this one cannot use;"
            f" `bakeoff run {name} --fresh` registers a new one, `bakeoff promote {name} --version N` makes it champion"
        ) from error


def load(folder: Path, served: Served) -> Any:
    """The model, as its library's object; nothing is unpickled.

    Its library reads it, as in a run, and not MLflow, whose loader believes what the folder says of itself: that it is
    a pickle, for example, or which types skops may trust.

    Raises:
        BakeoffError: when its library is not installed.
    """
    try:
        return served.contender.load(folder / served.contender.flavor(served.task).file)
    except ModuleNotFoundError as error:
        raise BakeoffError(f"{error.name} is not installed; `pip install -e '.[boosting]'` brings it") from error
