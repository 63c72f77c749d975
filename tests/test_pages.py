"""What people see in a browser: a schedule that fired by itself, the form of a deployment, and MLflow's pages."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.browser import page
from tests.patience import patient
from tests.postgres import free_port

if TYPE_CHECKING:
    from playwright.sync_api import Page

__all__ = ["page"]
pytestmark = pytest.mark.browser

TINY = {
    "description": "Boston house prices, small and quick.",
    "dataset": {"kind": "boston"},
    "validation": {"n_splits": 3, "n_repeats": 1},
    "metric": "mae",
    "equivalent_within": 0.1,
    "contenders": {
        "net": {"kind": "dense", "units": [8], "epochs": 5},
        "trees": {"kind": "gradient_boosting", "params": {"n_estimators": 20}},
        "floor": {"kind": "dummy"},
    },
}
PATIENCE_SECONDS = patient(180)


@dataclass(frozen=True)
class Team:
    """Two servers and a worker, and what they did before anyone looked."""

    prefect: str
    mlflow: str
    deployment_id: str
    fired: list[dict[str, Any]]
    planned_after_unschedule: list[dict[str, Any]]


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    """A folder in which a schedule fired twice by itself and was then taken away."""
    folder = tmp_path_factory.mktemp("team")
    (folder / "conf").mkdir()
    (folder / "conf" / "tiny.yaml").write_text(yaml.safe_dump(TINY))
    ports = free_port(), free_port()
    prefect, mlflow = (f"http://127.0.0.1:{port}" for port in ports)
    bakeoff(folder, "up", "--prefect-port", str(ports[0]), "--mlflow-port", str(ports[1]))
    worker = subprocess.Popen([*command("work")], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        bakeoff(folder, "schedule", "tiny", "--every", "20s")
        awaited(lambda: len(completed(prefect)) >= 2)
        bakeoff(folder, "unschedule", "tiny")
        (deployment,) = (each for each in ask(prefect, "deployments/filter") if each["name"] == "tiny")
        planned = [run for run in ask(prefect, "flow_runs/filter") if run["state_type"] == "SCHEDULED"]
        yield Team(prefect, mlflow, deployment["id"], fired=completed(prefect), planned_after_unschedule=planned)
    finally:
        worker.send_signal(signal.SIGTERM)
        worker.communicate(timeout=patient(60))
        bakeoff(folder, "down")


def command(*arguments: str) -> Sequence[str]:
    return [sys.executable, "-m", "flows.cli.main", *arguments]


def bakeoff(folder: Path, *arguments: str) -> None:
    subprocess.run(command(*arguments), cwd=folder, check=True, capture_output=True, env=os.environ)


def ask(prefect: str, path: str, **body: Any) -> list[dict[str, Any]]:
    return list(answer_of(f"{prefect}/api/{path}", body))


def answer_of(address: str, body: dict[str, Any]) -> Any:
    request = urllib.request.Request(  # noqa: S310  # our own server
        address, json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request) as answer:  # noqa: S310
        return json.load(answer)


def completed(prefect: str) -> list[dict[str, Any]]:
    return [run for run in ask(prefect, "flow_runs/filter", sort="START_TIME_ASC") if run["state_type"] == "COMPLETED"]


def awaited(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "what was awaited did not come"
        time.sleep(0.5)


def test_a_schedule_fires_by_itself_until_it_is_taken_away(team: Team) -> None:
    assert len([run for run in team.fired if run["auto_scheduled"]]) >= 2
    assert team.planned_after_unschedule == []


def test_prefects_page_shows_the_completed_run_with_its_leaderboard(team: Team, page: "Page") -> None:
    page.goto(f"{team.prefect}/runs/flow-run/{team.fired[0]['id']}")
    page.get_by_text("Completed", exact=True).first.wait_for()
    page.get_by_text("Artifacts", exact=True).first.click()
    page.get_by_text("tiny-leaderboard").first.click()
    page.get_by_text("tiny: MAE $1000s (lower is better), 1 x 3 folds of 404").first.wait_for()
    for contender in TINY["contenders"]:
        page.get_by_text(contender, exact=True).first.wait_for()


def test_the_form_refuses_what_the_schema_forbids_and_runs_what_it_allows(team: Team, page: "Page") -> None:
    before = len(completed(team.prefect))
    page.goto(f"{team.prefect}/deployments/deployment/{team.deployment_id}/run")
    repeats = page.locator("xpath=//*[contains(text(), 'Repeats (n_repeats)')]/following::input[1]")
    repeats.fill("0")
    page.get_by_role("button", name="Submit").click()
    page.get_by_text("0 is less than the minimum of 1").wait_for()
    repeats.fill("2")
    page.get_by_role("button", name="Submit").click()
    page.wait_for_url("**/deployment/*?tab=Runs")
    awaited(lambda: len(completed(team.prefect)) > before)
    asked = completed(team.prefect)[-1]
    assert asked["parameters"] == {"experiment": "tiny", "n_repeats": 2, "settings": [], "fresh": False}


def test_mlflows_page_shows_the_run_with_a_child_for_each_contender(team: Team, page: "Page") -> None:
    page.goto(f"{team.mlflow}/#/experiments/1/runs?workflowType=machine_learning")
    page.get_by_role("link", name="tiny").last.wait_for()
    page.get_by_role("row").filter(has=page.get_by_role("link", name="tiny")).last.get_by_role("button").first.click()
    for contender in TINY["contenders"]:
        page.get_by_text(contender, exact=True).first.wait_for()


def test_mlflows_page_shows_the_curves_of_a_net(team: Team, page: "Page") -> None:
    body = {"experiment_ids": ["1"], "filter": "attributes.run_name = 'net'"}
    net, *_ = answer_of(f"{team.mlflow}/api/2.0/mlflow/runs/search", body)["runs"]
    page.goto(f"{team.mlflow}/#/experiments/1/runs/{net['info']['run_id']}/model-metrics")
    for curve in ("loss", "mae"):
        page.get_by_text(curve, exact=True).first.wait_for()
    page.locator(".scatterlayer path.js-line").first.wait_for()


def test_mlflows_page_shows_the_registered_champion_with_the_evidence(team: Team, page: "Page") -> None:
    page.goto(f"{team.mlflow}/#/models/tiny/versions/1")
    page.get_by_text("champion", exact=False).first.wait_for()
    page.get_by_text("bakeoff.evidence").first.wait_for()
