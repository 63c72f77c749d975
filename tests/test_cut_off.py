"""Runs whose process is gone."""

from pathlib import Path

import mlflow

from tasks.tracking import connection, runs


def test_only_runs_whose_process_is_gone_are_marked_killed() -> None:
    Path("mlruns").mkdir()
    client = mlflow.MlflowClient(connection.tracking_uri())
    mine, orphan, foreign = (runs.open_run("orphans", "", "f", name, {}) for name in ("mine", "orphan", "foreign"))
    client.set_tag(orphan.run_id, "bakeoff.process_started", "1.00")  # the pid is another process's by now
    client.set_tag(foreign.run_id, "bakeoff.process_started", "1.00")
    client.set_tag(foreign.run_id, "bakeoff.host", "another-machine")
    found = connection.find_cut_off()
    assert [run.flow_run_id for run in found] == ["orphan"]
    connection.mark_killed(found)
    states = [client.get_run(run.run_id).info.status for run in (mine, orphan, foreign)]
    assert states == ["RUNNING", "KILLED", "RUNNING"]


def test_a_flow_run_is_open_until_prefect_was_told() -> None:
    Path("mlruns").mkdir()
    orphan = runs.open_run("orphans", "", "f", "orphan", {})
    mlflow.MlflowClient(connection.tracking_uri()).set_tag(orphan.run_id, "bakeoff.process_started", "1.00")
    connection.mark_killed(connection.find_cut_off())
    (found,) = connection.find_open_flow_runs()
    assert found.flow_run_id == "orphan"
    connection.note_flow_run_ended(found)
    assert connection.find_open_flow_runs() == ()
