"""What a worker can execute, by name, in Prefect; and when it does so by itself."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas import FlowRun
from prefect.client.schemas.actions import DeploymentScheduleCreate, DeploymentUpdate, WorkPoolCreate
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterId,
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
    WorkerFilter,
    WorkerFilterStatus,
    WorkPoolFilter,
    WorkPoolFilterName,
)
from prefect.client.schemas.objects import StateType
from prefect.client.schemas.responses import DeploymentResponse
from prefect.client.schemas.schedules import SCHEDULE_TYPES
from prefect.client.schemas.sorting import FlowRunSort
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound
from prefect.flows import Flow
from prefect.settings import PREFECT_API_URL
from prefect.states import Cancelling
from prefect.workers.process import ProcessWorker

from flows import deployed
from flows.experiment import CONF, available, load
from flows.timetable import in_words
from tasks.specs import BakeoffError, Spec
from tasks.store import alone

POOL = "bakeoff"
SEVERAL: dict[str, Flow[..., None]] = {"book": deployed.book, "claim": deployed.claim}  # flows over many experiments
JOB = {  # how a flow run is executed; flows/deployed.py says why by itself
    "command": "python -m flows.deployed",
    "env": {
        "PREFECT_LOCAL_STORAGE_PATH": "mlruns/cache/results",
        "PREFECT_LOGGING_EXTRA_LOGGERS": "tasks",
        "PYTHONSAFEPATH": "1",
    },
}


class Deployment(Spec):
    """What Prefect is told of a deployment, apart from what is the same for all."""

    name: str
    parameters: dict[str, str]
    tags: tuple[str, ...]
    description: str

    @property
    def flow(self) -> Flow[..., None]:
        """What a worker executes."""
        return SEVERAL.get(self.name, deployed.experiment)


class Scheduled(Spec):
    """A deployment that runs by itself: its schedule in words, and when it comes next, if that is known."""

    name: str
    schedule: str
    next_run: datetime | None


@contextmanager
def connected() -> Iterator[SyncPrefectClient]:
    """The Prefect server that is used here.

    Raises:
        BakeoffError: when there is none, or it does not answer.
    """
    if not PREFECT_API_URL.value():
        raise BakeoffError("no Prefect server runs; `bakeoff up` starts one")
    with get_client(sync_client=True) as client:
        if fault := client.api_healthcheck():
            raise BakeoffError(f"the Prefect server at {PREFECT_API_URL.value()} does not answer: {fault}") from fault
        yield client


def register(names: Sequence[str], here: bool = True) -> None:
    """Makes sure that Prefect has a deployment for each of these names, as it is now; schedules stay in force.

    `here` says that they are to be executed in this folder; else one that is known stays in its own.

    Raises:
        BakeoffError: when no server answers, or a name is neither an experiment in conf/ nor `book` nor `claim`.
    """
    deployments = [deployment(name) for name in names]
    with _alone(), connected() as client:
        with suppress(ObjectAlreadyExists):
            client.create_work_pool(_work_pool())
        for each in deployments:
            _register(client, each, here)


def deployable() -> tuple[list[str], dict[str, str]]:
    """The names that `register` takes; and of each experiment in conf/ that cannot be run, why it is not among them.

    Raises:
        BakeoffError: when there are no experiments.
    """
    names, faults = [], {}
    for path in available():
        try:
            load(path.stem)
            names.append(path.stem)
        except BakeoffError as error:
            faults[path.stem] = str(error)
    return [*names, *SEVERAL], faults


def deployment(name: str) -> Deployment:
    """The deployment of an experiment in conf/, or of `book` or `claim`.

    Raises:
        BakeoffError: when there is no such experiment, or it does not follow the schema.
    """
    if name in SEVERAL:
        first_line = str(SEVERAL[name].description).partition("\n")[0]
        return Deployment(name=name, parameters={}, tags=("bakeoff",), description=_described(first_line, name))
    if name.endswith((".yaml", ".yml")):
        raise BakeoffError(f"{name} is a file; what Prefect is to run is named as in {CONF}/: move it there")
    experiment = load(name)
    return Deployment(
        name=name,
        parameters={"experiment": name},
        tags=("bakeoff", experiment.dataset.problem.task, experiment.dataset.problem.form),
        description=_described(experiment.description, f"run {name}"),
    )


def _described(description: str, command: str) -> str:
    return f"{description} From a terminal: `bakeoff {command}`".lstrip()


def schedule(name: str, timetable: SCHEDULE_TYPES) -> None:
    """Has a deployment run by itself from now on, and no longer as it was scheduled before.

    Raises:
        BakeoffError: as `register` does.
    """
    register([name], here=False)
    with _alone(), connected() as client:
        found = _find(client, name)
        _remove_schedules(client, found)
        client.create_deployment_schedules(found.id, [DeploymentScheduleCreate(schedule=timetable, active=True)])
        _plan_runs(client, found.id)


def unschedule(name: str) -> bool:
    """Takes a deployment's schedule away, and the runs by it that have not started; says whether there was one.

    Raises:
        BakeoffError: when no server answers, or there is no such deployment and no such experiment.
    """
    with _alone(), connected() as client:
        try:
            found = _find(client, name)
        except ObjectNotFound:
            deployment(name)  # says so, if there is no such experiment at all
            return False
        _remove_schedules(client, found)
        return bool(found.schedules)


def listed() -> tuple[Scheduled, ...]:
    """What runs by itself, in alphabetical order.

    Raises:
        BakeoffError: when no server answers.
    """
    with connected() as client:
        here = WorkPoolFilter(name=WorkPoolFilterName(any_=[POOL]))
        return tuple(
            _scheduled(client, each)
            for each in sorted(client.read_deployments(work_pool_filter=here), key=lambda each: each.name)
            if each.schedules
        )


def worker_is_online() -> bool:
    """Whether someone is there to execute what is scheduled.

    Raises:
        BakeoffError: when no server answers.
    """
    online = WorkerFilter(status=WorkerFilterStatus(any_=["ONLINE"]))
    with connected() as client:
        try:
            client.read_work_pool(POOL)
        except ObjectNotFound:  # the request for its workers would not say so
            return False
        return bool(client.read_workers_for_work_pool(POOL, worker_filter=online))


def _alone() -> AbstractContextManager[None]:
    """Waits for others: to create a deployment that someone else has just created and scheduled takes its schedule."""
    return alone("schedules.lock", "another `schedule` or `work`")


def _work_pool() -> WorkPoolCreate:
    """One run at a time: two trainings would fight for one machine."""
    return WorkPoolCreate(
        name=POOL,
        description="What `bakeoff work` executes, one run at a time.",
        type=ProcessWorker.type,
        base_job_template=ProcessWorker.get_default_base_job_template(),
        concurrency_limit=1,
    )


def _register(client: SyncPrefectClient, wanted: Deployment, here: bool) -> None:
    fields: dict[str, Any] = {
        "description": wanted.description,
        "parameters": wanted.parameters,
        "tags": [*wanted.tags],
        "work_pool_name": POOL,
        "job_variables": JOB,
        "entrypoint": f"{wanted.flow.fn.__module__}.{wanted.flow.fn.__name__}",
        "pull_steps": [{"prefect.deployments.steps.set_working_directory": {"directory": str(Path.cwd())}}],
        "enforce_parameter_schema": True,
        "parameter_openapi_schema": wanted.flow.parameters.model_dump(exclude_unset=True),
    }
    try:
        known = _find(client, wanted.name)
    except ObjectNotFound:
        client.create_deployment(client.create_flow(wanted.flow), wanted.name, **fields)
        return
    if not here:
        fields.pop("pull_steps")
    client.update_deployment(known.id, DeploymentUpdate(**fields))
    if not known.paused:
        _plan_runs(client, known.id)  # those that were planned are gone by the update


def _find(client: SyncPrefectClient, name: str) -> DeploymentResponse:
    flow = SEVERAL.get(name, deployed.experiment)
    return client.read_deployment_by_name(f"{flow.name}/{name}")


def _scheduled(client: SyncPrefectClient, found: DeploymentResponse) -> Scheduled:
    words = [f"{in_words(each.schedule)}{'' if each.active else ' (paused)'}" for each in found.schedules]
    planned = _planned_runs(client, found.id, [StateType.SCHEDULED])
    return Scheduled(
        name=found.name,
        schedule=", and ".join(words),
        next_run=planned[0].next_scheduled_start_time if planned else None,
    )


def _plan_runs(client: SyncPrefectClient, deployment_id: UUID) -> None:
    """Has the server plan the runs of a schedule now; by itself it does so some seconds later, and one may be due."""
    client.request("POST", "/deployments/{id}/schedule", path_params={"id": deployment_id}, json={})


def _planned_runs(client: SyncPrefectClient, deployment_id: UUID, states: Iterable[StateType]) -> list[FlowRun]:
    """The runs of a schedule that have not started, the next one first."""
    runs = client.read_flow_runs(
        deployment_filter=DeploymentFilter(id=DeploymentFilterId(any_=[deployment_id])),
        flow_run_filter=FlowRunFilter(state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[*states]))),
        sort=FlowRunSort.NEXT_SCHEDULED_START_TIME_ASC,
    )
    return [run for run in runs if run.auto_scheduled and run.run_count == 0]


def _remove_schedules(client: SyncPrefectClient, found: DeploymentResponse) -> None:
    for each in found.schedules:
        client.delete_deployment_schedule(found.id, each.id)
    for run in _planned_runs(client, found.id, [StateType.SCHEDULED]):
        client.delete_flow_run(run.id)  # the server was just planning on
    for run in _planned_runs(client, found.id, [StateType.PENDING]):  # a worker waits for its hour
        client.set_flow_run_state(run.id, Cancelling(message="It was unscheduled."))
