"""A contender's search in MLflow: a child run for each set of settings, ready to be compared there side by side."""

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.artifacts.contender import write_search
from tasks.evaluation import Evaluation
from tasks.metrics import Task
from tasks.tracking.batches import log_batch, metrics_of
from tasks.tracking.cut_off import owner
from tasks.tuning.tune import read_trials

if TYPE_CHECKING:
    from mlflow import MlflowClient

MOST = 200  # runs that a page of MLflow compares with any use; the table has all trials


def log_search(client: "MlflowClient", run_id: str, experiment_id: str, evaluation: Evaluation, task: Task) -> None:
    """Logs all trials as a table, Optuna's pictures, and the best of the search on all training rows as child runs.

    Of a contender without a search, nothing.
    """
    tuning = evaluation.tuning
    if tuning is None:
        return
    trials = read_trials(tuning)
    sign = 1 if trials.greater_is_better else -1
    final = [trial for trial in trials.trials if trial.search == len(tuning.chosen)]
    with tempfile.TemporaryDirectory() as folder:
        write_search(trials, final, evaluation.contender.space(task), Path(folder))
        client.log_artifacts(run_id, folder, "search")
    scored = [trial for trial in final if trial.score is not None]
    for trial in sorted(scored, key=lambda each: -sign * (each.score or 0.0))[:MOST]:
        tags = {
            "mlflow.runName": f"{evaluation.name} trial {trial.number}",
            "mlflow.parentRunId": run_id,
            "bakeoff.kind": "trial",
        }
        child = client.create_run(experiment_id, tags=tags | owner()).info.run_id
        log_batch(client, child, metrics_of({f"inner_{trials.score}": [trial.score or 0.0]}), trial.settings)
        client.set_terminated(child)
