"""What a person at the terminal sees: progress, results and errors."""

import os
import shlex
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

from rich.console import Console, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from flows.console import PlainConsole
from flows.launch import Outcome
from flows.runtime.context import prepare, reconcile
from tasks import progress
from tasks.printable import printable
from tasks.reporting.leaderboard import champion_lines, leaderboard_table, moves_table
from tasks.reporting.report import Report
from tasks.specs import BakeoffError
from tasks.store import MLRUNS
from tasks.tracking.connection import run_address

LOG = MLRUNS / "bakeoff.log"
PREDICT_LOG = MLRUNS / "predict.log"  # a prediction does not wait for a run, nor write over its log
CHECK_LOG = MLRUNS / "check.log"  # nor does a check


def messages() -> PlainConsole:
    """A console on what is standard error now, whatever standard error is turned to later."""
    return PlainConsole(file=os.fdopen(os.dup(2), "w", encoding="utf8"), soft_wrap=True)


def turn_libraries_to_log(log: Path = LOG) -> None:
    """Turn standard error to a log in mlruns/: TensorFlow writes there from C++, whatever its settings say.

    It stays turned, since libraries also write as the interpreter ends.
    """
    with log.open("wb") as file:
        os.dup2(file.fileno(), 2)


@contextmanager
def at_work(debug: bool, log: Path = LOG) -> Iterator[Console]:
    """Show progress on a console of messages; what the libraries write goes to the log, unless for debugging."""
    console = messages()
    prepare()
    if not debug:
        turn_libraries_to_log(log)
    with progress_on(console):
        yield console


@contextmanager
def progress_on(console: Console) -> Iterator[None]:
    """Show progress as bars under the scores that are known, best first; where there is no terminal, as lines."""
    if not console.is_terminal:
        with (
            progress.listening(lambda what, done, total: _say_when_done(console, what, done, total)),
            progress.showing(lambda name, said, _: console.print(f"{name}: {said}")),
        ):
            yield
        return
    with _Bars(console) as bars:
        known, one_at_a_time = dict[str, TaskID](), Lock()  # several threads report

        def update(what: str, done: int, total: int) -> None:
            with one_at_a_time:
                if what not in known:
                    known[what] = bars.add_task(printable(what), total=total)
                bars.update(known[what], completed=done, total=total)
                if done == total:  # dozens of contenders would not fit the screen
                    bars.remove_task(known.pop(what))

        with progress.listening(update), progress.showing(bars.show):
            yield


class _Bars(Progress):
    """Bars of what is at work, under the scores that are known so far."""

    def __init__(self, console: Console) -> None:
        self._scores = dict[str, tuple[float, str]]()
        what = TextColumn("{task.description}", markup=False)
        columns = (what, BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        super().__init__(*columns, console=console, transient=True)

    def show(self, name: str, said: str, goodness: float) -> None:
        """Add a contender's score."""
        self._scores[name] = goodness, said

    def get_renderables(self) -> Iterable[RenderableType]:
        """The scores, best first, and the bars."""
        scores = Table.grid(padding=(0, 2))
        for name, (_, said) in sorted(self._scores.items(), key=lambda each: -each[1][0]):
            scores.add_row(name, said)
        return [scores, *super().get_renderables()]


def print_notes(outcome: Outcome, console: Console) -> None:
    """Print what there is to know about a result, beside it."""
    print_cut_off(outcome.cut_off, console)
    if outcome.kept:
        print_kept(console)
    console.print(_where_to_look(outcome.report), style="dim")


def print_report(report: Report) -> None:
    """Print leaderboard, verdict and champion on standard output."""
    out = PlainConsole(soft_wrap=not sys.stdout.isatty())  # a pipe gets whole sentences
    out.print(leaderboard_table(report))
    if moves := moves_table(report):
        out.print()
        out.print(moves)
    out.print()
    out.print(report.sentence, style="bold")
    for line in (*champion_lines(report), *report.remarks):
        out.print(line)


def end_cut_off(console: Console) -> None:
    """End, in MLflow, the runs whose process is gone, and say so if there were any."""
    print_cut_off(reconcile(), console)


def print_cut_off(count: int, console: Console) -> None:
    """Say that earlier runs were found cut off, if any were."""
    if count:
        said = f"{count} earlier run(s) had been cut off: KILLED in MLflow; what they had finished is kept."
        console.print(said, style="yellow")


def print_kept(console: Console) -> None:
    """Say that nothing was to be done."""
    console.print("Nothing has changed since that run, so nothing was trained; --fresh trains again", style="yellow")


@contextmanager
def writing(page: Path) -> Iterator[None]:
    """Say which page it is that cannot be written.

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
    address = run_address(report.mlflow_experiment_id, report.mlflow_run_id)
    if address:
        return f"{holds}\n{address}"
    if os.environ.get("MLFLOW_TRACKING_URI"):
        return f"{holds} It is where MLFLOW_TRACKING_URI points."
    program = Path(sys.prefix) / "bin" / "bakeoff"
    here = program.relative_to(Path.cwd()) if program.is_relative_to(Path.cwd()) else program
    return f"{holds} To look at it:\n  {shlex.quote(str(here))} up"
