"""From an experiment to its report: what stands around the flow when a person runs it."""

import importlib
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from uuid import UUID

from flows.experiment import Experiment, load
from flows.server import OwnServer
from tasks.models.networks import DenseSpec
from tasks.reporting import Report
from tasks.specs import BakeoffError, Spec
from tasks.store import CACHE, MLRUNS


class Outcome(Spec):
    """A report; whether it was kept from an earlier run, and how many earlier runs were found cut off."""

    report: Report
    kept: bool
    cut_off: int


def run(experiment: Experiment, fresh: bool = False) -> Outcome:
    """Runs an experiment, or gives the report of an earlier run that nothing has changed since.

    What an earlier run of the same experiment had finished when it was cut off is used again, unless `fresh`.

    Raises:
        BakeoffError: when something is for the user to mend.
    """
    from flows.bakeoff import bakeoff, fingerprint
    from tasks import tracking

    cut_off = tracking.reconcile()
    kept = None if fresh else tracking.find_report(experiment.name, fingerprint(experiment))
    if kept and not cut_off:
        return Outcome(report=kept, kept=True, cut_off=0)
    _check_settings(experiment)
    with _own_server() as server:
        if any(isinstance(contender, DenseSpec) for contender in experiment.contenders.values()):
            importlib.import_module("tasks.training")  # TensorFlow's seconds are those in which the server boots
        with _prefect_settings(server, fresh):
            _mark_crashed(cut_off)
            report = kept or bakeoff(experiment)
    return Outcome(report=report, kept=kept is not None, cut_off=len(cut_off))


def latest(experiment: str) -> Report:
    """The report of an experiment's latest finished run.

    Raises:
        BakeoffError: when there is none.
    """
    from tasks import tracking

    report = tracking.find_report(experiment)
    if report is None:
        load(experiment)  # says so, if there is no such experiment at all
        raise BakeoffError(f"{experiment} has no finished run yet; `bakeoff run {experiment}` makes one")
    return report


def prepare() -> None:
    """Makes sure that mlruns/ can be written, and keeps libraries from talking over the program.

    Raises:
        BakeoffError: when mlruns/ cannot be written.
    """
    try:
        CACHE.mkdir(parents=True, exist_ok=True)
        probe = CACHE / f".probe-{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise BakeoffError(
            f"{MLRUNS}/ cannot be written ({error.strerror}); it holds all results:"
            " make it a folder that you may write to, or run bakeoff from another folder"
        ) from error
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "CRITICAL")


def _own_server() -> AbstractContextManager[OwnServer | None]:
    """A Prefect server for this run alone; none where the user's settings name one."""
    from prefect.settings import PREFECT_API_URL

    return nullcontext() if PREFECT_API_URL.value() else OwnServer()


def _check_settings(experiment: Experiment) -> None:
    """Finds settings that an estimator does not know, before anything is trained.

    Raises:
        BakeoffError: when there is one.
    """
    for name, contender in experiment.contenders.items():
        if not isinstance(contender, DenseSpec):
            try:
                contender.estimator(experiment.dataset.task, seed=0)
            except BakeoffError as error:
                raise BakeoffError(f"contender {name}: {error}") from error


@contextmanager
def _prefect_settings(server: OwnServer | None, fresh: bool) -> Iterator[None]:
    """Has Prefect use our server, if there is one, and keep results in mlruns/cache/, but use none if `fresh`."""
    from prefect.settings import (
        PREFECT_API_URL,
        PREFECT_LOCAL_STORAGE_PATH,
        PREFECT_TASKS_REFRESH_CACHE,
        temporary_settings,
    )

    settings = {PREFECT_LOCAL_STORAGE_PATH: (CACHE / "results").resolve(), PREFECT_TASKS_REFRESH_CACHE: fresh}
    if server:
        server.wait_until_ready()
        settings[PREFECT_API_URL] = server.api_url
    with temporary_settings(settings):
        try:
            yield
        finally:
            _send_what_is_queued()


def _mark_crashed(flow_run_ids: tuple[str, ...]) -> None:
    """Ends flow runs whose process is gone; one that this Prefect server does not know is another server's to end."""
    from prefect.client.orchestration import get_client
    from prefect.exceptions import ObjectNotFound
    from prefect.states import Crashed

    with get_client(sync_client=True) as client:
        for flow_run_id in flow_run_ids:
            with suppress(ObjectNotFound):
                client.set_flow_run_state(UUID(flow_run_id), Crashed(message="The process was killed."), force=True)


def _send_what_is_queued() -> None:
    """Sends events and logs that are still queued: a task's last state is one, and the server is about to end."""
    from prefect.events.worker import EventsWorker
    from prefect.logging.handlers import APILogWorker

    for worker in (EventsWorker, APILogWorker):
        worker.drain_all(timeout=20)
