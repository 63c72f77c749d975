"""`--tune` enters contenders once more, tuned on equal budgets."""

import pytest

from flows.experiment import Experiment, check
from flows.launch import read_budget, with_tuned
from tasks.models.search import TuningSpec
from tasks.specs import BakeoffError

CONTENT = {
    "name": "made",
    "dataset": {"kind": "boston"},
    "metric": "mae",
    "equivalent_within": 0.1,
    "contenders": {"net": {"kind": "dense"}, "trees": {"kind": "random_forest"}, "line": {"kind": "ridge"}},
}


def experiment(**contenders: dict[str, object]) -> Experiment:
    return check(CONTENT | ({"contenders": contenders} if contenders else {}), "made")


def test_whatever_has_a_usual_space_is_entered_beside_its_untuned_self() -> None:
    tuned = with_tuned(experiment(), "60s").contenders
    assert [*tuned] == ["net", "trees", "line", "net_tuned", "trees_tuned"]
    assert tuned["net_tuned"] == tuned["net"].model_copy(update={"tuning": TuningSpec(seconds=60)})


def test_all_get_the_same_budget() -> None:
    tuned = with_tuned(experiment(), "12").contenders
    assert {each.tuning for each in tuned.values() if each.tuning} == {TuningSpec(trials=12)}


def test_without_a_budget_nothing_is_entered() -> None:
    assert with_tuned(experiment(), None) == experiment()


def test_a_contender_that_is_tuned_already_is_left_as_it_is() -> None:
    own = {"kind": "dense", "tuning": {"trials": 3}}
    assert [*with_tuned(experiment(net=own, trees={"kind": "lightgbm"}), "60s").contenders] == [
        "net", "trees", "trees_tuned",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "budget"),
    [
        ("60s", TuningSpec(seconds=60)),
        ("1.5m", TuningSpec(seconds=90)),
        ("2h", TuningSpec(seconds=7200)),
        ("50", TuningSpec(trials=50)),
    ],
)
def test_a_budget_is_a_time_or_a_number_of_trials(text: str, budget: TuningSpec) -> None:
    assert read_budget(text) == budget


@pytest.mark.parametrize("text", ["", "s", "0s", "-5s", "1.5", "60 seconds", "1d", "0"])
def test_what_is_neither_is_refused(text: str) -> None:
    with pytest.raises(BakeoffError, match="expected a time such as 60s"):
        read_budget(text)


def test_an_experiment_with_nothing_to_search_for_says_so() -> None:
    with pytest.raises(BakeoffError, match="give one a `search`"):
        with_tuned(experiment(line={"kind": "ridge"}), "60s")


def test_a_name_that_is_taken_is_refused() -> None:
    with pytest.raises(BakeoffError, match="net_tuned"):
        with_tuned(experiment(net={"kind": "dense"}, net_tuned={"kind": "ridge"}), "60s")
