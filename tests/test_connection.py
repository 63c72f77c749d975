"""Where MLflow is."""

import sqlite3
from pathlib import Path

import pytest

from tasks.specs import BakeoffError
from tasks.tracking import connection, runs


def test_runs_go_to_the_address_that_is_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/elsewhere.db")
    runs.open_run("elsewhere", "", "fingerprint", "flow", {})
    with sqlite3.connect(tmp_path / "elsewhere.db") as database:
        assert database.execute("select name from runs").fetchall() == [("elsewhere",)]


def test_an_mlflow_that_does_not_answer_is_an_error_that_names_the_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(BakeoffError, match="MLflow does not answer at the address in MLFLOW_TRACKING_URI"):
        connection.check_connection()
