"""The book's numbers beside ours, in words, as a table and as a page of documentation."""

from typing import Literal

from tasks.reporting.report import Report, best_of
from tasks.reporting.wording import FAMILIES, TITLES, Presentation, Table
from tasks.specs import Family, Spec

NETWORK = "dense"  # what the experiments call the book's own net
# Of all contenders, those that the book is about.
ENTERED = (NETWORK, "gradient_boosting", "hist_gradient_boosting", "dummy")
PAIR: tuple[Family, Family] = ("network", "boosting")
HEADINGS = ("problem", "measure", "book", "ours", "over", "band", "within")


class WorkedExample(Spec):
    """A worked example: the experiment that repeats it, what the book reports, and the band that counts as the same."""

    experiment: str
    measure: Literal["test accuracy", "4-fold MAE"]
    reported: float
    band: tuple[float, float]


# MNIST: section 2.1; IMDB: 3.4, the net refitted for four epochs; Reuters: 3.5, refitted for nine; Boston: 3.6, the
# mean over four folds after 100 epochs. The bands allow for other seeds, splits and versions of Keras.
PROBLEMS = (
    WorkedExample(experiment="mnist", measure="test accuracy", reported=0.979, band=(0.975, 0.985)),
    WorkedExample(experiment="imdb", measure="test accuracy", reported=0.883, band=(0.875, 0.892)),
    WorkedExample(experiment="reuters", measure="test accuracy", reported=0.797, band=(0.775, 0.81)),
    WorkedExample(experiment="boston", measure="4-fold MAE", reported=2.38, band=(2.2, 2.7)),
)
PAGE = """# The book's numbers

Written by `bakeoff book --write docs/book.md`, which runs the four worked examples of Chollet's *Deep
Learning with Python*, chapters 2 and 3, from the data to the verdict.
This run took {minutes:.0f} minutes.

## The book's nets

{scores}

Ours is a mean over three seeds on the test set (MNIST, IMDB, Reuters) or over 10 x 4 folds of
the training rows (Boston). The bands allow for other seeds, splits and versions of Keras.

## The net against gradient boosting

{contests}
"""


class Answer(Spec):
    """What was measured of one problem: a score for each seed or fold of the book's net, or why there is none."""

    problem: WorkedExample
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


def answer(problem: WorkedExample, report: Report | None, error: str | None) -> Answer:
    """Return what a report says of a problem, or why there is none."""
    if report is None:
        return Answer(problem=problem, error=error)
    entry = report.entry(NETWORK)
    on_test = problem.measure == "test accuracy"
    return Answer(
        problem=problem,
        scores=entry.test_scores if on_test else entry.scores,
        mean=entry.test_mean if on_test else entry.mean,
        report=report,
    )


def tell_book(found: BookReport) -> Presentation:
    """Return the table, a sentence on each problem (the verdict, or why it failed), and the page docs/book.md."""
    rows = [_cells(each) for each in found.answers]
    title = "Deep Learning with Python, chapters 2 and 3: the book's nets"
    scores = Table(title, HEADINGS, rows, "l" * len(HEADINGS))
    headings = ("problem", "metric", *(f"the best {FAMILIES[family]}" for family in PAIR), "verdict")
    reports = [each.report for each in found.answers if each.report]
    contests = Table("", headings, [_contest(report) for report in reports], "l" * len(headings))
    return Presentation(
        tables=[scores],
        sentences=[
            f"{each.problem.experiment}: {each.report.sentence if each.report else each.error}"
            for each in found.answers
        ],
        style="",
        apart=True,
        page=PAGE.format(
            minutes=found.seconds / 60,
            scores="\n".join(scores.markdown()),
            contests="\n".join(contests.markdown()),
        ),
    )


def _cells(found: Answer) -> tuple[str, ...]:
    problem = found.problem
    band = f"{problem.band[0]:g} to {problem.band[1]:g}"
    if found.mean is None:
        return (problem.experiment, problem.measure, f"{problem.reported:g}", "failed", "", band, "no")
    over = f"{len(found.scores)} {'seeds' if problem.measure == 'test accuracy' else 'folds'}"
    within = "yes" if found.within else "no"
    return (problem.experiment, problem.measure, f"{problem.reported:g}", f"{found.mean:.3f}", over, band, within)


def _contest(report: Report) -> tuple[str, ...]:
    """The best of each family on the test rows, with what it costs to fit, and the verdict."""
    best = [best_of(report.contenders, family) for family in PAIR]
    costs = [f"{entry.name} {entry.test_mean:.3f}, {entry.cpu_seconds:.0f} s" if entry else "" for entry in best]
    return (report.experiment, f"test {TITLES[report.metric]}", *costs, report.sentence)
