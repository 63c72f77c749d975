"""Whole runs: the flow on a Prefect server of its own, with everything in MLflow."""

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import mlflow
import numpy as np
import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings

from flows import launch
from flows.experiment import Experiment, check
from flows.launch import Outcome
from flows.runtime import context
from tasks import progress
from tasks.reporting.report import Report
from tasks.specs import BakeoffError
from tasks.store import alone
from tasks.tracking.connection import tracking_uri

pytestmark = pytest.mark.servers

BOSTON = {
    "name": "houses",
    "dataset": {"kind": "boston"},
    "validation": {"n_splits": 4, "n_repeats": 2},
    "metric": "mae",
    "equivalent_within": 0.1,
    "contenders": {
        "net": {"kind": "dense", "units": [8], "epochs": 6, "dropout": 0.1},
        "trees": {"kind": "gradient_boosting", "params": {"n_estimators": 10}},
        "floor": {"kind": "dummy"},
    },
}
WINE = BOSTON | {"name": "wines", "dataset": {"kind": "wine"}, "metric": "log_loss"}


@dataclass(frozen=True)
class Runs:
    """What several runs in one process left behind, in the order in which they ran."""

    folder: Path
    first: Outcome
    other: Outcome
    fresh: Outcome
    kept: Outcome
    trained_for_kept: list[str]
    latest: Report
    finished: list[mlflow.entities.Run]
    running: list[mlflow.entities.Run]
    flow_states: set[str]
    task_states: set[str]
    artifacts: set[str]
    loggers: set[str]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runs]:
    folder = tmp_path_factory.mktemp("runs")
    steps: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        first = launch.run(experiment())
        other = launch.run(experiment(WINE))
        fresh = launch.run(experiment(), fresh=True)
        with progress.listening(lambda what, done, total: steps.append(what)):
            kept = launch.run(experiment())
        yield Runs(
            folder,
            first,
            other,
            fresh,
            kept,
            trained_for_kept=steps,
            latest=launch.latest("houses"),
            finished=mlflow_runs("FINISHED"),
            running=mlflow_runs("RUNNING"),
            flow_states=in_prefect("state_name", "flow_run"),
            task_states=in_prefect("state_name", "task_run"),
            artifacts=in_prefect("key", "artifact"),
            loggers=in_prefect("name", "log"),
        )


@pytest.fixture(autouse=True)
def _where_the_runs_were(runs: Runs, monkeypatch: pytest.MonkeyPatch, _working_directory: None) -> None:
    monkeypatch.chdir(runs.folder)


def experiment(content: dict[str, object] = BOSTON) -> Experiment:
    return check(content, "test")


def mlflow_runs(status: str) -> list[mlflow.entities.Run]:
    client = mlflow.MlflowClient(tracking_uri())
    ids = [each.experiment_id for each in client.search_experiments()]
    return list(client.search_runs(ids, f"attributes.status = '{status}'"))


def in_prefect(column: str, table: str) -> set[str]:
    with sqlite3.connect("mlruns/prefect/prefect.db") as database:
        return {value for (value,) in database.execute(f"select {column} from {table}")}  # noqa: S608  # our own names


def test_the_report_holds_every_contender_best_first_and_every_pair(runs: Runs) -> None:
    report = runs.first.report
    means = [entry.mean for entry in report.contenders]
    assert means == sorted(means)
    assert {entry.name for entry in report.contenders} == {"net", "trees", "floor"}
    assert all(len(entry.scores) == 8 for entry in report.contenders)
    assert len(report.verdicts) == 3
    assert report.champion.name == report.contenders[0].name


def test_the_report_names_its_data_and_its_runs(runs: Runs) -> None:
    report = runs.first.report
    assert (report.dataset.training_rows, report.dataset.test_rows) == (404, 102)
    assert len(report.dataset.digest) == 16
    assert report.mlflow_run_id in {run.info.run_id for run in runs.finished}
    assert report.prefect_flow_run_id
    assert set(report.seconds) == {"ingest", "contenders", "compare", "promote"}


def test_a_classification_runs_through_the_same_flow(runs: Runs) -> None:
    assert runs.other.report.dataset.task == "multiclass"
    assert all(np.isfinite(entry.mean) for entry in runs.other.report.contenders)


def test_the_same_seed_gives_identical_scores_after_another_experiment(runs: Runs) -> None:
    assert not runs.fresh.kept
    first, fresh = ({entry.name: entry.scores for entry in each.report.contenders} for each in (runs.first, runs.fresh))
    assert first == fresh
    assert runs.first.report.champion == runs.fresh.report.champion


def test_the_same_command_again_trains_nothing_and_gives_the_latest_report(runs: Runs) -> None:
    assert runs.kept.kept
    assert runs.trained_for_kept == []
    assert runs.kept.report == runs.fresh.report


def test_the_latest_report_is_found_without_a_run(runs: Runs) -> None:
    assert runs.latest == runs.fresh.report


def test_mlflow_holds_a_finished_parent_for_each_run_with_a_finished_child_for_each_contender(runs: Runs) -> None:
    parents = {run.info.run_id for run in runs.finished if run.data.tags["bakeoff.kind"] == "experiment"}
    assert parents == {each.report.mlflow_run_id for each in (runs.first, runs.other, runs.fresh)}
    for parent in parents:
        children = [run.info.run_name for run in runs.finished if run.data.tags.get("mlflow.parentRunId") == parent]
        assert sorted(children) == ["floor", "net", "trees"]
    assert runs.running == []


def test_prefect_keeps_the_last_state_of_every_flow_and_task(runs: Runs) -> None:
    assert runs.flow_states == {"Completed"}
    assert runs.task_states <= {"Completed", "Cached"}


def test_prefect_shows_the_leaderboard_the_verdict_and_what_the_tasks_log(runs: Runs) -> None:
    assert runs.artifacts >= {"houses-leaderboard", "houses-verdict", "wines-leaderboard", "wines-verdict"}
    assert runs.loggers >= {"tasks.data.datasets", "tasks.evaluation.cross_validation", "tasks.tracking.runs"}


def test_mlflow_names_no_page_of_a_server_that_is_gone(runs: Runs) -> None:
    parents = [run.data.tags for run in runs.finished if run.data.tags["bakeoff.kind"] == "experiment"]
    assert {tags["bakeoff.flow_run"] for tags in parents} == {""}


def test_a_changed_contender_is_computed_anew_and_the_others_are_kept(runs: Runs) -> None:
    changed = experiment().model_dump()
    changed["contenders"]["trees"]["params"]["n_estimators"] = 11
    computed: set[str] = set()
    with progress.listening(lambda what, done, total: computed.add(what)):
        outcome = launch.run(experiment(changed))
    assert not outcome.kept
    assert computed == {context.STARTING, "trees, fold", "trees, all training rows"}


def test_a_failed_run_is_failed_in_mlflow_and_says_what_to_mend(runs: Runs) -> None:
    with pytest.raises(BakeoffError, match="n_splits is 405, but there are 404 training rows"):
        launch.run(experiment(BOSTON | {"validation": {"n_splits": 405}}))
    failed = mlflow_runs("FAILED")
    assert [run.data.tags["bakeoff.kind"] for run in failed] == ["experiment"]
    assert mlflow_runs("RUNNING") == []


def test_an_experiment_without_a_run_says_how_to_make_one(runs: Runs, repository: Path) -> None:
    (runs.folder / "conf").mkdir(exist_ok=True)
    (runs.folder / "conf" / "boston.yaml").write_text((repository / "conf" / "boston.yaml").read_text())
    with pytest.raises(BakeoffError, match="boston has no finished run yet; `bakeoff run boston` makes one"):
        launch.latest("boston")


def test_results_folder_that_cannot_be_written_is_an_error_that_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mlruns").write_text("a file where the folder should be")
    with pytest.raises(BakeoffError, match=r"mlruns/ cannot be written"):
        context.prepare()


def test_a_setting_that_an_estimator_does_not_know_is_found_before_anything_runs(runs: Runs) -> None:
    before = len(mlflow_runs("FAILED"))
    typo = {"trees": {"kind": "gradient_boosting", "params": {"n_estimator": 5}}}
    with pytest.raises(BakeoffError, match=r"contender trees: .* has no argument 'n_estimator'; did you mean n_est"):
        launch.run(experiment(BOSTON | {"contenders": typo}))
    assert len(mlflow_runs("FAILED")) == before


def test_a_prefect_server_that_does_not_answer_is_an_error_that_names_the_setting(runs: Runs) -> None:
    with (
        temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"}),
        pytest.raises(BakeoffError, match=r"127.0.0.1:9/api, which PREFECT_API_URL names .* does not answer"),
    ):
        launch.run(experiment(), fresh=True)


def test_our_own_server_is_not_asked_for_through_a_proxy(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "example.org")
    context.prepare()
    context.prepare()
    assert os.environ["no_proxy"] == "example.org,127.0.0.1,localhost"


def test_a_second_run_in_a_folder_waits_for_the_first(runs: Runs) -> None:
    said: list[tuple[str, int]] = []
    with Path("mlruns/lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)

        def first_ends(what: str, done: int, total: int) -> None:
            said.append((what, done))
            fcntl.flock(lock, fcntl.LOCK_UN)

        with progress.listening(first_ends), alone("lock", context.OTHERS):
            pass
    assert said == [("another run is at work in mlruns/, waiting for it", done) for done in (0, 1)]
