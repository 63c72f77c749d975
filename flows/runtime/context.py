"""What stands around a flow: the environment, a Prefect server, and that no other run is at work here."""

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

from flows.runtime import servers
from flows.runtime.ephemeral_server import HOME, EphemeralServer
from tasks import progress
from tasks.specs import BakeoffError
from tasks.store import CACHE, MLRUNS, alone, alone_if_free

# What a flow needs around it; the argument, `fresh`, says that nothing kept is to be used.
Orchestrated = Callable[[bool], AbstractContextManager[None]]

OTHERS = "another run"  # in one folder, two would fight for the cores and for two databases
STARTING = "starting libraries and server, step"
SERVER_ERROR = 500  # of HTTP's answers, the first that is the server's fault
_MEND_MLRUNS = "it holds all results: make it yours to write, or run bakeoff from another folder"
_RESULTS = CACHE / "results"
_ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "OMP_WAIT_POLICY": "PASSIVE",  # tasks/fitting.py says why; OpenMP reads it when a library loads it
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",  # by default an address that is wrong is tried for minutes
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",  # standard output is for results
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "PREFECT_LOGGING_EXTRA_LOGGERS": "tasks",  # tasks know nothing of Prefect, which still shows what they log
    "PYTHONSAFEPATH": "1",  # a tasks.py in the working folder is not for the programs that libraries start
}


def prepare() -> None:
    """Make sure that mlruns/ can be written, that nothing leaves this machine unasked, and that servers are used.

    Raises:
        BakeoffError: when something in mlruns/ cannot be written.
    """
    try:
        CACHE.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BakeoffError(f"{MLRUNS}/ cannot be written ({error.strerror}); {_MEND_MLRUNS}") from error
    paths = (MLRUNS, CACHE, *MLRUNS.iterdir())
    locked = [path for path in paths if not os.access(path, os.W_OK) and path.exists()]  # a journal may be gone by now
    if locked:
        raise BakeoffError(f"{locked[0]} cannot be written (Permission denied); {_MEND_MLRUNS}")
    for name, value in (_ENVIRONMENT | _addresses() | {"PREFECT_LOCAL_STORAGE_PATH": str(_RESULTS.resolve())}).items():
        os.environ.setdefault(name, value)
    logging.getLogger("tasks").setLevel(logging.INFO)
    if not (Path.home() / ".prefect" / "profiles.toml").exists():
        os.environ.setdefault("PREFECT_HOME", str(HOME.resolve()))
    for name in ("NO_PROXY", "no_proxy"):  # our own server is no business of a proxy's
        hosts = [host for host in os.environ.get(name, "").split(",") if host]
        os.environ[name] = ",".join(dict.fromkeys([*hosts, "127.0.0.1", "localhost"]))


def reconcile() -> int:
    """Prepare the environment, and end in MLflow the runs whose process is gone; return how many there were.

    Raises:
        BakeoffError: when mlruns/ cannot be written, or MLflow does not answer.
    """
    prepare()
    from tasks.tracking import connection

    connection.check_connection()
    dead = connection.find_cut_off()
    connection.mark_killed(dead)
    return sum(run.flow_run_id != "" for run in dead)


def _addresses() -> dict[str, str]:
    """Return where the servers that `bakeoff up` started are, by the names that Prefect and MLflow look for."""
    up = servers.running()
    found = {"PREFECT_API_URL": f"{up['prefect'].address}/api"} if "prefect" in up else {}
    return found | ({"MLFLOW_TRACKING_URI": up["mlflow"].address} if "mlflow" in up else {})


@contextmanager
def ahead() -> Iterator[Orchestrated]:
    """Boot the server of a run's own while the caller loads libraries and finds out whether there is a flow to run.

    What it gives is a context for the flow: everything that it needs around it, once no other run is at work. Where one
    is, or the environment names a server, nothing is begun before that.

    Raises:
        BakeoffError: when a server stops answering meanwhile.
    """
    prepare()
    with ExitStack() as begun:
        free = not os.environ.get("PREFECT_API_URL") and begun.enter_context(alone_if_free("lock"))
        server = begun.enter_context(EphemeralServer()) if free else None
        with naming_lost_servers():
            yield partial(_orchestrated, begun, server)


@contextmanager
def _orchestrated(begun: ExitStack, server: EphemeralServer | None, fresh: bool) -> Iterator[None]:
    """What `ahead` gives; `fresh` says that nothing kept is to be used."""
    from prefect.events.worker import EventsWorker
    from prefect.logging.handlers import APILogWorker
    from prefect.settings import (
        PREFECT_API_URL,
        PREFECT_LOCAL_STORAGE_PATH,
        PREFECT_TASKS_REFRESH_CACHE,
        PREFECT_UI_ENABLED,
        temporary_settings,
    )

    elsewhere = PREFECT_API_URL.value()  # as a profile or a file of Prefect's may say, too
    if server is None:
        begun.enter_context(alone("lock", OTHERS))
        server = None if elsewhere else begun.enter_context(EphemeralServer())
    elif elsewhere:
        server.stop()
    progress.report(STARTING, 0, 1)
    settings: dict[Any, Any] = {PREFECT_LOCAL_STORAGE_PATH: _RESULTS.resolve(), PREFECT_TASKS_REFRESH_CACHE: fresh}
    if server and not elsewhere:
        server.wait_until_ready()
        settings |= {PREFECT_API_URL: server.api_url, PREFECT_UI_ENABLED: False}
    elif elsewhere:
        _check_api(elsewhere)
    with temporary_settings(settings):
        try:
            progress.report(STARTING, 1, 1)
            end_flow_runs()
            yield
        finally:  # a task's last state may still be queued, and the server is about to end
            for worker in (EventsWorker, APILogWorker):
                worker.drain_all(timeout=20)


@contextmanager
def within_flow_run(fresh: bool) -> Iterator[None]:
    """Give the steps of a flow run that a worker has started what they need, once no other run is at work.

    Raises:
        BakeoffError: when mlruns/ cannot be written, or a server does not answer or stops answering meanwhile.
    """
    reconcile()
    from prefect.settings import PREFECT_TASKS_REFRESH_CACHE, temporary_settings

    with (
        naming_lost_servers(),
        alone("lock", OTHERS),
        temporary_settings({PREFECT_TASKS_REFRESH_CACHE: fresh}),
    ):
        end_flow_runs()
        yield


@contextmanager
def naming_lost_servers() -> Iterator[None]:
    """Say which server it was that stopped answering in the middle of a run.

    Raises:
        BakeoffError: when one did.
    """
    try:
        yield
    except Exception as error:
        lost = _lost_server(error)
        if lost is None:
            raise
        mend = "start it again, and run again: what had finished is kept"
        raise BakeoffError(f"the {lost} stopped answering in the middle of the run; {mend}") from error


def _lost_server(error: Exception) -> str | None:
    """Return which server did not answer, if it is that kind of error."""
    import httpx
    from mlflow.exceptions import MlflowException
    from prefect.exceptions import PrefectHTTPStatusError
    from prefect.settings import PREFECT_API_URL

    broken = isinstance(error, PrefectHTTPStatusError) and error.response.status_code >= SERVER_ERROR
    if broken or isinstance(error, httpx.TransportError):
        return f"Prefect server at {PREFECT_API_URL.value()}"
    if isinstance(error, MlflowException) and "API request to" in str(error):  # what its client says when it gives up
        return f"MLflow server at {os.environ['MLFLOW_TRACKING_URI']}"
    return None


def end_flow_runs() -> None:
    """End, in Prefect, the flow runs of runs that were found cut off while no Prefect server was there.

    One that this server does not know is another server's to end.
    """
    from prefect.client.orchestration import get_client
    from prefect.exceptions import ObjectNotFound
    from prefect.states import Crashed

    from tasks.tracking import connection

    for run in connection.find_open_flow_runs():
        with get_client(sync_client=True) as client, suppress(ObjectNotFound):
            flow_run = client.read_flow_run(UUID(run.flow_run_id))
            if flow_run.state and not flow_run.state.is_final():
                message = "The process was killed."
                client.set_flow_run_state(flow_run.id, Crashed(message=message), force=True)
            connection.note_flow_run_ended(run)


def _check_api(url: str) -> None:
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        fault = client.api_healthcheck()
    if fault and url in _addresses().values():
        anew = "`bakeoff down`, then `bakeoff up`, starts it anew"
        raise BakeoffError(f"the Prefect server of `bakeoff up` at {url} does not answer ({fault}); {anew}") from fault
    if fault:
        raise BakeoffError(
            f"the Prefect server at {url}, which PREFECT_API_URL names in the environment or in your Prefect profile,"
            f" does not answer ({fault}); start it, or unset PREFECT_API_URL to let bakeoff start its own"
        ) from fault
