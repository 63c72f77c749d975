"""One mechanism for all studies: how one is run, kept, logged, printed and written.

A study is a file beside this one, with its command and its `Study`. Nothing heavy is imported before it is needed:
help must be there at once, and what was kept is answered without Prefect.
"""

import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Generic, NamedTuple, TypeVar

import typer

if TYPE_CHECKING:
    from prefect import Flow
    from rich.console import Console

    from flows.experiment import Experiment
    from tasks.reporting.wording import Presentation, Table
    from tasks.specs import Spec
    from tasks.tracking.runs import RunRef

R = TypeVar("R", bound="Spec")

Name = Annotated[str, typer.Argument(metavar="NAME|PATH.yaml", help="An experiment in conf/, or a file.")]
Contenders = Annotated[
    list[str] | None, typer.Option("--contender", metavar="NAME", help="One that takes part; may be repeated.")
]
Write = Annotated[Path | None, typer.Option(metavar="PAGE.md", help="Write the result as a Markdown page.")]


class Entered(NamedTuple):
    """What a study's flow is given, by name, and what its run in MLflow shows as parameters and as description."""

    given: dict[str, Any]
    settings: Mapping[str, object] = {}
    description: str = ""


class Study(ABC, Generic[R]):
    """A question, as a command or a schedule asks it.

    Its flow and its document in MLflow are called `name` and `document`; `run_name` may name what the flow is given.
    Its run in MLflow, of this `kind`, stands in the experiment that it is of; without a kind there is none.
    """

    name: ClassVar[str]
    document: ClassVar[str]
    kind: ClassVar[str] = ""
    run_name: ClassVar[str | None] = None
    of_several: ClassVar[bool] = False  # experiments, which show their own progress
    fresh: bool

    @abstractmethod
    def enter(self) -> Entered:
        """Return what the flow is given, after looking for all that the user has to mend.

        Raises:
            BakeoffError: when there is something.
        """

    def kept(self, given: Mapping[str, Any]) -> R | None:
        """Return the result of an earlier run that nothing has changed since, if there is one."""

    @abstractmethod
    def compute(self, *args: Any, **given: Any) -> R:
        """Return the result: the body of the flow, within its run in MLflow."""

    @abstractmethod
    def tell(self, found: R) -> "Presentation":
        """Return what there is to tell of a result."""

    def find(self, form: type[R], given: Mapping[str, Any]) -> R | None:
        """Return the latest result of this form that was computed from the same and by the same code."""
        from tasks.tracking.runs import find_study

        found = find_study(given["experiment"].name, self.document, self._fingerprint(given), form)
        return found.model_copy(update={"kept": True}) if found else None

    def flow(self, entered: Entered) -> "Flow[..., R]":
        """Return the flow, to be called with what it is given."""
        from prefect import Flow

        @wraps(self.compute)  # whose parameters are what Prefect shows
        def answer(*_args: object, **_given: object) -> R:
            return self.answer(entered)

        return Flow(
            answer, name=self.name, flow_run_name=self.run_name, persist_result=False, validate_parameters=False
        )

    def answer(self, entered: Entered) -> R:
        """Compute and log the result, within a flow run."""
        from flows import steps
        from flows.prefect_artifacts import progress_shown

        started = time.perf_counter()
        with nullcontext() if self.of_several else progress_shown(), self._tracked(entered) as run:
            found = self.compute(**entered.given)
            own: dict[str, object] = {"seconds": round(time.perf_counter() - started, 1)}
            if run:
                own |= {"mlflow_experiment_id": run.experiment_id, "mlflow_run_id": run.run_id}
            found = found.model_copy(update={key: own[key] for key in own if key in type(found).model_fields})
            if run:
                steps.log_study(run, self.document, found, self.tell(found))
        return found

    @contextmanager
    def _tracked(self, entered: Entered) -> Iterator["RunRef | None"]:
        """Its run in MLflow, if it has one, which ends as its flow run does."""
        from prefect.runtime import flow_run

        from flows.prefect_artifacts import flow_run_address
        from tasks.tracking import runs

        if not self.kind:
            yield None
            return
        given, settings, description = entered
        experiment = given["experiment"].name if "experiment" in given else self.name
        depends_on, address = self._fingerprint(given), flow_run_address()
        opened = runs.open_run(experiment, description, depends_on, flow_run.id, settings, address, self.kind)
        with runs.tracked(opened) as run:
            yield run

    def _fingerprint(self, given: Mapping[str, Any]) -> str:
        """A digest of all that the result depends on."""
        from flows.cache_keys import digest
        from flows.experiment import Experiment

        stamps = [value.dataset.stamp for value in given.values() if isinstance(value, Experiment)]
        return digest([{**given}, stamps], type(self).__module__)


def run(study: Study[R], console: "Console | None" = None) -> R:
    """Return what was kept of a study, or have its flow run; `console` is told of earlier runs that were cut off.

    Raises:
        BakeoffError: when something is for the user to mend.
    """
    from flows.runtime.context import ahead, reconcile

    with ahead() as orchestrated:
        cut_off = reconcile()
        if console:
            from flows import terminal

            terminal.print_cut_off(cut_off, console)
        entered = study.enter()
        kept = None if study.fresh else study.kept(entered.given)
        if kept:
            return kept
        with orchestrated(study.fresh):
            found: R = study.flow(entered)(**entered.given)
            return found


def run_within(study: Study[R]) -> R:
    """Compute a study within the flow run that a worker has started.

    Raises:
        BakeoffError: when something is for the user to mend.
    """
    from flows.runtime.context import within_flow_run

    entered = study.enter()
    with within_flow_run(study.fresh):
        return study.answer(entered)


def show(study: Study[R], as_json: bool, debug: bool, write: Path | None = None) -> R:
    """Answer a study, print the result on standard output, and write it as a page where one is named.

    Raises:
        BakeoffError: when something is for the user to mend.
    """
    from flows import terminal

    with terminal.at_work(debug) as console:
        found = run(study, console)
    told = study.tell(found)
    if as_json:
        typer.echo(found.model_dump_json(indent=2))
    else:
        print_told(told)
    if getattr(found, "kept", False):  # not all results have that
        terminal.print_kept(console)
    if told.note:
        console.print(told.note, style="dim")
    if write:
        with terminal.writing(write):
            write_page(told, write)
    return found


def print_told(told: "Presentation") -> None:
    """Print tables and sentences on standard output."""
    import sys

    from flows.console import PlainConsole

    out = PlainConsole(soft_wrap=not sys.stdout.isatty())
    for table in told.tables:
        out.print(rich_table(table))
    if told.apart:
        out.print()
    for sentence in told.sentences:
        out.print(sentence, style=told.style)


def rich_table(table: "Table") -> Any:
    """Return a table for a terminal."""
    from tasks.reporting.leaderboard import plain_table

    return plain_table(table.title, table.headings, table.columns, table.rows)


def write_page(told: "Presentation", page: Path) -> None:
    """Write the page, and its picture into the folder images/ beside it."""
    if told.draw:
        images = page.parent / "images"
        images.mkdir(parents=True, exist_ok=True)
        told.draw(images / told.page_picture)
    page.write_text(told.page, encoding="utf8")


def check_names(names: Sequence[str], experiment: "Experiment") -> None:
    """Check that there are contenders of these names.

    Raises:
        BakeoffError: when there is none.
    """
    from tasks.specs import BakeoffError, did_you_mean

    for name in names:
        if name not in experiment.contenders:
            hint = did_you_mean(name, experiment.contenders) or f"; there are {', '.join(experiment.contenders)}"
            raise BakeoffError(f"--contender {name}: {experiment.name} has no such contender{hint}")
