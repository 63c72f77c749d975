"""The `bakeoff` command. Nothing heavy is imported before a command needs it: help must be there at once."""

import os
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from tasks.reporting import Report

app = typer.Typer(
    help="Decides, with evidence, between deep nets and gradient boosting on a given data set.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

Debug = Annotated[bool, typer.Option("--debug", help="Show tracebacks, and what the libraries write.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document on standard output, and nothing else.")]


@app.command()
def run(
    experiment: Annotated[str, typer.Argument(metavar="NAME|PATH.yaml", help="An experiment in conf/, or a file.")],
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY.PATH=VALUE", help="Set one value of the experiment; may be repeated."),
    ] = None,
    as_json: AsJson = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="Compute everything again, whatever was kept.")] = False,
    debug: Debug = False,
) -> None:
    """Take all contenders of an experiment through the same folds and print the verdict."""
    with _errors(debug):
        from flows.experiment import load

        chosen = load(experiment, settings or [])
        from flows import launch, terminal

        console = terminal.messages()
        launch.prepare()
        if not debug:
            terminal.turn_libraries_to_log()
        with terminal.progress_on(console):
            outcome = launch.run(chosen, fresh)
        _print(outcome.report, as_json)
        terminal.print_notes(outcome, console)


@app.command("list")
def list_experiments(debug: Debug = False) -> None:
    """List the experiments in conf/."""
    with _errors(debug):
        from flows.experiment import available, load
        from tasks.specs import BakeoffError

        for path in available():
            try:
                description = load(str(path)).description
            except BakeoffError as error:
                description = f"(cannot be run: {error})"
            typer.echo(f"{path.stem:<20} {description}")


@app.command()
def show(
    experiment: Annotated[str, typer.Argument(metavar="NAME", help="An experiment that has been run.")],
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Show the latest leaderboard and verdict of an experiment, from MLflow; nothing is run."""
    with _errors(debug):
        from flows import launch

        _print(launch.latest(experiment), as_json)


def _print(report: "Report", as_json: bool) -> None:
    from flows import terminal

    if as_json:
        typer.echo(report.model_dump_json(indent=2))
    else:
        terminal.print_report(report)


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", callback=lambda wanted: _version(wanted))
    ] = False,
) -> None:
    pass


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"bakeoff {version('bakeoff')}")
        raise typer.Exit


@contextmanager
def _errors(debug: bool) -> Iterator[None]:
    """Turns an exception into a line or two: exit code 2 where the user can mend it, 1 where the fault is ours."""
    from tasks.specs import BakeoffError

    stderr = os.fdopen(os.dup(2), "w", buffering=1, encoding="utf8")  # a run turns standard error to the log
    try:
        yield
    except KeyboardInterrupt:
        print("bakeoff: interrupted; what had finished is kept; run again, without --fresh, to go on", file=stderr)
        raise typer.Exit(130) from None
    except Exception as error:
        ours = not isinstance(error, BakeoffError)
        if debug:
            traceback.print_exc(file=stderr)
        elif ours:
            traceback.print_exc()  # to the log, where standard error points by now
            print(f"bakeoff: internal error: {type(error).__name__}: {str(error).partition(chr(10))[0]}", file=stderr)
            print("bakeoff: please report it, with mlruns/bakeoff.log or what --debug shows", file=stderr)
        else:
            print(f"bakeoff: {error}", file=stderr)
        raise typer.Exit(1 if ours else 2) from None


def main() -> None:
    """The entry point."""
    app()


if __name__ == "__main__":
    main()
