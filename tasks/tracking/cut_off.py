"""Runs whose process is gone: whose a run is, and how those that were cut off are found and ended."""

import socket
from collections.abc import Sequence
from typing import TYPE_CHECKING

import psutil

from tasks.specs import Spec
from tasks.tracking.connection import connect

if TYPE_CHECKING:
    from mlflow.entities import Run


class CutOff(Spec):
    """A run whose process is gone; the run of an experiment, unlike a contender's, names its Prefect flow run."""

    run_id: str
    flow_run_id: str | None


def owner() -> dict[str, str]:
    """Whose run it is: the user's, and of which process, so that a later one can tell whether it still lives."""
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
    """The runs that are open although their process on this machine is gone."""
    client = connect()
    everything = [experiment.experiment_id for experiment in client.search_experiments()]
    running = client.search_runs(everything, "attributes.status = 'RUNNING' and tags.`bakeoff.kind` != ''")
    return tuple(
        CutOff(run_id=run.info.run_id, flow_run_id=run.data.tags.get("bakeoff.flow_run_id"))
        for run in running
        if _is_dead(run)
    )


def mark_killed(runs: Sequence[CutOff]) -> None:
    """Ends the runs."""
    client = connect()
    for run in runs:
        client.set_terminated(run.run_id, "KILLED")


def _is_dead(run: "Run") -> bool:
    tags = run.data.tags
    if tags.get("bakeoff.host") != socket.gethostname():
        return False
    try:
        process = psutil.Process(int(tags["bakeoff.pid"]))
        alive = f"{process.create_time():.2f}" == tags["bakeoff.process_started"]
    except psutil.NoSuchProcess:
        return True
    return not alive or process.status() == psutil.STATUS_ZOMBIE
