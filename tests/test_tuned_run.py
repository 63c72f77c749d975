"""A whole run with `--tune`: what it says, and what it leaves in MLflow."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import mlflow
import pytest

from flows import launch
from flows.experiment import Experiment, check
from flows.launch import with_tuned
from tasks.reporting.leaderboard import moves_table
from tasks.reporting.report import Report
from tasks.tracking.connection import tracking_uri

pytestmark = pytest.mark.servers

HALVES = {"low": 0.5, "high": 1.0}
CONTENT = {
    "name": "houses",
    "dataset": {"kind": "boston"},
    "validation": {"n_splits": 2},
    "metric": "mae",
    "equivalent_within": 0.1,
    "contenders": {
        "net": {"kind": "dense", "units": [8], "epochs": 4},
        "forest": {"kind": "random_forest", "params": {"n_estimators": 3}},
        "floor": {"kind": "dummy"},
        "hasty": {"kind": "gradient_boosting", "tuning": {"seconds": 1e-3}, "search": {"params.subsample": HALVES}},
    },
}
TRIALS = 4


def experiment() -> Experiment:
    return with_tuned(check(CONTENT, "test"), str(TRIALS))


@dataclass(frozen=True)
class Run:
    """A tuned run, and what MLflow has of it."""

    report: Report
    again: Report
    contenders: dict[str, mlflow.entities.Run]
    trials: dict[str, list[mlflow.entities.Run]]
    artifacts: dict[str, set[str]]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("tuned"))
        report = launch.run(experiment()).report
        again = launch.run(experiment())
        assert again.kept
        client = mlflow.MlflowClient(tracking_uri())
        found = client.search_runs([report.mlflow_experiment_id], max_results=500)
        contenders = {each.info.run_name: each for each in found if each.data.tags["bakeoff.kind"] == "contender"}
        trials = {
            name: [each for each in found if each.data.tags.get("mlflow.parentRunId") == own.info.run_id]
            for name, own in contenders.items()
        }
        artifacts = {
            name: {Path(each.path).name for each in client.list_artifacts(own.info.run_id, "search")}
            for name, own in contenders.items()
        }
        yield Run(report, again.report, contenders, trials, artifacts)


def test_the_leaderboard_has_each_contender_tuned_and_untuned_with_trials_and_seconds(run: Run) -> None:
    assert {each.name for each in run.report.contenders} == {"net", "net_tuned", "forest", "forest_tuned", "floor"}
    for name in ("net", "forest"):
        tuned, plain = run.report.entry(f"{name}_tuned"), run.report.entry(name)
        assert (tuned.trials, plain.trials) == (3 * TRIALS, 0)
        assert tuned.tuning_seconds > 0
        assert (tuned.tuned_from, plain.tuned_from) == (name, None)


def test_a_contender_whose_budget_is_too_small_is_left_out_and_named(run: Run) -> None:
    [remark] = [each for each in run.report.remarks if "left out" in each]
    assert remark.startswith(
        "hasty is left out: 0.001 CPU seconds of tuning are too few: to try one set of settings in each search"
    )


def test_by_how_much_tuning_moved_a_score_is_said_beside_it(run: Run) -> None:
    tuned = run.report.entry("forest_tuned")
    move = run.report.move(tuned)
    assert move.difference == pytest.approx(tuned.mean - run.report.entry("forest").mean)
    assert move.interval[0] < move.difference < move.interval[1]
    table = moves_table(run.report)
    assert table is not None
    assert sorted(table.columns[0].cells) == ["forest", "net"]


def test_what_a_search_cost_is_shown_of_a_contender_that_was_entered_tuned_alone(run: Run) -> None:
    tuned = run.report.entry("forest_tuned").model_copy(update={"tuned_from": None})
    table = moves_table(run.report.model_copy(update={"contenders": (tuned,)}))
    assert table is not None
    [name, untuned, score, change, p, trials, seconds] = [next(iter(column.cells)) for column in table.columns]
    assert (name, untuned, change, p, trials) == ("forest_tuned", "", "", "", f"{tuned.trials}")
    assert (score, seconds) == (f"{tuned.mean:.3f}", f"{tuned.tuning_seconds:.0f}")


def test_mlflow_has_every_trial_in_a_table_and_optunas_pictures(run: Run) -> None:
    for name in ("net_tuned", "forest_tuned"):
        assert {"trials.csv", "search_history.png", "search_parallel.png"} <= run.artifacts[name]
    assert run.artifacts["net"] == set()


def test_each_setting_of_the_final_search_is_a_run_that_mlflow_can_compare(run: Run) -> None:
    assert run.trials["forest"] == []
    own = run.trials["forest_tuned"]
    assert len(own) == TRIALS
    assert all(each.info.status == "FINISHED" and "inner_mae" in each.data.metrics for each in own)
    assert sum("params.min_samples_leaf" in each.data.params for each in own) == TRIALS - 1


def test_the_settings_that_were_found_are_those_that_mlflow_shows(run: Run) -> None:
    best = min(run.trials["net_tuned"], key=lambda each: each.data.metrics["inner_mae"])
    shown = run.contenders["net_tuned"].data.params
    assert best.data.params.items() <= shown.items()


def test_a_tuned_run_that_nothing_has_changed_since_is_kept(run: Run) -> None:
    assert run.again == run.report
