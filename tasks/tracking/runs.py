"""What is logged of an experiment, of its contenders and of studies, and how it is read back.

Runs are addressed by id through `MlflowClient`: the fluent API's active run does not exist in other threads.
"""

import csv
import logging
import os
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar

import numpy as np
from pydantic import ValidationError

from tasks.data.examples import StoredData
from tasks.data.folds.splitting import Folds
from tasks.data.vectorization import DesignMatrix
from tasks.evaluation.cross_validation import Evaluation, Result
from tasks.evaluation.tuning import Tuning, read_trials
from tasks.metrics import MetricName, Task
from tasks.models.nets.network_spec import training_metric
from tasks.parallel import apart
from tasks.reporting.contender_files import write_contender, write_search
from tasks.reporting.experiment_files import write_experiment
from tasks.reporting.report import Report
from tasks.reporting.wording import Presentation
from tasks.specs import BakeoffError, Spec
from tasks.store import MLRUNS, load_arrays
from tasks.tracking.connection import FLOW_RUN, connect, note, owner
from tasks.tracking.models import log_model

if TYPE_CHECKING:
    from mlflow import MlflowClient


logger = logging.getLogger(__name__)

REPORT = "report.json"
MODEL_TRAINING = "custom_model_development"  # what MLflow's pages call an experiment that is not about agents
BATCH = 1000  # the most that MLflow takes in one call, metrics and parameters together
LONGEST = 6000  # letters of a parameter that MLflow takes
# The user's own words, as many as a file has columns; MLflow takes 100 parameters in a call, with few signs in a name.
ONE_PARAMETER = ("columns",)
MOST_TRIALS = 200  # runs that a page of MLflow compares with any use; the table has all trials
Status = Literal["FINISHED", "FAILED", "KILLED"]
S = TypeVar("S", bound=Spec)


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
    """Open the run of an experiment, or of what else is found out in it, whose `kind` its name says.

    `fingerprint` is the digest of all that its result depends on.
    """
    client = connect()
    name = experiment if kind == "experiment" else f"{experiment} {kind}"
    tags = {
        **note(description),
        "bakeoff.fingerprint": fingerprint,
        FLOW_RUN: flow_run_id,
        "bakeoff.flow_run": flow_run_address,
    }
    run = _create_run(client, _experiment_id(client, experiment), name, kind, tags)
    log_batch(client, run.run_id, [], settings)
    return run


def _create_run(client: "MlflowClient", experiment_id: str, name: str, kind: str, tags: Mapping[str, str]) -> RunRef:
    """Create a run that says whose it is."""
    tags = {"mlflow.runName": name, "bakeoff.kind": kind, **tags, **owner()}
    info = client.create_run(experiment_id, tags=tags).info
    return RunRef(run_id=info.run_id, experiment_id=info.experiment_id)


@contextmanager
def tracked(run: RunRef) -> Iterator[RunRef]:
    """Have an open run end as this context does: a try that failed must not look finished beside the next one."""
    status: Status = "FAILED"
    try:
        yield run
        status = "FINISHED"
    except BaseException as error:
        if not isinstance(error, Exception):  # Ctrl-C, or a worker that was asked to end
            status = "KILLED"
        raise
    finally:
        close_run(run, status)


def close_run(run: RunRef, status: Status) -> None:
    """End a run, and those of its contenders that are still open."""
    client = connect()
    children = client.search_runs(
        [run.experiment_id], f"tags.`mlflow.parentRunId` = '{run.run_id}' and attributes.status = 'RUNNING'"
    )
    for run_id in [*(child.info.run_id for child in children), run.run_id]:
        client.set_terminated(run_id, status)


@contextmanager
def artifacts(client: "MlflowClient", run_id: str, place: str | None = None) -> Iterator[Path]:
    """A folder whose files become artifacts of a run, in this place of it, when the context ends."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)
        client.log_artifacts(run_id, folder, place)


def log_batch(
    client: "MlflowClient",
    run_id: str,
    metrics: Iterable[tuple[str, float, int]],
    settings: Mapping[str, object] | None = None,
) -> None:
    """Log metrics, each with its step, and settings as parameters, in as few calls as MLflow allows.

    Over HTTP, each call costs as much as a small fit.
    """
    from mlflow.entities import Metric, Param

    now = int(time.time() * 1000)
    values = [Metric(name, float(value), now, step) for name, value, step in metrics]
    params = [Param(key, _cut(str(value))) for key, value in _flatten(settings or {}).items()]
    room = BATCH - len(params)
    client.log_batch(run_id, metrics=values[:room], params=params)
    for start in range(room, len(values), BATCH):
        client.log_batch(run_id, metrics=values[start : start + BATCH])


def _flatten(settings: Mapping[str, object], prefix: str = "") -> dict[str, object]:
    flat: dict[str, object] = {}
    for key, value in settings.items():
        if isinstance(value, Mapping) and key in ONE_PARAMETER:
            flat[f"{prefix}{key}"] = ", ".join(f"{name}: {kind}" for name, kind in value.items())
        elif isinstance(value, Mapping):
            flat |= _flatten(value, f"{prefix}{key}.")
        elif value is not None:
            flat[f"{prefix}{key}"] = value
    return flat


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def log_data(run: RunRef, examples: StoredData, folds: Folds) -> None:
    """Log the data set, by name and digest, and the folds."""
    client = connect()
    _log_dataset(client, run, examples)
    client.log_artifact(run.run_id, str(folds.file.path), "folds")


def log_contender(
    parent: RunRef, result: Result, examples: StoredData, arrays: DesignMatrix, metric: MetricName
) -> ContenderRun:
    """Log one contender as a child run: settings, scores, curves, predictions, plots and the refitted model."""
    net = result.evaluation.contender.is_net
    run = apart(_log_contender, parent, result, examples, arrays, metric, data_bytes=arrays.n_bytes, net=net)
    logger.info("%s: MLflow run %s, model %s", result.name, run.run_id, run.model_id)
    return run


def _log_contender(
    parent: RunRef, result: Result, examples: StoredData, arrays: DesignMatrix, metric: MetricName
) -> ContenderRun:
    """Log it, in whatever process."""
    client, evaluation = connect(), result.evaluation
    tags = {"mlflow.parentRunId": parent.run_id, "bakeoff.family": evaluation.contender.family}
    run = _create_run(client, parent.experiment_id, evaluation.name, "contender", tags)
    with tracked(run):
        _log_dataset(client, run, examples)
        log_batch(client, run.run_id, _metrics(result, arrays.task, metric), evaluation.settled.model_dump())
        with artifacts(client, run.run_id) as folder:
            write_contender(result, arrays, examples.unit, folder)
        if evaluation.tuning:
            _log_search(client, run, evaluation, evaluation.tuning, arrays.task)
        model_id = log_model(client, run.run_id, run.experiment_id, result.refit, examples, arrays)
    return ContenderRun(**run.model_dump(), model_id=model_id)


def _metrics(result: Result, task: Task, metric: MetricName) -> Iterator[tuple[str, float, int]]:
    """The scores by fold, a net's curves by epoch as means over folds and by Keras's names, and what is one number."""
    evaluation, refit, cost = result.evaluation, result.refit, result.evaluation.cost
    for fold, score in enumerate(evaluation.scores):
        yield f"fold_{metric}", score, fold
    curves = load_arrays(evaluation.history) if evaluation.history else {}
    for name, curve in curves.items():
        for epoch, value in enumerate(curve.mean(axis=1), start=1):
            yield name.replace("metric", training_metric(task)), value, epoch
    summary: dict[str, float] = {
        f"{metric}_mean": float(np.mean(evaluation.scores)),
        f"test_{metric}": result.test.score,
        "cpu_seconds": cost.cpu_seconds,
        "n_fits": cost.n_fits,
        "predict_seconds_per_1000_rows": cost.predict_seconds_per_1000_rows,
        "refit_seconds": refit.cpu_seconds,
        "model_bytes": refit.model_bytes,
    }
    if len(evaluation.scores) > 1:
        summary[f"{metric}_std"] = float(np.std(evaluation.scores, ddof=1))
    if evaluation.tuning:
        summary |= {"trials": evaluation.tuning.trials, "tuning_seconds": evaluation.tuning.seconds}
    if refit.epochs:
        summary["refit_epochs"] = refit.epochs
    for name, value in summary.items():
        yield name, value, 0


def _log_search(client: "MlflowClient", run: RunRef, evaluation: Evaluation, tuning: Tuning, task: Task) -> None:
    """Log all trials as a table, Optuna's pictures, and the best of the search on all training rows as child runs."""
    trials = read_trials(tuning)
    final = [trial for trial in trials.trials if trial.search == len(tuning.chosen)]
    with artifacts(client, run.run_id, "search") as folder:
        write_search(trials, final, evaluation.contender.space(task), folder)
    scored = [(trial.score, trial) for trial in final if trial.score is not None]
    sign = 1 if trials.greater_is_better else -1
    for score, trial in sorted(scored, key=lambda each: -sign * each[0])[:MOST_TRIALS]:
        name = f"{evaluation.name} trial {trial.number}"
        child = _create_run(client, run.experiment_id, name, "trial", {"mlflow.parentRunId": run.run_id})
        log_batch(client, child.run_id, [(f"inner_{trials.score}", score, 0)], trial.settings)
        client.set_terminated(child.run_id)


def log_report(run: RunRef, report: Report) -> None:
    """Log the document, the picture of all differences, and what a person reads first: the verdict."""
    client, metric, champion = connect(), report.metric, report.champion
    tags = {
        "bakeoff.verdict": report.sentence,
        "bakeoff.champion": champion.name,
        **note(report.sentence),
    }
    if report.promotion:
        tags["bakeoff.version"] = f"{report.promotion.model} {report.promotion.version}"
        tags["bakeoff.promotion"] = report.promotion.sentence
    for key, value in tags.items():
        client.set_tag(run.run_id, key, value)
    seconds = [(f"seconds_{stage}", spent, 0) for stage, spent in report.seconds.items()]
    scores = {"test": champion.test_score, "corrected": champion.corrected.score}
    log_batch(client, run.run_id, [*((f"champion_{of}_{metric}", score, 0) for of, score in scores.items()), *seconds])
    with artifacts(client, run.run_id) as folder:
        (folder / REPORT).write_text(report.model_dump_json(indent=2), encoding="utf8")
        apart(write_experiment, report, folder, data_bytes=0)


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


def _log_dataset(client: "MlflowClient", run: RunRef, examples: StoredData) -> None:
    from mlflow.entities import Dataset, DatasetInput, InputTag

    dataset = Dataset(
        name=examples.name, digest=examples.digest, source_type="code", source=f"bakeoff dataset {examples.name}"
    )
    client.log_inputs(run.run_id, [DatasetInput(dataset, [InputTag("mlflow.data.context", "training")])])


def log_study(run: RunRef, name: str, document: Spec, told: Presentation) -> None:
    """Log the document, the table and the picture of a study, its metrics, and its summary as description."""
    client = connect()
    for key, value in (note(told.summary) | ({"bakeoff.verdict": told.summary} if told.decides else {})).items():
        client.set_tag(run.run_id, key, value)
    log_batch(client, run.run_id, told.metrics)
    with artifacts(client, run.run_id) as folder:
        (folder / f"{name}.json").write_text(document.model_dump_json(indent=2), encoding="utf8")
        if told.rows:
            with (folder / f"{name}.csv").open("w", encoding="utf8", newline="") as table:
                writer = csv.DictWriter(table, [*told.rows[0]], lineterminator="\n")
                writer.writeheader()
                writer.writerows(told.rows)
        if told.draw:
            told.draw(folder / told.picture)


def find_study(experiment: str, kind: str, fingerprint: str, form: type[S]) -> S | None:
    """Return the latest finished study of this kind and fingerprint; None if there is none that can be read."""
    return _read(find_document(experiment, kind, f"{kind}.json", fingerprint), form)


def find_readable_report(experiment: str) -> Report | None:
    """Return an experiment's latest finished report, for a study that can do without; None if it cannot be read."""
    return _read(find_document(experiment, "experiment", REPORT), Report)


def _read(text: str | None, form: type[S]) -> S | None:
    try:
        return form.model_validate_json(text) if text else None
    except ValidationError:  # another version wrote it
        return None
