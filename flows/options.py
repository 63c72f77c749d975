"""What all commands share: options, and what becomes of an exception: a line or two for the user, and an exit code."""

import os
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from tasks.printable import printable_lines

Debug = Annotated[bool, typer.Option("--debug", help="Show tracebacks, and what the libraries write.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document on standard output, and nothing else.")]
Fresh = Annotated[bool, typer.Option("--fresh", help="Compute everything again, whatever was kept.")]
Jobs = Annotated[
    int | None,
    typer.Option(
        "--jobs",
        min=1,
        metavar="N",
        help="Fit at most so many at once; by default one for each core, or as BAKEOFF_JOBS says.",
        callback=lambda number: number and os.environ.update(BAKEOFF_JOBS=str(number)),
    ),
]
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


@contextmanager
def errors(
    debug: bool,
    interrupted: str = "what had finished is kept; run again, without --fresh, to go on",
    log: str = "mlruns/bakeoff.log",
) -> Iterator[None]:
    """Turn an exception into a line or two: exit code 2 where the user can mend it, 1 where the fault is ours.

    `interrupted` says what Ctrl-C has left, `log` what the libraries write to.
    """
    from tasks.specs import BakeoffError

    stderr = os.fdopen(os.dup(2), "w", buffering=1, encoding="utf8")  # a run turns standard error to the log
    try:
        yield
    except KeyboardInterrupt:
        print(f"bakeoff: interrupted; {interrupted}", file=stderr)
        raise typer.Exit(130) from None
    except Exception as error:
        ours = not isinstance(error, BakeoffError)
        if debug:
            traceback.print_exc(file=stderr)
        elif ours:
            logged = not os.path.sameopenfile(2, stderr.fileno())  # standard error points to the log by now
            if logged:
                traceback.print_exc()
            said = printable_lines(str(error).partition("\n")[0])
            print(f"bakeoff: internal error: {type(error).__name__}: {said}", file=stderr)
            print(f"bakeoff: please report it, with {f'{log} or ' if logged else ''}what --debug shows", file=stderr)
        else:
            print(f"bakeoff: {printable_lines(str(error))}", file=stderr)
        raise typer.Exit(1 if ours else 2) from None
