"""Settings and scores, sent to MLflow in as few calls as it allows: over HTTP, each costs as much as a small fit."""

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Metric

BATCH = 1000  # the most that MLflow takes in one call, metrics and parameters together
LONGEST = 6000  # letters of a parameter that MLflow takes
# The user's own words, as many as a file has columns; MLflow takes 100 parameters in a call, with few signs in a name.
ONE_PARAMETER = ("columns",)


def metrics_of(series: Mapping[str, Sequence[float]], first_step: int = 0) -> "list[Metric]":
    """Each series with steps that count from `first_step`."""
    from mlflow.entities import Metric

    now = int(time.time() * 1000)
    return [
        Metric(name, float(value), now, step)
        for name, values in series.items()
        for step, value in enumerate(values, start=first_step)
    ]


def log_batch(
    client: "MlflowClient", run_id: str, metrics: "Sequence[Metric]", settings: Mapping[str, object] | None = None
) -> None:
    """Logs metrics, and settings as parameters, in as few calls as MLflow allows."""
    from mlflow.entities import Param

    params = [Param(key, _cut(str(value))) for key, value in _flatten(settings or {}).items()]
    room = BATCH - len(params)
    client.log_batch(run_id, metrics=metrics[:room], params=params)
    for start in range(room, len(metrics), BATCH):
        client.log_batch(run_id, metrics=metrics[start : start + BATCH])


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
