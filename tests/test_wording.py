"""What is said of a verdict."""

import pytest

from tasks.data.examples import Groups
from tasks.data.folds.splitting import GroupKFoldSpec, HoldOutSpec, KFoldSpec, TimeSeriesSplitSpec, Validation
from tasks.metrics import METRICS, MetricName
from tasks.reporting.wording import FAMILIES, TITLES, say, say_limits
from tasks.specs import Family
from tasks.statistics import McNemar
from tasks.verdict.comparison import Rules
from tests.builders import verdict_of

FOLDS = KFoldSpec(n_splits=2)


def rules(
    metric: MetricName = "mae",
    unit: str = "$1000s",
    equivalent_within: float = 0.1,
    validation: Validation = FOLDS,
) -> Rules:
    return Rules(validation=validation, metric=metric, unit=unit, equivalent_within=equivalent_within)


def test_a_winner_is_named_first_with_the_evidence() -> None:
    assert say(verdict_of("first", -2.0), rules()) == (
        "net is better than trees: MAE lower by 2 $1000s (95% interval 1 to 3, p = 0.012)."
    )
    assert say(verdict_of("second", 2.0), rules()) == (
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
    assert say(verdict_of(decision, difference), rules(metric, "")).startswith(start)


def test_equality_is_said_with_its_probability_and_the_region() -> None:
    assert say(verdict_of("equivalent", 0.05), rules()) == (
        "trees and net are practically equal: MAE lower by 0.05 $1000s (95% interval -0.95 to 1.05, p = 0.012);"
        " with probability 0.97 they differ by no more than 0.1 $1000s."
    )


def test_no_decision_is_said_with_the_repeats_that_would_settle_it() -> None:
    assert say(verdict_of("undecided", 0.5, repeats_needed=23), rules("r2", "$1000s")) == (
        "Undecided between net and trees: R² higher by 0.5 (95% interval -0.5 to 1.5, p = 0.4)."
        " About 23 repeats in all would settle it."
    )


def test_where_no_repeats_would_settle_it_only_more_rows_could() -> None:
    sentence = say(verdict_of("undecided", 0.5), rules("r2", ""))
    assert sentence.endswith("No number of repeats up to 1000 would settle it on these rows; only more rows could.")


def test_a_p_value_of_one_of_many_pairs_is_given_with_its_adjustment() -> None:
    one_of_many = verdict_of("undecided", 0.5).model_copy(update={"n_pairs": 8, "p_adjusted": 0.9})
    assert "p = 0.4, adjusted for 8 pairs: 0.9)" in say(one_of_many, rules("r2", ""))


def test_a_difference_that_is_there_but_may_be_too_small_to_matter_is_said_to_be_so() -> None:
    sure = verdict_of("undecided", 1.2).model_copy(update={"p_adjusted": 0.04})
    assert say(sure, rules("r2", "", 0.5)).startswith(
        "net scores better than trees, but perhaps by too little to matter: R² higher by 1.2 (95% interval 0.2 to 2.2,"
    )


def test_mcnemars_test_stands_beside_the_p_value_where_there_is_one() -> None:
    tested = verdict_of("first", 0.1).model_copy(
        update={"mcnemar": McNemar(only_first=30, only_second=10, p_value=0.0022)}
    )
    assert "p = 0.012; McNemar's p = 0.0022)" in say(tested, rules("accuracy", "", 0.01))


def test_the_unit_is_said_only_of_metrics_that_have_it() -> None:
    for name, metric in METRICS.items():
        assert ("$1000s" in say(verdict_of("first", 1.0), rules(name, "$1000s"))) == metric.in_target_unit


def test_with_a_hold_out_the_sentence_says_which_rows_decided() -> None:
    sentence = say(verdict_of("undecided", 0.1), rules("accuracy", "", validation=HoldOutSpec(validation_rows=100)))
    assert "on the test rows" in sentence
    assert sentence.endswith("Only more test rows, or K-fold validation, could settle it.")


def test_what_would_settle_it_depends_on_how_rows_hang_together() -> None:
    undecided = verdict_of("undecided", 0.1)
    assert say(undecided, rules("r2", "", validation=TimeSeriesSplitSpec())).endswith(
        "Only more rows, of a longer time, could settle it."
    )
    assert say(undecided, rules("r2", "", validation=GroupKFoldSpec())).endswith("only more groups could.")


def test_the_limits_of_a_verdict_are_said_where_rows_hang_together_and_nowhere_else() -> None:
    for alone in (KFoldSpec(), HoldOutSpec(validation_rows=9)):
        assert say_limits(alone, None) == []
    (in_time,) = say_limits(TimeSeriesSplitSpec(n_splits=7), None)
    assert in_time.startswith("The verdict rests on 7 stretches of time, as a sample of those to come")
    (equal,) = say_limits(GroupKFoldSpec(), Groups(count=12, effective=11.5))
    assert equal.endswith("but how many groups: 12.")
    (unequal,) = say_limits(GroupKFoldSpec(), Groups(count=12, effective=4.23))
    assert unequal.endswith("but how many groups: 12, unequal in size, which tell as much as 4.2 equal ones.")


def test_without_two_families_there_is_no_verdict() -> None:
    assert say(None, rules("mae", "")).startswith("No verdict in a sentence: all contenders are of one family")


def test_every_metric_and_every_family_has_a_title_of_its_own() -> None:
    assert set(TITLES) == set(METRICS)
    assert len(set(TITLES.values())) == len(METRICS)
    assert set(FAMILIES) == set(Family.__args__)  # type: ignore[attr-defined]
