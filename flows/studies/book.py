"""`bakeoff book`: the worked examples of Chollet's *Deep Learning with Python*, against what the book reports."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import typer

from flows.options import AsJson, Debug, Fresh, Jobs, errors
from flows.studies.study import Entered, Study, Write, show

if TYPE_CHECKING:
    from flows.experiment import Experiment
    from tasks.reporting.book_presentation import BookReport
    from tasks.reporting.wording import Presentation


def book(
    write: Write = None, as_json: AsJson = False, fresh: Fresh = False, _jobs: Jobs = None, debug: Debug = False
) -> None:
    """Run the four worked examples of Deep Learning with Python, chapters 2 and 3, against the book's numbers.

    The exit code is 1 if one of them failed or lies outside its band.
    """
    with errors(debug):
        report = show(Book(fresh), as_json, debug, write)
    if not all(answer.within for answer in report.answers):
        raise typer.Exit(1)


@dataclass(frozen=True)
class Book(Study["BookReport"]):
    """The four problems of the book; one whose report is kept and still holds is not run again."""

    fresh: bool = False
    name = document = "book"
    of_several = True

    def enter(self) -> Entered:
        """Return the experiments that repeat the worked examples, by name."""
        from flows.experiment import load
        from tasks.reporting import book_presentation

        names = [problem.experiment for problem in book_presentation.PROBLEMS]
        return Entered({"experiments": {name: load(name) for name in names}, "fresh": self.fresh})

    def compute(self, experiments: "Mapping[str, Experiment]", fresh: bool) -> "BookReport":
        """Run all four problems; one that fails does not stop the others."""
        from flows.bakeoff import attempt_all
        from tasks.reporting import book_presentation

        entered = {
            name: experiment.with_only(book_presentation.ENTERED, f"book-{name}")
            for name, experiment in experiments.items()
        }
        attempts = attempt_all("problems of the book", entered, fresh)
        answers = (
            book_presentation.answer(problem, attempts[problem.experiment].report, attempts[problem.experiment].error)
            for problem in book_presentation.PROBLEMS
        )
        return book_presentation.BookReport(answers=tuple(answers))

    def tell(self, found: "BookReport") -> "Presentation":
        """Return what there is to tell of the answers."""
        from tasks.reporting.book_presentation import tell_book

        return tell_book(found)
