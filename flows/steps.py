"""The tasks as Prefect sees them: their names, and what their results are kept under.

A result is kept under the digest of the task's inputs and of the code that computes it. Nothing else counts: a run that
was killed and is started again finds what had finished.
"""

from collections.abc import Callable, Mapping
from concurrent.futures import CancelledError
from typing import Any, TypeVar

from prefect import Task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas import State, TaskRun
from prefect.context import TaskRunContext

from flows.cache_keys import digest
from tasks import parallel
from tasks.data import datasets, vectorization
from tasks.data.examples import DatasetSpec
from tasks.data.folds import splitting
from tasks.data.folds.splitting import Folds
from tasks.data.vectorization import DesignMatrix
from tasks.evaluation import cross_validation, tuning
from tasks.evaluation.cross_validation import Result
from tasks.insight import explanation, leak_audit, learning_curve
from tasks.metrics import MetricName
from tasks.models.contenders import Contender
from tasks.models.search import BudgetError
from tasks.specs import BakeoffError, UnreachableError
from tasks.tracking import registry, runs
from tasks.verdict import comparison, selection_bias
from tasks.verdict.comparison import Rules

R = TypeVar("R")

RETRY_SECONDS = [2.0, 5.0, 10.0, 20.0, 30.0]  # time for a server to be started again
TRACKING_SECONDS = 900  # a large model on its way to a slow store
INGEST_SECONDS = 3600  # a download over a slow line


def _may_pass(_task: Task[..., Any], _run: TaskRun, state: State) -> bool:
    """Whether trying again may help: not where the user has to mend something."""
    error = state.result(raise_on_failure=False)
    return isinstance(error, UnreachableError) or not isinstance(error, BakeoffError | CancelledError)


def _key(context: TaskRunContext, parameters: dict[str, Any]) -> str:
    stamps = [value.stamp for value in parameters.values() if isinstance(value, DatasetSpec)]
    return f"{context.task.name}-{digest([parameters, stamps], context.task.fn.__module__)}"


# A task whose result is kept. It has no tags: Prefect would ask its server for a slot of each, before each run.
KEPT: Mapping[str, Any] = {"cache_key_fn": _key, "persist_result": True, "result_serializer": "json"}
# A task that talks to MLflow, which may be a busy server: tried again, and never answered from a kept result.
LOGGED: Mapping[str, Any] = {
    "cache_policy": NO_CACHE,
    "retries": len(RETRY_SECONDS),
    "retry_delay_seconds": RETRY_SECONDS,
    "retry_condition_fn": _may_pass,
    "timeout_seconds": TRACKING_SECONDS,
}

ingest = Task(
    datasets.ingest,
    task_run_name="ingest {dataset.kind}",
    retries=2,
    retry_delay_seconds=5,
    retry_condition_fn=_may_pass,
    timeout_seconds=INGEST_SECONDS,
    **KEPT,
)
vectorize = Task(vectorization.vectorize, task_run_name="vectorize {examples.name}", **KEPT)
split = Task(splitting.split, task_run_name="split: {validation.label}", **KEPT)
tune = Task(tuning.tune, task_run_name="{name}, search", **KEPT)
evaluate = Task(cross_validation.evaluate, task_run_name="{name}, {folds.validation.label}", **KEPT)
refit = Task(cross_validation.refit, task_run_name="{evaluation.name}, all training rows", **KEPT)
compare = Task(comparison.compare, task_run_name="compare all pairs", **KEPT)
correct_for_choice = Task(selection_bias.correct_for_choice, task_run_name="correct the champion's score", **KEPT)
score_on_test = Task(cross_validation.score_on_test, task_run_name="{refit.name}, test rows", **KEPT)
challenge = Task(comparison.challenge, task_run_name="challenge the champion", **KEPT)
log_data = Task(runs.log_data, task_run_name="log data and folds", **LOGGED)
# It runs in a thread, which Prefect cannot end when its time is over; MLflow's client gives up by itself.
log_contender = Task(runs.log_contender, task_run_name="log {result.name}", **{**LOGGED, "timeout_seconds": None})
register = Task(registry.register, task_run_name="register {candidate.name}", **LOGGED)
find_champion = Task(registry.find_champion, task_run_name="find the champion of {model}", **LOGGED)
update_champion_alias = Task(
    registry.update_champion_alias, task_run_name="settle who is the champion of {promotion.model}", **LOGGED
)
log_report = Task(runs.log_report, task_run_name="log the report", **LOGGED)
log_study = Task(runs.log_study, task_run_name="log the {name}", **LOGGED)
explain = Task(explanation.explain, task_run_name="what {experiment} rests on", cache_policy=NO_CACHE)
plan_subsets = Task(learning_curve.plan_subsets, task_run_name="draw subsets of the training rows", **KEPT)
with_all_words = Task(vectorization.with_all_words, task_run_name="find all words of {examples.name}", **KEPT)
evaluate_leaky = Task(leak_audit.evaluate_leaky, task_run_name="{suspect.name}, leaky: {suspect.leak}", **KEPT)
weigh_leaks = Task(leak_audit.weigh_leaks, task_run_name="compare honest and leaky scores", **KEPT)


def finish(evaluated: cross_validation.Evaluation, arrays: DesignMatrix, rules: Rules) -> Result:
    """Fit an evaluated contender on all training rows, and score it on the test rows."""
    fitted = refit(evaluated, arrays, rules.validation)
    return Result(evaluation=evaluated, refit=fitted, test=score_on_test(fitted, arrays, rules.metric))


def within_budget(
    contenders: Mapping[str, Contender], evaluated: Callable[[str, Contender], R]
) -> tuple[list[R], list[str]]:
    """What is found of each contender; one whose budget is too small for its search is left out. Also says why.

    Contenders are at work side by side; nets, which share a process, one after the other.

    Raises:
        BakeoffError: when none is left.
    """
    left_out: dict[str, str] = {}

    def attempt(name: str) -> R | None:
        try:
            return evaluated(name, contenders[name])
        except BudgetError as error:
            left_out[name] = f"{name} is left out: {str(error).removeprefix(f'contender {name}: ')}."
            return None

    names = sorted(contenders, key=lambda name: contenders[name].is_net)  # TensorFlow takes seconds to load
    results = parallel.in_threads(attempt, names, lambda name: contenders[name].is_net)
    found = dict(zip(names, results, strict=True))
    said = [left_out[name] for name in contenders if name in left_out]
    if len(said) == len(contenders):
        raise BakeoffError(said[0])
    return [result for name in contenders if (result := found[name]) is not None], said


def tune_and_evaluate(
    name: str, contender: Contender, arrays: DesignMatrix, folds: Folds, metric: MetricName, final: bool = True
) -> cross_validation.Evaluation:
    """Fits and scores a contender on all folds, after a search for its settings where it asks for one.

    `final` says whether a model of all training rows comes after that, which has a search of its own.
    """
    if contender.tuning is None:
        return evaluate(name, contender, arrays, folds, metric)
    tuned = tune(name, contender, contender.tuning, arrays, folds, metric, final)
    return evaluate(name, contender, arrays, folds, metric, tuned)
