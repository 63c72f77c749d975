"""The flow: ingest, vectorize, split; evaluate, refit and log every contender; compare, promote, report."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from prefect import flow, get_run_logger
from prefect.runtime import flow_run

from flows import steps
from flows.cache_keys import fingerprint, kept_report
from flows.experiment import Experiment
from flows.prefect_artifacts import flow_run_address, progress_shown, publish
from flows.promotion import Found, promote
from tasks import progress
from tasks.data.folds.splitting import check_scored
from tasks.evaluation.cross_validation import Result
from tasks.models.contenders import Contender
from tasks.reporting.report import Report, rank, write_report
from tasks.specs import Spec
from tasks.tracking import runs


class Attempt(Spec):
    """A report, or why there is none."""

    report: Report | None = None
    error: str | None = None


@flow(name="bakeoff", flow_run_name="{experiment.name}", persist_result=False)
def bakeoff(experiment: Experiment) -> Report:
    """Takes all contenders of an experiment through the same folds and says what the scores allow one to say."""
    seconds: dict[str, float] = {}
    with progress_shown(), runs.tracked(_opened(experiment)) as run:
        with _timed("ingest", seconds):
            examples = steps.ingest(experiment.dataset)
            arrays, rules = steps.vectorize(examples), experiment.rules(examples.unit)
            folds = steps.split(arrays, rules.validation)
            check_scored(rules.metric, arrays.classes, arrays.y("train"), arrays.y("test"), folds.pairs())
            steps.log_data(run, examples, folds)
        with _timed("contenders", seconds):

            def through(name: str, contender: Contender) -> tuple[Result, runs.ContenderRun]:
                evaluation = steps.tune_and_evaluate(name, contender, arrays, folds, rules.metric)
                result = steps.finish(evaluation, arrays, rules)
                return result, steps.log_contender(run, result, examples, arrays, rules.metric)

            done, left_out = steps.within_budget(experiment.contenders, through)
            results, logged = [result for result, _ in done], {result.name: own for result, own in done}
        with _timed("compare", seconds):
            comparison = steps.compare(results, arrays, rules)
            corrected = steps.correct_for_choice([each.evaluation for each in results], arrays, rules.metric)
            leaderboard = rank(results, rules, examples.groups)
        with _timed("promote", seconds):
            best = leaderboard[0]
            found = Found(examples, arrays, folds, rules, results, best, logged[best.name])
            promotion = promote(experiment, found)
        report = write_report(experiment.name, examples, rules, leaderboard, comparison, corrected)
        of_this_run = {
            "promotion": promotion,
            "remarks": (*report.remarks, *left_out),
            "seconds": seconds,
            "mlflow_experiment_id": run.experiment_id,
            "mlflow_run_id": run.run_id,
            "prefect_flow_run_id": str(flow_run.id),
        }
        report = report.model_copy(update=of_this_run)
        steps.log_report(run, report)
    publish(report)
    return report


def _opened(experiment: Experiment) -> runs.RunRef:
    """Open the experiment's run in MLflow."""
    settings = experiment.model_dump(exclude={"name", "description", "contenders"})
    digest, address = fingerprint(experiment), flow_run_address()
    return runs.open_run(experiment.name, experiment.description, digest, flow_run.id, settings, address)


def attempt_all(what: str, experiments: Mapping[str, Experiment], fresh: bool) -> dict[str, Attempt]:
    """Attempts one experiment after the other, each under its label, and says how far that has come."""
    attempts = {}
    for number, (label, experiment) in enumerate(experiments.items()):
        progress.report(what, number, len(experiments))
        with progress.labelled(label):
            attempts[label] = _attempt(experiment, fresh)
    progress.report(what, len(experiments), len(experiments))
    return attempts


def _attempt(experiment: Experiment, fresh: bool) -> Attempt:
    """The report of an experiment, kept or made now; what goes wrong with one must not stop the others."""
    try:
        kept = None if fresh else kept_report(experiment)
        return Attempt(report=kept or bakeoff(experiment))
    except Exception as error:
        get_run_logger().exception("%s failed", experiment.name)
        return Attempt(error=f"{type(error).__name__}: {error}")


@contextmanager
def _timed(stage: str, seconds: dict[str, float]) -> Iterator[None]:
    """Notes how long a stage took, by the wall clock."""
    started = time.perf_counter()
    yield
    seconds[stage] = round(time.perf_counter() - started, 3)
