import numpy as np
import pytest
from scipy.sparse import vstack

from tasks import progress
from tasks.data.folds.splitting import HoldOutSpec, KFoldSpec, split
from tasks.data.vectorization import DesignMatrix
from tasks.evaluation.cross_validation import Evaluation, evaluate
from tasks.fitting import seed_of
from tasks.metrics import METRICS, MetricName, Task
from tasks.models.baselines.boosting import GradientBoostingSpec, HistGradientBoostingSpec
from tasks.models.baselines.classic import DummySpec
from tasks.models.baselines.pipelines import SelectKBestSpec
from tasks.models.contenders import Contender
from tasks.models.nets.network_fits import members_of
from tasks.models.nets.network_spec import EarlyStoppingSpec
from tasks.models.nets.networks import DenseSpec
from tasks.models.nets.optimizers import RMSpropSpec, SGDSpec
from tasks.specs import BakeoffError
from tasks.store import load_arrays
from tests.builders import arrays_of, made_arrays, text_arrays

TREES = GradientBoostingSpec(params={"n_estimators": 5, "subsample": 0.5})
NET = DenseSpec(units=(4,), epochs=3, batch_size=8, optimizer=SGDSpec())  # the quickest to compile
STOPPED = NET.model_copy(update={"early_stopping": EarlyStoppingSpec(patience=2, validation_fraction=0.25)})


def _evaluate(
    contender: Contender, arrays: DesignMatrix, metric: MetricName, n_splits: int = 2, n_repeats: int = 1, seed: int = 0
) -> Evaluation:
    folds = split(arrays, KFoldSpec(n_splits=n_splits, n_repeats=n_repeats, seed=seed))
    return evaluate("me", contender, arrays, folds, metric)


def _out_of_fold(evaluation: Evaluation) -> np.ndarray:
    return load_arrays(evaluation.predictions)["out_of_fold"]


def test_dummy_predicts_the_mean_of_each_folds_training_rows() -> None:
    arrays = arrays_of("regression", [0, 1, 2, 3, 4, 5])
    folds = split(arrays, KFoldSpec(n_splits=3, n_repeats=2))
    evaluation = evaluate("floor", DummySpec(), arrays, folds, "mae")
    _, y = arrays.training()
    pairs = list(folds.pairs())
    assert evaluation.scores == pytest.approx([np.abs(y[rows] - y[training].mean()).mean() for training, rows in pairs])
    predictions = _out_of_fold(evaluation)
    for number, (training, rows) in enumerate(pairs):
        np.testing.assert_allclose(predictions[number // 3, rows], y[training].mean())


@pytest.mark.parametrize(
    ("contender", "task", "metric", "shape"),
    [
        (TREES, "regression", "rmse", ()),
        (TREES, "binary", "roc_auc", (2,)),
        (TREES, "multiclass", "macro_f1", (3,)),
        (STOPPED, "regression", "r2", ()),
        (NET, "multiclass", "log_loss", (3,)),
    ],
)
def test_scores_are_those_of_the_predictions_that_are_kept(
    contender: Contender, task: Task, metric: MetricName, shape: tuple[int, ...]
) -> None:
    arrays = made_arrays(task)
    folds = split(arrays, KFoldSpec(n_splits=2, n_repeats=2))
    evaluation = evaluate("me", contender, arrays, folds, metric)
    predictions, (_, y) = _out_of_fold(evaluation), arrays.training()
    assert predictions.shape == (2, 30, *shape)
    assert np.isfinite(predictions).all()
    expected = [
        METRICS[metric].score(y[rows], predictions[number // 2, rows]) for number, (_, rows) in enumerate(folds.pairs())
    ]
    assert evaluation.scores == pytest.approx(expected)
    assert (evaluation.name, evaluation.contender) == ("me", contender)
    assert min(evaluation.cost.cpu_seconds, evaluation.cost.predict_seconds) > 0


@pytest.mark.parametrize("contender", [TREES, NET], ids=lambda contender: contender.kind)
def test_nothing_is_fitted_on_the_rows_that_are_held_out(contender: Contender) -> None:
    arrays = made_arrays("regression")
    folds = split(arrays, KFoldSpec(n_splits=2))
    (X, y), (_, held_out) = arrays.training(), next(folds.pairs())
    before = _out_of_fold(evaluate("me", contender, arrays, folds, "mae"))[0]
    X[held_out[0]], y[held_out] = 1e4, -y[held_out]
    changed = arrays_of("regression", y.tolist(), X)
    after = _out_of_fold(evaluate("me", contender, changed, folds, "mae"))[0]
    np.testing.assert_allclose(after[held_out[1:]], before[held_out[1:]], rtol=1e-5)
    elsewhere = np.setdiff1d(np.arange(30), held_out)  # the other fold does learn from what has changed
    assert np.abs(after[elsewhere] - before[elsewhere]).min() > 1e-3


@pytest.mark.parametrize("contender", [TREES, NET], ids=lambda contender: contender.kind)
def test_the_same_seed_gives_the_same_result(contender: Contender) -> None:
    arrays = made_arrays("regression")
    one, same = (_evaluate(contender, arrays, "mae", seed=1) for _ in range(2))
    assert (one.scores, one.predictions, one.history) == (same.scores, same.predictions, same.history)


def test_another_seed_gives_other_folds_and_scores() -> None:
    arrays = made_arrays("regression")
    assert _evaluate(TREES, arrays, "mae", seed=1).scores != _evaluate(TREES, arrays, "mae", seed=2).scores


def test_folds_draw_from_streams_of_their_own() -> None:
    seeds = {seed_of(seed, number) for seed in range(20) for number in range(20)}
    assert len(seeds) == 400
    assert seed_of(3, 5) == seed_of(3, 5)
    assert all(0 <= seed < 2**32 for seed in seeds)


def test_a_net_keeps_its_curves_and_reports_every_epoch() -> None:
    heard: list[tuple[str, int, int]] = []
    with progress.listening(lambda *news: heard.append(news)):
        evaluation = _evaluate(NET, made_arrays("regression"), "mae", n_splits=3)
    assert heard == [("me, epoch", number, 3) for number in (1, 2, 3)]
    assert evaluation.history is not None
    curves = load_arrays(evaluation.history)
    assert set(curves) == {"loss", "metric", "val_loss", "val_metric"}
    assert {curve.shape for curve in curves.values()} == {(3, 3)}
    assert evaluation.best_epochs == (3, 3, 3)
    assert curves["val_metric"][-1] == pytest.approx(evaluation.scores, rel=1e-4)  # both are the mean absolute error


def test_a_baseline_has_no_curves() -> None:
    evaluation = _evaluate(TREES, made_arrays("binary"), "accuracy")
    assert (evaluation.history, evaluation.best_epochs) == (None, ())


@pytest.mark.parametrize("task", ["regression", "multiclass"])
def test_rows_that_stop_training_come_out_of_the_training_rows_only(task: Task) -> None:
    arrays = made_arrays(task)
    folds = split(arrays, KFoldSpec(n_splits=3, n_repeats=2))
    _, y = arrays.training()
    members = members_of(STOPPED, y, arrays, folds)
    for member, (training, held_out) in zip(members, folds.pairs(), strict=True):
        np.testing.assert_array_equal(member.validation, held_out)
        assert len(member.judging) == len(training) / 4
        assert sorted([*member.training, *member.judging]) == training.tolist()
    if arrays.classes:
        assert {len(np.unique(y[member.judging])) for member in members} == {3}


def test_without_early_stopping_a_net_learns_from_all_training_rows() -> None:
    arrays = made_arrays("regression")
    folds = split(arrays, KFoldSpec(n_splits=3))
    for member, (training, _) in zip(members_of(NET, arrays.training()[1], arrays, folds), folds.pairs(), strict=True):
        np.testing.assert_array_equal(member.training, training)
        assert len(member.judging) == 0


def test_a_baseline_reports_every_fold() -> None:
    heard: list[tuple[str, int, int]] = []
    with progress.listening(lambda *news: heard.append(news)):
        _evaluate(DummySpec(), made_arrays("regression"), "mae", n_splits=2, n_repeats=2)
    assert heard == [("me, fold", number, 4) for number in (1, 2, 3, 4)]


@pytest.mark.parametrize(
    ("contender", "task", "metric", "message"),
    [
        (GradientBoostingSpec(params={"n_trees": 5}), "regression", "mae", "has no argument 'n_trees'"),
        (GradientBoostingSpec(params={"learning_rate": -1}), "regression", "mae", "'learning_rate' parameter"),
        (DenseSpec(loss="mae"), "multiclass", "log_loss", "loss mae does not fit"),
        (DenseSpec(units=(4,), optimizer=SGDSpec(learning_rate=1e30)), "regression", "mae", "at learning rate 1e\\+30"),
    ],
    ids=["argument", "value", "loss", "diverged"],
)
def test_what_is_wrong_with_a_contender_is_said_with_its_name(
    contender: Contender, task: Task, metric: MetricName, message: str
) -> None:
    with pytest.raises(BakeoffError, match=f"^contender me: .*{message}"):
        _evaluate(contender, made_arrays(task), metric)


@pytest.mark.filterwarnings("ignore:R.2 score is not well-defined")
def test_a_score_that_is_no_finite_number_is_refused() -> None:
    with pytest.raises(BakeoffError, match="contender me: r2 is nan on fold 0, and not a finite number"):
        _evaluate(DummySpec(), arrays_of("regression", [1, 2, 3, 4]), "r2", n_splits=4)


@pytest.mark.parametrize(
    ("task", "metric", "fraction"), [("multiclass", "accuracy", 0.05), ("regression", "mae", 0.99)]
)
def test_a_share_of_rows_that_cannot_be_set_aside_is_refused(task: Task, metric: MetricName, fraction: float) -> None:
    stopping = EarlyStoppingSpec(validation_fraction=fraction)
    with pytest.raises(BakeoffError, match=r"contender me: .*validation_fraction"):
        _evaluate(DenseSpec(units=(2,), epochs=2, early_stopping=stopping), made_arrays(task), metric)


HELD_OUT = HoldOutSpec(validation_rows=10, n_seeds=3)


def test_with_a_hold_out_a_net_is_scored_at_its_best_epoch_for_each_seed() -> None:
    arrays = arrays_of("binary", np.random.default_rng(0).integers(0, 2, 60).tolist())  # nothing to learn but by heart
    folds = split(arrays, HELD_OUT)
    fast = NET.model_copy(update={"epochs": 40, "optimizer": RMSpropSpec(learning_rate=0.2)})
    evaluation = evaluate("me", fast, arrays, folds, "log_loss")
    assert evaluation.history is not None
    losses = load_arrays(evaluation.history)["val_loss"]
    assert losses.shape == (40, 3)
    assert evaluation.best_epochs == tuple(losses.argmin(axis=0) + 1)
    assert min(evaluation.best_epochs) < 40
    assert evaluation.scores == pytest.approx(losses.min(axis=0), rel=1e-3)  # both are the cross-entropy


def test_with_a_hold_out_only_the_rows_held_out_have_predictions() -> None:
    arrays = made_arrays("binary")
    folds = split(arrays, HELD_OUT)
    ((_, held_out),) = folds.pairs()
    kept = load_arrays(evaluate("me", NET, arrays, folds, "accuracy").predictions)
    assert kept["rows"].tolist() == sorted(held_out)
    assert kept["out_of_fold"].shape == (3, 10, 2)


def test_with_a_hold_out_a_baseline_is_fitted_once() -> None:
    arrays = made_arrays("binary")
    evaluation = evaluate("me", TREES, arrays, split(arrays, HELD_OUT), "accuracy")
    assert len(evaluation.scores) == 1
    assert load_arrays(evaluation.predictions)["out_of_fold"].shape == (1, 10, 2)


def test_labels_as_numbers_and_as_one_hot_rows_give_the_same_scores() -> None:
    arrays = made_arrays("multiclass")
    folds = split(arrays, KFoldSpec(n_splits=2))
    one_hot, numbers = (
        evaluate("me", NET.model_copy(update={"loss": loss, "epochs": 20}), arrays, folds, "log_loss").scores
        for loss in ("categorical_crossentropy", "sparse_categorical_crossentropy")
    )
    assert one_hot == pytest.approx(numbers, rel=1e-4)


def test_texts_are_evaluated_without_a_dense_matrix_by_nets_and_by_boosting_on_the_best_words() -> None:
    arrays = text_arrays()
    folds = split(arrays, KFoldSpec(n_splits=2))
    few = HistGradientBoostingSpec(params={"max_iter": 5, "min_samples_leaf": 2}, select=SelectKBestSpec(k=5))
    net = NET.model_copy(update={"epochs": 30, "optimizer": RMSpropSpec(learning_rate=0.01)})
    for contender in (net, few, TREES):
        assert min(evaluate("me", contender, arrays, folds, "accuracy").scores) > 0.7


def test_the_best_words_are_chosen_by_the_training_rows_alone() -> None:
    """A word that tells the class on the rows held out, and nowhere else, is not among the best."""
    arrays = text_arrays()
    folds = split(arrays, HoldOutSpec(validation_rows=30))
    ((_, held_out),) = folds.pairs()
    (X, y), (X_test, y_test) = arrays.training(), arrays.test()
    leak = vstack([X, X_test]).tolil()
    leak[:, 2:8] = 0  # the words that told the class
    leak[held_out[y[held_out] == 1], 9] = 1
    leaking = text_arrays(leak.tocsr(), np.concatenate([y, y_test]))
    few = HistGradientBoostingSpec(params={"max_iter": 5, "min_samples_leaf": 2}, select=SelectKBestSpec(k=1))
    (score,) = evaluate("me", few, leaking, folds, "accuracy").scores
    assert score < 0.75
