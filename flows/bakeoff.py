"""The flow: ingest, vectorize, split, evaluate every contender, compare, refit, score the champion, log."""

import inspect
import time
from collections.abc import Iterator
from contextlib import contextmanager

from prefect import flow
from prefect.runtime import flow_run

from flows import steps
from flows.experiment import Experiment
from tasks import reporting
from tasks.reporting import Report
from tasks.tracking import runs
from tasks.tracking.runs import RunRef, Status


@flow(name="bakeoff", flow_run_name="{experiment.name}", persist_result=False)
def bakeoff(experiment: Experiment) -> Report:
    """Takes all contenders of an experiment through the same folds and says what the scores allow one to say."""
    seconds: dict[str, float] = {}
    validation, metric = experiment.validation, experiment.metric
    with _tracked(experiment) as run:
        with _timed("ingest", seconds):
            examples = steps.ingest(experiment.dataset)
            arrays = steps.vectorize(examples)
            folds = steps.split(arrays, validation)
            steps.log_data(run, examples, folds)
        with _timed("evaluate", seconds):
            evaluations = [
                steps.evaluate(name, contender, arrays, folds, metric)
                for name, contender in experiment.contenders.items()
            ]
        with _timed("refit", seconds):
            refits = [steps.refit(each, arrays, validation) for each in evaluations]
            tests = [steps.score_on_test(each, arrays, metric) for each in refits]
        with _timed("compare", seconds):
            verdicts = steps.compare(evaluations, tests, arrays, validation, metric, experiment.equivalent_within)
            leaderboard = reporting.rank(evaluations, tests, metric, validation)
        with _timed("log", seconds):
            for evaluation, refitted, test in zip(evaluations, refits, tests, strict=True):
                steps.log_contender(run, evaluation, refitted, test, examples, arrays, metric)
        report = reporting.write_report(
            experiment.name, examples, validation, metric, experiment.equivalent_within, leaderboard, verdicts
        ).model_copy(update={"mlflow_run_id": run.run_id, "prefect_flow_run_id": flow_run.id, "seconds": seconds})
        steps.log_report(run, report)
    return report


def fingerprint(experiment: Experiment) -> str:
    """A digest of all that an experiment's result depends on: its settings, the code and the libraries."""
    return steps.digest([experiment, inspect.getsource(bakeoff.fn)])


@contextmanager
def _tracked(experiment: Experiment) -> Iterator[RunRef]:
    """The experiment's run in MLflow, which ends as the flow does."""
    settings = experiment.model_dump(exclude={"name", "description", "contenders"})
    run = runs.open_run(experiment.name, experiment.description, fingerprint(experiment), flow_run.id, settings)
    status: Status = "FAILED"
    try:
        yield run
        status = "FINISHED"
    except KeyboardInterrupt:
        status = "KILLED"
        raise
    finally:
        runs.close_run(run, status)


@contextmanager
def _timed(stage: str, seconds: dict[str, float]) -> Iterator[None]:
    """Notes how long a stage took, by the wall clock."""
    started = time.perf_counter()
    yield
    seconds[stage] = round(time.perf_counter() - started, 3)
