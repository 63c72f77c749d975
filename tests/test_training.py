"""The engine trains every member of a stack exactly as if it were alone."""

from typing import Any

import keras
import numpy as np
import pytest

from tasks.metrics import Task
from tasks.models.nets.network_spec import EarlyStoppingSpec
from tasks.models.nets.networks import DenseSpec
from tasks.models.nets.optimizers import AdamSpec, RMSpropSpec, SGDSpec
from tasks.models.nets.training import Member, Stack, TrainingDivergedError
from tests import numpy_network
from tests.builders import problem_of
from tests.tiers import quick_first

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 5)) * [1, 10, 0.1, 3, 1] + [0, 100, 0, -5, 1]
REGRESSION = X[:, 0] * 2 + np.abs(X[:, 2]) * 10 + RNG.normal(size=60) * 0.1
CLASSES = np.digitize(REGRESSION, np.quantile(REGRESSION, [1 / 3, 2 / 3]))
TARGETS: dict[Task, np.ndarray] = {
    "regression": REGRESSION,
    "binary": (CLASSES > 0).astype(np.int64),
    "multiclass": CLASSES,
}
EPOCHS = 5

# Four members with batches of 16: a short last batch each, and the last two run out of batches before the others.
MEMBERS = [
    Member(np.flatnonzero(np.arange(60) % 6 != k), seed=k + 7, validation=np.flatnonzero(np.arange(60) % 6 == k))
    for k in range(2)
] + [
    Member(training=np.arange(40), seed=3, validation=np.arange(40, 60)),
    Member(training=np.arange(20, 52), seed=4, validation=np.arange(20)),
]

ENDS = (0, 3)  # the first and the last of them, where two tell as much as four

KERAS_OPTIMIZERS = [
    (SGDSpec(), lambda: keras.optimizers.SGD(0.01)),
    (SGDSpec(momentum=0.9), lambda: keras.optimizers.SGD(0.01, momentum=0.9)),
    (RMSpropSpec(), lambda: keras.optimizers.RMSprop(0.001)),
    (AdamSpec(), lambda: keras.optimizers.Adam(0.001)),
]


def stack_of(spec: DenseSpec, task: Task = "regression", members: list[Member] = MEMBERS) -> Stack:
    return Stack(spec, X, TARGETS[task], problem_of(task), members)


def fit_with_keras(model: Any, member: Member, y: np.ndarray, batch_size: int = 16) -> list[dict[str, float]]:
    """Plain `fit`, an epoch at a time, over the member's rows in the order that the engine draws."""
    shuffle = np.random.default_rng(member.seed)
    curves = []
    for _ in range(EPOCHS):
        rows = shuffle.permutation(member.training)
        watched = (X[member.validation], y[member.validation])
        fitted = model.fit(X[rows], y[rows], batch_size, validation_data=watched, shuffle=False, verbose=0)
        curves.append({name: values[0] for name, values in fitted.history.items()})
    return curves


def trained_weights(model: Any) -> list[np.ndarray]:
    """The weights of all layers but the normalization in front."""
    return [weight for layer in model.layers[1:] for weight in layer.get_weights()]


def assert_same_weights(model: Any, other: Any, tolerance: float = 1e-5) -> None:
    for mine, theirs in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_allclose(mine, theirs, atol=tolerance, rtol=0)


@pytest.mark.parametrize(
    ("spec", "optimizer"), quick_first(KERAS_OPTIMIZERS, {2}), ids=["sgd", "momentum", "rmsprop", "adam"]
)
def test_every_member_gets_the_weights_that_a_separate_keras_fit_gives(spec: Any, optimizer: Any) -> None:
    stack = stack_of(DenseSpec(units=(8, 8), optimizer=spec, batch_size=16))
    separate = [stack.unstack(k) for k in range(len(MEMBERS))]
    stack.fit(EPOCHS)
    for k, (model, member) in enumerate(zip(separate, MEMBERS, strict=True)):
        model.compile(optimizer=optimizer(), loss="mse", metrics=["mae"])
        fit_with_keras(model, member, REGRESSION)
        assert_same_weights(stack.unstack(k), model)


@pytest.mark.parametrize(
    ("spec", "oracle"),
    quick_first(
        [
            (SGDSpec(momentum=0.9), numpy_network.SGD),
            (RMSpropSpec(), numpy_network.RMSprop),
            (AdamSpec(), numpy_network.Adam),
        ],
        {2},
    ),
    ids=["sgd", "rmsprop", "adam"],
)
def test_every_member_gets_the_weights_that_a_numpy_network_gets(spec: Any, oracle: Any) -> None:
    stack = stack_of(DenseSpec(units=(8, 8), optimizer=spec, batch_size=16))
    initial = [[weight.astype(np.float64) for weight in trained_weights(stack.unstack(k))] for k in range(len(MEMBERS))]
    stack.fit(EPOCHS)
    for k, member in enumerate(MEMBERS):
        weights, optimizer, shuffle = initial[k], oracle(initial[k]), np.random.default_rng(member.seed)
        x = (X - X[member.training].mean(axis=0)) / X[member.training].std(axis=0)
        for _ in range(EPOCHS):
            rows = shuffle.permutation(member.training)
            for start in range(0, len(rows), 16):
                batch = rows[start : start + 16]
                weights = optimizer.step(weights, numpy_network.gradients(weights, x[batch], REGRESSION[batch, None]))
        for mine, theirs in zip(trained_weights(stack.unstack(k)), weights, strict=True):
            np.testing.assert_allclose(mine, theirs, atol=1e-4, rtol=0)


@pytest.mark.parametrize(
    ("task", "loss", "metric"),
    quick_first(
        [
            ("regression", "mse", "mae"),
            ("binary", "binary_crossentropy", "accuracy"),
            ("multiclass", "sparse_categorical_crossentropy", "accuracy"),
        ]
    ),
)
def test_curves_are_those_that_keras_reports(task: Task, loss: str, metric: str) -> None:
    stack = stack_of(DenseSpec(units=(8,), batch_size=16), task)
    separate = {k: stack.unstack(k) for k in ENDS}
    history = stack.fit(EPOCHS)
    for k, model in separate.items():
        model.compile(optimizer=keras.optimizers.RMSprop(0.001), loss=loss, metrics=[metric])
        theirs = fit_with_keras(model, MEMBERS[k], TARGETS[task])
        for mine, name in (
            (history.loss, "loss"),
            (history.metric, metric),
            (history.val_loss, "val_loss"),
            (history.val_metric, f"val_{metric}"),
        ):
            np.testing.assert_allclose(mine[:, k], [epoch[name] for epoch in theirs], rtol=1e-4)


@pytest.mark.variants
def test_l2_is_the_penalty_that_keras_regularizers_add() -> None:
    def with_penalty(layer: Any) -> Any:
        config = layer.get_config()
        if isinstance(layer, keras.layers.Dense):
            config["kernel_regularizer"] = keras.regularizers.L2(0.05)
        return layer.__class__.from_config(config)

    stack = stack_of(DenseSpec(units=(8,), l2=0.05, batch_size=16))
    model = keras.models.clone_model(stack.unstack(0), clone_function=with_penalty)
    model.set_weights(stack.unstack(0).get_weights())
    model.compile(optimizer=keras.optimizers.RMSprop(0.001), loss="mse")
    stack.fit(EPOCHS)
    fit_with_keras(model, MEMBERS[0], REGRESSION)
    assert_same_weights(stack.unstack(0), model)


@pytest.mark.variants
def test_batch_normalization_takes_moments_of_a_members_own_rows_as_keras_does() -> None:
    # By plain gradients: those of a bias before a normalization are rounding, which RMSprop would raise to steps.
    stack = stack_of(DenseSpec(units=(8,), batch_normalization=True, batch_size=16, optimizer=SGDSpec()))
    separate = {k: stack.unstack(k) for k in ENDS}
    stack.fit(EPOCHS)
    for k, model in separate.items():
        model.compile(optimizer=keras.optimizers.SGD(0.01), loss="mse", metrics=["mae"])
        fit_with_keras(model, MEMBERS[k], REGRESSION)
        assert_same_weights(stack.unstack(k), model, tolerance=2e-5)


def test_dropout_acts_in_training_only() -> None:
    plain, dropped = (stack_of(DenseSpec(units=(32,), dropout=share, batch_size=16)) for share in (0.0, 0.5))
    rows = [np.arange(60)] * len(MEMBERS)
    np.testing.assert_array_equal(plain.predict(rows), dropped.predict(rows))
    assert not np.allclose(plain.fit(1).loss, dropped.fit(1).loss, rtol=1e-3)


def test_a_member_trained_alone_ends_like_the_same_member_in_a_stack() -> None:
    spec = DenseSpec(units=(8,), dropout=0.2, batch_size=16)
    together, alone = stack_of(spec), stack_of(spec, members=MEMBERS[2:3])
    together.fit(EPOCHS)
    alone.fit(EPOCHS)
    assert_same_weights(together.unstack(2), alone.unstack(0))


@pytest.mark.parametrize("dropout", quick_first([0.0, 0.3], {1}))
def test_the_same_seed_gives_the_same_bits_whatever_ran_before(dropout: float) -> None:
    spec = DenseSpec(units=(16, 16), dropout=dropout, batch_size=16)
    first = stack_of(spec)
    before = (first.fit(EPOCHS), first.predict([member.validation for member in MEMBERS]))
    stack_of(DenseSpec(units=(4,), optimizer=AdamSpec()), "multiclass").fit(2)
    second = stack_of(spec)
    after = (second.fit(EPOCHS), second.predict([member.validation for member in MEMBERS]))
    np.testing.assert_array_equal(before[0].loss, after[0].loss)
    for mine, theirs in zip(before[1], after[1], strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_nothing_of_the_held_out_rows_reaches_the_weights() -> None:
    spec, member = DenseSpec(units=(8,), batch_normalization=True, batch_size=16), MEMBERS[0]
    other_X, other_y = X.copy(), REGRESSION.copy()
    other_X[member.validation] *= 1000
    other_y[member.validation] -= 1000
    stacks = [
        Stack(spec, features, y, problem_of("regression"), [member])
        for features, y in ((X, REGRESSION), (other_X, other_y))
    ]
    histories = [stack.fit(EPOCHS) for stack in stacks]
    assert_same_weights(stacks[0].unstack(0), stacks[1].unstack(0), tolerance=0)
    assert (histories[0].val_loss != histories[1].val_loss).all()


def test_another_seed_gives_other_initial_weights_and_another_order() -> None:
    members = [Member(np.arange(40), seed=1), Member(np.arange(40), seed=2)]
    history = stack_of(DenseSpec(units=(8,), batch_size=16), members=members).fit(2)
    assert history.loss[0, 0] != history.loss[0, 1]


@pytest.mark.parametrize("task", quick_first(["regression", "binary", "multiclass"], {2}))
def test_an_unstacked_member_predicts_from_raw_features_what_the_stack_predicts(task: Task) -> None:
    stack = stack_of(DenseSpec(units=(8,), batch_normalization=True, batch_size=16), task)
    stack.fit(EPOCHS)
    mine = stack.predict([member.validation for member in MEMBERS])
    for k, member in enumerate(MEMBERS):
        outputs = stack.unstack(k).predict(X[member.validation], verbose=0)
        last = mine[k][:, None] if task == "regression" else mine[k][:, 1:] if task == "binary" else mine[k]
        np.testing.assert_allclose(last, outputs, atol=1e-5)


def test_early_stopping_gives_each_member_the_weights_of_its_own_best_epoch() -> None:
    members = [
        Member(training=np.arange(24), judging=np.arange(24, 40), validation=np.arange(40, 60), seed=1),
        Member(training=np.arange(30, 54), judging=np.arange(10), validation=np.arange(10, 30), seed=2),
    ]
    fast = AdamSpec(learning_rate=0.03)
    stopped = DenseSpec(units=(32,), optimizer=fast, batch_size=8, early_stopping=EarlyStoppingSpec(patience=3))
    stack = stack_of(stopped, members=members)
    history = stack.fit(200)
    assert len(history.loss) < 200
    assert (history.best_epoch <= len(history.loss) - 3).all()
    for k, best in enumerate(history.best_epoch):
        reference = stack_of(stopped.model_copy(update={"early_stopping": None}), members=members)
        reference.fit(int(best))
        assert_same_weights(stack.unstack(k), reference.unstack(k))


@pytest.mark.variants
def test_early_stopping_looks_at_its_own_rows_and_not_at_the_validation_rows() -> None:
    spec = DenseSpec(units=(8,), batch_size=8, early_stopping=EarlyStoppingSpec(patience=2))
    rows = {"training": np.arange(24), "judging": np.arange(24, 40), "seed": 1}
    stack = stack_of(spec, members=[Member(**rows, validation=np.arange(40, 60))])
    other = stack_of(spec, members=[Member(**rows, validation=np.arange(40, 42))])
    np.testing.assert_array_equal(stack.fit(40).best_epoch, other.fit(40).best_epoch)
    assert_same_weights(stack.unstack(0), other.unstack(0), tolerance=0)


def test_a_diverging_loss_is_an_error_that_names_learning_rate_and_epoch() -> None:
    stack = stack_of(DenseSpec(units=(8,), optimizer=SGDSpec(learning_rate=1e6), batch_size=16))
    with pytest.raises(TrainingDivergedError, match=r"at epoch [1-9]\d*, at learning rate 1e\+06"):
        stack.fit(30)


def test_a_net_that_diverges_with_its_last_update_is_an_error_too() -> None:
    stack = stack_of(DenseSpec(units=(8,), optimizer=SGDSpec(learning_rate=1e30), batch_size=64))
    with pytest.raises(TrainingDivergedError, match="at epoch 1, at learning rate"):
        stack.fit(1)


def test_a_member_that_diverges_after_its_best_epoch_keeps_the_weights_of_that_epoch() -> None:
    member = Member(training=np.arange(24), judging=np.arange(24, 40), seed=1)
    wild = SGDSpec(learning_rate=0.2, momentum=0.9)
    spec = DenseSpec(units=(8,), optimizer=wild, batch_size=8, early_stopping=EarlyStoppingSpec(patience=30))
    stack = stack_of(spec, members=[member])
    history = stack.fit(30)
    assert not np.isfinite(history.loss[-1]).all()
    assert history.best_epoch[0] > 0
    assert np.isfinite(stack.predict([np.arange(60)])[0]).all()


def test_progress_moves_while_it_trains() -> None:
    seen: list[tuple[int, int]] = []
    stack_of(DenseSpec(units=(4,), batch_size=16)).fit(45, lambda done, total: seen.append((done, total)))
    assert len(seen) > 10
    assert seen == sorted(seen)
    assert seen[-1] == (45, 45)
