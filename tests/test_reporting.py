import itertools
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from tasks.comparison import Verdict, compare, estimate
from tasks.data.examples import Examples
from tasks.data.splitting import HoldOutSpec, KFoldSpec
from tasks.evaluation import Evaluation
from tasks.metrics import METRICS, MetricName
from tasks.models.baselines.boosting import GradientBoostingSpec
from tasks.models.baselines.floor import DummySpec
from tasks.models.contenders import Contender
from tasks.models.networks import DenseSpec
from tasks.reporting import (
    TITLES,
    LeaderboardEntry,
    Report,
    champion_line,
    headline,
    leaderboard_table,
    rank,
    say,
    write_report,
)
from tests.builders import NO_FILE, arrays_of, evaluation_of, final_of, verdict_of

EXAMPLES = Examples(
    name="boston",
    task="regression",
    form="table",
    shape=(2,),
    unit="$1000s",
    features=("a", "b"),
    classes=(),
    brightest=0,
    digest="d",
    training_rows=404,
    test_rows=102,
    file=NO_FILE,
)
VALIDATION = KFoldSpec(n_splits=2)
CONTENDERS: dict[str, tuple[Contender, list[float]]] = {
    "net": (DenseSpec(), [2.0, 2.2]),
    "deep": (DenseSpec(), [4.0, 4.2]),
    "trees": (GradientBoostingSpec(), [3.0, 3.3]),
    "floor": (DummySpec(), [7.0, 7.5]),
}


def _evaluations(*names: str) -> list[Evaluation]:
    return [evaluation_of(name, CONTENDERS[name][1], CONTENDERS[name][0]) for name in names]


def _rank(evaluations: Sequence[Evaluation], metric: MetricName = "mae") -> tuple[LeaderboardEntry, ...]:
    return rank(evaluations, [final_of(each.name, [2.5]) for each in evaluations], metric, VALIDATION)


def _compare(evaluations: Sequence[Evaluation], metric: MetricName = "mae") -> list[Verdict]:
    return compare(evaluations, [], arrays_of("regression", [1, 2]), VALIDATION, metric, 0.1)


def _report(*names: str, metric: MetricName = "mae") -> Report:
    evaluations = _evaluations(*names)
    leaderboard, verdicts = _rank(evaluations, metric), _compare(evaluations, metric)
    return write_report("boston", EXAMPLES, VALIDATION, metric, 0.1, leaderboard, verdicts)


def _held_out(*scores: float) -> Report:
    """A report of a net with these scores on the test, one for each seed, and a boosting with one of 0.8."""
    validation = HoldOutSpec(validation_rows=100, n_seeds=len(scores))
    evaluations = [evaluation_of("net", scores, DenseSpec()), evaluation_of("trees", [0.8], GradientBoostingSpec())]
    tests = [final_of("net", scores), final_of("trees", [0.8])]
    leaderboard = rank(evaluations, tests, "accuracy", validation)
    verdicts = [verdict_of("undecided", 0.1)]
    return write_report("boston", EXAMPLES, validation, "accuracy", 0.01, leaderboard, verdicts)


@given(st.lists(st.floats(-100, 100), min_size=1, max_size=6, unique=True), st.sampled_from(list(METRICS)))
def test_the_leaderboard_stands_best_first(means: list[float], metric: MetricName) -> None:
    ranked = _rank([evaluation_of(f"c{mean}", [mean, mean]) for mean in means], metric)
    best_first = sorted(means, reverse=METRICS[metric].greater_is_better)
    assert [entry.name for entry in ranked] == [f"c{mean}" for mean in best_first]


def test_contenders_that_tie_stay_in_the_order_in_which_they_were_entered() -> None:
    for metric in METRICS:
        ranked = _rank([evaluation_of(name, [1.0, 2.0]) for name in "bac"], metric)
        assert [entry.name for entry in ranked] == ["b", "a", "c"]


def test_an_entry_holds_what_the_folds_gave() -> None:
    entry = _rank(_evaluations("trees"))[0]
    summary = estimate([3.0, 3.3], VALIDATION)
    assert (entry.name, entry.kind, entry.family) == ("trees", "gradient_boosting", "baseline")
    assert (entry.scores, entry.fit_seconds, entry.predict_seconds) == ((3.0, 3.3), 1.5, 0.25)
    assert (entry.mean, entry.std, entry.interval) == (summary.mean, summary.std, summary.interval)


@pytest.mark.parametrize("order", list(itertools.permutations(CONTENDERS)))
def test_the_headline_is_the_best_net_against_the_best_baseline(order: tuple[str, ...]) -> None:
    found = _report(*order).headline
    assert found is not None
    assert {found.first, found.second} == {"net", "trees"}


def test_the_floor_is_no_baseline_for_the_headline() -> None:
    evaluations = [
        evaluation_of("net", [2.0, 2.2], DenseSpec()),
        evaluation_of("floor", [0.5, 0.6], DummySpec()),
        evaluation_of("trees", [3.0, 3.1], GradientBoostingSpec()),
    ]
    found = headline(_rank(evaluations), _compare(evaluations))
    assert found is not None
    assert {found.first, found.second} == {"net", "trees"}


@pytest.mark.parametrize("names", [("net",), ("net", "deep"), ("trees", "floor"), ("net", "floor")])
def test_without_a_net_or_a_baseline_there_is_no_verdict(names: tuple[str, ...]) -> None:
    report = _report(*names)
    assert report.headline is None
    assert report.sentence == "No verdict: it takes a net and a baseline."


def test_a_winner_is_named_first_with_the_evidence() -> None:
    assert say(verdict_of("first", -2.0), "mae", "$1000s", 0.1, VALIDATION) == (
        "net is better than trees: MAE lower by 2 $1000s (95% interval 1 to 3, p = 0.012)."
    )
    assert say(verdict_of("second", 2.0), "mae", "$1000s", 0.1, VALIDATION) == (
        "trees is better than net: MAE lower by 2 $1000s (95% interval 1 to 3, p = 0.012)."
    )


@pytest.mark.parametrize(
    ("metric", "difference", "start"),
    [
        ("r2", 0.25, "net is better than trees: R² higher by 0.25 (95% interval -0.75 to 1.25,"),
        ("accuracy", -0.25, "trees is better than net: accuracy higher by 0.25 (95% interval -0.75 to 1.25,"),
        ("log_loss", -0.25, "net is better than trees: log loss lower by 0.25 (95% interval -0.75 to 1.25,"),
        ("log_loss", 0.25, "trees is better than net: log loss lower by 0.25 (95% interval -0.75 to 1.25,"),
    ],
)
def test_the_wording_follows_the_direction_of_the_metric(metric: MetricName, difference: float, start: str) -> None:
    decision = "first" if METRICS[metric].sign * difference > 0 else "second"
    assert say(verdict_of(decision, difference), metric, "", 0.1, VALIDATION).startswith(start)


def test_equality_is_said_with_its_probability_and_the_region() -> None:
    assert say(verdict_of("equivalent", 0.05), "mae", "$1000s", 0.1, VALIDATION) == (
        "trees and net are practically equal: MAE lower by 0.05 $1000s (95% interval -0.95 to 1.05, p = 0.012);"
        " with probability 0.97 they differ by no more than 0.1 $1000s."
    )


def test_no_decision_is_said_with_the_repeats_that_would_settle_it() -> None:
    assert say(verdict_of("undecided", 0.5, repeats_needed=23), "r2", "$1000s", 0.1, VALIDATION) == (
        "Undecided between net and trees: R² higher by 0.5 (95% interval -0.5 to 1.5, p = 0.012)."
        " About 23 repeats in all would settle it."
    )


def test_where_no_repeats_would_settle_it_only_more_rows_could() -> None:
    sentence = say(verdict_of("undecided", 0.5), "r2", "", 0.1, VALIDATION)
    assert sentence.endswith("No number of repeats up to 1000 would settle it on these rows; only more rows could.")


def test_the_unit_is_said_only_of_metrics_that_have_it() -> None:
    for name, metric in METRICS.items():
        assert ("$1000s" in say(verdict_of("first", 1.0), name, "$1000s", 0.1, VALIDATION)) == metric.in_target_unit


def test_the_champion_is_the_head_of_the_leaderboard() -> None:
    report = _report("trees", "floor", "net")
    assert report.champion.name == report.contenders[0].name == "net"
    assert _report("trees", "floor", "net", metric="r2").champion.name == "floor"
    assert champion_line(report) == (
        "Champion: net, fitted on all 404 training rows; test MAE 2.500 $1000s on 102 rows."
    )


def test_a_report_sums_up_its_data_and_rules() -> None:
    report = _report("net", "trees")
    assert (report.dataset.rows, report.dataset.training_rows, report.dataset.features) == (506, 404, 2)
    assert (report.validation, report.metric, report.equivalent_within) == (VALIDATION, "mae", 0.1)
    assert report.greater_is_better is False
    assert report.sentence == say(report.headline, "mae", "$1000s", 0.1, VALIDATION)


def test_a_report_survives_json() -> None:
    report = _report("net", "deep", "trees", "floor")
    assert len(report.verdicts) == 6
    assert Report.model_validate_json(report.model_dump_json()) == report


def test_the_table_shows_every_contender_best_first_within_80_columns() -> None:
    console = Console(width=80)
    with console.capture() as captured:
        console.print(leaderboard_table(_report("floor", "trees", "net", "deep")))
    lines = captured.get().splitlines()
    assert max(len(line) for line in lines) <= 80
    rows = [line.split() for line in lines if line.split()[:1] and line.split()[0] in CONTENDERS]
    assert [row[0] for row in rows] == ["net", "trees", "deep", "floor"]
    low, high = estimate([2.0, 2.2], VALIDATION).interval or (0, 0)
    assert rows[0] == ["net", "2.100", f"{low:.3f}", "to", f"{high:.3f}", "1.50", "0.25"]
    assert "MAE $1000s (lower is better)" in captured.get()


def test_the_table_says_which_way_is_better() -> None:
    console = Console(width=200)
    with console.capture() as captured:
        console.print(leaderboard_table(_report("net", "trees", metric="r2")))
    assert "R² (higher is better), 1 x 2 folds of 404" in captured.get()


def test_with_a_hold_out_the_table_shows_validation_and_test_within_80_columns() -> None:
    console = Console(width=80)
    with console.capture() as captured:
        console.print(leaderboard_table(_held_out(0.9, 0.91, 0.92)))
    lines = captured.get().splitlines()
    assert max(len(line) for line in lines) <= 80
    assert "boston: accuracy (higher is better), 100 rows held out of 404" in captured.get()
    rows = {line.split()[0]: line.split()[1:] for line in lines if line.split()[:1] in (["net"], ["trees"])}
    assert rows["net"] == ["0.910", "0.910", "-0.100", "to", "1.900", "1.50", "0.25"]
    assert rows["trees"] == ["0.800", "0.800", "-0.200", "to", "1.800", "1.50", "0.25"]


def test_with_a_hold_out_a_single_score_has_no_deviation_and_no_score_an_interval_over_folds() -> None:
    net, trees = _held_out(0.9, 0.91, 0.92).contenders
    assert (net.interval, trees.interval, trees.std) == (None, None, None)
    assert net.std == pytest.approx(0.01)


def test_the_champion_of_several_seeds_is_given_by_their_mean_and_range() -> None:
    assert champion_line(_held_out(0.9, 0.91, 0.92)) == (
        "Champion: net, fitted on all 404 training rows; test accuracy 0.910 (0.900 to 0.920 over 3 seeds) on 102 rows."
    )


def test_with_a_hold_out_the_sentence_says_which_rows_decided() -> None:
    sentence = _held_out(0.9).sentence
    assert "on the test rows" in sentence
    assert sentence.endswith("Only more test rows, or K-fold validation, could settle it.")


def test_every_metric_has_a_title_of_its_own() -> None:
    assert set(TITLES) == set(METRICS)
    assert len(set(TITLES.values())) == len(METRICS)
