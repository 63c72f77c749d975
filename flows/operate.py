"""`bakeoff up`, `down` and `status`: the two servers that a team works with."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from flows.errors import errors
from flows.options import Debug

if TYPE_CHECKING:
    from rich.console import Console

app = typer.Typer(rich_markup_mode=None)


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
        from flows import servers, terminal
        from flows.surroundings import prepare

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
        from flows import servers, terminal

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
        from flows import servers, terminal

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


def _end_cut_off(console: "Console") -> None:
    """Ends the runs whose process is gone, in MLflow and in Prefect, and says so."""
    from flows import launch, surroundings, terminal

    terminal.print_cut_off(launch.reconcile(), console)
    surroundings.end_flow_runs()


def _print_schedules() -> None:
    """Prints what is scheduled and when it comes next, and whether somebody is there to execute it."""
    from flows import deployments

    scheduled = deployments.listed()
    for each in scheduled:
        comes = f", next on {each.next_run.astimezone():%Y-%m-%d %H:%M:%S}" if each.next_run else ""
        typer.echo(f"{each.name}: {each.schedule}{comes}")
    if scheduled and not deployments.worker_is_online():
        typer.echo("Nobody is there to execute it: start `bakeoff work`, and leave it running.")
