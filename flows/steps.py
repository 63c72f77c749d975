"""The tasks as Prefect sees them: their names, and what their results are kept under.

A result is kept under the digest of the task's inputs and of the code that computes it. Nothing else counts: a run that
was killed and is started again finds what had finished.
"""

from collections.abc import Callable, Mapping
from typing import Any, ParamSpec, TypeVar

from prefect import Task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas import State, TaskRun
from prefect.context import TaskRunContext

from flows.kept import digest
from tasks import comparison, evaluation, explanation, leak_audit, learning_curve, selection
from tasks.data import datasets, splitting, vectorization
from tasks.data.examples import DatasetSpec
from tasks.data.splitting import Folds
from tasks.data.vectorization import Arrays
from tasks.evaluation import Result
from tasks.metrics import MetricName
from tasks.models.contenders import Contender
from tasks.models.search import BudgetError
from tasks.rules import Rules
from tasks.specs import BakeoffError, UnreachableError
from tasks.tracking import registry, runs, studies
from tasks.tuning import tune as tuning

P = ParamSpec("P")
R = TypeVar("R")

RETRY_SECONDS = [2.0, 5.0, 10.0, 20.0, 30.0]  # time for a server to be started again
TRACKING_SECONDS = 900  # a large model on its way to a slow store
INGEST_SECONDS = 3600  # a download over a slow line


def _may_pass(_task: Task[..., Any], _run: TaskRun, state: State) -> bool:
    """Whether trying again may help: not where the user has to mend something."""
    error = state.result(raise_on_failure=False)
    return isinstance(error, UnreachableError) or not isinstance(error, BakeoffError)


def _key(context: TaskRunContext, parameters: dict[str, Any]) -> str:
    stamps = [value.stamp for value in parameters.values() if isinstance(value, DatasetSpec)]
    return f"{context.task.name}-{digest([parameters, stamps], context.task.fn.__module__)}"


def _step(function: Callable[P, R], run_name: str, **options: Any) -> Task[P, R]:
    """A task whose result is kept. It has no tags: Prefect would ask its server for a slot of each, before each run."""
    return Task(
        function,
        task_run_name=run_name,
        cache_key_fn=_key,
        persist_result=True,
        result_serializer="json",
        **options,
    )


def _side_effect(function: Callable[P, R], run_name: str) -> Task[P, R]:
    """A task that talks to MLflow, which may be a busy server: tried again, and never answered from a kept result."""
    return Task(
        function,
        task_run_name=run_name,
        cache_policy=NO_CACHE,
        retries=len(RETRY_SECONDS),
        retry_delay_seconds=RETRY_SECONDS,
        retry_condition_fn=_may_pass,
        timeout_seconds=TRACKING_SECONDS,
    )


ingest = _step(
    datasets.ingest,
    "ingest {dataset.kind}",
    retries=2,
    retry_delay_seconds=5,
    retry_condition_fn=_may_pass,
    timeout_seconds=INGEST_SECONDS,
)
vectorize = _step(vectorization.vectorize, "vectorize {examples.name}")
split = _step(splitting.split, "split: {validation.label}")
tune = _step(tuning.tune, "{name}, search")
evaluate = _step(evaluation.evaluate, "{name}, {folds.validation.label}")
refit = _step(evaluation.refit, "{evaluation.name}, all training rows")
compare = _step(comparison.compare, "compare all pairs")
correct_for_choice = _step(selection.correct_for_choice, "correct the champion's score")
score_on_test = _step(evaluation.score_on_test, "{refit.name}, test rows")
challenge = _step(comparison.challenge, "challenge the champion")
log_data = _side_effect(runs.log_data, "log data and folds")
log_contender = _side_effect(runs.log_contender, "log {result.name}")
register = _side_effect(registry.register, "register {candidate.name}")
find_champion = _side_effect(registry.find_champion, "find the champion of {model}")
settle = _side_effect(registry.settle, "settle who is the champion of {promotion.model}")
log_report = _side_effect(runs.log_report, "log the report")
log_study = _side_effect(studies.log_study, "log the {name}")
explain = Task(explanation.explain, task_run_name="what {experiment} rests on", cache_policy=NO_CACHE)
plan_subsets = _step(learning_curve.plan_subsets, "draw subsets of the training rows")
with_all_words = _step(vectorization.with_all_words, "find all words of {examples.name}")
evaluate_leaky = _step(leak_audit.evaluate_leaky, "{suspect.name}, leaky: {suspect.leak}")
weigh_leaks = _step(leak_audit.weigh_leaks, "compare honest and leaky scores")


def evaluate_all(
    contenders: Mapping[str, Contender], arrays: Arrays, folds: Folds, metric: MetricName
) -> tuple[list[evaluation.Evaluation], list[str]]:
    """Evaluates all contenders, as far as their budgets suffice. Also says which are left out."""
    return within_budget(contenders, lambda name, each: tune_and_evaluate(name, each, arrays, folds, metric))


def finish(evaluated: evaluation.Evaluation, arrays: Arrays, rules: Rules) -> Result:
    """Fit an evaluated contender on all training rows, and score it on the test rows."""
    fitted = refit(evaluated, arrays, rules.validation)
    return Result(evaluation=evaluated, refit=fitted, test=score_on_test(fitted, arrays, rules.metric))


def within_budget(
    contenders: Mapping[str, Contender], evaluated: Callable[[str, Contender], R]
) -> tuple[list[R], list[str]]:
    """What is found of each contender; one whose budget is too small for its search is left out. Also says why.

    Nets come last: TensorFlow takes seconds to load, and the others need not wait for it.

    Raises:
        BakeoffError: when none is left.
    """
    found, left_out = {}, {}
    for name in sorted(contenders, key=lambda name: contenders[name].family == "network"):
        try:
            found[name] = evaluated(name, contenders[name])
        except BudgetError as error:
            left_out[name] = f"{name} is left out: {str(error).removeprefix(f'contender {name}: ')}."
    said = [left_out[name] for name in contenders if name in left_out]
    if not found:
        raise BakeoffError(said[0])
    return [found[name] for name in contenders if name in found], said


def tune_and_evaluate(
    name: str, contender: Contender, arrays: Arrays, folds: Folds, metric: MetricName, final: bool = True
) -> evaluation.Evaluation:
    """Fits and scores a contender on all folds, after a search for its settings where it asks for one.

    `final` says whether a model of all training rows comes after that, which has a search of its own.
    """
    if contender.tuning is None:
        return evaluate(name, contender, arrays, folds, metric)
    tuned = tune(name, contender, contender.tuning, arrays, folds, metric, final)
    return evaluate(name, contender, arrays, folds, metric, tuned)
