"""MLflow's database under mlruns/, and what MLflow's server is told about where to keep things."""

import os
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import mlflow
import pytest

from tasks import blank_databases
from tasks.blank_databases import copy_blank
from tasks.tracking import connection
from tasks.tracking.connection import DATABASE, database_uri, make_database, server_environment

STORES = ("MLFLOW_BACKEND_STORE_URI", "MLFLOW_ARTIFACTS_DESTINATION", "MLFLOW_DEFAULT_ARTIFACT_ROOT")


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """An environment that names no stores, and that a test may change."""
    environment = {name: value for name, value in os.environ.items() if name not in (*STORES, "MLFLOW_SERVE_ARTIFACTS")}
    monkeypatch.setattr(os, "environ", environment)
    return environment


def tables() -> set[str]:
    with sqlite3.connect(DATABASE) as connected:
        return {name for (name,) in connected.execute("select name from sqlite_master where type = 'table'")}


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where blank databases are kept, and none is yet."""
    folder = Path("kept")
    monkeypatch.setattr(blank_databases, "FOLDER", folder)
    return folder


def test_a_database_that_was_cut_off_half_made_is_made_anew(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def cut_off(path: Path) -> None:
        path.write_text("half made")
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(connection, "make_tables", cut_off)
        with pytest.raises(KeyboardInterrupt):
            make_database()
    assert not DATABASE.exists()
    assert [*kept.iterdir()] == []
    make_database()
    assert {"experiments", "runs", "registered_models"} <= tables()


def test_several_at_once_make_one_database(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Path] = []
    monkeypatch.setattr(connection, "make_tables", made.append)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: make_database(), range(4)))
    assert len(made) == 1
    assert DATABASE.is_file()


def test_tables_are_made_once_and_copied_into_each_folder_for_as_long_as_libraries_stay(
    kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Path] = []

    def make(path: Path) -> None:
        made.append(path)
        with closing(sqlite3.connect(path)) as connected, connected:
            connected.execute("pragma journal_mode = wal")
            connected.execute("create table things (number)")

    for target in ("one.db", "other.db"):
        copy_blank("things", make, Path(target))
        with closing(sqlite3.connect(target)) as connected:
            assert connected.execute("select * from things").fetchall() == []
    assert len(made) == 1
    monkeypatch.setattr(blank_databases, "version", lambda library: "another")
    copy_blank("things", make, Path("newer.db"))
    assert len(made) == 2


def test_where_the_libraries_folder_is_not_the_users_tables_are_made_on_the_spot(
    kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    copy_blank("things", Path.touch, Path("one.db"))
    assert Path("one.db").is_file()
    assert not kept.exists()


def test_the_default_experiment_of_a_copied_database_lies_in_its_own_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    folders = [Path(name).resolve() for name in ("one", "other")]
    for folder in folders:
        folder.mkdir()
        monkeypatch.chdir(folder)
        make_database()
        location = mlflow.MlflowClient(database_uri()).get_experiment("0").artifact_location
        assert Path(location).is_relative_to(folder)


def test_the_server_has_the_database_and_the_plain_files_that_runs_use_without_it(environment: dict[str, str]) -> None:
    told = server_environment()
    assert told["MLFLOW_BACKEND_STORE_URI"] == f"sqlite:///{DATABASE.resolve()}"
    assert told["MLFLOW_DEFAULT_ARTIFACT_ROOT"] == Path("mlruns/artifacts").resolve().as_uri()
    assert told["MLFLOW_SERVE_ARTIFACTS"] == "false"
    assert DATABASE.is_file()


def test_stores_that_the_environment_names_are_left_and_artifacts_then_go_through_the_server(
    environment: dict[str, str],
) -> None:
    environment |= {"MLFLOW_BACKEND_STORE_URI": "postgresql://db/x", "MLFLOW_ARTIFACTS_DESTINATION": "s3://bucket"}
    assert not {*server_environment()} & {*STORES, "MLFLOW_SERVE_ARTIFACTS"}
    assert not DATABASE.exists()
