"""Learning curves: the same steps at every size, no look at rows held out, and no crossing that is not shown."""

from collections.abc import Sequence

import numpy as np
import pytest

from tasks.data.folds.splitting import Folds, HoldOutSpec, KFoldSpec, TimeSeriesSplitSpec, split
from tasks.data.folds.subsets import spread_sizes
from tasks.data.vectorization import DesignMatrix
from tasks.evaluation.cross_validation import evaluate
from tasks.insight.learning_curve import (
    REPEATS,
    LearningCurve,
    Rivalry,
    SubsetPlan,
    at_size,
    compare_at_sizes,
    find_crossings,
    plan_subsets,
    points_of,
)
from tasks.metrics import MetricName
from tasks.models.baselines.boosting import HistGradientBoostingSpec
from tasks.models.baselines.classic import RidgeSpec
from tasks.models.nets.network_spec import EarlyStoppingSpec
from tasks.models.nets.networks import DenseSpec
from tasks.reporting.curve_presentation import say_curve
from tasks.specs import BakeoffError
from tasks.store import load_arrays, store_arrays
from tasks.verdict.comparison import Verdict
from tests.builders import arrays_of, evaluation_of, made_arrays, text_arrays, verdict_of

SIZES = (100, 200, 400)


def verdicts(differences: Sequence[float], p_adjusted: Sequence[float]) -> tuple[Verdict, ...]:
    return tuple(
        verdict_of("undecided", difference).model_copy(update={"p_adjusted": p})
        for difference, p in zip(differences, p_adjusted, strict=True)
    )


def curve_of(rivalry: Rivalry, metric: MetricName = "mae") -> LearningCurve:
    return LearningCurve(
        experiment="x",
        metric=metric,
        unit="$",
        greater_is_better=metric != "mae",
        equivalent_within=0.1,
        validation=KFoldSpec(),
        scored_on="folds",
        sizes=rivalry.sizes,
        points=(),
        rivalries=(rivalry,),
    )


def said(differences: Sequence[float], p_adjusted: Sequence[float], metric: MetricName = "mae") -> str:
    found = verdicts(differences, p_adjusted)
    rivalry = Rivalry(
        first="net",
        second="trees",
        sizes=SIZES,
        verdicts=found,
        trend=verdict_of("undecided", differences[-1] - differences[0]),
        crossings=tuple(find_crossings(SIZES, found, metric)),
    )
    return say_curve(curve_of(rivalry, metric))[0]


def test_a_crossing_is_only_named_where_both_sides_are_significant() -> None:
    crossed = said((0.4, 0.2, -0.2), (0.01, 0.5, 0.01))
    assert crossed == (
        "The curves of net and trees cross at about 283 rows: up to 100 trees is better, from 400 on net."
    )
    for p_adjusted in ((0.06, 0.5, 0.01), (0.01, 0.01, 0.06), (0.3, 0.3, 0.3)):
        assert said((0.4, 0.2, -0.2), p_adjusted).startswith(
            "No crossing of net and trees is shown from 100 to 400 rows"
        )


def test_without_a_crossing_it_is_said_at_which_sizes_one_is_better() -> None:
    assert said((-0.4, -0.2, -0.1), (0.01, 0.02, 0.2)).endswith("net is better at 100 and 200 rows, and trees at none.")
    assert said((-0.4, -0.2, -0.1), (0.01, 0.02, 0.2), "accuracy").endswith(
        "trees is better at 100 and 200 rows, and net at none."
    )


@pytest.mark.parametrize(("differences", "rows"), [((1.0, 1.0, -1.0), 283), ((1.0, -1.0, -1.0), 141)])
def test_a_crossing_lies_between_the_sizes_about_the_change_of_sign(differences: Sequence[float], rows: int) -> None:
    (found,) = find_crossings(SIZES, verdicts(differences, (0.01, 0.01, 0.01)), "mae")
    assert found.rows == rows


def test_a_net_takes_as_many_steps_at_every_size() -> None:
    arrays = made_arrays("binary", rows=200, n_test=0)
    plan = plan_subsets(arrays, split(arrays, KFoldSpec(n_splits=2)), (10, 50, 100), None)
    net = DenseSpec(epochs=20, batch_size=10, early_stopping=EarlyStoppingSpec(patience=3))
    entered = [at_size(net, subsets, plan.all_rows) for subsets in plan.subsets]
    assert [each.epochs for each in entered] == [200, 40, 20]
    assert [each.early_stopping.patience for each in entered] == [30, 6, 3]
    assert entered[-1] == net
    assert at_size(RidgeSpec(), plan.subsets[0], 100) == RidgeSpec()


def test_the_curve_ends_at_the_experiments_own_scores() -> None:
    arrays = made_arrays("regression", rows=60, n_test=0)
    folds = split(arrays, KFoldSpec(n_splits=3, n_repeats=2))
    plan = plan_subsets(arrays, folds, (20, 40), None)
    at_the_end = evaluate("x", RidgeSpec(), arrays, plan.subsets[-1], "mae")
    assert at_the_end.scores == evaluate("x", RidgeSpec(), arrays, folds, "mae").scores


def poisoned(arrays: DesignMatrix, rows: np.ndarray) -> DesignMatrix:
    """The same rows, but those with other targets."""
    kept = load_arrays(arrays.file)
    y = kept["y_train"].copy()
    y[rows] = (y[rows] + 1) % 2
    return arrays.model_copy(update={"file": store_arrays(**{**kept, "y_train": y})})


@pytest.mark.parametrize(
    "contender", [DenseSpec(units=(8,), epochs=12), HistGradientBoostingSpec(params={"max_iter": 5})]
)
def test_targets_of_rows_held_out_change_no_prediction_even_with_a_hold_out(
    contender: DenseSpec | HistGradientBoostingSpec,
) -> None:
    X = np.random.default_rng(3).normal(size=(160, 3))
    arrays = arrays_of("binary", (X[:, 0] + 0.8 * np.random.default_rng(4).normal(size=160) > 0).tolist(), X, n_test=40)
    plan = plan_subsets(arrays, split(arrays, HoldOutSpec(validation_rows=30)), (40, 120), 2)
    subsets = plan.subsets[0]
    entered = at_size(contender, subsets, plan.all_rows)
    held_out = np.arange(120, 160)
    predicted = [
        load_arrays(evaluate("x", entered, own, subsets, "accuracy").predictions)["out_of_fold"]
        for own in (plan.arrays, poisoned(plan.arrays, held_out))
    ]
    np.testing.assert_array_equal(*predicted)


@pytest.mark.parametrize("form", ["table", "words"])
def test_with_a_hold_out_all_training_rows_can_be_learned_from_and_the_test_rows_score(form: str) -> None:
    arrays = made_arrays("binary", 150, 30) if form == "table" else text_arrays()
    y, y_test = arrays.y("train"), arrays.y("test")
    plan = plan_subsets(arrays, split(arrays, HoldOutSpec(validation_rows=20)), (10, len(y)), None)
    assert plan.scored_on == "test rows"
    np.testing.assert_array_equal(plan.arrays.y("train"), [*y, *y_test])
    X, _ = plan.arrays.training()
    assert (X[len(y) :] != arrays.test()[0]).sum() == 0
    pairs = [list(subsets.pairs()) for subsets in plan.subsets]
    assert [len(each) for each in pairs] == [REPEATS, 3]
    assert all(set(held_out) == set(range(len(y), len(y) + len(y_test))) for each in pairs for _, held_out in each)


def test_repeats_that_were_never_drawn_are_refused() -> None:
    arrays = made_arrays("binary", rows=40, n_test=0)
    with pytest.raises(BakeoffError, match="there are 1 repeats of 1 x 4 folds to take 3 from"):
        plan_subsets(arrays, split(arrays, KFoldSpec()), (10, 20), 3)


def plan_of(rows: int) -> SubsetPlan:
    arrays = arrays_of("regression", np.random.default_rng(0).normal(size=rows).tolist())
    return plan_subsets(arrays, split(arrays, KFoldSpec(n_splits=4, n_repeats=5)), (rows // 4, rows // 2), None)


def test_p_is_adjusted_for_all_sizes_and_the_trend_is_that_of_the_difference() -> None:
    plan, generator = plan_of(40), np.random.default_rng(1)
    noise = generator.normal(scale=0.01, size=(4, 20))
    entered = [
        [
            evaluation_of("net", 3 + noise[0], DenseSpec()),
            evaluation_of("trees", 2 + noise[1], HistGradientBoostingSpec()),
        ],
        [
            evaluation_of("net", 1 + noise[2], DenseSpec()),
            evaluation_of("trees", 2 + noise[3], HistGradientBoostingSpec()),
        ],
    ]
    (rivalry,) = compare_at_sizes(entered, plan, "mae", 0.1)
    assert [each.n_pairs for each in rivalry.verdicts] == [2, 2]
    assert rivalry.trend.difference == pytest.approx(-2, abs=0.05)
    (crossing,) = rivalry.crossings
    assert (crossing.better_below, crossing.better_above) == ("trees", "net")
    points = points_of(entered, plan, "mae")
    assert [point.name for point in points] == ["net", "trees"] * 2
    assert all(point.interval[0] < point.mean < point.interval[1] for point in points)


def rare_in_time(rows: int = 400) -> tuple[DesignMatrix, Folds]:
    """Rows in order of time, of which 5 % are of the second class, five at a time."""
    arrays = arrays_of("binary", (np.arange(rows) % 100 < 5).astype(int).tolist())
    return arrays, split(arrays, TimeSeriesSplitSpec(n_splits=4))


def test_sizes_at_which_a_fold_would_lack_a_class_are_left_out_of_those_that_nobody_asked_for() -> None:
    arrays, folds = rare_in_time()
    spread = spread_sizes(folds, 2)
    plan = plan_subsets(arrays, folds, (), None)
    assert spread[:3] == (40, 57, 80)
    assert tuple(subsets.size for subsets in plan.subsets) == spread[2:]
    y = arrays.y("train")
    assert all(len(np.unique(y[learned])) == 2 for subsets in plan.subsets for learned, _ in subsets.pairs())


def test_a_size_that_was_asked_for_and_lacks_a_class_is_refused_by_its_number() -> None:
    arrays, folds = rare_in_time()
    with pytest.raises(
        BakeoffError, match="--sizes has 5, but of so many rows a fold would learn from none of class b"
    ):
        plan_subsets(arrays, folds, (5, 200), None)


def test_where_only_all_rows_have_every_class_there_is_no_curve() -> None:
    arrays = arrays_of("binary", [1] + [0] * 59)
    with pytest.raises(BakeoffError, match="only with all rows do all folds learn from rows of each class"):
        plan_subsets(arrays, split(arrays, TimeSeriesSplitSpec(n_splits=2)), (), None)
