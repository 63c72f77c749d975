"""MLflow's own server, `bakeoff predict` and the contender in this process: the same predictions of the same rows."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from typer.testing import CliRunner

from flows.cli.main import app
from tasks.data.builtin.numbers import BostonSpec, WineSpec
from tasks.evaluation.cross_validation import predict
from tasks.models.baselines.boosting import XGBoostSpec
from tasks.models.baselines.classic import LogisticRegressionSpec
from tasks.models.contenders import Contender
from tasks.models.nets.networks import DenseSpec
from tasks.tracking import connection
from tests.patience import patient
from tests.served import champion_of

pytestmark = pytest.mark.servers

ROWS = 100
SERVER_SECONDS = patient(120)
CHAMPIONS: list[tuple[BostonSpec | WineSpec, Contender]] = [
    (BostonSpec(), DenseSpec(epochs=2)),
    (BostonSpec(), XGBoostSpec(params={"n_estimators": 20})),
    (WineSpec(), LogisticRegressionSpec()),
]


@contextmanager
def served(model: str, log: Path) -> Iterator[str]:
    """The address of MLflow's server of a model; it has ended, with all that it started, when this context ends."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    scripts = Path(sys.executable).parent
    command = [scripts / "mlflow", "models", "serve", "-m", model, "--env-manager", "local", "--host", "127.0.0.1"]
    path = {"PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}"}  # where it looks for uvicorn
    with log.open("wb") as file:
        server = subprocess.Popen(
            [*command, "--port", str(port)],
            env=os.environ | path | {"MLFLOW_TRACKING_URI": connection.tracking_uri()},
            stdout=file,
            stderr=file,
            start_new_session=True,
        )
    try:
        wait_until_it_answers(f"http://127.0.0.1:{port}/ping", server, log)
        yield f"http://127.0.0.1:{port}/invocations"
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()


def wait_until_it_answers(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + SERVER_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5):  # noqa: S310  # our own loopback address
                return
        except OSError:
            time.sleep(0.1)
    pytest.fail(f"the server did not answer: {log.read_text()}")


def ask(url: str, request: dict[str, object]) -> Any:
    body, headers = json.dumps(request).encode(), {"Content-Type": "application/json"}
    sent = urllib.request.Request(url, body, headers)  # noqa: S310
    with urllib.request.urlopen(sent) as answer:  # noqa: S310
        return json.load(answer)["predictions"]


def by_server(url: str, rows: pd.DataFrame) -> NDArray[np.float64]:
    """What the server says of rows whose columns come in another order; a net answers with records."""
    answers = ask(url, {"dataframe_split": rows[rows.columns[::-1]].to_dict(orient="split", index=False)})
    return np.array([list(each.values()) if isinstance(each, dict) else each for each in answers]).squeeze()


def by_command(name: str, rows: pd.DataFrame, columns: list[str]) -> NDArray[np.float64]:
    rows.to_csv("rows.csv", index=False)
    done = CliRunner().invoke(app, ["predict", name, "rows.csv", "-o", "predicted.csv", "--debug"])
    assert done.exit_code == 0, done.output
    return pd.read_csv("predicted.csv")[columns].to_numpy().squeeze()


@pytest.mark.parametrize(("dataset", "contender"), CHAMPIONS, ids=lambda value: value.kind)
def test_server_command_and_process_predict_the_same_of_raw_rows(
    dataset: BostonSpec | WineSpec, contender: Contender
) -> None:
    """To the last bit for numbers; probabilities, which this project makes sum to 1 exactly, to their rounding.

    A net computes in single precision, in the server 32 rows at a time and here 1,024: that may cost its last bit.
    """
    fitted, arrays = champion_of(dataset.kind, dataset, contender)
    raw = dataset.read()
    rows = raw.X[~raw.held_out].head(ROWS)
    expected = predict(fitted, arrays.training()[0][:ROWS], arrays)
    assert len(rows) == len(expected) == ROWS
    columns = [f"p_{label}" for label in arrays.classes] or ["prediction"]
    tolerance = {"network": 1e-6, "classic": 1e-12, "boosting": 0}[contender.family]
    np.testing.assert_allclose(by_command(dataset.kind, rows, columns), expected, rtol=min(tolerance, 1e-12))
    with served(f"models:/{dataset.kind}@champion", Path("server.log")) as url:
        np.testing.assert_allclose(by_server(url, rows), expected, rtol=tolerance)
        missing = rows.columns[3]
        with pytest.raises(urllib.error.HTTPError) as refused:
            ask(url, {"dataframe_records": rows.drop(columns=missing).to_dict(orient="records")})
        assert (refused.value.code, missing in refused.value.read().decode()) == (400, True)
    assert "Warning" not in Path("server.log").read_text()
