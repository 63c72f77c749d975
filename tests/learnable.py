"""Small made data that every method can learn from, and every contender that takes them."""

import warnings
from functools import cache
from typing import get_args

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from tasks.data.examples import Form
from tasks.data.vectorization import Features
from tasks.metrics import MetricName, Task
from tasks.models.baselines.estimators import BaselineSpec, Fitted, Floats
from tasks.models.contenders import Baseline
from tasks.specs import BakeoffError
from tests.builders import CLASSES, problem_of

ROWS, SEED = 150, 3
FITTING: dict[Task, MetricName] = {"regression": "mae", "binary": "accuracy", "multiclass": "accuracy"}
SPECS: list[BaselineSpec] = [spec() for spec in get_args(Baseline)]


def learnable(task: Task, form: Form) -> tuple[Features, NDArray[np.generic]]:
    """X (150, 8) and y: the target follows from the first columns, whose scales differ much in a table."""
    generator = np.random.default_rng(0)
    classes = np.arange(ROWS) % max(2, len(CLASSES[task]))
    X = generator.poisson(0.2, size=(ROWS, 8)).astype(np.float64)
    X[np.arange(ROWS), classes] += generator.integers(1, 4, ROWS)
    if form == "table":
        X = (X + generator.normal(size=X.shape) * 0.2) * [1, 50, 1, 1, 1, 1, 1, 1] - 1
    y = classes if task != "regression" else 100 + 20 * classes + generator.normal(size=ROWS)
    if form == "words":
        return csr_matrix(X, dtype=np.float32), y
    if form == "series":
        X[np.arange(ROWS) % 5 == 0, 7] = np.nan
    return X if form == "table" else (X / 8).astype(np.float32), y


def takes(spec: BaselineSpec, task: Task, form: Form) -> bool:
    """Whether a contender takes such data at all; of series, which it takes as a table, one task is enough."""
    if form == "series" and task != ("binary" if spec.classifier else "regression"):
        return False
    try:
        spec.check(problem_of(task, form), FITTING[task])
    except BakeoffError:
        return False
    return True


CASES = [
    (spec, task, form)
    for spec in SPECS
    for task in get_args(Task)
    for form in get_args(Form)
    if takes(spec, task, form)
]
IDS = [f"{spec.kind}-{task}-{form}" for spec, task, form in CASES]


@cache
def fitted(kind: str, task: Task, form: Form) -> Fitted:
    """The contender of this kind, as it is by default, fitted on the first 100 rows; a warning is an error."""
    X, y = learnable(task, form)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return next(spec for spec in SPECS if spec.kind == kind).fit(X[:100], y[:100], problem_of(task, form), SEED)


def predicted(spec: BaselineSpec, task: Task, form: Form) -> Floats:
    """What that contender predicts for the other rows."""
    X, _ = learnable(task, form)
    return spec.predict(fitted(spec.kind, task, form).model, X[100:], problem_of(task, form))


def fit_predict(spec: BaselineSpec, task: Task, form: Form, seed: int = SEED) -> Floats:
    """What a contender, fitted on the first 100 rows, predicts for the others."""
    X, y = learnable(task, form)
    return spec.predict(spec.fit(X[:100], y[:100], problem_of(task, form), seed).model, X[100:], problem_of(task, form))
