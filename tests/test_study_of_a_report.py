"""What a study takes from the experiment's latest report, and when it takes nothing."""

from typing import Any

import pytest

from flows.experiment import Experiment, check
from flows.studies.audit import choice_of
from flows.studies.curve import best_rivals
from tasks.data.folds.splitting import KFoldSpec
from tasks.reporting.report import Report
from tasks.tracking import runs as tracked
from tests.reports import report_of

SCORES = {"net": (2.0, 2.1), "deep": (2.2, 2.3), "trees": (2.4, 2.5)}
CONTENDERS = {
    "net": {"kind": "dense"},
    "deep": {"kind": "dense", "units": [8]},
    "trees": {"kind": "gradient_boosting"},
    "more": {"kind": "hist_gradient_boosting"},
}


def houses(**settings: Any) -> Experiment:
    content = {
        "name": "boston",
        "dataset": {"kind": "boston"},
        "validation": {"n_splits": 2},
        "metric": "mae",
        "equivalent_within": 0.1,
        "contenders": CONTENDERS,
    }
    return check(content | settings, "boston")


def renamed(report: Report, name: str, tuned_from: str) -> Report:
    """The report as if that contender had been the tuned one of another."""
    entries = [
        each.model_copy(update={"name": f"{name}_tuned", "tuned_from": tuned_from}) if each.name == name else each
        for each in report.contenders
    ]
    return report.model_copy(update={"contenders": tuple(entries)})


def test_the_choice_is_taken_from_a_report_of_the_very_experiment() -> None:
    found = choice_of(report_of(SCORES), houses())
    assert found is not None
    assert (found.name, found.n_contenders, found.mean, found.data) == ("net", 3, 2.05, "d")


@pytest.mark.parametrize(
    "report",
    [
        report_of(SCORES, metric="rmse"),
        report_of(SCORES, validation=KFoldSpec(n_splits=2, seed=5)),
        renamed(report_of(SCORES), "net", "net"),
        None,
    ],
    ids=["metric", "validation", "tuned", "none"],
)
def test_the_choice_is_not_taken_from_a_report_of_something_else(report: Report | None) -> None:
    assert choice_of(report, houses()) is None


@pytest.mark.parametrize("tuned", [False, True])
def test_a_curve_takes_the_best_net_and_the_best_boosting_of_the_report_even_if_a_tuned_one_was_best(
    tuned: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = renamed(report_of(SCORES), "net", "deep") if tuned else report_of(SCORES)
    monkeypatch.setattr(tracked, "find_document", lambda *_: report.model_dump_json())
    assert best_rivals(houses()) == ["deep" if tuned else "net", "trees"]


@pytest.mark.parametrize("document", [None, '{"of": "another version"}'])
def test_without_a_report_that_can_be_read_a_curve_takes_all_nets_and_boostings(
    document: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tracked, "find_document", lambda *_: document)
    assert best_rivals(houses()) == [*CONTENDERS]
