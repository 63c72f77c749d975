"""`bakeoff schedule`, `unschedule` and `work`: experiments that run by themselves, and the process that runs them."""

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from flows.errors import errors
from flows.options import Debug

app = typer.Typer(rich_markup_mode=None)

LOG = Path("mlruns/work.log")
NAME = Annotated[str, typer.Argument(metavar="NAME", help="An experiment in conf/, or `book` or `claim`.")]


@app.command()
def schedule(
    name: NAME,
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
        from flows.surroundings import prepare

        prepare()
        from flows import deployments, timetable

        chosen = timetable.timetable(cron, every, timezone)
        deployments.schedule(name, chosen)
        first = f"{timetable.first_time(chosen):%Y-%m-%d %H:%M:%S %Z}"
        typer.echo(f"{name}: {timetable.in_words(chosen)}, first on {first}")
        if not deployments.worker_is_online():
            typer.echo("Nobody is there to execute it: start `bakeoff work`, and leave it running.")


@app.command()
def unschedule(name: NAME, debug: Debug = False) -> None:
    """Have an experiment no longer run by itself; a run that has started goes on."""
    with errors(debug):
        from flows.surroundings import prepare

        prepare()
        from flows import deployments

        was = deployments.unschedule(name)
        typer.echo(f"{name} {'is no longer scheduled' if was else 'was not scheduled'}")


@app.command()
def work(debug: Debug = False) -> None:
    """Execute what is scheduled, or started in Prefect's page, one run at a time, until Ctrl-C.

    Prefect's page then offers each experiment in conf/, `book` and `claim`. What comes due while nobody works is
    executed when somebody does again.
    """
    with errors(debug, interrupted="schedules stay in force", log=str(LOG)):
        from flows.surroundings import prepare

        # Each run finds these for itself: its folder, and the server, which may be another one by then.
        of_runs = {"MLFLOW_TRACKING_URI", "PREFECT_LOCAL_STORAGE_PATH"} - {*os.environ}
        prepare()
        for name in of_runs:
            os.environ.pop(name, None)
        os.environ.setdefault("PREFECT_WORKER_QUERY_SECONDS", "5")  # who presses Run need not wait for long
        say = typer.echo if debug else _turn_all_else_to_log()
        from flows import worker

        worker.work(partial(_offer, say), say)
        say("Ended; schedules stay in force.")


def _offer(say: Callable[[str], None]) -> None:
    """Registers all that can be run, and says what that is and what of it is scheduled."""
    from prefect.settings import PREFECT_UI_URL

    from flows import deployments

    names, faults = deployments.deployable()
    for name, fault in faults.items():
        say(f"{name} cannot be run, so it is not offered: {fault}")
    deployments.register(names)
    for scheduled in deployments.listed():
        say(f"{scheduled.name} is scheduled: {scheduled.schedule}")
    say(f"At work for {', '.join(names)}: {PREFECT_UI_URL.value()}/deployments")
    say(f"Ctrl-C ends this, and schedules stay in force; {LOG} has what is written meanwhile.")


def _turn_all_else_to_log() -> Callable[[str], None]:
    """Turns both standard streams to mlruns/work.log, where runs write too, and gives what prints on the first."""
    out = os.fdopen(os.dup(1), "w", buffering=1, encoding="utf8")
    with LOG.open("wb") as log:
        for stream in (1, 2):
            os.dup2(log.fileno(), stream)
    return partial(print, file=out)
