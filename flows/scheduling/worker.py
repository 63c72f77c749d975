"""The process that executes what is scheduled in Prefect, or started there by hand: one run at a time."""

import os
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from functools import partial

import anyio
import httpx
import psutil
from anyio.abc import TaskStatus
from prefect.client.orchestration import get_client
from prefect.client.schemas import FlowRun, State
from prefect.client.schemas.filters import FlowRunFilter, WorkPoolFilter
from prefect.settings import PREFECT_UI_URL
from prefect.states import Crashed
from prefect.utilities.processutils import command_to_string
from prefect.workers.process import ProcessJobConfiguration, ProcessWorker, ProcessWorkerResult

from flows.scheduling import deployment_flows
from flows.scheduling.deployments import POOL, connected

STOP_SECONDS = 20.0  # for a run to note that it was ended; it does so between two epochs or two folds
SIGN_OFF_SECONDS = 5.0
POLL_SECONDS = 0.1
CUT_OFF: State[None] = Crashed(message="The process was killed.")
UNDER_WAY = ["PENDING", "RUNNING", "CANCELLING"]


class Worker(ProcessWorker):
    """Prefect's worker for processes, which tells what it does, and on whose end no run is left open in Prefect.

    Prefect's own ends with its run still going, or kills it before it can say so.
    """

    @classmethod
    def __dispatch_key__(cls) -> str:
        return POOL  # beside Prefect's own worker for processes, not in its place

    def __init__(self, say: Callable[[str], None]) -> None:
        name = f"{socket.gethostname()}-{os.getpid()}"
        super().__init__(POOL, name=name, limit=1, create_pool_if_not_found=False)
        self._say = say

    async def run(
        self,
        flow_run: FlowRun,
        configuration: ProcessJobConfiguration,
        task_status: TaskStatus[int] | None = None,
    ) -> ProcessWorkerResult:
        """Execute a flow run in a process of its own, and say when it starts and how it ends."""
        name = configuration.env["PREFECT__DEPLOYMENT_NAME"]
        self._say(f"{datetime.now():%H:%M:%S}  {name} starts")
        configuration.command = command_to_string(
            [sys.executable, "-m", deployment_flows.__name__]
        )  # not another's python
        result = await super().run(flow_run, configuration, task_status)
        state = (await self.client.read_flow_run(flow_run.id)).state
        if state is None or not (state.is_final() or result.status_code == 0):
            await self.client.set_flow_run_state(flow_run.id, state := CUT_OFF, force=True)
        how = str(state.name).lower() + (f" ({state.message})" if state.message and not state.is_completed() else "")
        self._say(f"{datetime.now():%H:%M:%S}  {name} {how}: {PREFECT_UI_URL.value()}/runs/flow-run/{flow_run.id}")
        return result

    async def end_run(self) -> None:
        """End the run under way, politely first, and return when Prefect knows of it, or cannot be told."""
        while not self.is_setup:  # it cannot be cancelled in the middle of that
            await anyio.sleep(POLL_SECONDS)
        asked: set[psutil.Process] = set()
        patience = anyio.current_time() + STOP_SECONDS
        with anyio.move_on_after(2 * STOP_SECONDS):
            while self.limiter.borrowed_tokens:
                late = anyio.current_time() > patience
                for process in psutil.Process().children(recursive=late):
                    with suppress(psutil.NoSuchProcess):
                        if late:
                            process.kill()
                        elif process not in asked:
                            process.terminate()
                    asked.add(process)
                await anyio.sleep(POLL_SECONDS)


def work(begin: Callable[[], None], say: Callable[[str], None]) -> None:
    """Execute what is due until the process is asked to end; schedules stay in force.

    From before `begin` is called, the process can be asked to end, by Ctrl-C or SIGTERM.

    Raises:
        BakeoffError: when the server does not answer, or has not answered for minutes.
    """
    try:
        anyio.run(_work, begin, say)
    except* RuntimeError:  # Prefect's worker gives up when it has not reached the server for minutes
        with connected():
            raise


async def _work(begin: Callable[[], None], say: Callable[[str], None]) -> None:
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        _end_runs_cut_off()
        begin()
        worker = Worker(say)
        async with anyio.create_task_group() as group:
            group.start_soon(partial(worker.start, printer=print))
            async for _ in signals:
                break
            await worker.end_run()
            group.cancel_scope.cancel()
    # Else it would pass for online for another minute or two. A server that is gone need not be told.
    where = {"work_pool_name": POOL, "name": worker.name}
    with anyio.move_on_after(SIGN_OFF_SECONDS), suppress(httpx.HTTPError):
        async with get_client() as client:
            await client.request("DELETE", "/work_pools/{work_pool_name}/workers/{name}", path_params=where)


def _end_runs_cut_off() -> None:
    """End, in Prefect, runs of workers on this machine whose process is gone: each would keep the others waiting."""
    with connected() as client:
        runs = client.read_flow_runs(
            work_pool_filter=WorkPoolFilter.model_validate({"name": {"any_": [POOL]}}),
            flow_run_filter=FlowRunFilter.model_validate({"state": {"type": {"any_": UNDER_WAY}}}),
        )
        environments = [process.info["environ"] or {} for process in psutil.process_iter(["environ"])]
        executed = {environment.get("PREFECT__FLOW_RUN_ID") for environment in environments}
        for run in runs:
            host, _, pid = str(run.labels.get("prefect.worker.name", "")).rpartition("-")
            if host != socket.gethostname() or psutil.pid_exists(int(pid)):  # the worker may be another user's
                continue
            if str(run.id) not in executed:
                client.set_flow_run_state(run.id, CUT_OFF, force=True)
