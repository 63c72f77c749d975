"""What a team works with: the two servers, experiments that run by themselves, and the champion of each.

The commands `up`, `down`, `status`, `schedule`, `unschedule`, `work` and `promote`.
"""

import os
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.options import Debug, Jobs, errors
from tasks.printable import printable_lines

if TYPE_CHECKING:
    from rich.console import Console

app = typer.Typer(rich_markup_mode=None)
Name = Annotated[str, typer.Argument(metavar="NAME", help="An experiment in conf/, or `book` or `claim`.")]
WORK_LOG = Path("mlruns/work.log")
NOBODY = "Nobody is there to execute it: start `bakeoff work`, and leave it running."


@app.command()
def up(
    prefect_port: Annotated[
        int, typer.Option(metavar="PORT", min=1024, max=65535, help="Where Prefect listens.")
    ] = 4200,
    mlflow_port: Annotated[int, typer.Option(metavar="PORT", min=1024, max=65535, help="Where MLflow listens.")] = 5000,
    debug: Debug = False,
) -> None:
    """Start the Prefect server and the MLflow server, on this machine's loopback address.

    They go on when the terminal is closed, and keep all they know under mlruns/; `bakeoff run` uses them by itself.
    Databases elsewhere are taken from the variables that Prefect and MLflow themselves read:
    PREFECT_SERVER_DATABASE_CONNECTION_URL, MLFLOW_BACKEND_STORE_URI and MLFLOW_ARTIFACTS_DESTINATION.
    """
    with errors(debug, "what had been started is ended again"):
        from flows import terminal
        from flows.runtime import servers
        from flows.runtime.context import prepare

        prepare()
        console = terminal.messages()
        with terminal.progress_on(console):
            started = servers.start(prefect_port, mlflow_port)
        for name, server in servers.running().items():
            typer.echo(f"{server.title:<8} {server.page}  {'started' if name in started else 'was running already'}")
        typer.echo("`bakeoff run` uses them by itself; `bakeoff status` shows them, `bakeoff down` ends them.")
    with errors(debug, "the servers go on"):
        _end_cut_off(console)


@app.command()
def down(debug: Debug = False) -> None:
    """End the servers that `bakeoff up` started in this folder, and nothing else."""
    with errors(debug):
        from flows import terminal
        from flows.runtime import servers

        with terminal.progress_on(terminal.messages()):
            ended = servers.stop()
        for name in ended:
            typer.echo(f"{servers.TITLES[name]:<8} ended")
        if not ended:
            typer.echo("Nothing to end: no server that `bakeoff up` started in this folder is running.")


@app.command()
def status(debug: Debug = False) -> None:
    """Show where the servers are, since when they run, and what is scheduled.

    The exit code is 0 if both answer, and 1 otherwise.
    """
    with errors(debug):
        from flows import terminal
        from flows.runtime import servers

        there = servers.running()
        answering = [name for name, server in there.items() if servers.answers(server)]
        for name, title in servers.TITLES.items():
            if name not in there:
                state = "not running; `bakeoff up` starts it"
            elif name in answering:
                since = datetime.fromtimestamp(there[name].process_started)
                state = f"{there[name].page}  since {since:%Y-%m-%d %H:%M:%S}"
            else:
                anew = "`bakeoff down`, then `bakeoff up`, starts it anew"
                state = f"{there[name].address}  does not answer ({there[name].log} may say why); {anew}"
            typer.echo(f"{title:<8} {state}")
        if len(answering) == len(servers.TITLES):
            _end_cut_off(terminal.messages())
            _print_schedules()
    if len(answering) < len(servers.TITLES):
        raise typer.Exit(1)


@app.command()
def schedule(
    name: Name,
    cron: Annotated[
        str | None, typer.Option(metavar='"M H D M W"', help="By the clock: minute, hour, day, month, day of the week.")
    ] = None,
    every: Annotated[
        str | None, typer.Option(metavar="TIME", help="At intervals that are counted from now: 30s, 10m, 1h, 1d.")
    ] = None,
    timezone: Annotated[
        str | None, typer.Option(metavar="ZONE", help="Whose clock, such as Europe/Berlin; by default, this machine's.")
    ] = None,
    debug: Debug = False,
) -> None:
    """Have an experiment run by itself, on the Prefect server; what was scheduled for it before is replaced.

    A run that finds nothing changed since the one before trains nothing. `bakeoff work` is the process that executes.
    """
    with errors(debug):
        from flows.runtime.context import prepare

        prepare()
        from flows.scheduling import deployments

        timetable = deployments.timetable(cron, every, timezone)
        deployments.schedule(name, timetable)
        first = f"{deployments.first_time(timetable):%Y-%m-%d %H:%M:%S %Z}"
        typer.echo(f"{name}: {deployments.in_words(timetable)}, first on {first}")
        if not deployments.worker_is_online():
            typer.echo(NOBODY)


@app.command()
def unschedule(name: Name, debug: Debug = False) -> None:
    """Have an experiment no longer run by itself; a run that has started goes on."""
    with errors(debug):
        from flows.runtime.context import prepare

        prepare()
        from flows.scheduling import deployments

        was = deployments.unschedule(name)
        typer.echo(f"{name} {'is no longer scheduled' if was else 'was not scheduled'}")


@app.command()
def work(_jobs: Jobs = None, debug: Debug = False) -> None:
    """Execute what is scheduled, or started in Prefect's page, one run at a time, until Ctrl-C.

    Prefect's page then offers each experiment in conf/, `book` and `claim`. What comes due while nobody works is
    executed when somebody does again.
    """
    with errors(debug, interrupted="schedules stay in force", log=str(WORK_LOG)):
        from flows.runtime.context import prepare

        # Each run finds these for itself: its folder, and the server, which may be another one by then.
        of_runs = {"MLFLOW_TRACKING_URI", "PREFECT_LOCAL_STORAGE_PATH"} - {*os.environ}
        prepare()
        for name in of_runs:
            os.environ.pop(name, None)
        os.environ.setdefault("PREFECT_WORKER_QUERY_SECONDS", "5")  # who presses Run need not wait for long
        say = typer.echo if debug else _turn_all_else_to_log()
        from flows.scheduling import worker

        worker.work(partial(_offer, say), say)
        say("Ended; schedules stay in force.")


@app.command()
def promote(
    model: Annotated[str, typer.Argument(metavar="NAME", help="A registered model: the name of an experiment.")],
    version: Annotated[int, typer.Option(min=1, help="The version to make the champion, whatever the verdict.")],
    debug: Debug = False,
) -> None:
    """Make a version of a registered model the champion, by hand.

    Without this, the champion changes only where a run's verdict says that its best contender is better.
    """
    with errors(debug):
        from flows import terminal
        from tasks.tracking import registry

        terminal.end_cut_off(terminal.messages())
        typer.echo(registry.promote_by_hand(model, version, datetime.now(UTC).isoformat(timespec="seconds")))


def _end_cut_off(console: "Console") -> None:
    """End the runs whose process is gone, in MLflow and in Prefect, and say so."""
    from flows import terminal
    from flows.runtime import context

    terminal.end_cut_off(console)
    context.end_flow_runs()


def _print_schedules() -> None:
    """Print what is scheduled and when it comes next, and whether somebody is there to execute it."""
    from flows.scheduling import deployments

    scheduled = deployments.listed()
    for deployment in scheduled:
        next_run = deployment.next_run
        comes = f", next on {next_run.astimezone():%Y-%m-%d %H:%M:%S}" if next_run else ""
        typer.echo(f"{deployment.name}: {deployment.schedule}{comes}")
    if scheduled and not deployments.worker_is_online():
        typer.echo(NOBODY)


def _offer(say: Callable[[str], None]) -> None:
    """Register all that can be run, and say what that is and what of it is scheduled."""
    from prefect.settings import PREFECT_UI_URL

    from flows.scheduling import deployments

    names, faults = deployments.deployable()
    for name, fault in faults.items():
        say(printable_lines(f"{name} cannot be run, so it is not offered: {fault}"))
    deployments.register(names)
    for scheduled in deployments.listed():
        say(f"{scheduled.name} is scheduled: {scheduled.schedule}")
    say(f"At work for {', '.join(names)}: {PREFECT_UI_URL.value()}/deployments")
    say(f"Ctrl-C ends this, and schedules stay in force; {WORK_LOG} has what is written meanwhile.")


def _turn_all_else_to_log() -> Callable[[str], None]:
    """Turn both standard streams to mlruns/work.log, where runs write too, and return what prints on the first."""
    out = os.fdopen(os.dup(1), "w", buffering=1, encoding="utf8")
    with WORK_LOG.open("wb") as log:
        for stream in (1, 2):
            os.dup2(log.fileno(), stream)
    return partial(print, file=out)
