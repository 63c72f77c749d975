"""A report as a table and as sentences."""

import pytest
from rich.console import Console

from tasks.data.folds.splitting import HoldOutSpec, KFoldSpec
from tasks.reporting.leaderboard import champion_lines, leaderboard_table, size
from tasks.reporting.report import Report
from tasks.verdict.comparison import estimate
from tests.reports import report_of

SCORES = {"floor": [7.0, 7.5], "trees": [3.0, 3.3], "net": [2.0, 2.2], "deep": [4.0, 4.2]}


def shown(report: Report, width: int = 80) -> list[str]:
    console = Console(width=width)
    with console.capture() as captured:
        console.print(leaderboard_table(report))
    return captured.get().splitlines()


def held_out(*scores: float) -> Report:
    """A report of a net with these scores, one for each seed, and a boosting with one of 0.8."""
    rules = HoldOutSpec(validation_rows=100, n_seeds=len(scores))
    return report_of({"net": scores, "trees": [0.8]}, "accuracy", rules)


def test_the_table_shows_every_contender_best_first_within_80_columns() -> None:
    lines = shown(report_of(SCORES))
    assert max(len(line) for line in lines) <= 80
    rows = [line.split() for line in lines if line.split()[:1] and line.split()[0] in SCORES]
    assert [row[0] for row in rows] == ["net", "trees", "deep", "floor"]
    low, high = estimate([2.0, 2.2], KFoldSpec(n_splits=2)).interval or (0, 0)
    assert rows[0] == ["net", "2.100", f"{low:.3f}", "to", f"{high:.3f}", "2", "2.5", "5", "B"]
    assert any("MAE $1000s (lower is better)" in line for line in lines)


def test_the_table_says_which_way_is_better() -> None:
    assert any("R² (higher is better), 1 x 2 folds of 404" in line for line in shown(report_of(SCORES, "r2"), 200))


def test_with_a_hold_out_the_table_shows_validation_and_test_within_80_columns() -> None:
    lines = shown(held_out(0.9, 0.91, 0.92))
    assert max(len(line) for line in lines) <= 80
    assert any("boston: accuracy (higher is better), 100 rows held out of 404" in line for line in lines)
    rows = {line.split()[0]: line.split()[1:] for line in lines if line.split()[:1] in (["net"], ["trees"])}
    assert rows["net"][:5] == ["0.910", "0.910", "-0.100", "to", "1.900"]
    assert rows["trees"][:5] == ["0.800", "0.800", "-0.200", "to", "1.800"]


def test_the_longest_name_and_the_largest_figures_fit_80_columns() -> None:
    report = held_out(0.9)
    long = report.contenders[0].model_copy(
        update={"name": "hist_gradient_boosting", "cpu_seconds": 1234.5, "model_bytes": 342_472_641}
    )
    lines = shown(report.model_copy(update={"contenders": (long,)}))
    assert max(len(line) for line in lines) <= 80
    assert any("hist_gradient_boosting" in line and "342 MB" in line for line in lines)


@pytest.mark.parametrize(
    ("n_bytes", "said"), [(7, "7 B"), (2_500, "2.5 kB"), (3_309_610, "3.31 MB"), (2_000_000_000, "2 GB")]
)
def test_a_size_is_said_in_the_unit_that_suits_it(n_bytes: int, said: str) -> None:
    assert size(n_bytes) == said


def test_the_champion_is_given_with_its_test_score_and_its_corrected_score() -> None:
    assert champion_lines(report_of(SCORES)) == [
        "Best: net, fitted on all 404 training rows; test MAE 2.500 $1000s on 102 rows.",
        "Its 2.100 is the best of 4 scores; corrected for that choice it is 2.100 $1000s"
        " (95% interval 1.100 to 3.100).",
    ]


def test_a_contender_alone_was_not_chosen_and_is_not_corrected() -> None:
    assert len(champion_lines(report_of({"net": [2.0, 2.2]}))) == 1


def test_the_champion_of_several_seeds_is_given_by_their_mean_and_range() -> None:
    assert champion_lines(held_out(0.9, 0.91, 0.92))[0] == (
        "Best: net, fitted on all 404 training rows; test accuracy 0.910 (0.900 to 0.920 over 3 seeds) on 102 rows."
    )
