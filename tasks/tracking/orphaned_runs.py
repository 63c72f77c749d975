"""Runs whose process is gone: whose a run is, and how those that were cut off are found and ended."""

import socket
from collections.abc import Sequence
from typing import TYPE_CHECKING

import psutil

from tasks.specs import Spec
from tasks.tracking.connection import connect

if TYPE_CHECKING:
    from mlflow.entities import Run


FLOW_RUN = "bakeoff.flow_run_id"  # on the run of an experiment, unlike a contender's
OPEN = "bakeoff.flow_run_open"
CLOCK_SECONDS = 60  # a process's start is counted from the machine's, which moves when the clock is set


class CutOff(Spec):
    """A run whose process is gone, and its Prefect flow run; a contender's run has none: an empty string."""

    run_id: str
    flow_run_id: str


def owner() -> dict[str, str]:
    """Return whose run it is: the user's, and of which process, so that a later one can tell whether it still lives."""
    process = psutil.Process()
    return {
        "mlflow.user": process.username(),
        "mlflow.source.name": "bakeoff",
        "mlflow.source.type": "LOCAL",
        "bakeoff.host": socket.gethostname(),
        "bakeoff.pid": str(process.pid),
        "bakeoff.process_started": f"{process.create_time():.2f}",
    }


def find_cut_off() -> tuple[CutOff, ...]:
    """Return the runs that are open although their process on this machine is gone."""
    return tuple(_cut_off(run) for run in _search("attributes.status = 'RUNNING'") if _is_dead(run))


def mark_killed(dead: Sequence[CutOff]) -> None:
    """End the runs in MLflow, and note that their flow runs are still to be ended."""
    client = connect()
    for run in dead:
        if run.flow_run_id:
            client.set_tag(run.run_id, OPEN, "true")
        client.set_terminated(run.run_id, "KILLED")


def find_open_flow_runs() -> tuple[CutOff, ...]:
    """Return the runs that were ended in MLflow, and whose flow runs are still to be ended in Prefect."""
    return tuple(_cut_off(run) for run in _search(f"tags.`{OPEN}` = 'true'"))


def note_flow_run_ended(run: CutOff) -> None:
    """Note that nothing is left to be done for it."""
    from mlflow.exceptions import MlflowException

    try:
        connect().delete_tag(run.run_id, OPEN)
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":  # else another command has just done so
            raise


def _search(terms: str) -> "list[Run]":
    client = connect()
    everything = [experiment.experiment_id for experiment in client.search_experiments()]
    return list(client.search_runs(everything, f"{terms} and tags.`bakeoff.kind` != ''"))


def _cut_off(run: "Run") -> CutOff:
    return CutOff(run_id=run.info.run_id, flow_run_id=run.data.tags.get(FLOW_RUN, ""))


def _is_dead(run: "Run") -> bool:
    tags = run.data.tags
    if tags.get("bakeoff.host") != socket.gethostname():
        return False
    try:
        process = psutil.Process(int(tags["bakeoff.pid"]))
        started = float(tags["bakeoff.process_started"])
        alive = abs(process.create_time() - started) < CLOCK_SECONDS
    except psutil.NoSuchProcess:
        return True
    return not alive or process.status() == psutil.STATUS_ZOMBIE
