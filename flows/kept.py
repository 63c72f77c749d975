"""What a kept result depends on: its inputs, the code that computed it, and the libraries.

Nothing here needs Prefect: whether there is anything to do must be known before it is loaded.
"""

import hashlib
import json
from contextlib import suppress
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from pydantic import BaseModel

import tasks
from flows.experiment import Experiment
from tasks.reports.report import Report
from tasks.tracking import registry, runs

FLOW = Path(__file__).with_name("bakeoff.py")
LIBRARIES = (
    "keras", "lightgbm", "mlxtend", "numpy", "optuna", "pandas", "pillow", "pyarrow", "scikit-learn", "scipy",
    "tensorflow", "xgboost", "xgboost-cpu",
)  # fmt: skip

# Code that only tells of results: to change it changes no score, so nothing is trained again.
PRESENTATION_ONLY = {"artifacts", "importance", "prediction.py", "reports", "tracking"}


@cache
def code_version(telling: bool) -> str:
    """A digest of the tasks' source, with what tells of results or without, and of the libraries' versions."""
    content, root = hashlib.sha256(), Path(tasks.__file__).parent
    for path in sorted(root.rglob("*.py")):
        if telling or path.relative_to(root).parts[0] not in PRESENTATION_ONLY:
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


def fingerprint(experiment: Experiment) -> str:
    """A digest of all that an experiment's result depends on: its settings and data, the code and the libraries."""
    return digest([experiment, experiment.dataset.stamp, FLOW.read_text(encoding="utf8")])


def kept_report(experiment: Experiment) -> Report | None:
    """The report of an earlier run that nothing has changed since, if there is one, and a champion stands."""
    report = runs.find_report(experiment.name, fingerprint(experiment))
    return report if report and registry.find_champion(experiment.name) else None
