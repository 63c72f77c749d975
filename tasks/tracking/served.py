"""A registered model, loaded to predict by."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from tasks.prediction import Served
from tasks.specs import BakeoffError
from tasks.tracking import registry
from tasks.tracking.connection import connect, tracking_uri
from tasks.tracking.models import SERVED


def choose_version(name: str, number: int | None) -> registry.Version:
    """The version of a registered model to predict by: that of this number, or else the champion.

    Raises:
        BakeoffError: when there is none, with those that there are.
    """
    versions = registry.find_versions(name)
    there = ", ".join(str(each) for each in sorted(versions)) or "none"
    if number is not None and number not in versions:
        raise BakeoffError(f"{name} has no version {number}; there are {there}")
    if number is not None:
        return versions[number]
    champion = registry.find_champion(name)
    if champion is None:
        raise BakeoffError(f"{name} has no champion yet; `bakeoff run {name}` finds one (versions: {there})")
    return champion


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
