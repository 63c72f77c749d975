import numpy as np
import pytest

from tasks.data.folds.splitting import HoldOutSpec, KFoldSpec
from tasks.evaluation.cross_validation import Refit, load_model, predict, refit, score_on_test
from tasks.fitting import seed_of
from tasks.metrics import METRICS, MetricName, Task
from tasks.models.baselines.boosting import GradientBoostingSpec, HistGradientBoostingSpec, LightGBMSpec, XGBoostSpec
from tasks.models.baselines.classic import DummySpec
from tasks.models.contenders import Baseline
from tasks.models.nets.network_spec import EarlyStoppingSpec
from tasks.models.nets.networks import DenseSpec
from tasks.models.nets.optimizers import SGDSpec
from tasks.specs import BakeoffError
from tests.builders import arrays_of, evaluation_of, made_arrays

TASKS: list[tuple[Task, MetricName]] = [("regression", "mae"), ("binary", "log_loss"), ("multiclass", "accuracy")]
BASELINES = [
    GradientBoostingSpec(params={"n_estimators": 5}),
    HistGradientBoostingSpec(params={"max_iter": 5, "min_samples_leaf": 2}),
    XGBoostSpec(params={"n_estimators": 5}),
    LightGBMSpec(params={"n_estimators": 5, "min_child_samples": 2}),
    DummySpec(),
]
NET = DenseSpec(units=(4,), epochs=3, batch_size=8, optimizer=SGDSpec())  # the quickest to compile


@pytest.mark.parametrize(("task", "metric"), TASKS)
@pytest.mark.parametrize("spec", BASELINES, ids=lambda spec: spec.kind)
def test_a_kept_baseline_predicts_as_one_fitted_on_all_training_rows(
    spec: Baseline, task: Task, metric: MetricName
) -> None:
    arrays = made_arrays(task)
    kept = refit(evaluation_of("me", [1, 1], spec), arrays, KFoldSpec(seed=3))
    fitted = spec.fit(*arrays.training(), arrays, seed_of(3, 0) % 2**31)
    X, y = arrays.test()
    expected = spec.predict(fitted.model, X, arrays)
    np.testing.assert_array_equal(predict(kept, X, arrays), expected)
    assert (kept.name, kept.contender, kept.epochs, kept.models[0].suffix) == ("me", spec, None, spec.suffix)
    test = score_on_test(kept, arrays, metric)
    assert (test.name, test.score) == ("me", METRICS[metric].score(y, expected))


@pytest.mark.parametrize(("task", "metric"), TASKS)
def test_a_kept_net_is_an_ordinary_keras_model_that_takes_raw_features(task: Task, metric: MetricName) -> None:
    arrays = made_arrays(task)
    kept = refit(evaluation_of("me", [1, 1], NET, best_epochs=(3, 3)), arrays, KFoldSpec(seed=3))
    X, y = arrays.test()
    prediction = predict(kept, X, arrays)
    assert kept.models[0].suffix == ".keras"
    assert type(load_model(kept)).__name__ == "Sequential"
    assert prediction.shape == ((10,) if task == "regression" else (10, arrays.n_outputs))
    if task != "regression":
        np.testing.assert_allclose(prediction.sum(axis=1), 1, atol=1e-6)
    assert score_on_test(kept, arrays, metric).score == METRICS[metric].score(y, prediction)


def test_a_net_is_trained_for_the_median_of_its_best_epochs_on_all_training_rows() -> None:
    from tasks.models.nets.training import Member, Stack

    arrays = made_arrays("regression")
    plain = NET.model_copy(update={"epochs": 50})
    stopped = plain.model_copy(update={"early_stopping": EarlyStoppingSpec(patience=2)})
    kept = refit(evaluation_of("me", [1, 1], stopped, best_epochs=(9, 1, 4)), arrays, KFoldSpec(seed=3))
    assert kept.epochs == 4
    X, y = arrays.training()
    stack = Stack(plain, X, y, arrays, [Member(np.arange(len(y)), seed_of(3, 0))])
    stack.fit(4)
    np.testing.assert_allclose(predict(kept, X, arrays), stack.predict([np.arange(len(y))])[0], rtol=1e-4)


def test_a_net_learns_what_can_be_learned() -> None:
    arrays = made_arrays("regression", rows=110)
    spec = NET.model_copy(update={"epochs": 200})
    kept = refit(evaluation_of("me", [1, 1], spec, best_epochs=(200, 200)), arrays, KFoldSpec(seed=0))
    floor = refit(evaluation_of("floor", [1, 1], DummySpec()), arrays, KFoldSpec(seed=0))
    assert score_on_test(kept, arrays, "mae").score < score_on_test(floor, arrays, "mae").score / 2


@pytest.mark.variants
def test_with_a_hold_out_a_net_is_fitted_once_for_each_seed_and_scored_by_the_mean() -> None:
    arrays = made_arrays("binary")
    validation = HoldOutSpec(validation_rows=5, n_seeds=3, seed=7)
    kept = refit(evaluation_of("me", [1, 1, 1], NET, best_epochs=(3, 3, 3)), arrays, validation)
    test = score_on_test(kept, arrays, "log_loss")
    X, y = arrays.test()
    scores = [METRICS["log_loss"].score(y, predict(kept, X, arrays, number)) for number in range(3)]
    assert len(set(scores)) == 3
    assert test.scores == tuple(scores)
    assert test.score == pytest.approx(np.mean(scores))
    assert test.interval[0] < test.score < test.interval[1]
    alone = refit(evaluation_of("me", [1], NET, best_epochs=(3,)), arrays, KFoldSpec(seed=7))
    np.testing.assert_allclose(predict(alone, X, arrays), predict(kept, X, arrays), atol=1e-6)


def test_with_a_hold_out_a_baseline_is_fitted_once() -> None:
    arrays = made_arrays("binary")
    kept = refit(evaluation_of("me", [1], BASELINES[0]), arrays, HoldOutSpec(validation_rows=5, n_seeds=3))
    assert len(kept.models) == len(score_on_test(kept, arrays, "accuracy").scores) == 1


@pytest.mark.filterwarnings("ignore:Only one class is present")
def test_a_test_score_that_is_no_number_is_refused() -> None:
    arrays = arrays_of("binary", [0, 1] * 10 + [1] * 4, n_test=4)
    kept = refit(evaluation_of("me", [1, 1], DummySpec()), arrays, KFoldSpec())
    assert score_on_test(kept, arrays, "accuracy").score == 0.0
    with pytest.raises(BakeoffError, match="contender me: roc_auc is nan on the test rows, and not a finite number"):
        score_on_test(kept, arrays, "roc_auc")


def test_a_refit_survives_json() -> None:
    kept = refit(evaluation_of("me", [1, 1], BASELINES[0]), made_arrays("binary"), KFoldSpec())
    assert Refit.model_validate_json(kept.model_dump_json()) == kept
