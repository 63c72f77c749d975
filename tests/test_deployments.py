"""Deployments and their schedules on a real Prefect server, which plans runs only when it is told to."""

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas import FlowRun
from prefect.client.schemas.actions import WorkPoolUpdate
from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterName
from prefect.client.schemas.responses import DeploymentResponse
from prefect.exceptions import PrefectHTTPStatusError
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.states import Late, Pending
from typer.testing import CliRunner

from flows.cli.operate import app
from flows.runtime.ephemeral_server import EphemeralServer
from flows.scheduling import deployments
from flows.scheduling.deployments import timetable
from tasks.data.datasets import DATASETS
from tasks.specs import BakeoffError

pytestmark = pytest.mark.servers

TINY = """
description: A quick one.
dataset: {kind: wine}
metric: accuracy
equivalent_within: 0.02
contenders: {floor: {kind: dummy}}
"""
VOLATILE = {"id", "created", "updated", "version", "version_id", "version_info", "status", "last_polled"}


def published_experiments(repository: Path) -> list[Path]:
    """Those on data that everybody has; a user's own, which `bakeoff init` writes beside them, are no part of it."""
    paths = sorted((repository / "conf").glob("*.yaml"))
    return [path for path in paths if yaml.safe_load(path.read_text())["dataset"]["kind"] in DATASETS]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, repository: Path) -> Path:
    """A user's folder, with the repository's experiments."""
    folder = tmp_path_factory.mktemp("deployments")
    (folder / "conf").mkdir()
    for path in published_experiments(repository):
        (folder / "conf" / path.name).symlink_to(path)
    (folder / "prefect.yaml").symlink_to(repository / "prefect.yaml")
    return folder


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[EphemeralServer]:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        with EphemeralServer() as own:
            own.wait_until_ready()
            yield own


@pytest.fixture
def client(
    folder: Path, server: EphemeralServer, monkeypatch: pytest.MonkeyPatch, _working_directory: None
) -> Iterator[SyncPrefectClient]:
    monkeypatch.chdir(folder)
    (folder / "conf" / "tiny.yaml").write_text(TINY)
    with temporary_settings({PREFECT_API_URL: server.api_url}), get_client(sync_client=True) as client:
        yield client
    (folder / "conf" / "tiny.yaml").unlink()


@pytest.fixture
def tiny(client: SyncPrefectClient) -> Iterator[DeploymentResponse]:
    """The deployment of a small experiment, without a schedule."""
    deployments.register(["tiny"])
    yield client.read_deployment_by_name("bakeoff/tiny")
    client.delete_deployment(client.read_deployment_by_name("bakeoff/tiny").id)


def every(interval: str) -> Any:
    return timetable(None, interval, "UTC")


def runs(client: SyncPrefectClient, name: str = "tiny") -> list[FlowRun]:
    return client.read_flow_runs(deployment_filter=DeploymentFilter(name=DeploymentFilterName(any_=[name])))


def all_that_prefect_knows(client: SyncPrefectClient) -> dict[str, dict[str, Any]]:
    return {each.name: each.model_dump(mode="json", exclude=VOLATILE) for each in client.read_deployments()}


def test_a_server_that_was_told_nothing_yet_has_no_schedule_and_no_worker(client: SyncPrefectClient) -> None:
    assert deployments.listed() == ()
    assert not deployments.worker_is_online()


def test_prefect_deploy_all_makes_the_deployments_that_are_registered_at_work(
    client: SyncPrefectClient, server: EphemeralServer, folder: Path
) -> None:
    deployments.register([])  # the pool alone, as `prefect work-pool create` does
    subprocess.run(
        [sys.executable, "-m", "prefect", "deploy", "--all"],
        env=os.environ | {"PREFECT_API_URL": server.api_url, "PREFECT_HOME": "home", "DO_NOT_TRACK": "true"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=True,
    )
    deployed = all_that_prefect_knows(client)
    names = [path.stem for path in (folder / "conf").glob("*.yaml") if path.stem != "tiny"]
    assert {*deployed} == {*names, "book", "claim"}
    deployments.register([*deployed])
    assert all_that_prefect_knows(client) == deployed


def test_prefect_yaml_says_what_the_experiments_say(client: SyncPrefectClient) -> None:
    written = yaml.safe_load(Path("prefect.yaml").read_text())["deployments"]
    names, faults = deployments.deployable()
    assert faults == {}
    assert [each["name"] for each in written] == [name for name in names if name != "tiny"]
    for each in written:
        wanted = deployments.deployment(each["name"])
        said = [each.get(field, {}) for field in ("parameters", "tags", "description", "entrypoint")]
        assert said == [wanted.parameters, wanted.tags, wanted.description, wanted.entrypoint]


def test_one_run_at_a_time_is_executed_unless_the_user_has_said_otherwise(client: SyncPrefectClient) -> None:
    deployments.register([])
    pool = client.read_work_pool(deployments.POOL)
    assert (pool.type, pool.concurrency_limit) == ("process", 1)
    client.update_work_pool(deployments.POOL, WorkPoolUpdate(concurrency_limit=2))
    deployments.register([])
    assert client.read_work_pool(deployments.POOL).concurrency_limit == 2


def test_a_deployment_runs_here_the_experiment_that_it_is_named_after(tiny: DeploymentResponse, folder: Path) -> None:
    assert tiny.parameters == {"experiment": "tiny"}
    assert tiny.tags == ["bakeoff", "multiclass", "table"]
    assert tiny.description == "A quick one. From a terminal: `bakeoff run tiny`"
    (step,) = tiny.pull_steps or []
    assert step == {"prefect.deployments.steps.set_working_directory": {"directory": str(folder)}}


def test_prefect_refuses_what_the_schema_refuses_in_its_words(
    client: SyncPrefectClient, tiny: DeploymentResponse
) -> None:
    with pytest.raises(PrefectHTTPStatusError, match="Failure reason: 0 is less than the minimum of 1"):
        client.create_flow_run_from_deployment(tiny.id, parameters={"n_repeats": 0})
    for parameters in ({}, {"n_repeats": None}, {"n_repeats": 2}):
        run = client.create_flow_run_from_deployment(tiny.id, parameters=parameters)
        assert run.parameters == {"experiment": "tiny"} | parameters


def test_registering_again_keeps_schedules_and_planned_runs_and_takes_up_what_has_changed(
    client: SyncPrefectClient, tiny: DeploymentResponse
) -> None:
    deployments.schedule("tiny", every("1h"))
    scheduled, planned = deployments.listed(), {run.expected_start_time for run in runs(client)}
    Path("conf/tiny.yaml").write_text(TINY.replace("A quick one.", "Quicker."))
    deployments.register(["tiny"])
    assert deployments.listed() == scheduled
    assert {run.expected_start_time for run in runs(client)} == planned != set()
    assert str(client.read_deployment(tiny.id).description).startswith("Quicker.")


def test_registering_again_leaves_a_deployment_paused(client: SyncPrefectClient, tiny: DeploymentResponse) -> None:
    deployments.schedule("tiny", every("1h"))
    client.pause_deployment(tiny.id)
    deployments.register(["tiny"])
    assert client.read_deployment(tiny.id).paused
    assert runs(client) == []


def test_a_schedule_is_listed_in_words_with_its_next_run(tiny: DeploymentResponse) -> None:
    assert deployments.listed() == ()
    before = datetime.now(UTC)
    deployments.schedule("tiny", every("1m"))
    (found,) = deployments.listed()
    assert (found.name, found.schedule) == ("tiny", "every 1m")
    assert found.next_run is not None
    assert before < found.next_run <= datetime.now(UTC) + timedelta(minutes=1)


def test_a_new_schedule_replaces_the_one_before_and_its_runs(
    client: SyncPrefectClient, tiny: DeploymentResponse
) -> None:
    deployments.schedule("tiny", every("1m"))
    deployments.schedule("tiny", timetable("0 6 * * 1", None, "Europe/Berlin"))
    assert [each.schedule for each in deployments.listed()] == ['cron "0 6 * * 1", Europe/Berlin']
    assert {run.expected_start_time.weekday() for run in runs(client) if run.expected_start_time} == {0}


def test_unscheduling_takes_all_runs_away_that_have_not_started_but_those_that_a_person_wanted(
    client: SyncPrefectClient, tiny: DeploymentResponse
) -> None:
    wanted = client.create_flow_run_from_deployment(tiny.id)
    deployments.schedule("tiny", every("1m"))
    overdue, taken_up, *_ = (run for run in runs(client) if run.auto_scheduled)
    client.set_flow_run_state(overdue.id, Late(scheduled_time=datetime.now(UTC) - timedelta(days=1)), force=True)
    client.set_flow_run_state(taken_up.id, Pending(), force=True)  # as a worker does, seconds before it starts
    assert deployments.unschedule("tiny")
    assert {run.id: run.state_name for run in runs(client)} == {wanted.id: "Scheduled", taken_up.id: "Cancelling"}
    assert deployments.listed() == ()
    assert not deployments.unschedule("tiny")


def test_what_was_scheduled_can_be_unscheduled_when_its_file_is_gone(tiny: DeploymentResponse) -> None:
    deployments.schedule("tiny", every("1h"))
    Path("conf/tiny.yaml").rename("tiny.yaml")
    try:
        assert deployments.unschedule("tiny")
    finally:
        Path("tiny.yaml").rename("conf/tiny.yaml")


def test_an_experiment_that_cannot_be_run_is_not_offered_and_the_others_are(client: SyncPrefectClient) -> None:
    Path("conf/tiny.yaml").write_text("metric: mae")
    names, faults = deployments.deployable()
    assert {"boston", "book", "claim"} <= {*names}
    assert "tiny" not in names
    assert "dataset is missing" in faults["tiny"]


def test_the_command_says_when_it_comes_first_and_that_somebody_has_to_work(tiny: DeploymentResponse) -> None:
    done = CliRunner().invoke(app, ["schedule", "tiny", "--cron", "0 6 * * 1", "--timezone", "Europe/Berlin"])
    first, second = done.stdout.splitlines()
    assert first.startswith('tiny: cron "0 6 * * 1", Europe/Berlin, first on ')
    assert "06:00:00 CE" in first
    assert second == "Nobody is there to execute it: start `bakeoff work`, and leave it running."
    for said in ("tiny is no longer scheduled\n", "tiny was not scheduled\n"):
        done = CliRunner().invoke(app, ["unschedule", "tiny"])
        assert (done.exit_code, done.stdout) == (0, said)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["schedule", "wyne", "--every", "1h"], "no experiment 'wyne' in conf/; did you mean wine?"),
        (["schedule", "conf/wine.yaml", "--every", "1h"], "conf/wine.yaml is a file"),
        (["schedule", "wine"], "give one of --cron and --every"),
        (["unschedule", "wyne"], "no experiment 'wyne' in conf/; did you mean wine?"),
    ],
)
def test_a_users_mistake_is_one_line_and_exit_code_2(
    client: SyncPrefectClient, arguments: list[str], said: str, capfd: pytest.CaptureFixture[str]
) -> None:
    done = CliRunner().invoke(app, arguments)
    error = capfd.readouterr().err
    assert said in error
    assert (len(error.splitlines()), done.exit_code, done.stdout) == (1, 2, "")


def test_without_a_server_there_is_a_line_on_how_to_start_one() -> None:
    with pytest.raises(BakeoffError, match="no Prefect server runs; `bakeoff up` starts one"):
        deployments.listed()
    with (
        temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"}),
        pytest.raises(BakeoffError, match=r"the Prefect server at http://127.0.0.1:9/api does not answer: "),
    ):
        deployments.listed()
