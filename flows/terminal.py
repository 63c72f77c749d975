"""What a person at the terminal sees: progress, results and errors."""

import os
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from flows.launch import Outcome, prepare
from flows.pages.leaderboard import champion_lines, leaderboard_table
from tasks import progress
from tasks.reports.report import Report
from tasks.specs import BakeoffError
from tasks.store import MLRUNS

if TYPE_CHECKING:
    from flows.book import BookReport
    from tasks.reports.claims import Claim

LOG = MLRUNS / "bakeoff.log"


def messages() -> Console:
    """A console on what is standard error now, whatever standard error is turned to later."""
    return Console(file=os.fdopen(os.dup(2), "w", encoding="utf8"), highlight=False, soft_wrap=True)


def turn_libraries_to_log() -> None:
    """Turns standard error to mlruns/bakeoff.log: TensorFlow writes there from C++, whatever its settings say.

    It stays turned, since libraries also write as the interpreter ends.
    """
    with LOG.open("wb") as log:
        os.dup2(log.fileno(), 2)


@contextmanager
def at_work(debug: bool) -> Iterator[Console]:
    """Shows progress on a console of messages; what the libraries write goes to the log, unless for debugging."""
    console = messages()
    prepare()
    if not debug:
        turn_libraries_to_log()
    with progress_on(console):
        yield console


@contextmanager
def progress_on(console: Console) -> Iterator[None]:
    """Shows progress as bars that move; where there is no terminal, as a line for each step that is done."""
    if not console.is_terminal:
        with progress.listening(lambda what, done, total: _say_when_done(console, what, done, total)):
            yield
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bars:
        known: dict[str, TaskID] = {}

        def update(what: str, done: int, total: int) -> None:
            if what not in known:
                known[what] = bars.add_task(what, total=total)
            bars.update(known[what], completed=done, total=total)
            if done == total:  # dozens of contenders would not fit the screen
                bars.remove_task(known.pop(what))

        with progress.listening(update):
            yield


def print_notes(outcome: Outcome, console: Console) -> None:
    """Prints what there is to know about a result, beside it."""
    if outcome.cut_off:
        console.print(
            f"{outcome.cut_off} earlier run(s) had been cut off: KILLED in MLflow; what they had finished is kept.",
            style="yellow",
        )
    if outcome.kept:
        print_kept(console)
    console.print(_where_to_look(outcome.report), style="dim")


def print_report(report: Report) -> None:
    """Prints leaderboard, verdict and champion on standard output."""
    out = Console(highlight=False, soft_wrap=not sys.stdout.isatty())  # a pipe gets whole sentences
    out.print(leaderboard_table(report))
    out.print()
    out.print(report.sentence, style="bold")
    for line in (*champion_lines(report), *report.remarks):
        out.print(line)


def print_book(report: "BookReport") -> None:
    """Prints the table of the four problems, and the verdict on each, on standard output."""
    from flows.pages.book import book_sentences, book_table

    out = Console(highlight=False, soft_wrap=not sys.stdout.isatty())
    out.print(book_table(report))
    out.print()
    for sentence in book_sentences(report):
        out.print(sentence)


def print_claim(claim: "Claim") -> None:
    """Prints the table of the problems and what they say together, on standard output."""
    from flows.pages.claim import claim_lines, claim_table

    out = Console(highlight=False, soft_wrap=not sys.stdout.isatty())
    out.print(claim_table(claim))
    out.print()
    for line in claim_lines(claim):
        out.print(line)


def print_kept(console: Console) -> None:
    """Says that nothing was to be done."""
    console.print("Nothing has changed since that run, so nothing was trained; --fresh trains again", style="yellow")


@contextmanager
def writing(page: Path) -> Iterator[None]:
    """Says which page it is that cannot be written.

    Raises:
        BakeoffError: when it cannot.
    """
    try:
        yield
    except OSError as error:
        raise BakeoffError(f"{page} cannot be written: {error.strerror}") from error


def _say_when_done(console: Console, what: str, done: int, total: int) -> None:
    if done == total:
        console.print(f"{what} {done} of {total}")


def _where_to_look(report: Report) -> str:
    holds = f"\nMLflow run {report.mlflow_run_id} holds scores, curves, plots, predictions and models."
    if os.environ.get("MLFLOW_TRACKING_URI"):
        return f"{holds} It is where MLFLOW_TRACKING_URI points."
    program = Path(sys.prefix) / "bin" / "mlflow"
    here = program.relative_to(Path.cwd()) if program.is_relative_to(Path.cwd()) else program
    command = shlex.join([str(here), "ui", "--backend-store-uri", f"sqlite:///{MLRUNS / 'mlflow.db'}"])
    return f"{holds} To look at it:\n  {command}\nthen open http://127.0.0.1:5000"
