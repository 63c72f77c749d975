"""The tasks as Prefect sees them: their names, and what their results are kept under.

A result is kept under the digest of the task's inputs and of the code that computes it. Nothing else counts: a run that
was killed and is started again finds what had finished.
"""

import hashlib
import json
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from prefect import Task
from prefect.cache_policies import NO_CACHE
from prefect.context import TaskRunContext
from pydantic import BaseModel

import tasks
from tasks import comparison, evaluation, refitting, selection
from tasks.data import datasets, splitting, vectorization
from tasks.tracking import claims as tracked_claims
from tasks.tracking import runs

P = ParamSpec("P")
R = TypeVar("R")

LIBRARIES = (
    "keras", "lightgbm", "mlxtend", "numpy", "pandas", "scikit-learn", "scipy", "tensorflow", "xgboost", "xgboost-cpu"
)  # fmt: skip


# Code that only tells of results: to change it changes no score, so nothing is trained again.
TELLING = {"artifacts", "reports", "tracking"}


@cache
def code_version(telling: bool) -> str:
    """A digest of the tasks' source, with what tells of results or without, and of the libraries' versions."""
    content, root = hashlib.sha256(), Path(tasks.__file__).parent
    for path in sorted(root.rglob("*.py")):
        if telling or path.relative_to(root).parts[0] not in TELLING:
            content.update(path.read_bytes())
    for name in LIBRARIES:
        with suppress(PackageNotFoundError):  # an extra that is not installed
            content.update(f"{name}=={version(name)} ".encode())
    return content.hexdigest()[:16]


def digest(value: object, telling: bool = True) -> str:
    """A digest of plain values and specs, by their content, and of the code."""
    text = json.dumps(value, default=_plain, sort_keys=True)
    return hashlib.sha256(f"{code_version(telling)} {text}".encode()).hexdigest()[:32]


def _plain(value: object) -> object:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    raise TypeError(f"a task's input must be a spec or a plain value, not {type(value).__name__}")


def _key(context: TaskRunContext, parameters: dict[str, Any]) -> str:
    return f"{context.task.name}-{digest(parameters, telling=False)}"


def _step(function: Callable[P, R], run_name: str) -> Task[P, R]:
    """A task whose result is kept."""
    return Task(function, task_run_name=run_name, cache_key_fn=_key, persist_result=True, result_serializer="json")


def _side_effect(function: Callable[P, R], run_name: str) -> Task[P, R]:
    """A task that writes to MLflow, which may be a busy server: tried again, and never answered from a kept result."""
    return Task(function, task_run_name=run_name, cache_policy=NO_CACHE, retries=2, retry_delay_seconds=2)


ingest = _step(datasets.ingest, "ingest {dataset.kind}")
vectorize = _step(vectorization.vectorize, "vectorize {examples.name}")
split = _step(splitting.split, "split: {validation.label}")
evaluate = _step(evaluation.evaluate, "{name}, {folds.validation.label}")
refit = _step(refitting.refit, "{evaluation.name}, all training rows")
compare = _step(comparison.compare, "compare all pairs")
correct_for_choice = _step(selection.correct_for_choice, "correct the champion's score")
score_on_test = _step(refitting.score_on_test, "{refit.name}, test rows")
log_data = _side_effect(runs.log_data, "log data and folds")
log_contender = _side_effect(runs.log_contender, "log {evaluation.name}")
log_report = _side_effect(runs.log_report, "log the report")
log_claim = _side_effect(tracked_claims.log_claim, "log the claim")
