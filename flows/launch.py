"""From an experiment to its report: what stands around the flow when a person runs it."""

import fcntl
import importlib
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

from flows.experiment import Experiment, load
from flows.server import HOME, OwnServer
from tasks import progress
from tasks.models.networks import NetworkSpec
from tasks.reports.report import Report
from tasks.specs import BakeoffError, Spec
from tasks.store import CACHE, MLRUNS

if TYPE_CHECKING:
    from flows.book import BookReport
    from tasks.reports.claims import Claim

STARTING = "starting libraries and server, step"
_MEND_MLRUNS = "it holds all results: make it yours to write, or run bakeoff from another folder"
_ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "OMP_WAIT_POLICY": "PASSIVE",  # tasks/threads.py says why; OpenMP reads it when a library loads it
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",  # by default an address that is wrong is tried for minutes
}


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
    prepare()
    from flows.bakeoff import bakeoff, fingerprint
    from tasks.tracking import connection, cut_off, runs

    connection.check_connection()
    kept = None if fresh else runs.find_report(experiment.name, fingerprint(experiment))
    if kept and not cut_off.find_cut_off():
        return Outcome(report=kept, kept=True, cut_off=0)
    _check_settings(experiment)
    with _orchestrated([experiment], fresh) as ended:
        report = kept or bakeoff(experiment)
    return Outcome(report=report, kept=kept is not None, cut_off=ended)


def run_book(fresh: bool = False) -> "BookReport":
    """Runs the four problems of the book; one whose report is kept and still holds is not run again, unless `fresh`.

    Raises:
        BakeoffError: when something is for the user to mend before any of them can run.
    """
    prepare()
    from flows.book import PROBLEMS, book
    from tasks.tracking import connection

    connection.check_connection()
    experiments = {problem.experiment: load(problem.experiment) for problem in PROBLEMS}
    started = time.monotonic()
    with _orchestrated([*experiments.values()], fresh):
        report = book(experiments, fresh)
    return report.model_copy(update={"seconds": time.monotonic() - started})


def run_claim(names: Sequence[str], fresh: bool) -> "Claim":
    """Puts chapter 1's claim to the test on these experiments, or on the usual ones where none is named.

    Raises:
        BakeoffError: when something is for the user to mend before any of them can run.
    """
    prepare()
    from flows.claim import EXPERIMENTS, OPTIONAL, claim, enter, kept_claim
    from tasks.tracking import connection

    connection.check_connection()
    experiments, left_out = enter([load(name) for name in names or EXPERIMENTS], () if names else (OPTIONAL,))
    for experiment in experiments:
        _check_settings(experiment)
    kept = None if fresh else kept_claim(experiments, left_out)
    if kept:
        return kept
    with _orchestrated(experiments, fresh):
        return claim(experiments, left_out, fresh)


@contextmanager
def _orchestrated(experiments: Sequence[Experiment], fresh: bool) -> Iterator[int]:
    """Everything that a flow needs around it, once no other run is at work; gives how many runs were found cut off."""
    from tasks.tracking import cut_off

    with _alone_here(), _own_server() as server:
        progress.report(STARTING, 0, 1)
        contenders = [contender for experiment in experiments for contender in experiment.contenders.values()]
        if any(isinstance(contender, NetworkSpec) for contender in contenders):
            importlib.import_module("tasks.training")  # TensorFlow's seconds are those in which the server boots
        with _prefect_settings(server, fresh):
            progress.report(STARTING, 1, 1)
            dead = cut_off.find_cut_off()
            flow_runs = [run.flow_run_id for run in dead if run.flow_run_id]
            _mark_crashed(flow_runs)
            cut_off.mark_killed(dead)
            yield len(flow_runs)


def latest(experiment: str) -> Report:
    """The report of an experiment's latest finished run.

    Raises:
        BakeoffError: when there is none.
    """
    prepare()
    from tasks.tracking import connection, runs

    connection.check_connection()
    is_file = experiment.endswith((".yaml", ".yml"))
    report = runs.find_report(load(experiment).name if is_file else experiment)
    if report is None:
        load(experiment)  # says so, if there is no such experiment at all
        raise BakeoffError(f"{experiment} has no finished run yet; `bakeoff run {experiment}` makes one")
    return report


def prepare() -> None:
    """Makes sure that mlruns/ can be written, and that nothing leaves this machine unasked.

    Raises:
        BakeoffError: when something in mlruns/ cannot be written.
    """
    try:
        CACHE.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BakeoffError(f"{MLRUNS}/ cannot be written ({error.strerror}); {_MEND_MLRUNS}") from error
    locked = [path for path in (MLRUNS, CACHE, *MLRUNS.iterdir()) if not os.access(path, os.W_OK)]
    if locked:
        raise BakeoffError(f"{locked[0]} cannot be written (Permission denied); {_MEND_MLRUNS}")
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    if not (Path.home() / ".prefect" / "profiles.toml").exists():
        os.environ.setdefault("PREFECT_HOME", str(HOME.resolve()))
    for name in ("NO_PROXY", "no_proxy"):  # our own server is no business of a proxy's
        hosts = [host for host in os.environ.get(name, "").split(",") if host]
        os.environ[name] = ",".join(dict.fromkeys([*hosts, "127.0.0.1", "localhost"]))


@contextmanager
def _alone_here() -> Iterator[None]:
    """Waits until no other run is at work in this folder: two would fight for the cores and for two databases."""
    with (MLRUNS / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress.report("another run is at work in mlruns/, waiting for it", 0, 1)
            fcntl.flock(lock, fcntl.LOCK_EX)
            progress.report("another run is at work in mlruns/, waiting for it", 1, 1)
        yield


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
        if not isinstance(contender, NetworkSpec):
            try:
                contender.estimator(experiment.dataset.task, experiment.dataset.form, seed=0)
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
    else:
        _check_api(PREFECT_API_URL.value())
    with temporary_settings(settings):
        try:
            yield
        finally:
            _send_what_is_queued()


def _check_api(url: str) -> None:
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        fault = client.api_healthcheck()
    if fault:
        raise BakeoffError(
            f"the Prefect server at {url}, which PREFECT_API_URL names in the environment or in your Prefect profile,"
            f" does not answer ({fault}); start it, or unset PREFECT_API_URL to let bakeoff start its own"
        ) from fault


def _mark_crashed(flow_run_ids: Sequence[str]) -> None:
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
