"""`bakeoff explain`: what an experiment's result rests on."""

from typing import TYPE_CHECKING, Annotated

import typer

from flows.errors import errors
from flows.options import AsJson, Debug, Settings, Tune

if TYPE_CHECKING:
    from flows.experiment import Experiment
    from tasks.importance.explanation import Explanation

app = typer.Typer(rich_markup_mode=None)
N_REPEATS = 10


@app.command()
def explain(
    experiment: Annotated[str, typer.Argument(metavar="NAME|PATH.yaml", help="An experiment that has been run.")],
    contender: Annotated[
        list[str] | None, typer.Option(metavar="CONTENDER", help="Ask this one; may be repeated.")
    ] = None,
    repeats: Annotated[int, typer.Option(min=2, max=1000, help="How often each column is shuffled.")] = N_REPEATS,
    settings: Settings = None,
    tune: Tune = None,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Show what the contenders rest on: columns of a table or of series, words of texts, parts of pictures.

    The models that the experiment's run has kept are asked on its test rows; nothing is trained. Of a table's column,
    the metric gets worse by so much when its values are shuffled. A word is taken out of the texts that have it. A
    picture is covered patch by patch, for the best net and the best gradient boosting, or those named.
    """
    with errors(debug):
        from flows import terminal
        from flows.experiment import load
        from flows.tuned import with_tuned

        chosen = with_tuned(load(experiment, settings or []), tune)
        with terminal.at_work(debug) as console:
            found = _explain(chosen, contender or [], repeats)
        if as_json:
            typer.echo(found.model_dump_json(indent=2))
        else:
            _print(found)
        where = f"\nMLflow run {found.mlflow_run_id} holds the picture, and all effects as a table and as JSON."
        console.print(where, style="dim")


def _explain(experiment: "Experiment", named: list[str], n_repeats: int) -> "Explanation":
    """Has the flow run; what is for the user to mend is found out before."""
    from flows import launch
    from flows.surroundings import ahead

    with ahead() as orchestrated:
        launch.reconcile()
        from flows.explanation import chosen_contenders, explain, report_to_explain

        contenders = chosen_contenders(report_to_explain(experiment), named)
        with orchestrated(fresh=False):
            return explain(experiment, contenders, n_repeats)


def _print(found: "Explanation") -> None:
    import sys

    from rich.console import Console

    from flows.explained import explanation_table
    from tasks.reports.importance import say_explanation

    out = Console(highlight=False, soft_wrap=not sys.stdout.isatty())
    out.print(explanation_table(found))
    out.print()
    out.print(say_explanation(found), style="bold")
