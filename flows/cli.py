"""The `bakeoff` command. Nothing heavy is imported before a command needs it: help must be there at once."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows import champions, data, explain, operate, own, predict, schedule, study
from flows.errors import errors
from flows.options import AsJson, Debug, Fresh, Settings, Tune

if TYPE_CHECKING:
    from tasks.reports.report import Report

app = typer.Typer(
    help="Decides, with evidence, between deep nets and gradient boosting on a given data set.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

app.add_typer(data.app, name="data")
for more in (own, operate, schedule, champions, predict, study, explain):
    app.add_typer(more.app)


@app.command()
def run(
    experiment: Annotated[str, typer.Argument(metavar="NAME|PATH.yaml", help="An experiment in conf/, or a file.")],
    settings: Settings = None,
    tune: Tune = None,
    as_json: AsJson = False,
    fresh: Fresh = False,
    debug: Debug = False,
) -> None:
    """Take all contenders of an experiment through the same folds and print the verdict."""
    with errors(debug):
        from flows.experiment import load
        from flows.tuned import with_tuned

        chosen = with_tuned(load(experiment, settings or []), tune)
        from flows import launch, terminal

        with terminal.at_work(debug) as console:
            outcome = launch.run(chosen, fresh)
        _print(outcome.report, as_json)
        terminal.print_notes(outcome, console)


@app.command()
def book(
    write: Annotated[Path | None, typer.Option(metavar="PAGE.md", help="Write the result as a Markdown page.")] = None,
    as_json: AsJson = False,
    fresh: Fresh = False,
    debug: Debug = False,
) -> None:
    """Run the four worked examples of Deep Learning with Python, chapters 2 and 3, against the book's numbers.

    The exit code is 1 if one of them failed or lies outside its band.
    """
    with errors(debug):
        from flows import launch, terminal

        with terminal.at_work(debug) as console:
            terminal.print_cut_off(launch.reconcile(), console)
            report = launch.run_book(fresh)
        if as_json:
            typer.echo(report.model_dump_json(indent=2))
        else:
            terminal.print_book(report)
        if write:
            from flows.pages.book import book_page

            with terminal.writing(write):
                write.write_text(book_page(report), encoding="utf8")
    if not all(answer.within for answer in report.answers):
        raise typer.Exit(1)


@app.command()
def claim(
    experiments: Annotated[
        list[str] | None, typer.Argument(metavar="NAME|PATH.yaml", help="Other experiments than the usual ones.")
    ] = None,
    write: Annotated[Path | None, typer.Option(metavar="PAGE.md", help="Write the result as a Markdown page.")] = None,
    as_json: AsJson = False,
    fresh: Fresh = False,
    debug: Debug = False,
) -> None:
    """Put chapter 1's claim to the test: gradient boosting for tables, deep learning for perception.

    It takes the tables boston, breast_cancer, wine, diabetes (and california_housing, where its file is there), and
    mnist, imdb and reuters for perception. What was kept of earlier runs is used. The exit code is 1 if one failed.
    """
    with errors(debug):
        from flows.experiment import load

        named = [load(name) for name in experiments or []]
        from flows import launch, terminal

        with terminal.at_work(debug) as console:
            terminal.print_cut_off(launch.reconcile(), console)
            found = launch.run_claim(named, fresh)
        if as_json:
            typer.echo(found.model_dump_json(indent=2))
        else:
            terminal.print_claim(found)
        if found.kept:
            terminal.print_kept(console)
        if write:
            from flows.pages.claim import write_claim_page

            with terminal.writing(write):
                write_claim_page(found, write)
    if found.failed:
        raise typer.Exit(1)


@app.command("list")
def list_experiments(debug: Debug = False) -> None:
    """List the experiments in conf/."""
    with errors(debug):
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
    with errors(debug):
        from flows import launch, terminal

        launch.check_anything_kept(experiment)
        terminal.print_cut_off(launch.reconcile(), terminal.messages())
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
