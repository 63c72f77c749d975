"""A team's servers: on PostgreSQL, with artifacts at a root elsewhere, for people who run in folders of their own."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml
from postgres import Postgres, free_port

from flows.runtime import servers
from tests.patience import patient

pytestmark = pytest.mark.postgres

SMALL = {
    "description": "A few trees on the Boston data.",
    "dataset": {"kind": "boston"},
    "validation": {"n_splits": 2, "n_repeats": 1},
    "metric": "mae",
    "equivalent_within": 0.1,
    "contenders": {
        "trees": {"kind": "gradient_boosting", "params": {"n_estimators": 10}},
        "ridge": {"kind": "ridge"},
        "floor": {"kind": "dummy"},
    },
}


@dataclass(frozen=True)
class Team:
    """What two colleagues got for the same experiment, one after the other, and what is there once servers are down."""

    artifacts: Path
    folders: list[Path]
    first: dict[str, Any]
    again: dict[str, Any]
    still_there: list[psutil.Process]


@pytest.fixture(scope="module")
def team(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Team:
    server, first, second, artifacts = (
        tmp_path_factory.mktemp(name) for name in ("server", "first", "second", "artifacts")
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(server)
        with up(postgres, artifacts) as (addresses, processes):
            reports = [run(folder, addresses) for folder in (first, second)]
    _, still_there = psutil.wait_procs(processes, timeout=patient(30))  # the system may still be clearing them away
    return Team(artifacts, [server, first, second], *reports, still_there)


@contextmanager
def up(postgres: Postgres, artifacts: Path) -> Iterator[tuple[dict[str, str], list[psutil.Process]]]:
    """Both servers; gives their addresses, under the names that clients look for, and all their processes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PREFECT_SERVER_DATABASE_CONNECTION_URL", postgres.prefect_url)
        patch.setenv("MLFLOW_BACKEND_STORE_URI", postgres.mlflow_url)
        patch.setenv("MLFLOW_ARTIFACTS_DESTINATION", str(artifacts))
        started = servers.start(prefect_port=free_port(), mlflow_port=free_port())
    try:
        parents = [psutil.Process(server.pid) for server in started.values()]
        children = [child for parent in parents for child in parent.children(recursive=True)]
        prefect, mlflow = started["prefect"].address, started["mlflow"].address
        yield {"PREFECT_API_URL": f"{prefect}/api", "MLFLOW_TRACKING_URI": mlflow}, [*parents, *children]
    finally:
        servers.stop()


def run(folder: Path, addresses: dict[str, str]) -> dict[str, Any]:
    """The report that a colleague gets, who knows no more of the servers than their addresses."""
    (folder / "small.yaml").write_text(yaml.safe_dump(SMALL))
    done = subprocess.run(
        [sys.executable, "-m", "flows.cli.main", "run", "small.yaml", "--json"],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env=os.environ | addresses,
        timeout=patient(300),
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_report_comes_with_every_contender(team: Team) -> None:
    assert {entry["name"] for entry in team.first["contenders"]} == {"trees", "ridge", "floor"}


def test_postgresql_holds_the_runs_of_both_servers(team: Team, postgres: Postgres) -> None:
    runs = postgres.rows("mlflow", "select name, status from runs order by name")
    assert runs == [(name, "FINISHED") for name in ("floor", "ridge", "small", "trees")]
    flow_runs = postgres.rows("prefect", "select id::text, state_name from flow_run")
    assert flow_runs == [(team.first["prefect_flow_run_id"], "Completed")]


def test_artifacts_lie_in_the_root_elsewhere(team: Team) -> None:
    assert len([*team.artifacts.glob(f"*/{team.first['mlflow_run_id']}/artifacts/report.json")]) == 1
    assert len([*team.artifacts.glob("*/models/*/artifacts/model.skops")]) == 3


def test_no_database_and_no_artifact_is_made_where_people_work(team: Team) -> None:
    assert [file for folder in team.folders for file in folder.rglob("*.db")] == []
    assert not any((folder / "mlruns" / "artifacts").exists() for folder in team.folders)


def test_a_colleague_who_runs_the_same_gets_the_kept_report(team: Team, postgres: Postgres) -> None:
    assert team.again == team.first
    assert len(postgres.rows("prefect", "select id from flow_run")) == 1


def test_down_leaves_no_process(team: Team) -> None:
    assert team.still_there == []
