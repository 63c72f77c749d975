"""`bakeoff work`, in a process of its own, on a real Prefect server."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas import FlowRun
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.settings import PREFECT_API_URL, temporary_settings

from flows.runtime.ephemeral_server import EphemeralServer
from flows.scheduling import deployments
from tests.builders import shadow_our_packages
from tests.patience import patient

pytestmark = pytest.mark.servers

TINY = """
description: A quick one.
dataset: {kind: wine}
validation: {n_splits: 3, n_repeats: 1}
metric: accuracy
equivalent_within: 0.02
contenders:
  trees: {kind: gradient_boosting, params: {n_estimators: 5}}
  floor: {kind: dummy}
"""
LONG = ["contenders={net: {kind: dense, epochs: 300000}}"]
PATIENCE = patient(240)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("work")
    (folder / "conf").mkdir()
    (folder / "conf" / "tiny.yaml").write_text(TINY)
    shadow_our_packages(folder)
    return folder


@pytest.fixture(scope="module")
def client(folder: Path) -> Iterator[SyncPrefectClient]:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        with EphemeralServer() as own:
            own.wait_until_ready()
            with temporary_settings({PREFECT_API_URL: own.api_url}), get_client(sync_client=True) as client:
                deployments.register(["tiny"])
                yield client


@pytest.fixture(autouse=True)
def _where_the_work_is_done(folder: Path, monkeypatch: pytest.MonkeyPatch, _working_directory: None) -> None:
    monkeypatch.chdir(folder)


@contextmanager
def worker() -> Iterator[subprocess.Popen[str]]:
    """The command; it polls as often as it can be made to."""
    with subprocess.Popen(
        [sys.executable, "-P", "-m", "flows.cli.main", "work"],
        env=os.environ | {"PREFECT_API_URL": str(PREFECT_API_URL.value()), "PREFECT_WORKER_QUERY_SECONDS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            kill(process)


def until(holds: Callable[[], object]) -> None:
    """Returns when something holds, which it must do before long."""
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline, Path("mlruns/work.log").read_text()[-3000:]
        time.sleep(0.2)


def pressed(client: SyncPrefectClient, **parameters: Any) -> FlowRun:
    """A run that someone has started in Prefect's page."""
    found = client.read_deployment_by_name("bakeoff/tiny")
    return client.create_flow_run_from_deployment(found.id, parameters=parameters)


def state(client: SyncPrefectClient, run: FlowRun) -> str | None:
    return client.read_flow_run(run.id).state_name


def at_work_on(client: SyncPrefectClient, run: FlowRun) -> bool:
    """Whether its net is being trained."""
    tasks = client.read_task_runs(flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[run.id])))
    return any(task.name.startswith("net, ") and task.state_name == "Running" for task in tasks)


def kill(process: subprocess.Popen[str]) -> None:
    """Kills the command and what it has started, if it is still there."""
    with suppress(psutil.NoSuchProcess):
        command = psutil.Process(process.pid)
        for each in [*command.children(recursive=True), command]:
            each.kill()


def ended(process: subprocess.Popen[str], how: signal.Signals) -> list[str]:
    """Asks the command to end, and gives all that it had said."""
    children = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(how)
    said, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, said
    assert not any(child.is_running() for child in children)
    return said.splitlines()


def statuses_in_mlflow() -> dict[str, str]:
    with sqlite3.connect("mlruns/mlflow.db") as database:
        return dict(database.execute("select name, status from runs order by start_time"))


def test_a_run_that_someone_starts_is_executed_and_found_again(client: SyncPrefectClient) -> None:
    with worker() as process:
        until(deployments.worker_is_online)
        first, again = pressed(client, n_repeats=2), pressed(client, n_repeats=2)
        wrong = pressed(client, settings=["metric=mae"])
        until(lambda: all(state(client, run) in ("Completed", "Failed") for run in (first, again, wrong)))
        offer, ctrl_c, *lines, last = ended(process, signal.SIGTERM)
    assert client.read_flow_run(first.id).name == "tiny"
    assert statuses_in_mlflow() == {"tiny": "FINISHED", "trees": "FINISHED", "floor": "FINISHED"}
    assert [*Path("mlruns/cache/results").glob("evaluate-*")]
    assert offer.startswith("At work for tiny, book, claim: http://127.0.0.1:")
    assert "mlruns/work.log" in ctrl_c
    assert [line.split("  ")[1].partition(" (")[0].partition(":")[0] for line in lines] == [
        *["tiny starts", "tiny completed"] * 2,
        *["tiny starts", "tiny failed"],
    ]
    assert "metric mae does not fit a classification" in lines[-1]
    assert last == "Ended; schedules stay in force."
    assert not deployments.worker_is_online()


def test_it_can_be_told_to_end_as_soon_as_it_says_that_it_is_at_work(client: SyncPrefectClient) -> None:
    with worker() as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("At work for tiny")
        assert ended(process, signal.SIGTERM)[-1] == "Ended; schedules stay in force."


def test_a_run_under_way_is_ended_with_its_worker_and_prefect_knows_it(client: SyncPrefectClient) -> None:
    with worker() as process:
        run = pressed(client, settings=LONG)
        until(lambda: at_work_on(client, run))
        said = ended(process, signal.SIGINT)
    assert "tiny crashed (Execution was aborted by a termination signal.)" in said[-2]
    assert state(client, run) == "Crashed"


def test_a_run_whose_processes_were_killed_is_ended_by_the_next_worker(client: SyncPrefectClient) -> None:
    with worker() as process:
        run = pressed(client, settings=LONG)
        until(lambda: at_work_on(client, run))
        kill(process)
    assert state(client, run) == "Running"
    with worker() as process:
        until(lambda: state(client, run) == "Crashed")
        ended(process, signal.SIGTERM)
