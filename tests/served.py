"""Contenders that are fitted, logged in MLflow and registered as champions."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from tasks.data.builtin.builtin_spec import KerasFile
from tasks.data.builtin.word_lists import ImdbSpec
from tasks.data.datasets import AnyDataset, ingest
from tasks.data.examples import Column, StoredData
from tasks.data.folds.splitting import KFoldSpec
from tasks.data.vectorization import DesignMatrix, vectorize
from tasks.evaluation.cross_validation import Refit, refit
from tasks.models.contenders import Contender
from tasks.tracking import connection, models, runs
from tests.builders import NO_FILE, evaluation_of

LONG_TABLE = (
    Column(name="id", kind="category"),
    Column(name="day", kind="number"),
    *(Column(name=name, kind="number") for name in "ab"),
)


def examples_of(arrays: DesignMatrix, name: str = "made") -> StoredData:
    """The examples that such arrays could have come from."""
    return StoredData(
        name=name,
        task=arrays.task,
        form=arrays.form,
        shape=arrays.shape,
        levels=arrays.levels,
        unit="points" if arrays.task == "regression" else "",
        features=tuple("abc") if arrays.form == "table" else (),
        classes=arrays.classes,
        columns=LONG_TABLE if arrays.form == "series" else (),
        brightest=16 if arrays.form == "pixels" else 0,
        digest="d",
        training_rows=len(arrays.y("train")),
        test_rows=len(arrays.y("test")),
        file=NO_FILE,
    )


def cached_words(patch: pytest.MonkeyPatch, folder: Path, words: Sequence[str]) -> None:
    """Has the data set imdb count these words, the most frequent first; its word index is in a cache in the folder."""
    index = json.dumps({word: place for place, word in reversed(list(enumerate(words, start=1)))}).encode()
    file = KerasFile(name="words.json", digest=hashlib.sha256(index).hexdigest(), size=len(index), dataset="none")
    patch.setattr(ImdbSpec, "files", (ImdbSpec.files[0], file))
    patch.setenv("KERAS_HOME", str(folder))
    file.path.parent.mkdir(parents=True)
    file.path.write_bytes(index)


def log(contender: Contender, examples: StoredData, arrays: DesignMatrix) -> tuple[Refit, str]:
    """A contender fitted to all training rows and logged, and the id of its model."""
    parent = runs.open_run("served", "", "fingerprint", "flow", {})
    fitted = refit(evaluation_of("me", [1, 1], contender, best_epochs=(2, 2)), arrays, KFoldSpec())
    logged = models.log_model(connection.connect(), parent.run_id, parent.experiment_id, fitted, examples, arrays)
    return fitted, logged


def register(name: str, model_id: str, champion: bool = True) -> int:
    """Registers a logged model as a version of the model of that name, and gives its number."""
    client = connection.connect()
    if not client.search_registered_models(f"name = '{name}'"):
        client.create_registered_model(name)
    logged = client.get_logged_model(model_id)
    version = client.create_model_version(
        name, logged.artifact_location, run_id=logged.source_run_id, model_id=model_id
    ).version
    if champion:
        client.set_registered_model_alias(name, "champion", str(version))
    return int(version)


def champion_of(name: str, dataset: AnyDataset, contender: Contender) -> tuple[Refit, DesignMatrix]:
    """A contender fitted to a data set, as champion of the experiment of that name."""
    examples = ingest(dataset)
    arrays = vectorize(examples)
    fitted, model_id = log(contender, examples, arrays)
    register(name, model_id)
    return fitted, arrays
