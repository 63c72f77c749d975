"""What MLflow serves of every contender, loaded from its store without a pickle."""

import pickle
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import get_args

import mlflow
import numpy as np
import pytest

from tasks.data.examples import Form
from tasks.data.splitting import KFoldSpec
from tasks.data.vectorization import Arrays, word_rows
from tasks.metrics import Task
from tasks.models.contenders import Baseline, Contender
from tasks.models.networks import ConvSpec, DenseSpec
from tasks.refitting import refit
from tasks.specs import BakeoffError
from tasks.tracking import connection, models, runs
from tests.builders import evaluation_of, made_arrays, picture_arrays, text_arrays

NET = DenseSpec(units=(4,), epochs=2, n_members=2)
CONV = ConvSpec(filters=(3,), units=(), epochs=2)
CONTENDERS: list[Contender] = [NET, CONV, *(spec() for spec in get_args(Baseline))]
DATA: dict[str, Callable[[], Arrays]] = {
    **{task: partial(made_arrays, task) for task in get_args(Task)},
    "words": text_arrays,
    "pixels": picture_arrays,
}


def suiting() -> list[tuple[Contender, str]]:
    """Every contender with every kind of data that it does not refuse."""
    pairs: list[tuple[Contender, str]] = []
    for contender in CONTENDERS:
        for name in DATA:
            task, form = ("binary", name) if name in get_args(Form) else (name, "table")
            try:
                contender.check(task, form, (6, 5), "mae" if task == "regression" else "accuracy")
            except BakeoffError:
                continue
            pairs.append((contender, name))
    return pairs


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose MLflow is made once for all."""
    return tmp_path_factory.mktemp("served")


@pytest.mark.parametrize(("contender", "data"), suiting(), ids=lambda value: getattr(value, "kind", value))
def test_a_served_model_gives_what_its_signature_says_and_was_not_unpickled(
    contender: Contender, data: str, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(store)
    arrays = DATA[data]()
    X = arrays.test()[0]
    taken = word_rows(X) if data == "words" and isinstance(contender, DenseSpec) else X
    model = served(contender, arrays, monkeypatch)
    given = np.asarray(model.predict(taken))
    (signature,) = model.metadata.signature.outputs.inputs
    assert given.dtype == signature.type
    assert given.shape == (X.shape[0], *signature.shape[1:])


def served(contender: Contender, arrays: Arrays, monkeypatch: pytest.MonkeyPatch) -> mlflow.pyfunc.PyFuncModel:
    """The contender, fitted, logged, and loaded where nothing can be unpickled."""
    client = connection.connect()
    parent = runs.open_run("served", "", "fingerprint", "flow", {})
    fitted = refit(evaluation_of("me", [1, 1], contender, best_epochs=(2, 2)), arrays, KFoldSpec())
    models.log_model(client, parent.run_id, parent.experiment_id, fitted, arrays)
    (output,) = client.get_run(parent.run_id).outputs.model_outputs
    for name in ("load", "loads", "Unpickler"):
        monkeypatch.setattr(pickle, name, lambda *_, **__: pytest.fail("something was unpickled"))
    return mlflow.pyfunc.load_model(client.get_logged_model(output.model_id).artifact_location)
