"""The book's problems as one flow, and the page on them."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from rich.console import Console

from flows.experiment import load
from flows.studies import study
from flows.studies.book import Book
from tasks.reporting import book_presentation as the_book
from tasks.reporting.book_presentation import HEADINGS, PROBLEMS, Answer, BookReport, WorkedExample, tell_book
from tasks.tracking import runs

pytestmark = pytest.mark.servers

EXPERIMENT = {
    "dataset": {"kind": "wine"},
    "validation": {"kind": "hold_out", "validation_rows": 40, "n_seeds": 2},
    "metric": "accuracy",
    "equivalent_within": 0.01,
    "contenders": {
        "dense": {"kind": "dense", "units": [8], "epochs": 8},
        "hist_gradient_boosting": {"kind": "hist_gradient_boosting", "params": {"max_iter": 3}},
    },
}
BROKEN = EXPERIMENT | {"contenders": {"dense": {"kind": "dense", "optimizer": {"kind": "sgd", "learning_rate": 1e9}}}}
MADE = (
    WorkedExample(experiment="broken", measure="test accuracy", reported=0.9, band=(0.8, 1.0)),
    WorkedExample(experiment="good", measure="test accuracy", reported=0.9, band=(0.0, 1.0)),
    WorkedExample(experiment="far", measure="4-fold MAE", reported=9.0, band=(8.0, 9.0)),
)


@dataclass(frozen=True)
class Run:
    first: BookReport
    again: BookReport
    trained_again: list[str]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    folder = tmp_path_factory.mktemp("book")
    (folder / "conf").mkdir()
    for problem in MADE:
        content = BROKEN if problem.experiment == "broken" else EXPERIMENT
        (folder / "conf" / f"{problem.experiment}.yaml").write_text(yaml.safe_dump(content))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(the_book, "PROBLEMS", MADE)
        first = study.run(Book())
        trained: list[str] = []
        open_run = runs.open_run
        patch.setattr(runs, "open_run", lambda name, *rest: trained.append(name) or open_run(name, *rest))
        yield Run(first, study.run(Book()), trained)


def test_a_problem_that_fails_stops_no_other_and_says_why(run: Run) -> None:
    broken, good, far = run.first.answers
    assert broken.error is not None
    assert "contender dense: the loss became NaN or infinite" in broken.error
    assert (broken.within, broken.mean, broken.report) == (False, None, None)
    assert good.report is not None
    assert far.report is not None
    assert run.first.seconds > 0


def test_an_answer_is_the_books_own_net_over_its_seeds(run: Run) -> None:
    _, good, far = run.first.answers
    assert good.report is not None
    entry = next(entry for entry in good.report.contenders if entry.name == "dense")
    assert (good.scores, good.mean, good.within) == (entry.test_scores, entry.test_mean, True)
    assert len(good.scores) == 2
    assert (far.scores, far.mean, far.within) == (entry.scores, entry.mean, False)


def test_a_second_run_trains_only_what_had_failed(run: Run) -> None:
    assert run.trained_again == ["book-broken"]
    assert run.again.answers[1:] == run.first.answers[1:]


def test_the_table_shows_every_problem_in_80_columns(run: Run) -> None:
    console = Console(width=80)
    with console.capture() as captured:
        console.print(*map(study.rich_table, tell_book(run.first).tables))
    text = captured.get()
    assert max(len(line) for line in text.splitlines()) <= 80
    rows = {line.split()[0]: line.split() for line in text.splitlines() if line.split()}
    assert rows["broken"][-1] == "no"
    assert "failed" in rows["broken"]
    assert rows["good"][-1] == "yes"
    assert "seeds" in rows["good"]


def test_the_page_holds_the_table_and_the_verdicts(run: Run) -> None:
    page = tell_book(run.first).page
    assert "| good | test accuracy | 0.9 |" in page
    assert "| broken | test accuracy | 0.9 | failed |" in page
    report = run.first.answers[1].report
    assert report is not None
    assert report.sentence in page
    tables = [line for line in page.splitlines() if line.startswith("|")]
    assert {line.count("|") for line in tables[:5]} == {len(HEADINGS) + 1}


def test_an_error_stands_in_the_place_of_a_verdict(run: Run) -> None:
    broken, good, _ = tell_book(run.first).sentences
    assert broken.startswith("broken: ")
    assert "the loss became NaN" in broken
    assert good.startswith("good: ")


def test_every_problem_has_its_experiment_with_the_books_net(repository: Path) -> None:
    assert len(PROBLEMS) == 4
    for problem in PROBLEMS:
        experiment = load(str(repository / "conf" / f"{problem.experiment}.yaml"))
        assert experiment.contenders[the_book.NETWORK].kind == "dense"
        assert problem.band[0] < problem.reported < problem.band[1]


@pytest.mark.parametrize(("mean", "within"), [(0.79, False), (0.8, True), (1.0, True), (1.01, False), (None, False)])
def test_the_band_includes_its_ends(mean: float | None, within: bool) -> None:
    assert Answer(problem=MADE[0], mean=mean).within is within
