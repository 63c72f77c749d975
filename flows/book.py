"""The worked examples of Chollet's *Deep Learning with Python*, chapters 2 and 3, against what the book reports."""

from collections.abc import Mapping
from typing import Literal

from prefect import flow

from flows.bakeoff import Attempt, attempt_all
from flows.experiment import Experiment, load
from tasks.reports.report import Report
from tasks.specs import Spec

NETWORK = "dense"  # what the experiments call the book's own net
# Of all contenders, those that the book is about.
ENTERED = (NETWORK, "gradient_boosting", "hist_gradient_boosting", "dummy")


class Problem(Spec):
    """A worked example: the experiment that repeats it, what the book reports, and the band that counts as the same."""

    experiment: str
    measure: Literal["test accuracy", "4-fold MAE"]
    reported: float
    band: tuple[float, float]


# MNIST: section 2.1; IMDB: 3.4, the net refitted for four epochs; Reuters: 3.5, refitted for nine; Boston: 3.6, the
# mean over four folds after 100 epochs. The bands allow for other seeds, splits and versions of Keras.
PROBLEMS = (
    Problem(experiment="mnist", measure="test accuracy", reported=0.979, band=(0.975, 0.985)),
    Problem(experiment="imdb", measure="test accuracy", reported=0.883, band=(0.875, 0.892)),
    Problem(experiment="reuters", measure="test accuracy", reported=0.797, band=(0.775, 0.81)),
    Problem(experiment="boston", measure="4-fold MAE", reported=2.38, band=(2.2, 2.7)),
)


class Answer(Spec):
    """What was measured of one problem: a score for each seed or fold of the book's net, or why there is none."""

    problem: Problem
    scores: tuple[float, ...] = ()
    mean: float | None = None
    report: Report | None = None
    error: str | None = None

    @property
    def within(self) -> bool:
        """Whether the mean lies in the band."""
        low, high = self.problem.band
        return self.mean is not None and low <= self.mean <= high


class BookReport(Spec):
    """The answers to all problems."""

    answers: tuple[Answer, ...]
    seconds: float = 0.0


def problems() -> dict[str, Experiment]:
    """The experiments that repeat the worked examples, by name.

    Raises:
        BakeoffError: when one of them is not in conf/.
    """
    return {problem.experiment: load(problem.experiment) for problem in PROBLEMS}


@flow(name="book", persist_result=False)
def book(experiments: Mapping[str, Experiment], fresh: bool) -> BookReport:
    """Runs all four problems; one that fails does not stop the others."""
    names = [problem.experiment for problem in PROBLEMS]
    entered = {name: experiments[name].with_only(ENTERED, f"book-{name}") for name in names}
    attempts = attempt_all("problems of the book", entered, fresh)
    return BookReport(answers=tuple(_answer(problem, attempts[problem.experiment]) for problem in PROBLEMS))


def _answer(problem: Problem, attempted: Attempt) -> Answer:
    if attempted.report is None:
        return Answer(problem=problem, error=attempted.error)
    entry = attempted.report.entry(NETWORK)
    on_test = problem.measure == "test accuracy"
    return Answer(
        problem=problem,
        scores=entry.test_scores if on_test else entry.scores,
        mean=entry.test_mean if on_test else entry.mean,
        report=attempted.report,
    )
