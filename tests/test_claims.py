"""What several verdicts say of chapter 1's claim."""

import pytest

from tasks.reporting.claim_presentation import Claim, Contest, Entrant, Kind, Result, check_entered, contest, weigh
from tasks.specs import BakeoffError
from tasks.verdict.comparison import Decision
from tests.builders import verdict_of
from tests.reports import report_of


def contest_of(problem: str, kind: Kind, result: Result, p_adjusted: float = 0.001) -> Contest:
    entrant = Entrant(name="x", score=0.5, cpu_seconds=1.0, n_fits=4, predict_seconds_per_1000_rows=0.01)
    return Contest(
        problem=problem,
        kind=kind,
        metric="mae",
        unit="$",
        net=entrant.model_copy(update={"name": "net"}),
        boosting=entrant.model_copy(update={"name": "trees"}),
        gain=0.3,
        interval=(-0.1, 0.7),
        matters_from=0.2,
        p_value=0.0001,
        p_adjusted=p_adjusted,
        n_pairs=2,
        result=result,
        seconds=60.0,
        champion="net",
        mlflow_run_id="run",
    )


def claim_of(*results: tuple[str, Kind, Result]) -> Claim:
    return weigh([contest_of(*result) for result in results], {}, {})


def test_the_claim_holds_where_it_is_shown_on_both_kinds_and_nowhere_contradicted() -> None:
    found = claim_of(("a", "tables", "boosting"), ("b", "tables", "undecided"), ("c", "perception", "network"))
    assert found.sentence == (
        "Chapter 1's claim holds here for tables (shown on 1 of 2) and perception (shown on 1 of 1)."
        " Tables: gradient boosting is better on a; it is undecided on b."
        " Perception: the deep net is better on c."
    )


def test_one_contradiction_is_enough_to_say_that_it_does_not_hold() -> None:
    found = claim_of(("a", "tables", "network"), ("c", "perception", "network"))
    assert found.sentence.startswith("Chapter 1's claim does not hold here: a contradicts it.")
    both = claim_of(("a", "tables", "network"), ("c", "perception", "boosting"))
    assert both.sentence.startswith("Chapter 1's claim does not hold here: a and c contradict it.")
    assert "Tables: the deep net is better on a. Perception: gradient boosting is better on c." in both.sentence


def test_what_is_shown_on_one_kind_alone_is_said_of_that_kind_alone() -> None:
    found = claim_of(("a", "tables", "equivalent"), ("b", "tables", "equivalent"), ("c", "perception", "network"))
    assert found.sentence.startswith(
        "Chapter 1's claim holds here for perception (shown on 1 of 1); for tables nothing shows it, and nothing"
        " contradicts it."
        " Tables: the two are practically equal on a and b."
    )


def test_without_any_decision_nothing_is_claimed() -> None:
    found = claim_of(("a", "tables", "undecided"), ("c", "perception", "equivalent"))
    assert found.sentence.startswith("Nothing here shows chapter 1's claim, and nothing contradicts it.")


@pytest.mark.parametrize(
    ("decision", "first", "result"),
    [
        ("first", "net", "network"),
        ("second", "net", "boosting"),
        ("first", "trees", "boosting"),
        ("second", "trees", "network"),
        ("equivalent", "net", "equivalent"),
        ("undecided", "trees", "undecided"),
    ],
)
def test_the_result_names_the_better_family_whichever_stands_first(
    decision: Decision, first: str, result: Result
) -> None:
    second = "trees" if first == "net" else "net"
    headline = verdict_of(decision, -0.5, first, second)
    found = contest(report_of({"net": [2.0, 2.2], "trees": [2.5, 2.7]}, headline=headline))
    assert found.result == result


def test_a_gain_is_positive_where_the_net_is_better_whichever_way_the_metric_goes() -> None:
    lower_error = verdict_of("undecided", -0.5, "net", "trees")
    found = contest(report_of({"net": [2.0, 2.2], "trees": [2.5, 2.7]}, headline=lower_error))
    assert (found.gain, found.interval) == (0.5, (-0.5, 1.5))
    lower_accuracy = verdict_of("undecided", 0.5, "trees", "net")
    found = contest(report_of({"net": [0.2, 0.2], "trees": [0.7, 0.7]}, "accuracy", headline=lower_accuracy))
    assert (found.gain, found.interval) == (-0.5, (-1.5, 0.5))


def test_a_table_is_structured_data_and_everything_else_perception() -> None:
    report = report_of({"net": [2.0, 2.2], "trees": [2.5, 2.7]}, headline=verdict_of("first", -0.5))
    assert contest(report).kind == "tables"
    for form in ("pixels", "words"):
        dataset = report.dataset.model_copy(update={"form": form})
        assert contest(report.model_copy(update={"dataset": dataset})).kind == "perception"


def test_an_experiment_without_one_of_the_two_says_nothing_of_the_claim() -> None:
    check_entered("fine", ["floor", "network", "boosting"], 0.1)
    with pytest.raises(BakeoffError, match="half says nothing of the claim, as gradient boosting is not entered"):
        check_entered("half", ["network", "classic", "floor"], 0.1)
    with pytest.raises(BakeoffError, match="vague has equivalent_within 0"):
        check_entered("vague", ["network", "boosting"], 0.0)


def test_what_only_one_of_many_problems_shows_by_chance_is_undecided() -> None:
    lucky = contest_of("lucky", "tables", "boosting", p_adjusted=0.02)
    others = [contest_of(name, "tables", "undecided", p_adjusted=0.9) for name in "abc"]
    assert weigh([lucky], {}, {}).contests[0].result == "boosting"
    found = weigh([lucky, *others], {}, {})
    assert (found.contests[0].p_among_problems, found.contests[0].result) == (pytest.approx(0.08), "undecided")
    assert found.sentence.startswith("Nothing here shows")


def test_where_no_problem_was_answered_nothing_is_said_of_the_claim() -> None:
    assert weigh([], {"a": "why"}, {}).sentence == "No problem was answered."


def test_a_claim_survives_json() -> None:
    found = claim_of(("a", "tables", "boosting"), ("c", "perception", "network"))
    assert Claim.model_validate_json(found.model_dump_json()) == found
