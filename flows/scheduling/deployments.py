"""What a worker can execute, by name, in Prefect, and when it does so by itself.

Prefect's own `serve` and `RunnerDeployment.apply` do not do: the limit of the former holds for one process, not for all
who work on one server, and the latter takes away the schedules of a deployment that is registered again.
"""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID
from zoneinfo import ZoneInfo, available_timezones

import anyio
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas import FlowRun
from prefect.client.schemas.actions import DeploymentScheduleCreate, DeploymentUpdate, WorkPoolCreate
from prefect.client.schemas.filters import DeploymentFilter, FlowRunFilter, WorkerFilter, WorkPoolFilter
from prefect.client.schemas.responses import DeploymentResponse
from prefect.client.schemas.schedules import SCHEDULE_TYPES, CronSchedule, IntervalSchedule, RRuleSchedule
from prefect.client.schemas.sorting import FlowRunSort
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound
from prefect.flows import Flow
from prefect.server.schemas import schedules as served
from prefect.settings import PREFECT_API_URL
from prefect.states import Cancelling
from prefect.workers.process import ProcessWorker
from pydantic import ValidationError
from tzlocal import get_localzone_name

from flows.experiment import CONF, available, load
from flows.scheduling import deployment_flows
from tasks.specs import SECONDS, BakeoffError, Spec, did_you_mean, seconds_of
from tasks.store import alone

POOL = "bakeoff"
SEVERAL: dict[str, Flow[..., None]] = {
    "book": deployment_flows.book,
    "claim": deployment_flows.claim,
}  # flows over many experiments
JOB = {  # how a flow run is executed; flows/scheduling/deployment_flows.py says why by itself
    "command": "python -m flows.scheduling.deployment_flows",
    "env": {
        "PREFECT_LOCAL_STORAGE_PATH": "mlruns/cache/results",
        "PREFECT_LOGGING_EXTRA_LOGGERS": "tasks",
        "PYTHONSAFEPATH": "1",
    },
}
LONGEST = timedelta(days=366)


class Scheduled(Spec):
    """A deployment that runs by itself: its schedule in words, and when it comes next, if that is known."""

    name: str
    schedule: str
    next_run: datetime | None


@contextmanager
def connected() -> Iterator[SyncPrefectClient]:
    """Give the Prefect server that is used here.

    Raises:
        BakeoffError: when there is none, or it does not answer.
    """
    if not PREFECT_API_URL.value():
        raise BakeoffError("no Prefect server runs; `bakeoff up` starts one")
    with get_client(sync_client=True) as client:
        if fault := client.api_healthcheck():
            raise BakeoffError(f"the Prefect server at {PREFECT_API_URL.value()} does not answer: {fault}") from fault
        yield client


def deployable() -> tuple[list[str], dict[str, str]]:
    """Return the names that `register` takes, and why experiments in conf/ that cannot be run are not among them.

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


def deployment(name: str) -> DeploymentUpdate:
    """Return what Prefect is told of an experiment in conf/, or of `book` or `claim`, executed in this folder.

    Raises:
        BakeoffError: when there is no such experiment, or it does not follow the schema.
    """
    flow, parameters, tags = _flow(name), {}, ["bakeoff"]
    if name in SEVERAL:
        description, command = str(flow.description).partition("\n")[0], name
    elif name.endswith((".yaml", ".yml")):
        raise BakeoffError(f"{name} is a file; what Prefect is to run is named as in {CONF}/: move it there")
    else:
        experiment = load(name)
        description, command, parameters = experiment.description, f"run {name}", {"experiment": name}
        tags += [experiment.dataset.problem.task, experiment.dataset.problem.form]
    return DeploymentUpdate(
        description=f"{description} From a terminal: `bakeoff {command}`".lstrip(),
        parameters=parameters,
        tags=tags,
        work_pool_name=POOL,
        job_variables=JOB,
        entrypoint=f"{flow.fn.__module__}.{flow.fn.__name__}",
        pull_steps=[{"prefect.deployments.steps.set_working_directory": {"directory": str(Path.cwd())}}],
        enforce_parameter_schema=True,
        parameter_openapi_schema=flow.parameters.model_dump(exclude_unset=True),
    )


def register(names: Sequence[str]) -> None:
    """Make sure that Prefect has a deployment for each of these names, as it is now; schedules stay in force.

    Raises:
        BakeoffError: when no server answers, or a name is neither an experiment in conf/ nor `book` nor `claim`.
    """
    wanted = {name: deployment(name) for name in names}
    with _alone(), connected() as client:
        _make_work_pool(client)
        for name, fields in wanted.items():
            known = _find(client, name)
            if known is None:
                _create(client, name, fields)
                continue
            client.update_deployment(known.id, fields)
            if not known.paused:
                _plan_runs(client, known.id)  # those that were planned are gone by the update


def schedule(name: str, timetable: SCHEDULE_TYPES) -> None:
    """Have a deployment run by itself from now on, and no longer as it was scheduled before.

    Raises:
        BakeoffError: as `register` does.
    """
    wanted = deployment(name)
    with _alone(), connected() as client:
        _make_work_pool(client)
        known = _find(client, name)
        if known:  # it is executed where it was before
            fields = wanted.model_dump(exclude_unset=True, exclude={"pull_steps"})
            client.update_deployment(known.id, DeploymentUpdate(**fields))
            _remove_schedules(client, known)
        deployment_id = known.id if known else _create(client, name, wanted)
        client.create_deployment_schedules(deployment_id, [DeploymentScheduleCreate(schedule=timetable, active=True)])
        _plan_runs(client, deployment_id)


def unschedule(name: str) -> bool:
    """Take a deployment's schedule away, and the runs by it that have not started; say whether there was one.

    Raises:
        BakeoffError: when no server answers, or there is no such deployment and no such experiment.
    """
    with _alone(), connected() as client:
        known = _find(client, name)
        if known is None:
            deployment(name)  # says so, if there is no such experiment at all
            return False
        _remove_schedules(client, known)
        return bool(known.schedules)


def listed() -> tuple[Scheduled, ...]:
    """Return what runs by itself, in alphabetical order.

    Raises:
        BakeoffError: when no server answers.
    """
    found = []
    with connected() as client:
        here = WorkPoolFilter.model_validate({"name": {"any_": [POOL]}})
        for known in sorted(client.read_deployments(work_pool_filter=here), key=lambda known: known.name):
            if known.schedules:
                words = [f"{in_words(each.schedule)}{'' if each.active else ' (paused)'}" for each in known.schedules]
                planned = [run.next_scheduled_start_time for run in _planned_runs(client, known.id, "SCHEDULED")]
                next_run = planned[0] if planned else None
                found.append(Scheduled(name=known.name, schedule=", and ".join(words), next_run=next_run))
    return tuple(found)


def worker_is_online() -> bool:
    """Say whether someone is there to execute what is scheduled.

    Raises:
        BakeoffError: when no server answers.
    """
    online = WorkerFilter.model_validate({"status": {"any_": ["ONLINE"]}})
    with connected() as client, suppress(ObjectNotFound):
        client.read_work_pool(POOL)  # the request for its workers would not say that there is no pool
        return bool(client.read_workers_for_work_pool(POOL, worker_filter=online))
    return False


def timetable(cron: str | None, every: str | None, timezone: str | None) -> CronSchedule | IntervalSchedule:
    """Return a schedule by the clock, or one at intervals that are counted from now; in this machine's zone by default.

    Raises:
        BakeoffError: when not exactly one of the two is given, or it cannot be read.
    """
    if (cron is None) == (every is None):
        raise BakeoffError('give one of --cron and --every, such as --cron "0 6 * * 1" (Mondays at 6:00) or --every 1h')
    zone = get_localzone_name() or "UTC" if timezone is None else timezone
    if timezone is not None and timezone not in available_timezones():
        hint = did_you_mean(timezone, available_timezones()) or ", such as Europe/Berlin or UTC"
        raise BakeoffError(f"--timezone {timezone!r} is not a time zone of the IANA list{hint}")
    if every is not None:
        if not 1 <= (seconds := seconds_of(every)) <= LONGEST.total_seconds():
            raise BakeoffError(f"--every {every!r} is not a time between 1s and 366d, such as 30s, 10m, 1h or 1d")
        return IntervalSchedule(interval=timedelta(seconds=seconds), anchor_date=datetime.now(UTC), timezone=zone)
    try:
        schedule = CronSchedule(cron=cron, timezone=zone)
        first_time(schedule)
    except ValidationError as error:
        raise BakeoffError(
            f"--cron {cron!r} is not minute, hour, day of the month, month and day of the week,"
            ' such as "0 6 * * 1" (Mondays at 6:00)'
        ) from error
    except ValueError as error:
        raise BakeoffError(f"--cron {cron!r} names a time that never comes") from error
    return schedule


def first_time(schedule: CronSchedule | IntervalSchedule) -> datetime:
    """Return when a schedule that is made now comes for the first time, in its own time zone.

    Raises:
        ValueError: when it never does.
    """
    if isinstance(schedule, IntervalSchedule):
        return (schedule.anchor_date + schedule.interval).astimezone(ZoneInfo(schedule.timezone or "UTC"))
    on_server = served.CronSchedule(cron=schedule.cron, timezone=schedule.timezone)
    first, *_ = anyio.run(on_server.get_dates, 1)
    return first


def in_words(schedule: SCHEDULE_TYPES) -> str:
    """Return a schedule as `bakeoff schedule` takes it, such as `every 1h`; Prefect's page makes others, too."""
    match schedule:
        case IntervalSchedule():
            seconds = schedule.interval.total_seconds()
            unit = next((unit for unit, length in SECONDS.items() if seconds % length == 0), None)
            return f"every {seconds / SECONDS[unit]:.0f}{unit}" if unit else f"every {seconds:g}s"
        case CronSchedule():
            return f'cron "{schedule.cron}", {schedule.timezone or "UTC"}'
        case RRuleSchedule():
            return f"rrule {schedule.rrule}"
        case _:
            return "never"


def _flow(name: str) -> Flow[..., None]:
    return SEVERAL.get(name, deployment_flows.experiment)


def _alone() -> AbstractContextManager[None]:
    """Wait for others: to create a deployment that someone else has just created and scheduled takes its schedule."""
    return alone("schedules.lock", "another `schedule` or `work`")


def _make_work_pool(client: SyncPrefectClient) -> None:
    """Have a work pool, if there is none, for one run at a time: two trainings would fight for one machine."""
    pool = WorkPoolCreate(
        name=POOL,
        description="What `bakeoff work` executes, one run at a time.",
        type=ProcessWorker.type,
        base_job_template=ProcessWorker.get_default_base_job_template(),
        concurrency_limit=1,
    )
    with suppress(ObjectAlreadyExists):
        client.create_work_pool(pool)


def _create(client: SyncPrefectClient, name: str, wanted: DeploymentUpdate) -> UUID:
    return client.create_deployment(client.create_flow(_flow(name)), name, **wanted.model_dump(exclude_unset=True))


def _find(client: SyncPrefectClient, name: str) -> DeploymentResponse | None:
    with suppress(ObjectNotFound):
        return client.read_deployment_by_name(f"{_flow(name).name}/{name}")
    return None


def _plan_runs(client: SyncPrefectClient, deployment_id: UUID) -> None:
    """Have the server plan the runs of a schedule now; by itself it does so some seconds later, and one may be due."""
    client.request("POST", "/deployments/{id}/schedule", path_params={"id": deployment_id}, json={})


def _planned_runs(client: SyncPrefectClient, deployment_id: UUID, state: str) -> list[FlowRun]:
    """Return the runs of a schedule that have not started, the next one first."""
    runs = client.read_flow_runs(
        deployment_filter=DeploymentFilter.model_validate({"id": {"any_": [deployment_id]}}),
        flow_run_filter=FlowRunFilter.model_validate({"state": {"type": {"any_": [state]}}}),
        sort=FlowRunSort.NEXT_SCHEDULED_START_TIME_ASC,
    )
    return [run for run in runs if run.auto_scheduled and run.run_count == 0]


def _remove_schedules(client: SyncPrefectClient, known: DeploymentResponse) -> None:
    for each in known.schedules:
        client.delete_deployment_schedule(known.id, each.id)
    for run in _planned_runs(client, known.id, "SCHEDULED"):
        client.delete_flow_run(run.id)  # the server was just planning on
    for run in _planned_runs(client, known.id, "PENDING"):  # a worker waits for its hour
        client.set_flow_run_state(run.id, Cancelling(message="It was unscheduled."))
