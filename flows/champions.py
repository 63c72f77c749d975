"""`bakeoff promote`: which version of a registered model is the champion."""

from typing import Annotated

import typer

from flows.errors import errors
from flows.options import Debug

app = typer.Typer(rich_markup_mode=None)


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
        from datetime import UTC, datetime

        from flows import launch, terminal
        from tasks.tracking import registry

        terminal.print_cut_off(launch.reconcile(), terminal.messages())
        typer.echo(registry.promote_by_hand(model, version, datetime.now(UTC).isoformat(timespec="seconds")))
