"""MLflow's database under mlruns/, and what MLflow's server is told about where to keep things."""

import os
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import mlflow
import pytest

from tasks.tracking.database import DATABASE, make_database
from tasks.tracking.server import set_stores

STORES = ("MLFLOW_BACKEND_STORE_URI", "MLFLOW_ARTIFACTS_DESTINATION", "MLFLOW_DEFAULT_ARTIFACT_ROOT")


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """An environment that names no stores, and that a test may change."""
    environment = {name: value for name, value in os.environ.items() if name not in (*STORES, "MLFLOW_SERVE_ARTIFACTS")}
    monkeypatch.setattr(os, "environ", environment)
    return environment


def tables() -> set[str]:
    with sqlite3.connect(DATABASE) as database:
        return {name for (name,) in database.execute("select name from sqlite_master where type = 'table'")}


def test_a_database_that_was_cut_off_half_made_is_made_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    class CutOff:
        def __init__(self, uri: str) -> None:
            Path(uri.removeprefix("sqlite:///")).write_text("half made")

        def search_experiments(self, max_results: int) -> None:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(mlflow, "MlflowClient", CutOff)
        with pytest.raises(KeyboardInterrupt):
            make_database()
    assert not DATABASE.exists()
    make_database()
    assert {"experiments", "runs", "registered_models"} <= tables()


def test_several_at_once_make_one_database(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []

    class Counted:
        def __init__(self, uri: str) -> None:
            made.append(uri)
            Path(uri.removeprefix("sqlite:///")).touch()

        def search_experiments(self, max_results: int) -> None:
            pass

    monkeypatch.setattr(mlflow, "MlflowClient", Counted)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: make_database(), range(4)))
    assert len(made) == 1
    assert DATABASE.is_file()


def test_the_server_has_the_database_and_the_plain_files_that_runs_use_without_it(environment: dict[str, str]) -> None:
    set_stores()
    assert environment["MLFLOW_BACKEND_STORE_URI"] == f"sqlite:///{DATABASE.resolve()}"
    assert environment["MLFLOW_DEFAULT_ARTIFACT_ROOT"] == Path("mlruns/artifacts").resolve().as_uri()
    assert environment["MLFLOW_SERVE_ARTIFACTS"] == "false"
    assert DATABASE.is_file()


def test_stores_that_the_environment_names_are_left_and_artifacts_then_go_through_the_server(
    environment: dict[str, str],
) -> None:
    named = {"MLFLOW_BACKEND_STORE_URI": "postgresql://db/x", "MLFLOW_ARTIFACTS_DESTINATION": "s3://bucket"}
    environment |= named
    before = dict(environment)
    set_stores()
    assert environment == before
    assert not DATABASE.exists()
