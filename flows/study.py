"""`bakeoff curve` and `bakeoff audit`: what more rows would change, and what leaks would."""

from pathlib import Path
from typing import Annotated

import typer

from flows.errors import errors
from flows.options import AsJson, Debug, Fresh, Settings

app = typer.Typer(rich_markup_mode=None)

Name = Annotated[str, typer.Argument(metavar="NAME|PATH.yaml", help="An experiment in conf/, or a file.")]
Contenders = Annotated[
    list[str] | None, typer.Option("--contender", metavar="NAME", help="One that takes part; may be repeated.")
]
Write = Annotated[Path | None, typer.Option(metavar="PAGE.md", help="Write the result as a Markdown page.")]


@app.command()
def curve(
    experiment: Name,
    contenders: Contenders = None,
    sizes: Annotated[
        str | None, typer.Option(metavar="ROWS,ROWS,...", help="Numbers of training rows; else seven, up to all.")
    ] = None,
    repeats: Annotated[
        int | None, typer.Option(min=1, help="Subsets of each size; with folds, repeats of them.")
    ] = None,
    write: Write = None,
    settings: Settings = None,
    as_json: AsJson = False,
    fresh: Fresh = False,
    debug: Debug = False,
) -> None:
    """Show the score against the number of training rows, and where the contenders' curves cross.

    By default it takes the best net and the best gradient boosting of the experiment's latest run, or all of both.
    """
    with errors(debug):
        from flows.experiment import load

        chosen, rows = load(experiment, settings or []), _numbers(sizes)
        from flows import studies, terminal

        with terminal.at_work(debug) as console:
            found = studies.run_curve(chosen, contenders or [], rows, repeats, fresh)
        from flows.pages import curve as pages

        if as_json:
            typer.echo(found.model_dump_json(indent=2))
        else:
            pages.print_curve(found)
        if found.kept:
            terminal.print_kept(console)
        if write:
            with terminal.writing(write):
                pages.write_curve_page(found, write)


@app.command()
def audit(
    experiment: Name,
    contenders: Contenders = None,
    write: Write = None,
    settings: Settings = None,
    as_json: AsJson = False,
    fresh: Fresh = False,
    debug: Debug = False,
) -> None:
    """Show how much the score moves when something is fitted before the split.

    By default all contenders but the floor are audited, each for what is fitted before or beside its model:
    normalization, imputation, vocabulary, weights of words, selection of features, the best epoch.
    """
    with errors(debug):
        from flows.experiment import load

        chosen = load(experiment, settings or [])
        from flows import studies, terminal

        with terminal.at_work(debug) as console:
            found = studies.run_audit(chosen, contenders or [], fresh)
        from flows.pages import audit as pages

        if as_json:
            typer.echo(found.model_dump_json(indent=2))
        else:
            pages.print_audit(found)
        if found.kept:
            terminal.print_kept(console)
        if write:
            with terminal.writing(write):
                pages.write_audit_page(found, write)


def _numbers(sizes: str | None) -> list[int]:
    """Numbers with commas between them."""
    from tasks.specs import BakeoffError

    try:
        return [int(each.replace("_", "")) for each in (sizes or "").split(",") if each.strip()]
    except ValueError as error:
        raise BakeoffError(
            f"--sizes {sizes}: expected whole numbers with commas between them, such as 500,2000"
        ) from error
