import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.data.folds.splitting import HoldOutSpec, KFoldSpec
from tasks.metrics import METRICS, MetricName
from tasks.reporting.report import LeaderboardEntry, Report, best_of, rank, remarks
from tasks.reporting.wording import say
from tasks.verdict.comparison import Rules, estimate
from tests.builders import evaluation_of, final_of, result_of, verdict_of
from tests.reports import CONTENDERS, HOUSES, refit_of, report_of

VALIDATION = KFoldSpec(n_splits=2)
RULES = Rules(validation=VALIDATION, metric="mae", unit="$1000s", equivalent_within=0.1)
SCORES = {"net": [2.0, 2.2], "deep": [4.0, 4.2], "trees": [3.0, 3.3], "floor": [7.0, 7.5]}


def _rank(
    scores: dict[str, list[float]], metric: MetricName = "mae", tests: dict[str, list[float]] | None = None
) -> tuple[LeaderboardEntry, ...]:
    on_test = tests or {name: [2.5] for name in scores}
    results = [
        result_of(evaluation_of(name, own, CONTENDERS.get(name)), final_of(name, on_test[name]), refit_of(name))
        for name, own in scores.items()
    ]
    return rank(results, RULES.model_copy(update={"metric": metric}))


@given(st.lists(st.floats(-100, 100), min_size=1, max_size=6, unique=True), st.sampled_from(list(METRICS)))
def test_the_leaderboard_stands_best_first(means: list[float], metric: MetricName) -> None:
    ranked = _rank({f"c{mean}": [mean, mean] for mean in means}, metric)
    best_first = sorted(means, reverse=METRICS[metric].greater_is_better)
    assert [entry.name for entry in ranked] == [f"c{mean}" for mean in best_first]


def test_contenders_that_tie_stay_in_the_order_in_which_they_were_entered() -> None:
    for metric in METRICS:
        ranked = _rank({name: [1.0, 2.0] for name in "bac"}, metric)
        assert [entry.name for entry in ranked] == ["b", "a", "c"]


def test_an_entry_holds_what_the_folds_gave_and_what_it_cost() -> None:
    entry = _rank({"trees": [3.0, 3.3]})[0]
    summary = estimate([3.0, 3.3], VALIDATION)
    assert (entry.name, entry.kind, entry.family) == ("trees", "gradient_boosting", "boosting")
    assert (entry.mean, entry.std, entry.interval) == (summary.mean, summary.std, summary.interval)
    assert (entry.scores, entry.cpu_seconds, entry.n_fits) == ((3.0, 3.3), 2.0, 2)
    assert (entry.predict_seconds, entry.predict_seconds_per_1000_rows) == (0.25, 2.5)
    assert (entry.refit_seconds, entry.model_bytes) == (0.5, 5)


def test_the_best_of_a_family_is_the_first_on_the_leaderboard() -> None:
    ranked = _rank(SCORES)
    found = {family: best_of(ranked, family) for family in ("network", "boosting", "classic", "floor")}
    assert {family: entry and entry.name for family, entry in found.items()} == {
        "network": "net",
        "boosting": "trees",
        "classic": None,
        "floor": "floor",
    }


def test_the_champion_is_the_head_of_the_leaderboard() -> None:
    report = report_of(SCORES)
    assert report.champion.name == report.contenders[0].name == "net"
    assert report_of(SCORES, "r2").champion.name == "floor"
    assert report.entry("deep").scores == (4.0, 4.2)


def test_a_report_sums_up_its_data_and_rules() -> None:
    headline = verdict_of("first", -1.0)
    report = report_of(SCORES, headline=headline)
    assert (report.dataset.rows, report.dataset.training_rows, report.dataset.features) == (506, 404, 2)
    assert (report.dataset.form, report.dataset.name) == (HOUSES.form, HOUSES.name)
    assert (report.validation, report.metric, report.equivalent_within) == (VALIDATION, "mae", 0.1)
    assert report.greater_is_better is False
    assert report.sentence == say(headline, RULES)


def test_a_report_survives_json() -> None:
    report = report_of(SCORES, verdicts=[verdict_of("first", -1.0)], headline=verdict_of("first", -1.0))
    assert Report.model_validate_json(report.model_dump_json()) == report


@pytest.mark.parametrize(("metric", "collapsed"), [("mae", ["deep"]), ("accuracy", ["net", "trees"])])
def test_a_contender_that_does_no_better_than_the_floor_is_pointed_out(
    metric: MetricName, collapsed: list[str]
) -> None:
    scores = {"net": [0.2, 0.2], "trees": [0.3, 0.3], "floor": [0.35, 0.35], "deep": [0.9, 0.9]}
    found = remarks(_rank(scores, metric, tests=scores), metric)
    assert sorted(found) == sorted(
        f"{name} has learned nothing: it scores no better than floor. Look at its settings." for name in collapsed
    )


def test_a_contender_that_collapses_only_when_it_learns_from_all_rows_is_pointed_out() -> None:
    scores = {"trees": [0.8, 0.8], "floor": [0.35, 0.35]}
    ranked = _rank(scores, "accuracy", tests={"trees": [0.2], "floor": [0.36]})
    assert remarks(ranked, "accuracy") == [
        "trees has learned nothing: it scores no better than floor. Look at its settings."
    ]


def test_where_nobody_has_learned_anything_the_reading_of_the_data_is_doubted() -> None:
    scores = {"trees": [0.3, 0.3], "net": [0.2, 0.2], "floor": [0.35, 0.35]}
    [said] = remarks(_rank(scores, "accuracy", tests=scores), "accuracy")
    assert said.startswith("No contender has learned anything: none scores better than floor.")
    assert "not read as you mean them: look at what `bakeoff check` says" in said


def test_without_a_floor_nobody_is_measured_by_it() -> None:
    assert remarks(_rank({"net": [9.0, 9.0], "trees": [3.0, 3.0]}), "mae") == []


def test_what_a_library_warned_of_reaches_the_reader() -> None:
    entry = _rank({"trees": [3.0, 3.3]})[0].model_copy(update={"warnings": ("did not converge",)})
    assert remarks([entry], "mae") == ["trees: did not converge"]


def test_with_a_hold_out_a_single_score_has_no_deviation_and_no_score_an_interval_over_folds() -> None:
    rules = HoldOutSpec(validation_rows=100, n_seeds=3)
    net, trees = report_of({"net": [0.9, 0.91, 0.92], "trees": [0.8]}, "accuracy", rules).contenders
    assert (net.interval, trees.interval, trees.std) == (None, None, None)
    assert net.std == pytest.approx(0.01)
