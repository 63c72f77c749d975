"""Options that several commands have."""

from typing import Annotated

import typer

Debug = Annotated[bool, typer.Option("--debug", help="Show tracebacks, and what the libraries write.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document on standard output, and nothing else.")]
Fresh = Annotated[bool, typer.Option("--fresh", help="Compute everything again, whatever was kept.")]
Tune = Annotated[
    str | None,
    typer.Option(
        "--tune",
        metavar="BUDGET",
        help="Enter contenders tuned, too: each searches for so long (60s, 5m, 1h), or tries so many settings (50).",
    ),
]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY.PATH=VALUE", help="Set one value of the experiment; may be repeated."),
]
