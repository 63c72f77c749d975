"""A search sees the training rows of its own fold and no others, and what it finds is used for that fold alone."""

from collections.abc import Iterator

import numpy as np
import pytest

from tasks.data.folds.splitting import GroupKFoldSpec, HoldOutSpec, KFoldSpec, TimeSeriesSplitSpec, Validation, split
from tasks.data.vectorization import DesignMatrix
from tasks.evaluation.cross_validation import evaluate, refit
from tasks.evaluation.tuning import read_trials, searches_of, tune
from tasks.metrics import METRICS, MetricName
from tasks.models.baselines.boosting import GradientBoostingSpec, LightGBMSpec
from tasks.models.baselines.classic import DecisionTreeSpec, ExtraTreesSpec, RandomForestSpec
from tasks.models.contenders import Contender
from tasks.models.nets.network_spec import EarlyStoppingSpec, NetworkSpec
from tasks.models.nets.networks import DenseSpec, RealMLPSpec
from tasks.models.nets.optimizers import RMSpropSpec
from tasks.models.search import Choice, Range, TuningSpec
from tasks.specs import BakeoffError
from tests.builders import arrays_of, grouped_arrays, made_arrays, text_arrays
from tests.tiers import quick_first

NET = DenseSpec(units=(4,), optimizer=RMSpropSpec(learning_rate=0.01), epochs=5, early_stopping=EarlyStoppingSpec())
TREES = RandomForestSpec(params={"n_estimators": 3})
SEEDS = 30
SPACE = {"params.min_samples_leaf": Range(low=1, high=9)}


@pytest.mark.parametrize(
    "validation",
    [
        KFoldSpec(n_splits=3, n_repeats=2),
        HoldOutSpec(validation_rows=20),
        GroupKFoldSpec(n_splits=3),
        TimeSeriesSplitSpec(n_splits=3),
    ],
    ids=lambda validation: validation.kind,
)
def test_no_search_looks_at_a_row_that_its_fold_holds_out(validation: Validation) -> None:
    groups = np.arange(90) % 15
    arrays = grouped_arrays("regression", np.arange(90.0), groups)
    if validation.kind != "group_k_fold":
        arrays = made_arrays("regression", 90, 0)
    pairs = list(split(arrays, validation).pairs())
    searches = searches_of(pairs, arrays, validation, SPACE, TuningSpec(trials=2), False)
    assert len(searches) == len(pairs) + 1
    for search, (training, held_out) in zip(searches, pairs, strict=False):
        for inner, judging in search.folds:
            assert not np.intersect1d(inner, judging).size
            assert np.isin(np.concatenate([inner, judging]), training).all()
            assert not np.isin(held_out, np.concatenate([inner, judging])).any()
            if validation.kind == "group_k_fold":
                assert not np.isin(groups[inner], groups[judging]).any()
            if validation.kind == "time_series_split":
                assert inner.max() < judging.min()


def noise() -> tuple[DesignMatrix, DecisionTreeSpec]:
    """Classes by lot, and trees that differ by lot: only who sees the rows held out can choose among them."""
    generator = np.random.default_rng(0)
    arrays = arrays_of("binary", generator.permutation(np.arange(60) % 2).tolist(), generator.normal(size=(60, 5)))
    return arrays, DecisionTreeSpec(
        params={"splitter": "random"}, search={"params.random_state": Choice(choices=tuple(range(SEEDS)))}
    )


def test_a_leak_that_a_search_could_use_is_not_there() -> None:
    arrays, contender = noise()
    folds = split(arrays, KFoldSpec(n_splits=3))
    X, y = arrays.training()

    def scores(held_out: np.ndarray, training: np.ndarray) -> Iterator[float]:
        for seed in range(SEEDS):
            tree = contender.with_settings({"params.random_state": seed})
            model = tree.fit(X[training], y[training], arrays, 0).model
            yield METRICS["accuracy"].score(y[held_out], tree.predict(model, X[held_out], arrays))

    leaking = np.mean([max(scores(held_out, training)) for training, held_out in folds.pairs()])
    tuning = tune("tree", contender, TuningSpec(trials=SEEDS), arrays, folds, "accuracy")
    honest = np.mean(evaluate("tree", contender, arrays, folds, "accuracy", tuning).scores)
    assert leaking > 0.65
    assert abs(honest - 0.5) < 0.1


@pytest.mark.parametrize("contender", [TREES, NET], ids=["forest", "net"])
@pytest.mark.parametrize("trials", quick_first([1, 4], {1}))
def test_each_search_tries_as_many_settings_as_it_may(contender: Contender, trials: int) -> None:
    arrays = made_arrays("binary")
    folds = split(arrays, KFoldSpec(n_splits=3))
    tuning = tune("one", contender, TuningSpec(trials=trials, n_splits=2), arrays, folds, "accuracy")
    found = read_trials(tuning).trials
    assert [each.search for each in found] == np.repeat(range(4), trials).tolist()
    assert tuning.trials == len(found)
    assert tuning.fits == 2 * len(found)
    assert all(not set(each.settings) - {"epochs"} for each in found if each.number == 0)


@pytest.mark.parametrize("metric", quick_first(["mae", "rmse"]))
@pytest.mark.parametrize("contender", [TREES, NET], ids=["forest", "net"])
def test_what_is_chosen_scored_best_on_the_inner_folds(contender: Contender, metric: MetricName) -> None:
    arrays = made_arrays("regression")
    folds = split(arrays, KFoldSpec(n_splits=2))
    tuning = tune("one", contender, TuningSpec(trials=6, n_splits=2), arrays, folds, metric)
    trials = read_trials(tuning)
    assert not trials.greater_is_better
    for number, chosen in enumerate([*tuning.chosen, tuning.final]):
        own = [each for each in trials.trials if each.search == number]
        best = min(own, key=lambda each: each.score)
        assert chosen.model_copy(update={"early_stopping": None}) == contender.with_settings(best.settings).model_copy(
            update={"early_stopping": None}
        )


@pytest.mark.parametrize("contender", quick_first([TREES, NET]), ids=["forest", "net"])
def test_the_same_seed_finds_the_same_settings(contender: Contender) -> None:
    arrays = made_arrays("multiclass", 60)
    folds = split(arrays, KFoldSpec(n_splits=2))
    one, two = (tune("one", contender, TuningSpec(trials=5), arrays, folds, "accuracy") for _ in range(2))
    assert one.history == two.history


def test_each_fold_is_fitted_with_the_settings_that_were_found_for_it() -> None:
    arrays = made_arrays("regression")
    folds = split(arrays, KFoldSpec(n_splits=2))
    contender = ExtraTreesSpec(params={"n_estimators": 2}, tuning=TuningSpec(trials=4))
    tuning = tune("one", contender, TuningSpec(trials=4), arrays, folds, "mae")
    tuned = evaluate("one", contender, arrays, folds, "mae", tuning)
    by_hand = [evaluate("one", each, arrays, folds, "mae").scores[fold] for fold, each in enumerate(tuning.chosen)]
    assert tuned.scores == tuple(by_hand)
    assert refit(tuned, arrays, folds.validation).contender == tuning.final


def test_a_net_is_fitted_for_the_epochs_that_were_found_for_its_fold() -> None:
    arrays = made_arrays("regression")
    folds = split(arrays, HoldOutSpec(validation_rows=10, n_seeds=2))
    contender = NET.model_copy(update={"tuning": TuningSpec(trials=3)})
    tuning = tune("one", contender, TuningSpec(trials=3), arrays, folds, "mae")
    tuned = evaluate("one", contender, arrays, folds, "mae", tuning)
    [chosen], final = tuning.chosen, tuning.final
    assert isinstance(chosen, NetworkSpec)
    assert isinstance(final, NetworkSpec)
    assert tuned.best_epochs == (chosen.epochs,) * 2
    assert refit(tuned, arrays, folds.validation).epochs == final.epochs


@pytest.mark.variants
def test_texts_are_searched_on_in_each_inner_folds_own_words() -> None:
    arrays = text_arrays()
    folds = split(arrays, KFoldSpec(n_splits=2))
    tuning = tune("one", NET, TuningSpec(trials=2), arrays, folds, "accuracy")
    assert evaluate("one", NET, arrays, folds, "accuracy", tuning).scores


def test_settings_that_cannot_be_fitted_do_not_end_a_search() -> None:
    arrays = made_arrays("regression")
    folds = split(arrays, KFoldSpec(n_splits=2))
    search = {"params.max_features": Choice(choices=("sqrt", "no such choice"))}
    tuning = tune("one", RandomForestSpec(search=search), TuningSpec(trials=8), arrays, folds, "mae")
    assert {each.score is None for each in read_trials(tuning).trials} == {True, False}


def test_a_contender_that_fails_as_entered_is_the_users_to_mend() -> None:
    arrays = made_arrays("regression")
    folds = split(arrays, KFoldSpec(n_splits=2))
    broken = RandomForestSpec(params={"max_features": "no such choice"})
    with pytest.raises(BakeoffError, match=r"contender one: .*max_features"):
        tune("one", broken, TuningSpec(trials=2), arrays, folds, "mae")


def test_rows_that_cannot_be_split_once_more_are_refused() -> None:
    arrays = arrays_of("binary", [0, 1] * 3)
    folds = split(arrays, KFoldSpec(n_splits=3))
    with pytest.raises(BakeoffError, match=r"contender one: tuning: the 4 training rows.*lower tuning\.n_splits"):
        tune("one", LightGBMSpec(), TuningSpec(trials=2), arrays, folds, "accuracy")


@pytest.mark.filterwarnings("ignore:overflow:RuntimeWarning")
def test_settings_whose_predictions_are_no_numbers_do_not_end_a_search() -> None:
    arrays = made_arrays("regression")
    folds = split(arrays, KFoldSpec(n_splits=2))
    search = {"params.learning_rate": Choice(choices=(0.1, 1e300))}
    boosting = GradientBoostingSpec(params={"n_estimators": 5}, search=search)
    found = read_trials(tune("one", boosting, TuningSpec(trials=8), arrays, folds, "mae")).trials
    rates = {each.settings.get("params.learning_rate"): each.score is None for each in found}
    assert rates == {None: False, 0.1: False, 1e300: True}


def test_an_inner_fold_without_a_class_that_the_metric_needs_is_named() -> None:
    arrays = arrays_of("binary", [1] * 5 + [0] * 55 + [0, 1] * 30)  # in the first half, class 1 comes first alone
    folds = split(arrays, TimeSeriesSplitSpec(n_splits=2))
    with pytest.raises(BakeoffError, match=r"contender one: tuning, inside .*class b is in no row held out"):
        tune("one", TREES, TuningSpec(trials=2), arrays, folds, "roc_auc")


@pytest.mark.variants
def test_a_net_whose_schedules_span_all_epochs_is_judged_by_its_last() -> None:
    arrays = made_arrays("regression")
    folds = split(arrays, KFoldSpec(n_splits=2))
    net = RealMLPSpec(units=(4,), epochs=6, batch_size=64)
    tuning = tune("one", net, TuningSpec(trials=2), arrays, folds, "mae")
    assert all("epochs" not in each.settings for each in read_trials(tuning).trials)
    kept = refit(evaluate("one", net, arrays, folds, "mae", tuning), arrays, folds.validation)
    assert kept.epochs == net.epochs


def test_an_ensemble_is_searched_for_by_one_net_for_each_fold_and_entered_as_it_is() -> None:
    arrays = made_arrays("regression")
    folds = split(arrays, KFoldSpec(n_splits=3))
    tuned = tune("nets", NET.model_copy(update={"n_members": 3}), TuningSpec(trials=2), arrays, folds, "mae")
    assert tuned.fits == 2 * 3 * 4  # trials, inner folds, searches
    assert {each.n_members for each in tuned.chosen if isinstance(each, NetworkSpec)} == {3}
