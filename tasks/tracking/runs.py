"""What is logged of an experiment and of its contenders, and how it is read back.

Runs are addressed by id through `MlflowClient`: the fluent API's active run does not exist in other threads.
"""

import logging
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import ValidationError

from tasks.artifacts.contender import write_contender
from tasks.artifacts.experiment import write_experiment
from tasks.data.examples import Examples
from tasks.data.splitting import Folds
from tasks.data.vectorization import Arrays
from tasks.evaluation import Evaluation, Result
from tasks.metrics import MetricName, Task
from tasks.models.networks import training_metric
from tasks.reports.report import Report
from tasks.specs import BakeoffError, Spec
from tasks.store import MLRUNS, load_arrays
from tasks.tracking.batches import log_batch, metrics_of
from tasks.tracking.connection import connect
from tasks.tracking.cut_off import owner
from tasks.tracking.models import log_model
from tasks.tracking.trials import log_search

if TYPE_CHECKING:
    from mlflow import MlflowClient

logger = logging.getLogger(__name__)

REPORT = "report.json"
MODEL_TRAINING = "custom_model_development"  # what MLflow's pages call an experiment that is not about agents
Status = Literal["FINISHED", "FAILED", "KILLED"]


class RunRef(Spec):
    """A run in MLflow."""

    run_id: str
    experiment_id: str


class ContenderRun(RunRef):
    """The run of a contender, and the model that it logged."""

    model_id: str


def open_run(
    experiment: str,
    description: str,
    fingerprint: str,
    flow_run_id: str,
    settings: Mapping[str, object],
    flow_run_address: str = "",
    kind: str = "experiment",
) -> RunRef:
    """Opens the run of an experiment, or of what else is found out in it, whose `kind` its name says.

    `fingerprint` is the digest of all that its result depends on.
    """
    client = connect()
    tags = {
        "mlflow.runName": experiment if kind == "experiment" else f"{experiment} {kind}",
        "mlflow.note.content": description,
        "bakeoff.kind": kind,
        "bakeoff.fingerprint": fingerprint,
        "bakeoff.flow_run_id": flow_run_id,
        "bakeoff.flow_run": flow_run_address,
    }
    run = client.create_run(_experiment_id(client, experiment), tags=tags | owner())
    log_batch(client, run.info.run_id, [], settings)
    return RunRef(run_id=run.info.run_id, experiment_id=run.info.experiment_id)


@contextmanager
def tracked(
    experiment: str,
    description: str,
    fingerprint: str,
    flow_run_id: str,
    settings: Mapping[str, object],
    flow_run_address: str = "",
    kind: str = "experiment",
) -> Iterator[RunRef]:
    """A run that ends as what is done in this context does."""
    run = open_run(experiment, description, fingerprint, flow_run_id, settings, flow_run_address, kind)
    status: Status = "FAILED"
    try:
        yield run
        status = "FINISHED"
    except Exception:
        raise
    except BaseException:  # Ctrl-C, or a worker that was asked to end
        status = "KILLED"
        raise
    finally:
        close_run(run, status)


def close_run(run: RunRef, status: Status) -> None:
    """Ends a run, and those of its contenders that are still open."""
    client = connect()
    children = client.search_runs(
        [run.experiment_id], f"tags.`mlflow.parentRunId` = '{run.run_id}' and attributes.status = 'RUNNING'"
    )
    for run_id in [*(child.info.run_id for child in children), run.run_id]:
        client.set_terminated(run_id, status)


def log_data(run: RunRef, examples: Examples, folds: Folds) -> None:
    """Logs the data set, by name and digest, and the folds."""
    client = connect()
    _log_dataset(client, run, examples)
    client.log_artifact(run.run_id, str(folds.file.path), "folds")


def log_contender(
    parent: RunRef, result: Result, examples: Examples, arrays: Arrays, metric: MetricName
) -> ContenderRun:
    """Log one contender as a child run: settings, scores, curves, predictions, plots and the refitted model."""
    client, evaluation = connect(), result.evaluation
    tags = {
        "mlflow.runName": evaluation.name,
        "mlflow.parentRunId": parent.run_id,
        "bakeoff.kind": "contender",
        "bakeoff.family": evaluation.contender.family,
    }
    info = client.create_run(parent.experiment_id, tags=tags | owner()).info
    run = RunRef(run_id=info.run_id, experiment_id=info.experiment_id)
    with _ended_after(client, run):
        _log_dataset(client, run, examples)
        summary = _summary(result, metric)
        metrics = [
            *metrics_of({f"fold_{metric}": evaluation.scores}),
            *metrics_of(_curves(evaluation, arrays.task), first_step=1),
            *metrics_of({name: [value] for name, value in summary.items()}),
        ]
        log_batch(client, run.run_id, metrics, evaluation.settled.model_dump())
        with tempfile.TemporaryDirectory() as folder:
            write_contender(result, arrays, examples.unit, Path(folder))
            client.log_artifacts(run.run_id, folder)
        log_search(client, run.run_id, run.experiment_id, evaluation, arrays.task)
        model_id = log_model(client, run.run_id, run.experiment_id, result.refit, examples, arrays)
    logger.info("%s: MLflow run %s, model %s", evaluation.name, run.run_id, model_id)
    return ContenderRun(**run.model_dump(), model_id=model_id)


@contextmanager
def _ended_after(client: "MlflowClient", run: RunRef) -> Iterator[None]:
    """Ends the run with what is done in this context: a try that failed must not look finished beside the next one."""
    status: Status = "FAILED"
    try:
        yield
        status = "FINISHED"
    finally:
        client.set_terminated(run.run_id, status)


def log_report(run: RunRef, report: Report) -> None:
    """Logs the document, the picture of all differences, and what a person reads first: the verdict."""
    client = connect()
    client.set_tag(run.run_id, "bakeoff.verdict", report.sentence)
    client.set_tag(run.run_id, "bakeoff.champion", report.champion.name)
    client.set_tag(run.run_id, "mlflow.note.content", report.sentence)
    if report.promotion:
        client.set_tag(run.run_id, "bakeoff.version", f"{report.promotion.model} {report.promotion.version}")
        client.set_tag(run.run_id, "bakeoff.promotion", report.promotion.sentence)
    metrics = {
        f"champion_test_{report.metric}": [report.champion.test_score],
        f"champion_corrected_{report.metric}": [report.champion.corrected.score],
    }
    metrics |= {f"seconds_{stage}": [seconds] for stage, seconds in report.seconds.items()}
    log_batch(client, run.run_id, metrics_of(metrics))
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / REPORT).write_text(report.model_dump_json(indent=2), encoding="utf8")
        write_experiment(report, Path(folder))
        client.log_artifacts(run.run_id, folder)


def find_report(experiment: str, fingerprint: str | None = None) -> Report | None:
    """The latest finished report of an experiment, of any fingerprint or of the one given.

    None if there is none, or if its file is gone.

    Raises:
        BakeoffError: when another version wrote it in another form.
    """
    text = find_document(experiment, "experiment", REPORT, fingerprint)
    if text is None:
        return None
    try:
        return Report.model_validate_json(text)
    except ValidationError as error:
        raise BakeoffError(
            f"the latest report of {experiment} was written by another version of bakeoff, and this one cannot read"
            f" it; `bakeoff run {experiment}` makes a new one"
        ) from error


def find_document(experiment: str, kind: str, name: str, fingerprint: str | None = None) -> str | None:
    """A file of the latest finished run of this kind in an experiment's place, of any fingerprint or of the one given.

    None if there is no such run, or if its file is gone.
    """
    from mlflow.exceptions import MlflowException

    client = connect()
    found = client.get_experiment_by_name(experiment)
    if found is None:
        return None
    terms = ["attributes.status = 'FINISHED'", f"tags.`bakeoff.kind` = '{kind}'"]
    if fingerprint:
        terms.append(f"tags.`bakeoff.fingerprint` = '{fingerprint}'")
    runs = client.search_runs(
        [found.experiment_id], " and ".join(terms), max_results=1, order_by=["attributes.start_time DESC"]
    )
    if not runs:
        return None
    with tempfile.TemporaryDirectory() as folder:
        try:
            return Path(client.download_artifacts(runs[0].info.run_id, name, folder)).read_text(encoding="utf8")
        except (MlflowException, OSError):
            return None


def _experiment_id(client: "MlflowClient", name: str) -> str:
    found = client.get_experiment_by_name(name)
    own = not os.environ.get("MLFLOW_TRACKING_URI")
    artifacts = (MLRUNS / "artifacts").resolve().as_uri()
    if found is None:
        location = f"{artifacts}/{name}" if own else None
        return client.create_experiment(name, location, tags={"mlflow.experimentKind": MODEL_TRAINING})
    if own and not found.artifact_location.startswith(artifacts):
        raise BakeoffError(
            f"{MLRUNS}/ was moved here: MLflow would still write to {found.artifact_location}."
            f" Move it back, or set it aside; the next run makes a new one"
        )
    if found.lifecycle_stage == "deleted":
        raise BakeoffError(
            f"the MLflow experiment {name!r} was deleted; bring it back with"
            f" `mlflow experiments restore --experiment-id {found.experiment_id}`"
        )
    return str(found.experiment_id)


def _log_dataset(client: "MlflowClient", run: RunRef, examples: Examples) -> None:
    from mlflow.entities import Dataset, DatasetInput, InputTag

    dataset = Dataset(
        name=examples.name, digest=examples.digest, source_type="code", source=f"bakeoff dataset {examples.name}"
    )
    client.log_inputs(run.run_id, [DatasetInput(dataset, [InputTag("mlflow.data.context", "training")])])


def _summary(result: Result, metric: MetricName) -> dict[str, float]:
    evaluation, refit = result.evaluation, result.refit
    summary = {
        f"{metric}_mean": float(np.mean(evaluation.scores)),
        f"test_{metric}": result.test.score,
        "fit_seconds": evaluation.cost.fit_seconds,
        "cpu_seconds": evaluation.cost.cpu_seconds,
        "n_fits": float(evaluation.cost.n_fits),
        "predict_seconds_per_1000_rows": evaluation.cost.predict_seconds_per_1000_rows,
        "refit_seconds": refit.fit_seconds,
        "model_bytes": float(refit.model_bytes),
    }
    if len(evaluation.scores) > 1:
        summary[f"{metric}_std"] = float(np.std(evaluation.scores, ddof=1))
    if evaluation.tuning:
        summary |= {"trials": float(evaluation.tuning.trials), "tuning_seconds": evaluation.tuning.seconds}
    if refit.epochs:
        summary["refit_epochs"] = float(refit.epochs)
    return summary


def _curves(evaluation: Evaluation, task: Task) -> dict[str, list[float]]:
    """A net's curves, each the mean over folds per epoch, by the names that Keras gives them."""
    if evaluation.history is None:
        return {}
    curves = load_arrays(evaluation.history)
    names = {name: name.replace("metric", training_metric(task)) for name in curves}
    return {names[name]: curve.mean(axis=1).tolist() for name, curve in curves.items()}
