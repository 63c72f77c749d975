"""Recurrent nets, and others on series, stacked, against Keras's own."""

from pathlib import Path
from typing import Any
from zipfile import ZipFile

import keras
import numpy as np
import pytest
import tensorflow as tf
from numpy.typing import NDArray

from tasks.data.examples import Problem
from tasks.models.nets.network_spec import NetworkSpec
from tasks.models.nets.networks import ConvSpec, DenseSpec, RecurrentSpec
from tasks.models.nets.optimizers import AdamSpec, RMSpropSpec
from tasks.models.nets.stacking import ensemble
from tasks.models.nets.training import Member, Stack
from tasks.specs import BakeoffError
from tests.builders import hats, problem_of
from tests.tiers import quick_first

SHAPE = TIME, FEATURES = 5, 2
ROWS = 48


def ragged(rows: int = ROWS, seed: int = 0) -> NDArray[np.float32]:
    """Series of 2 to 5 steps, whose features have scales of their own and a gap now and then, as rows."""
    generator = np.random.default_rng(seed)
    X = generator.normal([3.0, -200.0], [1.0, 50.0], size=(rows, *SHAPE)).astype(np.float32)
    X[generator.random(X.shape) < 0.1] = np.nan
    X[np.arange(TIME) >= generator.integers(2, TIME + 1, size=(rows, 1))] = np.nan
    return X.reshape(rows, -1)


X = ragged()
Y = np.arange(ROWS) % 3
MEMBERS = [  # the second's last batch is short, and it has fewer batches
    Member(np.arange(32), seed=1, validation=np.arange(32, 48)),
    Member(np.arange(10, 36), seed=2, validation=np.arange(10)),
]
SPECS: dict[str, NetworkSpec] = {
    "gru": RecurrentSpec(recurrent_units=(4,), batch_size=16),
    "grus": RecurrentSpec(recurrent_units=(4, 3), units=(5,), batch_normalization=True, batch_size=16),
    "lstms": RecurrentSpec(cell="lstm", recurrent_units=(3, 4), batch_size=16),
    "conv": ConvSpec(filters=(3, 4), kernel_size=2, pool_size=1, units=(5,), batch_size=16),
    "dense": DenseSpec(units=(5,), batch_size=16),
}
EPOCHS = 1
EACH = [np.arange(ROWS)] * 2


@pytest.fixture
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """Recurrent nets are not compiled: that takes longer here than to train them."""
    monkeypatch.setattr(RecurrentSpec, "compiled", False)


def stack_of(spec: NetworkSpec, members: list[Member] = MEMBERS, rows: NDArray[np.float32] = X) -> Stack:
    return Stack(spec, rows, Y, problem_of("multiclass", "series", SHAPE), members)


def train_with_keras(net: Any, spec: NetworkSpec, member: Member) -> None:
    """Keras's own steps over the member's rows in the order that the engine draws."""
    optimizer, loss = keras.optimizers.RMSprop(0.001), keras.losses.SparseCategoricalCrossentropy()
    shuffle = np.random.default_rng(member.seed)
    for _ in range(EPOCHS):
        rows = shuffle.permutation(member.training)
        for start in range(0, len(rows), spec.batch_size):
            batch = rows[start : start + spec.batch_size]
            with tf.GradientTape() as tape:
                loss_of_batch = loss(Y[batch], net(X[batch], training=True))
            weights = net.trainable_variables
            optimizer.apply(tape.gradient(loss_of_batch, [weight.value for weight in weights]), weights)


def assert_as_keras_trains(spec: NetworkSpec) -> None:
    stack = stack_of(spec)
    separate = [stack.unstack(k) for k in range(len(MEMBERS))]
    stack.fit(EPOCHS)
    for k, (net, member) in enumerate(zip(separate, MEMBERS, strict=True)):
        before = [np.array(weight) for weight in net.get_weights()]
        train_with_keras(net, spec, member)
        for mine, theirs, first in zip(stack.unstack(k).get_weights(), net.get_weights(), before, strict=True):
            np.testing.assert_allclose(mine, theirs, atol=1e-5, rtol=0)
            assert (theirs != first).any()


@pytest.mark.parametrize("name", quick_first(["grus", "lstms", "conv"]))
def test_every_member_gets_the_weights_that_separate_training_by_keras_gives(name: str, plain: None) -> None:
    assert_as_keras_trains(SPECS[name])


@pytest.mark.variants
def test_it_does_so_when_it_is_compiled_too() -> None:
    assert_as_keras_trains(SPECS["gru"])


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_the_ordinary_net_takes_raw_series_with_gaps_and_predicts_as_the_stack_does(spec: NetworkSpec) -> None:
    stack = stack_of(spec)
    for k, together in enumerate(stack.predict(EACH)):
        assert np.isfinite(together).all()
        np.testing.assert_allclose(np.asarray(stack.unstack(k)(X)), together, atol=1e-5)


@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_initial_weights_are_those_of_kerass_defaults_and_depend_on_a_members_own_seed(cell: Any) -> None:
    spec = RecurrentSpec(cell=cell, recurrent_units=(6,))
    together = stack_of(spec).network.weights
    alone = stack_of(spec, MEMBERS[1:]).network.weights
    for mine, own in zip(together, alone, strict=True):
        np.testing.assert_array_equal(mine[1], own[0])
    kernel, recurrent, bias = (np.asarray(weight) for weight in together[:3])
    assert (kernel[0] != kernel[1]).any()
    assert (recurrent[0] != recurrent[1]).any()
    np.testing.assert_allclose(recurrent[0] @ recurrent[0].T, np.eye(6), atol=1e-5)
    layer = (keras.layers.GRU if cell == "gru" else keras.layers.LSTM)(6)
    layer.build((None, TIME, FEATURES))
    assert [weight.shape for weight in layer.weights] == [each[0].shape for each in (kernel, recurrent, bias)]
    np.testing.assert_array_equal(bias[0], layer.cell.bias)


@pytest.mark.parametrize("name", ["grus", "lstms"])
def test_steps_after_the_end_of_a_series_change_nothing(name: str) -> None:
    short = X.reshape(ROWS, *SHAPE)[:, :3]
    longer = np.full((ROWS, *SHAPE), np.nan, np.float32)
    longer[:, :3] = short
    stack = stack_of(SPECS[name], rows=longer.reshape(ROWS, -1))
    cut = Stack(SPECS[name], short.reshape(ROWS, -1), Y, problem_of("multiclass", "series", (3, FEATURES)), MEMBERS)
    for mine, theirs in zip(stack.predict(EACH), cut.predict(EACH), strict=True):
        np.testing.assert_allclose(mine, theirs, atol=1e-6)


def test_each_feature_is_normalized_over_the_known_steps_of_a_members_own_rows() -> None:
    own = X[MEMBERS[0].training].reshape(-1, FEATURES)
    fitted = stack_of(SPECS["gru"]).network.stacked_layers[0]
    np.testing.assert_allclose(fitted.mean[0], np.tile(np.nanmean(own, axis=0), TIME), rtol=1e-5)
    np.testing.assert_allclose(fitted.scale[0], np.tile(np.nanstd(own, axis=0), TIME), rtol=1e-5)


def test_the_same_seed_gives_the_same_bits_whatever_the_held_out_series_are(plain: None) -> None:
    other = X.copy()
    other[MEMBERS[0].validation] = 1000 * ragged(16, seed=5)
    spec = RecurrentSpec(recurrent_units=(4,), dropout=0.3, optimizer=AdamSpec(), batch_size=16)
    stacks = [stack_of(spec, MEMBERS[:1], rows) for rows in (X, other)]
    histories = [stack.fit(1) for stack in stacks]
    for mine, theirs in zip(stacks[0].network.weights, stacks[1].network.weights, strict=True):
        np.testing.assert_array_equal(mine, theirs)
    assert (histories[0].val_loss != histories[1].val_loss).all()


@pytest.mark.variants
def test_dropout_between_recurrent_layers_keeps_the_mask() -> None:
    spec = RecurrentSpec(recurrent_units=(4, 3), batch_size=16)
    without, dropped = (stack_of(each).predict(EACH) for each in (spec, spec.model_copy(update={"dropout": 0.5})))
    np.testing.assert_array_equal(without, dropped)


def test_a_saved_ensemble_is_loaded_without_any_code_but_kerass(tmp_path: Path) -> None:
    stack = stack_of(SPECS["grus"])
    ensemble([stack.unstack(k) for k in range(2)]).save(tmp_path / "net.keras")
    net = keras.models.load_model(tmp_path / "net.keras", safe_mode=True)
    np.testing.assert_allclose(np.asarray(net(X)), np.mean(stack.predict(EACH), axis=0), atol=1e-5)
    with ZipFile(tmp_path / "net.keras") as archive:
        assert "tasks" not in archive.read("config.json").decode()


@pytest.mark.variants
def test_it_learns_what_lies_in_the_order_of_the_values_alone() -> None:
    X, y = hats(400)
    spec = RecurrentSpec(recurrent_units=(16,), optimizer=RMSpropSpec(learning_rate=0.01), batch_size=32)
    stack = Stack(spec, X, y, problem_of("binary", "series", (16, 1)), [Member(np.arange(250), seed=0)])
    stack.fit(15)
    predicted = stack.predict([np.arange(250, 400)])[0].argmax(axis=1)
    assert (predicted == y[250:]).mean() >= 0.9


@pytest.mark.parametrize("form", ["table", "pixels", "words"])
def test_what_is_no_series_is_refused(form: Any) -> None:
    with pytest.raises(BakeoffError, match="recurrent reads series step by step, and these are none; choose dense"):
        RecurrentSpec().check(problem_of("binary", form, (4, 4)), "accuracy")


def test_convolution_takes_series_as_long_as_they_suffice_and_those_whose_length_is_not_known_yet() -> None:
    spec = ConvSpec(filters=(2, 2), kernel_size=3)
    for shape in ((), (10, 3)):
        spec.check(problem_of("binary", "series", shape), "accuracy")
    with pytest.raises(BakeoffError, match=r"^series of 9 steps have shrunk to nothing after 2 of 2 convolutions"):
        spec.check(Problem(task="binary", form="series", shape=(9, 3), classes=("a", "b")), "accuracy")
