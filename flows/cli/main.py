"""The `bakeoff` command. Nothing heavy is imported before a command needs it: help must be there at once."""

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.cli import data, operate, own_data, predict
from flows.options import AsJson, Debug, Fresh, Jobs, Settings, Tune, errors

if TYPE_CHECKING:
    from tasks.reporting.report import Report

app = typer.Typer(
    help="Decides, with evidence, between deep nets and gradient boosting on a given data set.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

app.add_typer(data.app, name="data")
studies = typer.Typer(rich_markup_mode=None)

# Files of flows/studies/, each with the command of its name: studies of one experiment, and of several.
OF_ONE = ("curve", "audit", "explain")
OF_SEVERAL = ("book", "claim")


def _command(study: str) -> Callable[..., Any]:
    command: Callable[..., Any] = getattr(import_module(f"flows.studies.{study}"), study)
    return command


for study in OF_ONE:
    studies.command()(_command(study))
for more in (own_data.app, operate.app, predict.app, studies):
    app.add_typer(more)


@app.command()
def run(
    experiment: Annotated[str, typer.Argument(metavar="NAME|PATH.yaml", help="An experiment in conf/, or a file.")],
    settings: Settings = None,
    tune: Tune = None,
    as_json: AsJson = False,
    fresh: Fresh = False,
    _jobs: Jobs = None,
    debug: Debug = False,
) -> None:
    """Take all contenders of an experiment through the same folds and print the verdict."""
    with errors(debug):
        from flows.experiment import load

        chosen = load(experiment, settings or [])
        from flows import launch, terminal

        chosen = launch.with_tuned(chosen, tune)
        with terminal.at_work(debug) as console:
            outcome = launch.run(chosen, fresh)
        _print(outcome.report, as_json)
        terminal.print_notes(outcome, console)


for study in OF_SEVERAL:
    app.command()(_command(study))


@app.command("list")
def list_experiments(debug: Debug = False) -> None:
    """List the experiments in conf/."""
    with errors(debug):
        from flows.experiment import available, load
        from tasks.printable import printable
        from tasks.specs import BakeoffError

        for path in available():
            try:
                description = load(str(path)).description
            except BakeoffError as error:
                description = f"(cannot be run: {error})"
            typer.echo(f"{path.stem:<20} {printable(description)}")


@app.command()
def show(
    experiment: Annotated[str, typer.Argument(metavar="NAME", help="An experiment that has been run.")],
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Show the latest leaderboard and verdict of an experiment, from MLflow; nothing is run."""
    with errors(debug):
        from flows import launch, terminal

        launch.check_anything_kept(experiment)
        terminal.end_cut_off(terminal.messages())
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


def main() -> None:
    """The entry point."""
    app()


if __name__ == "__main__":
    main()
